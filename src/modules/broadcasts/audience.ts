import type { Queryable } from '../../db/index.ts'
import type { Caller } from '../../http/index.ts'
import { Problem } from '../../lib/problems.ts'
import { withoutLeadingZeros } from '../../lib/text.ts'
import type { Audience } from '../notifications/index.ts'
import type { WantedAudience } from './schema.ts'
import { selectAgencies, selectCustomers, selectMeters } from './sql-people.ts'

/**
 * Looks up whom staff want to tell, and whether they may: an agent reaches their own agency, its meters and its
 * customers. `Problem('forbidden')` for everyone by an agent, `not_found` for whatever does not exist or is another's.
 */
export async function resolveAudience(
  db: Queryable,
  caller: Caller,
  wanted: WantedAudience,
): Promise<Audience> {
  const scope = caller.role === 'admin' ? null : caller.agencyId
  switch (wanted.kind) {
    case 'everyone':
      if (caller.role !== 'admin') throw new Problem('forbidden')
      return { kind: 'everyone' }
    case 'agencies': {
      const ids = [...new Set(wanted.agencyIds.map(Number))]
      if (scope !== null && ids.some(id => id !== scope)) throw new Problem('not_found')
      all(ids, await selectAgencies(db, ids))
      return { kind: 'agencies', agencyIds: ids.map(String) }
    }
    case 'meter': {
      const number = wanted.number.replaceAll(' ', '')
      const meterIds = await selectMeters(db, number, withoutLeadingZeros(number), scope)
      if (meterIds.length === 0) throw new Problem('not_found')
      return { kind: 'meter', number, meterIds }
    }
    case 'customers': {
      const ids = [...new Set(wanted.ids)]
      all(ids, await selectCustomers(db, ids, scope))
      return { kind: 'customers', ids }
    }
  }
}

function all(wanted: readonly unknown[], found: number): void {
  if (found < wanted.length) throw new Problem('not_found')
}
