import { randomFillSync } from 'node:crypto'

const DIGITS = Buffer.from('0123456789abcdef')
const random = Buffer.alloc(16 * 256)
const text = Buffer.alloc(36, '-')
/** Where each byte's two digits stand in the text. */
const PLACES = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34]
let used = random.length

/**
 * A new identifier: UUID version 7 (RFC 9562), so that rows created one after the other are neighbours in an index.
 * Opaque to clients. Made by the thousand, so it is written into bytes: joining pieces of text costs five times that.
 */
export function newId(now: number = Date.now()): string {
  if (used === random.length) {
    randomFillSync(random)
    used = 0
  }
  const bytes = random.subarray(used, used + 16)
  used += 16
  bytes.writeUIntBE(now, 0, 6)
  bytes[6] = 0x70 | ((bytes[6] as number) & 0x0f)
  bytes[8] = 0x80 | ((bytes[8] as number) & 0x3f)
  for (let i = 0; i < 16; i++) {
    const byte = bytes[i] as number
    const place = PLACES[i] as number
    text[place] = DIGITS[byte >> 4] as number
    text[place + 1] = DIGITS[byte & 0x0f] as number
  }
  return text.toString('latin1')
}

/** When an identifier of ours was made, in ms. */
export const timeOf = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
