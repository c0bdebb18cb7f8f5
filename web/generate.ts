// Makes web/monitor/api.ts, the types by which the page knows the monitor, from openapi-monitor.json: `npm run openapi`.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

interface Schema {
  $ref?: string
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
  patternProperties?: Record<string, Schema>
  required?: string[]
}
interface Content {
  content: { 'application/json': { schema: Schema } }
}
interface Operation {
  parameters: { name: string; in: 'path' | 'query'; required: boolean; schema: Schema }[]
  requestBody?: Content
  responses: Record<string, Content>
}
interface Document {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

const HEAD = `// Made from openapi-monitor.json by \`npm run openapi\`: change what the monitor answers, not this.
`

/** The types of a document: its named schemas, and what each operation takes and answers. */
function typesOf({ paths, components }: Document): string {
  const named = Object.entries(components.schemas).map(([name, one]) => namedType(name, one))
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, one]) => `  '${method.toUpperCase()} ${path}': ${operationOf(one)}`,
    ),
  )
  return `${HEAD}\n${named.join('\n\n')}\n\n/** By method and path. */\nexport interface Operations {\n${operations.join('\n')}\n}\n`
}

function namedType(name: string, schema: Schema): string {
  if (schema.type !== 'object') return `export type ${name} = ${typeOf(schema)}`
  return `export interface ${name} {\n${fieldsOf(schema)
    .map(one => `  ${one}\n`)
    .join('')}}`
}

function operationOf({ parameters, requestBody, responses }: Operation): string {
  const [answer] = Object.values(responses).map(one => typeOf(one.content['application/json'].schema))
  const place = (where: 'path' | 'query') => {
    const own = parameters.filter(one => one.in === where)
    if (own.length === 0) return []
    const fields = own.map(one => field(one.name, one.schema, one.required))
    const isNeeded = own.some(one => one.required)
    return [`${where}${isNeeded ? '' : '?'}: { ${fields.join('; ')} }`]
  }
  const schema = requestBody?.content['application/json'].schema
  const body = schema ? [`body${schema.required?.length ? '' : '?'}: ${typeOf(schema)}`] : []
  return `{ ${[...place('path'), ...place('query'), ...body, `answer: ${answer}`].join('; ')} }`
}

const field = (name: string, schema: Schema, isRequired: boolean) =>
  `${name}${isRequired ? '' : '?'}: ${typeOf(schema)}`

function typeOf(schema: Schema): string {
  if (schema.$ref) return schema.$ref.split('/').at(-1) ?? 'never'
  if (schema.const !== undefined) return literal(schema.const)
  if (schema.enum) return schema.enum.map(literal).join(' | ')
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(' | ')
  switch (schema.type) {
    case 'string':
      return 'string'
    case 'integer':
    case 'number':
      return 'number'
    case 'boolean':
      return 'boolean'
    case 'null':
      return 'null'
    case 'array':
      return `Array<${typeOf(schema.items ?? {})}>`
    case 'object':
      return objectOf(schema)
    default:
      return 'unknown'
  }
}

const literal = (value: unknown) => (typeof value === 'string' ? `'${value}'` : JSON.stringify(value))

function objectOf({ properties = {}, patternProperties = {}, required = [] }: Schema): string {
  const [values] = Object.values(patternProperties)
  if (values) return `Record<string, ${typeOf(values)}>`
  const fields = fieldsOf({ properties, required })
  return fields.length > 0 ? `{ ${fields.join('; ')} }` : 'Record<string, never>'
}

const fieldsOf = ({ properties, required = [] }: Schema): string[] =>
  Object.entries(properties ?? {}).map(([name, one]) => field(name, one, required.includes(name)))

const root = new URL('../', import.meta.url)
/** What web/monitor/api.ts must be. */
export const monitorTypes = (): string =>
  typesOf(JSON.parse(readFileSync(new URL('openapi-monitor.json', root), 'utf8')))

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('web/monitor/api.ts', root), monitorTypes())
}
