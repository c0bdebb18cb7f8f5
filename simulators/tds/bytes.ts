/** The client broke the protocol: its connection ends, nothing else does. */
export class ProtocolError extends Error {}

/** Bytes being read: never past the end, whatever lengths the other side claims. */
export interface Input {
  bytes: Buffer
  at: number
}

export const inputOf = (bytes: Buffer): Input => ({ bytes, at: 0 })

/** The next `length` bytes, without copying. */
export function take(input: Input, length: number): Buffer {
  const end = input.at + length
  if (length < 0 || end > input.bytes.length) throw new ProtocolError('a length points past the end')
  const taken = input.bytes.subarray(input.at, end)
  input.at = end
  return taken
}

export const takeU8 = (input: Input): number => take(input, 1).readUInt8(0)
export const takeU16 = (input: Input): number => take(input, 2).readUInt16LE(0)
export const takeU32 = (input: Input): number => take(input, 4).readUInt32LE(0)
export const takeU64 = (input: Input): bigint => take(input, 8).readBigUInt64LE(0)
/** Little-endian, up to six bytes. */
export const takeUint = (input: Input, length: number): number => take(input, length).readUIntLE(0, length)
export const takeText = (input: Input, characters: number): string =>
  take(input, characters * 2).toString('utf16le')

/** Bytes being written: a buffer that grows. */
export interface Output {
  bytes: Buffer
  at: number
}

export const outputOf = (capacity = 1024): Output => ({ bytes: Buffer.allocUnsafe(capacity), at: 0 })

export const written = (out: Output): Buffer => out.bytes.subarray(0, out.at)

/** Makes room for `length` more bytes and returns where they start. */
function grow(out: Output, length: number): number {
  const start = out.at
  if (start + length > out.bytes.length) {
    const bigger = Buffer.allocUnsafe(Math.max(out.bytes.length * 2, start + length))
    out.bytes.copy(bigger, 0, 0, start)
    out.bytes = bigger
  }
  out.at = start + length
  return start
}

export function putU8(out: Output, value: number): void {
  const at = grow(out, 1)
  out.bytes[at] = value
}
export function putU16(out: Output, value: number): void {
  const at = grow(out, 2)
  out.bytes.writeUInt16LE(value, at)
}
export function putU32(out: Output, value: number): void {
  const at = grow(out, 4)
  out.bytes.writeUInt32LE(value, at)
}
export function putU64(out: Output, value: bigint): void {
  const at = grow(out, 8)
  out.bytes.writeBigUInt64LE(value, at)
}
/** Little-endian, up to six bytes. */
export function putUint(out: Output, value: number, length: number): void {
  const at = grow(out, length)
  out.bytes.writeUIntLE(value, at, length)
}
export function putI32(out: Output, value: number): void {
  const at = grow(out, 4)
  out.bytes.writeInt32LE(value, at)
}
export function putDouble(out: Output, value: number): void {
  const at = grow(out, 8)
  out.bytes.writeDoubleLE(value, at)
}
export function putBytes(out: Output, bytes: Uint8Array): void {
  const at = grow(out, bytes.length)
  out.bytes.set(bytes, at)
}
export function putText(out: Output, text: string): void {
  const at = grow(out, text.length * 2)
  out.bytes.write(text, at, 'utf16le')
}
/** One byte of length in characters, then UTF-16. */
export function putShortText(out: Output, text: string): void {
  const cut = text.slice(0, 255)
  putU8(out, cut.length)
  putText(out, cut)
}
