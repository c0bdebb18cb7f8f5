import {
  type Output,
  outputOf,
  putBytes,
  putDouble,
  putI32,
  putText,
  putU8,
  putU16,
  putU32,
  putU64,
  putUint,
  written,
} from './bytes.ts'

/** A value as it travels: dates are UTC, BIGINT and DECIMAL may be given as numbers, text as strings. */
export type SqlValue = string | number | bigint | boolean | Date | null

/** A column's type: its description on the wire (TYPE_INFO, MS-TDS 2.2.5.6) and how a value is written. */
export interface SqlType {
  info: Buffer
  write: (out: Output, value: SqlValue) => void
}

/** SQL_Latin1_General_CP1_CI_AS: clients need one to encode VARCHAR parameters. */
export const COLLATION = Buffer.from([0x09, 0x04, 0xd0, 0x00, 0x34])

const DAY_MS = 86_400_000
/** Days from 0001-01-01 and from 1900-01-01 to 1970-01-01. */
const DAYS_TO_1970 = 719_162
const DAYS_1900_TO_1970 = 25_567

/** A value that says its own length in one byte, zero for null. */
const sized = (info: number[], length: number, put: (out: Output, value: SqlValue) => void): SqlType => ({
  info: Buffer.from(info),
  write: (out, value) => {
    if (value === null) return putU8(out, 0)
    putU8(out, length)
    put(out, value)
  },
})

export const INT = sized([0x26, 4], 4, (out, value) => putI32(out, numberOf(value)))
export const BIGINT = sized([0x26, 8], 8, (out, value) =>
  putU64(out, BigInt.asUintN(64, BigInt(value as bigint))),
)
export const BIT = sized([0x68, 1], 1, (out, value) => putU8(out, value ? 1 : 0))
export const FLOAT = sized([0x6d, 8], 8, (out, value) => putDouble(out, numberOf(value)))
export const DATE = {
  info: Buffer.from([0x28]),
  write: (out: Output, value: SqlValue) => {
    if (value === null) return putU8(out, 0)
    putU8(out, 3)
    putUint(out, Math.floor(timeOf(value) / DAY_MS) + DAYS_TO_1970, 3)
  },
} satisfies SqlType

/** DATETIME counts in 300ths of a second: the time that a client reads back is this one. */
export function roundToDatetime(time: number): number {
  const day = Math.floor(time / DAY_MS)
  return day * DAY_MS + Math.round(Math.round(((time - day * DAY_MS) * 3) / 10) * (10 / 3))
}

export const DATETIME = sized([0x6f, 8], 8, (out, value) => {
  const time = timeOf(value)
  const day = Math.floor(time / DAY_MS)
  const ticks = Math.round(((time - day * DAY_MS) * 3) / 10)
  const nextDay = ticks === 25_920_000
  putI32(out, day + DAYS_1900_TO_1970 + (nextDay ? 1 : 0))
  putU32(out, nextDay ? 0 : ticks)
})

/** DATETIME2(scale). */
export function datetime2(scale: number): SqlType {
  const bytes = scale <= 2 ? 3 : scale <= 4 ? 4 : 5
  return sized([0x2a, scale], bytes + 3, (out, value) => {
    const time = timeOf(value)
    const day = Math.floor(time / DAY_MS)
    putUint(out, Math.round((time - day * DAY_MS) * 10 ** (scale - 3)), bytes)
    putUint(out, day + DAYS_TO_1970, 3)
  })
}

/** DECIMAL(precision, scale), precision up to 19; values beyond 2^53 units of the last decimal are refused. */
export function decimal(precision: number, scale: number): SqlType {
  const length = precision <= 9 ? 5 : 9
  return sized([0x6a, length, precision, scale], length, (out, value) => {
    const number = numberOf(value)
    const units = Math.round(Math.abs(number) * 10 ** scale)
    if (!Number.isSafeInteger(units)) throw new RangeError(`too large for a decimal: ${number}`)
    putU8(out, number < 0 ? 0 : 1)
    if (length === 5) return putU32(out, units)
    putU64(out, BigInt(units))
  })
}

/** VARCHAR(length) in code page 1252; what it cannot hold becomes a question mark. */
export function varchar(length: number): SqlType {
  return {
    info: textInfo(0xa7, length),
    write: (out, value) => {
      if (value === null) return putU16(out, 0xffff)
      const bytes = Buffer.from(
        String(value)
          .slice(0, length)
          .replace(/[\u0100-\uffff]/g, '?'),
        'latin1',
      )
      putU16(out, bytes.length)
      putBytes(out, bytes)
    },
  }
}

/** NVARCHAR(length). */
export function nvarchar(length: number): SqlType {
  return {
    info: textInfo(0xe7, length * 2),
    write: (out, value) => {
      if (value === null) return putU16(out, 0xffff)
      const text = fitting(value, length)
      putU16(out, text.length * 2)
      putText(out, text)
    },
  }
}

function fitting(value: SqlValue, length: number): string {
  const text = String(value)
  if (text.length > length) throw new RangeError(`longer than ${length} characters: ${text}`)
  return text
}

function textInfo(type: number, bytes: number): Buffer {
  const out = outputOf(8)
  putU8(out, type)
  putU16(out, bytes)
  putBytes(out, COLLATION)
  return Buffer.from(written(out))
}

const numberOf = (value: SqlValue): number => {
  const number = Number(value)
  if (Number.isNaN(number)) throw new TypeError(`not a number: ${String(value)}`)
  return number
}

function timeOf(value: SqlValue): number {
  if (!(value instanceof Date) || Number.isNaN(value.getTime())) throw new TypeError('not a date')
  return value.getTime()
}
