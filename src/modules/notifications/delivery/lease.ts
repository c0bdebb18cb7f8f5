import type { Services } from '../../../services.ts'
import { LEASE_MS, renewLease, type Unit } from './units-sql.ts'

const RENEW_EVERY_MS = 10_000

/** Holds a unit for as long as it is worked on. */
export interface Lease {
  /** Ends when somebody else has the unit. */
  lost: AbortSignal
  /** It was not renewed in time: somebody else may have the unit by now. */
  isOver(): boolean
  release(): void
}

/**
 * Renews the lease every ten seconds. A renewal that fails is tried again at the next; the record decides who holds it. A
 * process that stood still for longer than its lease sees by the time that it is over, before it asks anybody.
 */
export function holdLease({ db, clock, log }: Services, unit: Unit, takenAt: number): Lease {
  let until = takenAt + LEASE_MS
  const abort = new AbortController()
  const timer = setInterval(async () => {
    try {
      const now = clock.now()
      if (await renewLease(db, unit, now)) until = now + LEASE_MS
      else abort.abort(new Error('The unit has another holder.'))
    } catch (error) {
      log.warn({ event: 'delivery_lease_not_renewed', deliveryId: unit.id, error })
    }
  }, RENEW_EVERY_MS)
  timer.unref()
  return {
    lost: abort.signal,
    isOver: () => abort.signal.aborted || clock.now() >= until,
    release: () => clearInterval(timer),
  }
}
