import type { Tx } from '../../db/index.ts'
import { ACCESS_TOKEN_SECONDS, type AccessTokens } from '../../http/index.ts'
import type { Services } from '../../services.ts'
import { type Revoked, revoke, revokedWithin, type SessionChoice } from './sql/sessions.ts'

/** Where ended sessions are told, as an array of their ids: to the check of access tokens and to open sockets. */
export const SESSIONS_REVOKED = 'sessions-revoked'

/**
 * Ends sessions of an account: those named, those on given devices, all but one, or all. Their access tokens die within
 * 5 s everywhere. Returns those that it ended.
 */
export async function revokeSessions(
  tx: Tx,
  services: Pick<Services, 'fanout'>,
  choice: SessionChoice,
  reason: 'sign-out' | 'pin-reset' | 'pin-change' | 'device-removed' | 'role-changed' | 'account-disabled',
): Promise<Revoked[]> {
  const revoked = await revoke(tx, choice, reason)
  if (revoked.length > 0) {
    tx.afterCommit(() =>
      announceRevoked(
        services,
        revoked.map(({ id }) => id),
      ),
    )
  }
  return revoked
}

export const announceRevoked = ({ fanout }: Pick<Services, 'fanout'>, sessionIds: readonly string[]): void =>
  fanout.publish(SESSIONS_REVOKED, sessionIds)

const POLL_MS = 2_000
// A revocation shows when its transaction commits, at most a statement's deadline after its time.
const OVERLAP_SECONDS = 30

export interface RevocationWatch {
  /** Resolves once the sessions ended in the last half hour are known, never rejects: serve nobody before. */
  ready: Promise<void>
  stop(): Promise<void>
}

/**
 * Keeps the check of access tokens told of ended sessions, whichever process ended them: by fan-out at once, and by
 * looking every two seconds should a message be lost. While the database is away it goes on trying.
 */
export function watchRevocations(
  services: Pick<Services, 'db' | 'fanout' | 'log'>,
  tokens: Pick<AccessTokens, 'revoke'>,
): RevocationWatch {
  const { db, fanout, log } = services
  const unsubscribe = fanout.subscribe(SESSIONS_REVOKED, message => {
    if (Array.isArray(message)) tokens.revoke(message.filter(id => typeof id === 'string'))
  })
  let becomeReady: () => void
  const ready = new Promise<void>(resolve => {
    becomeReady = resolve
  })
  /** When the last look that succeeded began, by this process's own count; before the first, all that matters. */
  let seenAt: number | undefined

  async function look(): Promise<void> {
    const startedAt = performance.now()
    const unseen = seenAt === undefined ? ACCESS_TOKEN_SECONDS : Math.ceil((startedAt - seenAt) / 1_000)
    try {
      const rows = await revokedWithin(db, unseen + OVERLAP_SECONDS)
      tokens.revoke(rows.map(({ id }) => id))
      seenAt = startedAt
      becomeReady()
    } catch (error) {
      log.warn({ event: 'revocations_unread', error })
    }
  }

  let underWay: Promise<void> | undefined
  const round = () => {
    underWay ??= look().finally(() => {
      underWay = undefined
    })
  }
  const stopGaps = fanout.onGap(round)
  round()
  const timer = setInterval(round, POLL_MS)
  timer.unref()
  return {
    ready,
    async stop() {
      clearInterval(timer)
      stopGaps()
      unsubscribe()
      await underWay
    },
  }
}
