import type { Database, Queryable } from '../../db/index.ts'
import type { Caller } from '../../http/index.ts'
import { Problem } from '../../lib/problems.ts'
import type { Services } from '../../services.ts'
import { inBatches } from './in-batches.ts'
import { decodePageKey } from './page-key.ts'
import { type InboxItem, type InboxQuery, MOST_UNREAD } from './schema.ts'
import {
  countUnread,
  selectNames,
  selectPages,
  updateAllRead,
  updateDeleted,
  updateRead,
  type WantedPage,
} from './sql.ts'
import { fillIn, mayHoldVariables } from './variables.ts'

/** Whose inbox it is. */
type Reader = Pick<Caller, 'id'>

/** How long an answer may be kept: what changes an inbox bumps its scope, so this only bounds what nobody asks for again. */
const KEPT_MS = 30_000

/** Reads pages of inboxes, those that are asked for at the same time by one statement. */
export type Pages = (wanted: WantedPage) => Promise<Buffer>

export const openPages = (db: Database): Pages =>
  inBatches(wanted => selectPages(db, wanted), { atOnce: 3, together: 16, waiting: 10_000 })

/** The words under which a reader's first pages are kept. */
interface FirstPage {
  limit: number
  unread: boolean
  key: string
  scopes: readonly [string, string]
}

/** Mostly a reader asks for the same as before: words made once are found without being read again. */
const asked = new WeakMap<Reader, FirstPage>()

function firstPageOf(reader: Reader, limit: number, unread: boolean): FirstPage {
  const last = asked.get(reader)
  if (last?.limit === limit && last.unread === unread) return last
  const { id } = reader
  const page: FirstPage = {
    limit,
    unread,
    key: `inbox:${id}:${limit}:${unread}`,
    scopes: [`customer:${id}`, 'everyone'],
  }
  asked.set(reader, page)
  return page
}

/**
 * A page of the caller's notifications and broadcasts, newest first, as the JSON text to send: the database writes it
 * and nothing parses it on the way, but where a broadcast has variables. First pages are kept until something new is
 * accepted or the caller's name changes.
 */
export function listInbox(
  { cache, db }: Pick<Services, 'cache' | 'db'>,
  pages: Pages,
  reader: Reader,
  { limit = 20, unread = false, cursor }: InboxQuery,
): Buffer | Promise<Buffer> {
  const { id } = reader
  const wanted = { customerId: id, onlyUnread: unread, size: limit }
  const page = async (which: WantedPage) => withNames(db, id, await pages(which))
  if (cursor !== undefined) return page({ ...wanted, after: decodePageKey(cursor) })
  const { key, scopes } = firstPageOf(reader, limit, unread)
  return cache.bytes(key, scopes, KEPT_MS, () => page({ ...wanted, after: undefined }))
}

/** A page as it is read by its reader. Whoever has no broadcast with variables on it pays one search of its text. */
async function withNames(db: Queryable, readerId: string, bytes: Buffer): Promise<Buffer> {
  if (!mayHoldVariables(bytes)) return bytes
  const page = JSON.parse(bytes.toString()) as { items: InboxItem[]; nextCursor: string | null }
  const items = await fillInItems(db, readerId, page.items)
  return Buffer.from(JSON.stringify({ ...page, items }))
}

/** Broadcasts among these with their variables filled in; what was said to one alone is left as it was said. */
export async function fillInItems(
  db: Queryable,
  readerId: string,
  items: readonly InboxItem[],
): Promise<InboxItem[]> {
  const concerned = ({ broadcast, title, body }: InboxItem) =>
    broadcast && (mayHoldVariables(title) || mayHoldVariables(body))
  if (!items.some(concerned)) return [...items]
  const names = await selectNames(db, readerId)
  return items.map(item => (names && concerned(item) ? { ...item, ...fillIn(item, names) } : item))
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
