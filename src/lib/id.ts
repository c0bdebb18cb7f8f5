import { randomFillSync } from 'node:crypto'

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))
const random = new Uint8Array(16 * 256)
let used = random.length

/**
 * A new identifier: UUID version 7 (RFC 9562), so that rows created one after the other are neighbours in an index.
 * Opaque to clients.
 */
export function newId(now: number = Date.now()): string {
  if (used === random.length) {
    randomFillSync(random)
    used = 0
  }
  const bytes = random.subarray(used, used + 16)
  used += 16
  let high = now
  for (let i = 5; i >= 0; i--) {
    bytes[i] = high % 256
    high = Math.floor(high / 256)
  }
  bytes[6] = 0x70 | ((bytes[6] as number) & 0x0f)
  bytes[8] = 0x80 | ((bytes[8] as number) & 0x3f)
  let text = ''
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += '-'
    text += HEX[bytes[i] as number]
  }
  return text
}
