import type { AccessTokens, App, Caller } from '../../http/index.ts'
import { type Realtime, type RealtimeLimits, realtime } from '../../http/realtime.ts'
import { UUID } from '../../lib/cursor.ts'
import { Problem } from '../../lib/problems.ts'
import type { Services } from '../../services.ts'
import { fillInItems, markRead, unreadCount } from './inbox.ts'
import { type InboxItem, MOST_UNREAD } from './schema.ts'
import { selectMissed, selectTopics } from './sql.ts'
import { broadcastExists } from './sql-accept.ts'
import { fillIn } from './variables.ts'

const MOST_TOPICS = 200
const MOST_MISSED = 200
const MISSED_WHEN_UNKNOWN = 20

/** Opens `WS /v1/realtime` on the server of the API: customers hear their inbox, staff the broadcasts they watch. */
export function notificationsRealtime(
  app: Pick<App, 'server'>,
  services: Services,
  tokens: AccessTokens,
  limits: Partial<RealtimeLimits> = {},
): Realtime {
  const { db, fanout, clock, log } = services
  return realtime({
    server: app.server,
    tokens,
    fanout,
    clock,
    log,
    limits,
    inbox: {
      ownTopics,
      async topicsOf(caller) {
        const { id, role } = caller
        if (role !== 'customer') return { language: 'fr', topics: [] }
        const found = await selectTopics(db, id, MOST_TOPICS)
        if (!found) throw new Problem('session_ended')
        const { language, targets, ...names } = found
        return {
          language,
          topics: [...ownTopics(caller), ...targets],
          fillIn: words => fillIn(words, names),
        }
      },
      async replay(caller, lastSeenId) {
        if (caller.role !== 'customer') return { items: [], complete: true, unread: null }
        return missed(services, caller, lastSeenId)
      },
      async markRead(caller, id) {
        if (caller.role !== 'customer') throw new Problem('forbidden')
        await markRead(services, caller, id)
      },
      async mayWatch(caller, broadcastId) {
        const scope = scopeOf(caller)
        return scope !== null && broadcastExists(db, broadcastId, scope)
      },
    },
  })
}

async function missed(services: Services, reader: Caller, lastSeenId: string | undefined) {
  // Who has seen nothing yet reads the list.
  if (lastSeenId === undefined) {
    const { count } = JSON.parse(await unreadCount(services, reader)) as { count: number }
    return { items: [], complete: true, unread: count }
  }
  const id = UUID.test(lastSeenId) ? lastSeenId : null
  const { page, known, unread } = await selectMissed(services.db, reader.id, id, {
    most: MOST_MISSED,
    whenUnknown: MISSED_WHEN_UNKNOWN,
    mostUnread: MOST_UNREAD,
  })
  const { items, nextCursor } = JSON.parse(page) as { items: InboxItem[]; nextCursor: string | null }
  const filled = await fillInItems(services.db, reader.id, items.reverse())
  return { items: filled, complete: known && nextCursor === null, unread }
}

const ownTopics = ({ id, role }: Caller) => (role === 'customer' ? [`customer:${id}`, 'everyone'] : [])

const scopeOf = ({ role, agencyId }: Caller) => (role === 'admin' ? 'all' : agencyId)
