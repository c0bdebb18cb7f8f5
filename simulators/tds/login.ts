import { inputOf, ProtocolError, take, takeU8, takeU16, takeU32 } from './bytes.ts'

/** What a client and a server say of encryption before signing in (MS-TDS 2.2.6.5). */
export const ENCRYPTION = { off: 0, on: 1, notSupported: 2, required: 3 } as const

/** The encryption that the client proposes. */
export function readPrelogin(payload: Buffer): number {
  for (let at = 0; at + 5 <= payload.length && payload[at] !== 0xff; at += 5) {
    if (payload[at] !== 1) continue
    const encryption = payload[payload.readUInt16BE(at + 1)]
    if (encryption === undefined) break
    return encryption
  }
  throw new ProtocolError('a prelogin without encryption')
}

/** The server's side of it. Option offsets are big-endian and count from the start. */
export function preloginAnswer(encryption: number): Buffer {
  const options: [number, number[]][] = [
    [0, [16, 0, 0, 0, 0, 0]],
    [1, [encryption]],
    [2, [0]],
    [3, []],
    [4, [0]],
  ]
  const heads: number[] = []
  const data: number[] = []
  for (const [token, bytes] of options) {
    const offset = options.length * 5 + 1 + data.length
    heads.push(token, offset >> 8, offset & 0xff, bytes.length >> 8, bytes.length & 0xff)
    data.push(...bytes)
  }
  return Buffer.from([...heads, 0xff, ...data])
}

export interface Login {
  user: string
  password: string
  database: string
}

/** LOGIN7 (MS-TDS 2.2.6.4): fixed places that say where each text is. */
export function readLogin(payload: Buffer): Login {
  const input = inputOf(payload)
  if (takeU32(input) !== payload.length) throw new ProtocolError('a login of another length')
  const field = (at: number): Buffer => {
    input.at = at
    const offset = takeU16(input)
    const characters = takeU16(input)
    input.at = offset
    return take(input, characters * 2)
  }
  return {
    user: field(40).toString('utf16le'),
    password: unscramble(field(44)).toString('utf16le'),
    database: field(68).toString('utf16le'),
  }
}

function unscramble(bytes: Buffer): Buffer {
  const input = inputOf(bytes)
  return Buffer.from(
    Array.from(bytes, () => {
      const byte = takeU8(input) ^ 0xa5
      return (byte >> 4) | ((byte & 0x0f) << 4)
    }),
  )
}
