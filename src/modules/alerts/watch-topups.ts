import type { After, FoundTopUp } from '../../backoffice/types.ts'
import type { Tx } from '../../db/index.ts'
import { Problem } from '../../lib/problems.ts'
import { metrics } from '../../observability/index.ts'
import type { Services } from '../../services.ts'
import { type Follower, followersOf } from '../meters/index.ts'
import { type NotificationInput, notifyEach } from '../notifications/index.ts'
import { topupReceived, trancheEntered } from './notices.ts'
import { forgetFoundBefore, markOf, moveMark, noteFound } from './sql.ts'

const WATCHER = 'topups'
/** A look begins so long before the newest that was seen: a sale may be seen later than another that is newer. */
const OVERLAP_MS = 120_000
/** What was found stays known for longer than any look goes back. */
const KNOWN_MS = 600_000
/** Sales of a clock that is ahead of ours by less are told at once; of others, when their time has come. */
const AHEAD_MS = 600_000
const PAGE = 500
/** Pages of one look: after hours without SIC the next looks go on. */
const MOST_PAGES = 40
/** A purchase is news for a day; what is found later is in the inbox, and no device is woken long for it. */
const NEWS_SECONDS = 86_400
const AT_LEAST_SECONDS = 60

/**
 * Looks for top-ups in SIC that nobody has seen yet and tells those who follow their meters: what was bought, with its
 * token, and the tranche that it entered. Each is told once, however often it is read and by whomever; it is noted and
 * told in one transaction. While SIC is away nothing is lost: the next look goes on from the same mark.
 */
export async function watchTopUps(services: Services): Promise<void> {
  const { db, clock, backoffice } = services
  const now = clock.now()
  const mark = await markOf(db, WATCHER, new Date(now))
  metrics.watcherDelay.set({ watcher: WATCHER }, Math.max(0, (now - mark.lookedAt.getTime()) / 1_000))
  // None is 0, not nothing.
  metrics.watcherFound.inc({ watcher: WATCHER }, 0)
  const until = new Date(now + AHEAD_MS)
  let after: After = { at: new Date(mark.at.getTime() - OVERLAP_MS), id: '' }
  for (let page = 0; page < MOST_PAGES; page++) {
    const found = await backoffice.topupsSince(after, until, PAGE).catch(leftAlone)
    if (!found) return
    const isAll = found.length < PAGE
    const newest = found.at(-1)
    await db.tx(async tx => {
      await tellOf(tx, services, found, now)
      const seen = newest && new Date(Math.min(newest.at.getTime(), now))
      await moveMark(tx, WATCHER, seen ?? null, isAll ? new Date(now) : null)
    })
    if (isAll || !newest) return
    after = newest
  }
}

/** That SIC is away is told where it is asked; here it is a look that did not happen. */
function leftAlone(error: unknown): null {
  if (error instanceof Problem && error.code === 'backoffice_unavailable') return null
  throw error
}

/** Forgets top-ups that no look comes back to. */
export const forgetFound = ({ db }: Services): Promise<void> => forgetFoundBefore(db, WATCHER, KNOWN_MS)

async function tellOf(tx: Tx, services: Services, found: readonly FoundTopUp[], now: number): Promise<void> {
  if (found.length === 0) return
  const unknown = await noteFound(tx, found)
  const news = found.filter(({ id }) => unknown.has(id))
  if (news.length === 0) return
  metrics.watcherFound.inc({ watcher: WATCHER }, news.length)
  const followers = Map.groupBy(await followersOf(tx, news), ({ number, poc }) => `${number} ${poc}`)
  await notifyEach(
    tx,
    services,
    news.flatMap(topup => {
      const people = followers.get(`${topup.meterNumber} ${topup.poc}`) ?? []
      return people.flatMap(follower => noticesOf(topup, follower, now))
    }),
  )
}

function noticesOf(
  topup: FoundTopUp,
  follower: Follower,
  now: number,
): (NotificationInput & { customerId: string })[] {
  const { customerId, linkId } = follower
  const age = Math.max(0, (now - topup.at.getTime()) / 1_000)
  const about = {
    customerId,
    data: { linkId, topupId: topup.id },
    expiresInSeconds: Math.max(AT_LEAST_SECONDS, Math.round(NEWS_SECONDS - age)),
  }
  const tranche = trancheEntered(topup, follower)
  return [
    { ...about, type: 'topup', priority: 'high', content: topupReceived(topup, follower) },
    ...(tranche ? [{ ...about, type: 'tranche', priority: 'normal', content: tranche } as const] : []),
  ]
}
