import { maskedError } from '../lib/mask.ts'

/** Fields whose value nobody may read in a log, wherever they stand and however they are written. */
const SECRET = new Set(
  [
    'phone phones pin newPin code password token tokens accessToken refreshToken deviceSecret pushToken secret',
    'authorization cookie login firstName lastName customerName address title body text content email',
  ].flatMap(names => names.toLowerCase().split(' ')),
)
const MASK = '[masked]'
/** Deeper than anything that we log. */
const DEEPEST = 6
const MOST_ITEMS = 100

/** What gives itself away in any text: Senegalese numbers, signed tokens, the twenty digits of a purchase. */
const TELLTALE =
  /(?<![\w-])(?:(?:\+|00)?221[ .-]?)?(?:7\d|33)[ .-]?\d{3}[ .-]?\d{2}[ .-]?\d{2}(?![\w-])|\beyJ[\w-]+\.[\w-]+\.[\w-]*|(?<![\w-])\d{4}(?:[ -]?\d{4}){4}(?![\w-])/g

/**
 * The fields of a line as they may be written: what is secret or somebody's is masked by the name of its field at any
 * depth, numbers and tokens in any text too. A net below the rule that these are never given to a log at all: a name in
 * a field called otherwise is not recognised.
 */
export function maskedFields(fields: Record<string, unknown>): Record<string, unknown> {
  return maskedObject(fields, 0)
}

function maskedObject(value: object, depth: number): Record<string, unknown> {
  const masked: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(value)) masked[name] = maskedField(name, field, depth)
  return masked
}

function maskedField(name: string, field: unknown, depth: number): unknown {
  if (typeof field === 'number' || typeof field === 'boolean' || field === null || field === undefined) {
    return isSecret(name) && typeof field === 'number' ? MASK : field
  }
  // `body: { … }` is looked into; what it holds is masked by its own names.
  if (isSecret(name) && (typeof field !== 'object' || Array.isArray(field))) return MASK
  return maskedValue(field, depth + 1)
}

const isSecret = (name: string): boolean => SECRET.has(name.toLowerCase())

function maskedValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return value.replace(TELLTALE, MASK)
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? String(value) : value
  if (value instanceof Error) return describeError(value)
  if (value instanceof Date) return value
  if (depth > DEEPEST) return '[deeper]'
  if (Array.isArray(value)) return value.slice(0, MOST_ITEMS).map(item => maskedValue(item, depth + 1))
  if (value instanceof Map || value instanceof Set || ArrayBuffer.isView(value))
    return `[${value.constructor.name}]`
  return maskedObject(value, depth)
}

/** Of an error its words, masked, its code, where it was thrown and what caused it; nothing else that it carries. */
function describeError(error: Error, depth = 0): unknown {
  const { name, cause } = error
  // Not under the name `code`, which may be somebody's SMS code and is masked.
  const errorCode = (error as { code?: unknown }).code
  const inner = cause instanceof Error ? describeError(cause, depth + 1) : cause && maskedError(cause)
  const frames = error.stack?.split('\n').filter(line => line.startsWith('    at ')) ?? []
  return {
    name,
    message: maskedError(error),
    ...(errorCode === undefined
      ? {}
      : { errorCode: typeof errorCode === 'string' ? maskedError(errorCode) : errorCode }),
    stack: frames.join('\n'),
    ...(cause && depth < DEEPEST ? { cause: inner } : {}),
  }
}
