export const BUCKETS = ['avatars', 'documents', 'uploads'] as const

const MAX_KEY = 200
/** Every part of a key begins with a letter or digit: no part is `.`, `..` or hidden. */
const KEY = /^([a-z]+)\/([A-Za-z0-9][A-Za-z0-9._-]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)*)$/
const PREFIX = /^([a-z]+)\/([A-Za-z0-9._/-]*)$/

export interface Place {
  bucket: string
  name: string
}

/** Where a key points. Throws a `RangeError` for what is no key of ours. */
export const placeOf = (key: string): Place => match(key, KEY)

/** Where keys begin that are listed. Throws a `RangeError` when that is in no bucket. */
export const placeOfPrefix = (prefix: string): Place => match(prefix, PREFIX)

function match(text: string, pattern: RegExp): Place {
  const [, bucket = '', name = ''] = text.length <= MAX_KEY ? (pattern.exec(text) ?? []) : []
  if (!BUCKETS.some(known => known === bucket)) throw new RangeError(`no key: ${JSON.stringify(text)}`)
  return { bucket, name }
}
