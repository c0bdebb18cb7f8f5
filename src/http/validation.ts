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

/** Fastify's validator compiler: unknown fields and wrong types are refused, never dropped or bent. */
export function compileValidator({
  schema,
  httpPart,
}: {
  schema: unknown
  httpPart?: string
}): ValidateFunction {
  return (httpPart === 'body' ? body : address).compile(schema as object)
}
