import { DatabaseError } from 'pg'
import { Problem } from '../lib/problems.ts'

/** Whether an insert or update broke this unique index or constraint. */
export function isUniqueViolation(error: unknown, constraint: string): boolean {
  return error instanceof DatabaseError && error.code === '23505' && error.constraint === constraint
}

/** Connection, resources, shutdown, read-only standby; then what another try mends: serialisation, deadlock, lock, time. */
const AWAY = /^(08|53|57P|25006|40001|40P01|55P03|57014)/
/** NUL and the like, which text columns cannot hold: only a client sends that. */
const UNSTORABLE = /^(22021|22P05)$/
const NETWORK = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
])

/** A server that cannot prove who it is, by its certificate, is not spoken to: it is as if it were away. */
const UNPROVEN = /^(CERT_|DEPTH_ZERO_|ERR_SSL_|ERR_TLS_|SELF_SIGNED_|UNABLE_TO_)/

/** Whether an error of the driver says that the database is away, overloaded or too slow, rather than that the query is wrong. */
export function isAway(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof Problem) return false
  const code = (error as { code?: string }).code ?? ''
  if (error instanceof DatabaseError) return AWAY.test(code)
  return (
    NETWORK.has(code) ||
    UNPROVEN.test(code) ||
    /timeout|terminated|Connection ended|not queryable|server closed|after calling end/i.test(error.message)
  )
}

/** An error of the driver as the rest of the program knows it: `unavailable` when the database is away, itself otherwise. */
export function translate(error: unknown): unknown {
  if (error instanceof DatabaseError && UNSTORABLE.test(error.code ?? '')) {
    return new Problem('malformed', { cause: error })
  }
  return isAway(error) ? new Problem('unavailable', { cause: error, retryAfter: 2 }) : error
}
