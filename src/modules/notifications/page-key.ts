import { invalidCursor } from '../../lib/cursor.ts'

const KEY = /^([0-9a-f]{16})([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/
/** PostgreSQL counts microseconds from here; nothing in an inbox is older. */
const EPOCH_MS = Date.UTC(2000, 0, 1)
const LATEST_MS = Date.UTC(9999, 11, 31)

/**
 * The instant and the id in a cursor of the inbox. The database writes these (`inbox_lines`): microseconds and id as
 * hexadecimal digits. `Problem('invalid')` for anything else.
 */
export function decodePageKey(cursor: string): [at: string, id: string] {
  const [, micros, ...id] = KEY.exec(cursor) ?? []
  if (micros === undefined) throw invalidCursor()
  const sinceEpoch = BigInt(`0x${micros}`)
  const ms = EPOCH_MS + Number(sinceEpoch / 1_000n)
  if (ms > LATEST_MS) throw invalidCursor()
  const below = String(sinceEpoch % 1_000n).padStart(3, '0')
  return [new Date(ms).toISOString().replace('Z', `${below}Z`), id.join('-')]
}
