import { Readable } from 'node:stream'
import type { Storage } from '../../storage/index.ts'

/**
 * Deletions that people asked for, kept outside of the database: a copy of it that is restored still has who was deleted
 * since. An entry holds the account's id and the time, nothing of the person.
 */
const FOLDER = 'documents/deletions/'

/** Longer than any backup is kept: older entries concern no copy that could be restored. */
export const KEPT_MS = 60 * 86_400_000

const PAGE = 1_000

const keyOf = (customerId: string, at: number): string => `${FOLDER}${stampOf(at)}_${customerId}`

const stampOf = (at: number): string => new Date(at).toISOString().replace(/[:.-]/g, '')

/** Writes it down; returns its key. */
export async function noteDeletion(storage: Storage, customerId: string, at: number): Promise<string> {
  const key = keyOf(customerId, at)
  const body = Buffer.from(JSON.stringify({ customerId, at: new Date(at).toISOString() }))
  await storage.put(key, { body: Readable.from([body]), size: body.length, type: 'application/json' })
  return key
}

/** The customers of the entries since `from`, oldest first, a page at a time. */
export async function* deletionsSince(storage: Storage, from: number): AsyncGenerator<string[]> {
  let after = `${FOLDER}${stampOf(from)}`
  for (;;) {
    const page = await storage.list(FOLDER, after)
    const ids = page.flatMap(({ key }) => key.match(/_([0-9a-f-]{36})$/)?.[1] ?? [])
    if (ids.length > 0) yield ids
    if (page.length < PAGE) return
    after = page.at(-1)?.key ?? after
  }
}

/** Forgets entries from before `until`, a page at most; returns how many. */
export async function forgetDeletions(storage: Storage, until: number): Promise<number> {
  const end = `${FOLDER}${stampOf(until)}`
  const old = (await storage.list(FOLDER)).filter(({ key }) => key < end)
  for (const { key } of old) await storage.delete(key)
  return old.length
}
