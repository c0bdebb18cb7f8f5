import { usageTariff } from '../tariffs/index.ts'
import type { Guest, MeterKind, MeterLink, StaffLink } from './schema.ts'
import type { LinkRow } from './sql.ts'
import type { DecidableRow } from './sql-decisions.ts'

/** The tariff's code as the tariffs know it; the back office's own words when they do not. */
const tariffCode = (usage: string | null, kind: MeterKind): string | null => usageTariff(usage, kind) ?? usage

const agencyView = (row: { agency_id: number | null; agency_name: string | null }) =>
  row.agency_id === null ? null : { id: String(row.agency_id), name: row.agency_name ?? '' }

/** What the customer of a link sees: until it is active, nothing of the meter but its number. */
export function linkView(row: LinkRow): MeterLink {
  const active = row.status === 'active'
  return {
    id: row.id,
    kind: row.kind,
    number: row.number,
    role: row.role,
    status: row.status,
    default: row.is_default,
    label: row.label,
    requestedAt: row.requested_at.toISOString(),
    agency: active ? agencyView(row) : null,
    tariff: active ? tariffCode(row.tariff, row.kind) : null,
    address: active ? row.address : null,
  }
}

const person = (row: DecidableRow) => ({
  firstName: row.first_name,
  lastName: row.last_name,
  phone: row.phone,
})

export const guestView = (row: DecidableRow): Guest => ({
  id: row.id,
  status: row.status,
  requestedAt: row.requested_at.toISOString(),
  decidedAt: row.decided_at?.toISOString() ?? null,
  guest: person(row),
})

export const staffView = (row: DecidableRow): StaffLink => ({
  id: row.id,
  role: row.role,
  status: row.status,
  requestedAt: row.requested_at.toISOString(),
  decidedAt: row.decided_at?.toISOString() ?? null,
  customer: { id: row.customer_id, ...person(row) },
  meter: {
    kind: row.kind,
    number: row.number,
    agency: agencyView(row),
    tariff: tariffCode(row.tariff, row.kind),
    address: row.address,
    holder: { name: row.holder_name, phone: row.holder_phone },
    hasOwner: row.owner_id !== null,
  },
})
