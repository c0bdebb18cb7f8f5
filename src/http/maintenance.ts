import type { Clock } from '../lib/clock.ts'
import { Problem } from '../lib/problems.ts'
import type { Access, Caller } from './caller.ts'

/** What customers are told while they are not served. */
export interface Maintenance {
  /** When it is to be over, as announced. */
  until: Date | null
  /** In the operator's words. */
  message: string | null
}

/** Seconds after which a client tries again where no end was announced, and at most and least where one was. */
const UNKNOWN = 60
const MOST = 600
const LEAST = 15

/** Staff sign in here, and everybody's sessions are kept up: it is refused by what is asked, once the body is read. */
export const SHARED_DOOR = '/v1/auth/token'

/** Refuses customers, and whoever is nobody in particular; health and documents are not of the business. */
export function refuseForMaintenance(
  maintenance: Maintenance,
  { url, access, caller }: { url: string; access: Access; caller: Caller | null },
  clock: Clock,
): void {
  if (!url.startsWith('/v1/') || url === SHARED_DOOR) return
  if (access !== 'public' && caller && caller.role !== 'customer') return
  throw maintenanceProblem(maintenance, clock)
}

/** At the door that staff share with customers: these are told before their PIN is looked at. */
export function refusePinForMaintenance(maintenance: Maintenance, body: unknown, clock: Clock): void {
  if ((body as { grant?: unknown } | null)?.grant === 'pin') throw maintenanceProblem(maintenance, clock)
}

function maintenanceProblem({ until, message }: Maintenance, clock: Clock): Problem {
  const seconds = until ? (until.getTime() - clock.now()) / 1_000 : UNKNOWN
  const retryAfter = Math.min(MOST, Math.max(LEAST, Math.ceil(seconds)))
  return new Problem('maintenance', {
    retryAfter,
    ...(message ? { detail: { fr: message, en: message } } : {}),
  })
}
