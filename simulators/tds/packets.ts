import { ProtocolError } from './bytes.ts'

/** Packet types and status bits (MS-TDS 2.2.3.1). */
export const PACKET = {
  batch: 0x01,
  rpc: 0x03,
  answer: 0x04,
  attention: 0x06,
  transaction: 0x0e,
  login: 0x10,
  prelogin: 0x12,
} as const

export const HEADER = 8
export const PACKET_SIZE = 4096
const END_OF_MESSAGE = 0x01
const IGNORE = 0x02

export interface Message {
  type: number
  /** The client changed its mind while sending. */
  ignore: boolean
  payload: Buffer
}

/** Puts packets together to messages; throws `ProtocolError` on what is not TDS or is longer than `limit` bytes. */
export function createMessageReader(
  limit: number,
  onMessage: (message: Message) => void,
): (chunk: Buffer) => void {
  let pending: Buffer = Buffer.alloc(0)
  let parts: Buffer[] = []
  let size = 0

  function onPacket(packet: Buffer): void {
    const type = packet.readUInt8(0)
    const status = packet.readUInt8(1)
    parts.push(packet.subarray(HEADER))
    size += packet.length - HEADER
    if (size > limit) throw new ProtocolError('the message is too long')
    if (!(status & END_OF_MESSAGE)) return
    const payload = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
    parts = []
    size = 0
    onMessage({ type, ignore: (status & IGNORE) !== 0, payload })
  }

  return chunk => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    while (pending.length >= HEADER) {
      const length = packetLength(pending)
      if (pending.length < length) return
      const packet = pending.subarray(0, length)
      pending = pending.subarray(length)
      onPacket(packet)
    }
  }
}

/** Length of the packet that starts here, header included. */
export function packetLength(bytes: Buffer): number {
  const length = bytes.readUInt16BE(2)
  if (length < HEADER || length > 32_768) throw new ProtocolError('this is not a TDS packet')
  return length
}

/** A message as packets of 4,096 bytes; `last: false` leaves it open for more. */
export function toPackets(type: number, payload: Buffer, last = true): Buffer {
  const room = PACKET_SIZE - HEADER
  const count = Math.max(1, Math.ceil(payload.length / room))
  const packets = Buffer.allocUnsafe(payload.length + count * HEADER)
  for (let i = 0; i < count; i++) {
    const part = payload.subarray(i * room, (i + 1) * room)
    const at = i * PACKET_SIZE
    packets[at] = type
    packets[at + 1] = last && i === count - 1 ? END_OF_MESSAGE : 0
    packets.writeUInt16BE(part.length + HEADER, at + 2)
    packets.writeUInt16BE(51, at + 4)
    packets[at + 6] = (i + 1) & 0xff
    packets[at + 7] = 0
    packets.set(part, at + HEADER)
  }
  return packets
}
