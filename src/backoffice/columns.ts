import { parsePhone } from '../lib/phone.ts'
import type { Row } from './pool.ts'
import type { Period } from './types.ts'

/** Text of a column without the blanks around it; null when there is none. */
export function text(row: Row, column: string): string | null {
  const value = row[column]
  if (value === null || value === undefined) return null
  return String(value).trim() || null
}

/** A number, whether the column is numeric or text with a decimal comma; null when there is none. */
export function number(row: Row, column: string): number | null {
  const value = row[column]
  if (typeof value === 'number') return value
  const written = text(row, column)?.replace(/\s/g, '').replace(',', '.')
  if (written === undefined) return null
  const parsed = Number(written)
  return Number.isFinite(parsed) ? parsed : null
}

/** The first of the columns that holds a number; 0 when none does. */
export function firstNumber(row: Row, ...columns: string[]): number {
  for (const column of columns) {
    const value = number(row, column)
    if (value !== null) return value
  }
  return 0
}

export function date(row: Row, column: string): Date | null {
  const value = row[column]
  if (value === null || value === undefined) return null
  const read = value instanceof Date ? value : new Date(String(value))
  return Number.isNaN(read.getTime()) ? null : read
}

/** `YYYY-MM-DD` of a column, null when there is none. */
export const day = (row: Row, column: string): string | null =>
  date(row, column)?.toISOString().slice(0, 10) ?? null

/** `2026-03` from numbers that a query named ANNEE and MOIS. */
export const month = (year: number, monthOfYear: number): string =>
  `${String(year).padStart(4, '0')}-${String(monthOfYear).padStart(2, '0')}`

/** The first Senegalese number in a free text, which may hold several; null when there is none. */
export function phone(row: Row, column: string): string | null {
  const written = text(row, column)
  if (written === null) return null
  for (const part of [written, ...written.split(/[/;,|]|\bou\b/i)]) {
    const parsed = parsePhone(part.trim())
    if (parsed) return parsed
  }
  return null
}

/** Identifiers are padded with zeros in some tables and not in others. */
export const withoutZeros = (identifier: string): string => identifier.trim().replace(/^0+(?=.)/, '')

/** Tokens of a purchase, 20 digits each, in the order in which the column holds them. */
export function tokens(row: Row, column: string): string[] {
  const written = text(row, column) ?? ''
  const digits = written.replace(/\D/g, '')
  if (digits.length % 20 === 0) return digits.match(/\d{20}/g) ?? []
  // something else stands among them, a label for example: only whole tokens count
  return written.match(/(?<!\d)\d{20}(?!\d)/g) ?? []
}

const EARLIEST = Date.UTC(1900, 0, 1)
const LATEST = Date.UTC(9999, 11, 31)

/** A date that a DATETIME can hold. */
export const inRange = (at: Date): Date => new Date(Math.min(Math.max(at.getTime(), EARLIEST), LATEST))

/** Whether a number can be one of theirs at all; others are not worth a question. */
export const isIdentifier = (value: string): boolean => /^[\w-]{1,40}$/.test(value)

export const isEmpty = ({ from, to }: Period): boolean => from >= to

/** Rows of a page, between 1 and 500. */
export const pageSize = (limit: number): number => Math.min(Math.max(Math.trunc(limit) || 1, 1), 500)
