import {
  type Input,
  inputOf,
  ProtocolError,
  take,
  takeText,
  takeU8,
  takeU16,
  takeU32,
  takeU64,
  takeUint,
} from './bytes.ts'
import type { SqlValue } from './sql-types.ts'

const DAY_MS = 86_400_000
const DAYS_TO_1970 = 719_162
const DAYS_1900_TO_1970 = 25_567
const SP_EXECUTESQL = 10
const MAX = 0xffff
const PLP_NULL = 0xffff_ffff_ffff_ffffn

/** A procedure call: the statement of `sp_executesql` and its parameters, or the name of another procedure. */
export type Call = { sql: string; params: Record<string, SqlValue> } | { unknown: string }

/** The text of a SQL batch (MS-TDS 2.2.6.7). */
export function readBatch(payload: Buffer): string {
  const input = inputOf(payload)
  skipHeaders(input)
  return input.bytes.toString('utf16le', input.at)
}

/** A remote procedure call (MS-TDS 2.2.6.6). */
export function readCall(payload: Buffer): Call {
  const input = inputOf(payload)
  skipHeaders(input)
  const nameLength = takeU16(input)
  const procedure = nameLength === MAX ? takeU16(input) : takeText(input, nameLength)
  takeU16(input)
  if (procedure !== SP_EXECUTESQL && String(procedure).toLowerCase() !== 'sp_executesql') {
    return { unknown: typeof procedure === 'string' ? procedure : `number ${procedure}` }
  }
  const values: { name: string; value: SqlValue }[] = []
  while (input.at < input.bytes.length) {
    const name = takeText(input, takeU8(input)).replace(/^@/, '').toLowerCase()
    takeU8(input)
    values.push({ name, value: readTyped(input) })
    if (values.length > 200) throw new ProtocolError('too many parameters')
  }
  // the statement comes first, then the declarations of the parameters, then the parameters
  const sql = values[0]?.value
  if (typeof sql !== 'string') throw new ProtocolError('sp_executesql without a statement')
  return { sql, params: Object.fromEntries(values.slice(2).map(({ name, value }) => [name, value])) }
}

function skipHeaders(input: Input): void {
  const length = takeU32(input)
  if (length < 4) throw new ProtocolError('headers shorter than their length')
  take(input, length - 4)
}

/** TYPE_INFO and a value. */
function readTyped(input: Input): SqlValue {
  const type = takeU8(input)
  switch (type) {
    case 0x26: // int of any size
      take(input, 1)
      return readInteger(take(input, takeU8(input)))
    case 0x68: // bit
      take(input, 1)
      return orNull(take(input, takeU8(input)), bytes => bytes[0] !== 0)
    case 0x6d: // real, float
      take(input, 1)
      return orNull(take(input, takeU8(input)), bytes =>
        bytes.length === 4 ? bytes.readFloatLE(0) : bytes.readDoubleLE(0),
      )
    case 0x6a: // decimal
    case 0x6c: // numeric
      return readDecimal(input)
    case 0x6f: // datetime
      take(input, 1)
      return readDatetime(take(input, takeU8(input)))
    case 0x28: // date
      return orNull(take(input, takeU8(input)), bytes => dayOf(bytes))
    case 0x2a: // datetime2
      return readDatetime2(input)
    case 0xa7: // varchar
      return readText(input, 'latin1')
    case 0xe7: // nvarchar
      return readText(input, 'utf16le')
    default:
      throw new ProtocolError(`a parameter of type 0x${type.toString(16)} is not understood`)
  }
}

const orNull = <T>(bytes: Buffer, read: (bytes: Buffer) => T): T | null =>
  bytes.length === 0 ? null : read(bytes)

function readInteger(bytes: Buffer): SqlValue {
  if (bytes.length === 0) return null
  if (bytes.length === 1) return bytes.readUInt8(0)
  if (bytes.length === 8) return bytes.readBigInt64LE(0)
  return bytes.readIntLE(0, bytes.length)
}

function readDecimal(input: Input): SqlValue {
  take(input, 2)
  const scale = takeU8(input)
  return orNull(take(input, takeU8(input)), bytes => {
    let units = 0n
    for (let i = bytes.length - 1; i > 0; i--) units = units * 256n + BigInt(bytes[i] as number)
    return ((bytes[0] === 1 ? 1 : -1) * Number(units)) / 10 ** scale
  })
}

function readDatetime(bytes: Buffer): SqlValue {
  if (bytes.length === 0) return null
  const days = bytes.readInt32LE(0) - DAYS_1900_TO_1970
  return new Date(days * DAY_MS + Math.round((bytes.readUInt32LE(4) * 10) / 3))
}

function readDatetime2(input: Input): SqlValue {
  const scale = takeU8(input)
  return orNull(take(input, takeU8(input)), bytes => {
    const time = takeUint(inputOf(bytes), bytes.length - 3)
    return new Date(dayOf(bytes.subarray(-3)).getTime() + Math.round(time / 10 ** (scale - 3)))
  })
}

const dayOf = (bytes: Buffer): Date => new Date((bytes.readUIntLE(0, 3) - DAYS_TO_1970) * DAY_MS)

function readText(input: Input, encoding: 'latin1' | 'utf16le'): SqlValue {
  const limit = takeU16(input)
  take(input, 5)
  if (limit !== MAX) {
    const length = takeU16(input)
    return length === MAX ? null : take(input, length).toString(encoding)
  }
  // (max): the total, then chunks that end with an empty one
  if (takeU64(input) === PLP_NULL) return null
  const chunks: Buffer[] = []
  for (let length = takeU32(input); length > 0; length = takeU32(input)) chunks.push(take(input, length))
  return Buffer.concat(chunks).toString(encoding)
}
