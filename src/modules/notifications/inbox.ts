import type { Cache } from '../../cache/index.ts'
import type { Database } from '../../db/index.ts'
import type { Caller } from '../../http/index.ts'
import { Problem } from '../../lib/problems.ts'
import type { Services } from '../../services.ts'
import { inBatches } from './in-batches.ts'
import { decodePageKey } from './page-key.ts'
import { type InboxQuery, MOST_UNREAD } from './schema.ts'
import { countUnread, selectPages, updateAllRead, updateDeleted, updateRead, type WantedPage } from './sql.ts'

/** Whose inbox it is. */
type Reader = Pick<Caller, 'id'>

/** How long an answer may be kept: what changes an inbox bumps its scope, so this only bounds what nobody asks for again. */
const KEPT_MS = 30_000

/** Reads pages of inboxes, those that are asked for at the same time by one statement. */
export type Pages = (wanted: WantedPage) => Promise<Buffer>

export const openPages = (db: Database): Pages =>
  inBatches(wanted => selectPages(db, wanted), { atOnce: 2, together: 16, waiting: 10_000 })

/**
 * A page of the caller's notifications and broadcasts, newest first, as the JSON text to send: the database writes it
 * and nothing parses it on the way. First pages are kept until something new is accepted.
 */
export function listInbox(
  cache: Cache,
  pages: Pages,
  { id }: Reader,
  { limit = 20, unread = false, cursor }: InboxQuery,
): Buffer | Promise<Buffer> {
  const wanted = { customerId: id, onlyUnread: unread, size: limit }
  if (cursor !== undefined) return pages({ ...wanted, after: decodePageKey(cursor) })
  return cache.bytes(`inbox:${id}:${limit}:${unread}`, [`customer:${id}`, 'everyone'], KEPT_MS, () =>
    pages({ ...wanted, after: undefined }),
  )
}

/** How much is unread, as JSON text. */
export function unreadCount(services: Services, { id }: Reader): Promise<string> {
  return services.cache.text(`unread:${id}`, [`customer:${id}`, 'everyone'], KEPT_MS, async () =>
    JSON.stringify({ count: await countUnread(services.db, id, MOST_UNREAD) }),
  )
}

/** Marks one as read, by this customer alone. `Problem('not_found')` when it is not in their inbox. */
export async function markRead(services: Services, reader: Reader, id: string): Promise<void> {
  const found = await updateRead(services.db, reader.id, id, new Date(services.clock.now()))
  if (!found) throw new Problem('not_found')
  await tellCount(services, reader)
}

/** Marks all that is there now as read. */
export async function markAllRead(services: Services, reader: Reader): Promise<void> {
  await updateAllRead(services.db, reader.id, new Date(services.clock.now()))
  await tellCount(services, reader)
}

/** Takes one out of the caller's inbox; doing it again is no fault. `Problem('not_found')` when it never was in it. */
export async function removeFromInbox(services: Services, reader: Reader, id: string): Promise<void> {
  const found = await updateDeleted(services.db, reader.id, id, new Date(services.clock.now()))
  if (!found) throw new Problem('not_found')
  await tellCount(services, reader)
}

/** The next reading is fresh, and the customer's open sockets learn the new count. */
async function tellCount(services: Services, reader: Reader): Promise<void> {
  await services.cache.bump(`customer:${reader.id}`)
  const { count } = JSON.parse(await unreadCount(services, reader)) as { count: number }
  services.fanout.publish(`customer:${reader.id}`, { type: 'unread-count', count })
}
