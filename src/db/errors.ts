import { DatabaseError } from 'pg'
import { Problem } from '../lib/problems.ts'

/** Whether an insert or update broke this unique index or constraint. */
export function isUniqueViolation(error: unknown, constraint: string): boolean {
  return error instanceof DatabaseError && error.code === '23505' && error.constraint === constraint
}

const AWAY = /^(08|53|57P|25006)/
const NETWORK = new Set(['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EPIPE', 'ENOENT', 'EHOSTUNREACH'])

/** Whether an error says that the database is away, overloaded or too slow, rather than that the query is wrong. */
export function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = (error as { code?: string }).code ?? ''
  if (error instanceof DatabaseError) return AWAY.test(code) || code === '57014'
  return (
    NETWORK.has(code) ||
    /timeout|terminated|Connection ended|not queryable|server closed/i.test(error.message)
  )
}

/** An error of the driver as the rest of the program knows it: `unavailable` when the database is away, itself otherwise. */
export function translate(error: unknown): unknown {
  return isAway(error) ? new Problem('unavailable', { cause: error, retryAfter: 2 }) : error
}
