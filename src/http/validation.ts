import { Ajv, type Options, type ValidateFunction } from 'ajv'
import ajvFormats from 'ajv-formats'

const shared: Options = {
  allErrors: true,
  removeAdditional: false,
  useDefaults: true,
  strict: true,
  keywords: ['example'],
} as const

/** Bodies are taken as they are; what comes in an address is text and may be read as a number or boolean. */
const body = new Ajv({ ...shared, coerceTypes: false })
const address = new Ajv({ ...shared, coerceTypes: true })
for (const ajv of [body, address]) ajvFormats.default(ajv, ['date-time', 'date', 'uuid', 'uri'])

type Check = ((data: unknown) => boolean) & { errors?: ValidateFunction['errors'] }

/** Fastify's validator compiler: unknown fields and wrong types are refused, never dropped or bent. */
export function compileValidator({ schema, httpPart }: { schema: unknown; httpPart?: string }): Check {
  return httpPart === 'body' ? body.compile(schema as object) : finite(address.compile(schema as object))
}

/** Reading `1e999` as a number gives Infinity, which Ajv then takes for a number within any bounds. */
function finite(validate: ValidateFunction): Check {
  const check: Check = data => {
    const fits = validate(data)
    check.errors = validate.errors ?? null
    if (!fits) return false
    const field = infiniteField(data as Record<string, unknown>)
    if (field === undefined) return true
    check.errors = [
      {
        instancePath: `/${field}`,
        schemaPath: '',
        keyword: 'type',
        params: {},
        message: 'must be a finite number',
      },
    ]
    return false
  }
  return check
}

function infiniteField(fields: Record<string, unknown>): string | undefined {
  for (const field in fields) {
    if (fields[field] === Infinity || fields[field] === -Infinity) return field
  }
  return undefined
}
