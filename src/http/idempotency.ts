import type { Database, Tx } from '../db/index.ts'
import { Problem } from '../lib/problems.ts'
import { sha256 } from '../lib/secrets.ts'

export interface Answer {
  status: number
  body: unknown
}

/** What makes two requests the same one: the caller, the route, the client's key, and the body they sent. */
export interface Once {
  callerId: string
  route: string
  /** Undefined when the client sent none: the effect then simply happens. */
  key: string | undefined
  body: unknown
}

/**
 * Runs `effect` in one transaction, at most once per key: the answer is kept beside the effect for 24 hours and given
 * again to the same key with the same body. Another body: 422. The first still running: 409. A rejected effect keeps
 * nothing, so it may be tried again under its key.
 */
export async function once(
  db: Database,
  request: Once,
  effect: (tx: Tx) => Promise<Answer>,
): Promise<Answer> {
  const { key } = request
  if (key === undefined) return db.tx(effect)
  const scope = sha256(`${request.callerId}\n${request.route}\n${key}`)
  const fingerprint = sha256(canonical(request.body))
  return db.tx(async tx => {
    const [row] = await tx.query<{ free: boolean; fingerprint: Buffer | null; status: number; body: string }>(
      `select pg_try_advisory_xact_lock(hashtextextended($2, 0)) free, kept.fingerprint, kept.status, kept.body
       from (select 1) one left join idempotency_keys kept on kept.scope = $1 and kept.created_at > now() - interval '24 hours'`,
      [scope, scope.toString('hex')],
    )
    if (row?.fingerprint) {
      if (!row.fingerprint.equals(fingerprint)) throw new Problem('idempotency_key_reused')
      return { status: row.status, body: JSON.parse(row.body) }
    }
    if (!row?.free) throw new Problem('request_in_progress', { retryAfter: 1 })
    const answer = await effect(tx)
    const kept = await tx.query(
      `insert into idempotency_keys (scope, fingerprint, status, body) values ($1, $2, $3, $4)
       on conflict (scope) do update set fingerprint = excluded.fingerprint, status = excluded.status,
         body = excluded.body, created_at = now()
       where idempotency_keys.created_at <= now() - interval '24 hours' returning 1`,
      [scope, fingerprint, answer.status, JSON.stringify(answer.body ?? null)],
    )
    // The same request finished between our look and our lock: undo ours, the client asks again and gets that answer.
    if (kept.length === 0) throw new Problem('request_in_progress', { retryAfter: 1 })
    return answer
  })
}

/** JSON with its keys in order, so that the same body written otherwise is the same. */
function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_, inner: unknown) =>
      inner && typeof inner === 'object' && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
        : inner,
    ) ?? 'null'
  )
}
