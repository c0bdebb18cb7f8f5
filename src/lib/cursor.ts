import { Problem } from './problems.ts'

/** Where a page ended: opaque to clients, the keys of its last row inside. */
export const encodeCursor = (...keys: string[]): string =>
  Buffer.from(JSON.stringify(keys)).toString('base64url')

/** What a key of a cursor must look like: a regular expression, or anything that can say it. */
export interface Shape {
  test(key: string): boolean
}

/** The keys of a cursor, checked by `shapes` one by one; `Problem('invalid')` for anything else. */
export function decodeCursor(cursor: string, ...shapes: Shape[]): string[] {
  try {
    const keys: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    if (
      Array.isArray(keys) &&
      keys.length === shapes.length &&
      keys.every((key, i) => typeof key === 'string' && shapes[i]?.test(key))
    ) {
      return keys as string[]
    }
  } catch (error) {
    throw invalidCursor(error)
  }
  throw invalidCursor()
}

/** What a cursor that is none of ours is answered with. */
export const invalidCursor = (cause?: unknown) =>
  new Problem('invalid', {
    cause,
    errors: [{ field: 'cursor', message: 'is not a cursor of this list' }],
  })

export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
