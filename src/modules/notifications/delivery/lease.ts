import type { Services } from '../../../services.ts'
import { renewLease, type Unit } from './units-sql.ts'

const RENEW_EVERY_MS = 10_000

/** Holds a unit for as long as it is worked on. */
export interface Lease {
  /** Ends when somebody else has the unit. */
  lost: AbortSignal
  release(): void
}

/** Renews the lease every ten seconds. A renewal that fails is tried again at the next; the record decides who holds it. */
export function holdLease({ db, clock, log }: Services, unit: Unit): Lease {
  const abort = new AbortController()
  const timer = setInterval(async () => {
    try {
      if (!(await renewLease(db, unit, clock.now()))) abort.abort(new Error('The unit has another holder.'))
    } catch (error) {
      log.warn({ event: 'delivery_lease_not_renewed', deliveryId: unit.id, error })
    }
  }, RENEW_EVERY_MS)
  timer.unref()
  return { lost: abort.signal, release: () => clearInterval(timer) }
}
