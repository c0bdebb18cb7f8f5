import { decodeCursor, encodeCursor, UUID } from '../../lib/cursor.ts'
import { parsePhone } from '../../lib/phone.ts'
import { Problem } from '../../lib/problems.ts'
import { nameKey, withoutLeadingZeros } from '../../lib/text.ts'
import type { Ctx } from '../../services.ts'
import { record, recordEach } from '../audit/index.ts'
import type { Customer, CustomerDetail } from './schema.ts'
import {
  type CustomerRow,
  customersByName,
  customersByNumber,
  customerView,
  type LinkRow,
  linksOf,
} from './sql/customers.ts'

const FIRST_ID = '00000000-0000-0000-0000-000000000000'
const NAME_KEY = /^[a-z0-9 ]*$/
/** Contract accounts are padded to twelve digits in some systems. */
const ACCOUNT_DIGITS = 12
const MAX_LINKS = 100

export interface CustomerSearch {
  query: string
  limit: number
  cursor?: string
}

/**
 * Customers by phone, meter or contract account number, or how their first or last name starts. An agent finds only
 * those with an active link in their agency. Every customer shown is an audited access.
 */
export async function searchCustomers(
  ctx: Ctx,
  search: CustomerSearch,
): Promise<{ items: Customer[]; nextCursor: string | null }> {
  const digits = search.query.replace(/[\s.-]/g, '')
  const phone = parsePhone(search.query)
  const byNumber = phone !== null || /^\d{5,13}$/.test(digits)
  const prefix = nameKey(search.query)
  if (!byNumber && prefix === '') {
    throw new Problem('invalid', { errors: [{ field: 'query', message: 'must hold letters or digits' }] })
  }
  const page = { agencyId: scopeOf(ctx), limit: search.limit + 1 }
  return ctx.db.tx(async tx => {
    const rows: (CustomerRow & { key?: string })[] = byNumber
      ? await customersByNumber(tx, {
          ...page,
          phone,
          numbers: spellings(digits),
          after: idAfter(search.cursor),
        })
      : await customersByName(tx, { ...page, prefix, after: nameAfter(search.cursor) })
    const items = rows.slice(0, search.limit)
    const detail = { by: byNumber ? 'number' : 'name', found: items.length }
    const act = { action: 'customer.search', objectKind: 'account', detail }
    if (items.length === 0) await record(tx, ctx, act)
    else
      await recordEach(
        tx,
        ctx,
        items.map(({ id }) => ({ ...act, objectId: id, customerId: id })),
      )
    const last = items.at(-1)
    const more = rows.length > items.length
    return {
      items: items.map(customerAnswer),
      nextCursor: more && last ? encodeCursor(...(byNumber ? [] : [last.key ?? '']), last.id) : null,
    }
  })
}

/** One customer as staff see them; out of an agent's scope is `not_found`. An audited access. */
export const showCustomer = (ctx: Ctx, id: string): Promise<CustomerDetail> =>
  ctx.db.tx(async tx => {
    const agencyId = scopeOf(ctx)
    const customer = await customerView(tx, id, agencyId)
    if (!customer) throw new Problem('not_found')
    const links = await linksOf(tx, id, agencyId, MAX_LINKS)
    await record(tx, ctx, { action: 'customer.view', objectKind: 'account', objectId: id, customerId: id })
    return {
      ...customerAnswer(customer),
      devices: customer.devices,
      lastSeenAt: customer.lastSeenAt?.toISOString() ?? null,
      links: links.map(linkAnswer),
    }
  })

/** The agency that limits what the caller sees; null for administrators. */
function scopeOf({ caller }: Ctx): number | null {
  if (caller.role === 'admin') return null
  if (caller.agencyId === null) throw new Problem('forbidden')
  return caller.agencyId
}

const spellings = (digits: string): string[] => {
  const bare = withoutLeadingZeros(digits)
  return [...new Set([digits, bare, bare.padStart(ACCOUNT_DIGITS, '0')])]
}

const idAfter = (cursor: string | undefined): string =>
  cursor === undefined ? FIRST_ID : (decodeCursor(cursor, UUID)[0] as string)

function nameAfter(cursor: string | undefined): { key: string; id: string } {
  if (cursor === undefined) return { key: '', id: FIRST_ID }
  const [key, id] = decodeCursor(cursor, NAME_KEY, UUID) as [string, string]
  return { key, id }
}

const customerAnswer = (row: CustomerRow): Customer => ({
  id: row.id,
  phone: row.phone,
  firstName: row.firstName,
  lastName: row.lastName,
  language: row.language,
  disabled: row.disabled,
  createdAt: row.createdAt.toISOString(),
})

const linkAnswer = ({ agencyId, agencyName, ...row }: LinkRow): CustomerDetail['links'][number] => ({
  ...row,
  agency: agencyId === null || agencyName === null ? null : { id: String(agencyId), name: agencyName },
  requestedAt: row.requestedAt.toISOString(),
  activatedAt: row.activatedAt?.toISOString() ?? null,
  endedAt: row.endedAt?.toISOString() ?? null,
})
