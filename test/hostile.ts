import fc from 'fast-check'

type Schema = Record<string, unknown>

const oddStrings = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    ' ',
    '\0',
    '\ud800',
    'null',
    '-1',
    '1e999',
    '9007199254740993',
    "' or 1=1 --",
    '%00%ff',
    '../../etc/passwd',
    '$\u007bjndi:ldap://127.0.0.1/a}',
    '<script>alert(1)</script>',
    '٠١٢٣٤٥٦٧٨٩',
    '77 000 00 01',
    '😀'.repeat(500),
    'a'.repeat(20_000),
    '2026-13-45T99:99:99Z',
    '0001-01-01T00:00:00Z',
    '+275760-09-13T00:00:00.000Z',
  ),
)

/** Nested deeper than anybody needs. */
const deep = fc
  .integer({ min: 50, max: 5_000 })
  .map(depth => ({ $raw: '['.repeat(depth) + ']'.repeat(depth) }))

const oddValues: fc.Arbitrary<unknown> = fc.oneof(
  oddStrings,
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.array(fc.anything({ maxDepth: 2 }), { maxLength: 5 }),
  fc.array(fc.constant('x'), { minLength: 2_000, maxLength: 2_000 }),
  fc.dictionary(fc.string({ maxLength: 10 }), fc.integer(), { maxKeys: 5 }),
  fc.constantFrom<unknown>(
    { $raw: '{"__proto__":{"admin":true}}' },
    { $raw: '1e400' },
    { $raw: '"\\ud800"' },
  ),
  deep,
)

/** Mostly what the schema asks for, so that calls reach far inside; sometimes anything else. */
export function hostile(schema: Schema | undefined): fc.Arbitrary<unknown> {
  if (!schema) return oddValues
  return fc.oneof({ arbitrary: fitting(schema), weight: 6 }, { arbitrary: oddValues, weight: 1 })
}

/** What a schema asks for, with something hostile inside now and then. */
export function fitting(schema: Schema): fc.Arbitrary<unknown> {
  const options = (schema.anyOf ?? schema.oneOf) as Schema[] | undefined
  if (options) return fc.oneof(...options.map(option => hostile(option)))
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (Array.isArray(schema.enum)) return fc.constantFrom(...schema.enum)
  if (Array.isArray(schema.examples)) {
    return fc.oneof(fc.constantFrom(...schema.examples), plain(schema))
  }
  return plain(schema)
}

function plain(schema: Schema): fc.Arbitrary<unknown> {
  switch (schema.type) {
    case 'object':
      return objects(schema)
    case 'array':
      return fc.array(hostile(schema.items as Schema), { maxLength: 4 })
    case 'integer':
    case 'number':
      return fc.oneof(
        fc.integer({ min: Number(schema.minimum ?? -10), max: Number(schema.maximum ?? 1_000_000) }),
        fc.constantFrom(0, -1, 2 ** 31, 2 ** 53, 1e21, 0.1),
      )
    case 'boolean':
      return fc.boolean()
    case 'string':
      return strings(schema)
    default:
      return oddValues
  }
}

function objects(schema: Schema): fc.Arbitrary<unknown> {
  const properties = (schema.properties ?? {}) as Record<string, Schema>
  const required = new Set((schema.required ?? []) as string[])
  const fields = Object.entries(properties).map(([name, inner]) =>
    fc
      .tuple(hostile(inner), fc.integer({ min: 0, max: 9 }))
      .map(([value, dice]) => (dice === 0 || (!required.has(name) && dice < 5) ? [] : [[name, value]])),
  )
  const unknown = fc.integer({ min: 0, max: 19 }).map(dice => (dice === 0 ? [['unexpected', 1]] : []))
  return fc.tuple(...fields, unknown).map(parts => Object.fromEntries(parts.flat() as [string, unknown][]))
}

function strings(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.format === 'uuid') {
    const id = '018f0000-0000-7000-8000-000000000000'
    return fc.oneof(fc.uuid(), fc.constantFrom(`urn:uuid:${id}`, `{${id}}`, id.toUpperCase()), oddStrings)
  }
  if (schema.format === 'date-time')
    return fc.oneof(
      fc.date({ noInvalidDate: true }).map(day => day.toISOString()),
      oddStrings,
    )
  if (schema.format === 'date')
    return fc.oneof(fc.constantFrom('2026-01-31', '2026-02-30', '0000-00-00'), oddStrings)
  if (typeof schema.pattern === 'string') {
    return fc.oneof(fc.stringMatching(new RegExp(schema.pattern, 'u')), oddStrings)
  }
  const min = Number(schema.minLength ?? 0)
  return fc.oneof(
    fc.string({ minLength: min, maxLength: Math.min(Number(schema.maxLength ?? 50), 200) }),
    oddStrings,
  )
}

/** JSON text of a value in which `$raw` stands for itself. */
export function toJson(value: unknown): string {
  const raws: string[] = []
  const text = JSON.stringify(value, (_, inner) => {
    if (inner && typeof inner === 'object' && '$raw' in inner)
      return `@@raw${raws.push(String(inner.$raw)) - 1}@@`
    return inner
  })
  return (text ?? 'null').replace(/"@@raw(\d+)@@"/g, (_, i) => raws[Number(i)] as string)
}
