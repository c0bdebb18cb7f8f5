import { matchKey } from '../../lib/text.ts'
import type { Services } from '../../services.ts'
import type { Agency } from './schema.ts'
import { allAgencies, upsertAgencies } from './sql.ts'

/** What depends on the list of agencies is cached under this scope. */
const SCOPE = 'agencies'
const CACHED_MS = 60_000

/** Makes these agencies exist under these names; others are left alone. Names must differ by more than spelling. */
export async function ensureAgencies(
  services: Pick<Services, 'db' | 'cache'>,
  agencies: readonly { id: number; name: string }[],
): Promise<void> {
  const rows = agencies.map(({ id, name }) => ({ id, name: name.trim(), match_key: matchKey(name) }))
  await upsertAgencies(services.db, rows)
  await services.cache.bump(SCOPE)
}

/** The agency that the back office means by a name, however it spells it; null when it is none of ours. */
export async function agencyOf(
  services: Pick<Services, 'db' | 'cache'>,
  name: string | null,
): Promise<{ id: number; name: string } | null> {
  if (name === null) return null
  const key = matchKey(name)
  const { items } = JSON.parse(await agenciesText(services)) as { items: Agency[] }
  const found = items.find(agency => matchKey(agency.name) === key)
  return found ? { id: Number(found.id), name: found.name } : null
}

/** All agencies by name, as JSON text of `{ items }`. */
export const agenciesText = ({ db, cache }: Pick<Services, 'db' | 'cache'>): Promise<string> =>
  cache.text('agencies', [SCOPE], CACHED_MS, async () => {
    const items = (await allAgencies(db)).map(({ id, name }) => ({ id: String(id), name }))
    return JSON.stringify({ items })
  })
