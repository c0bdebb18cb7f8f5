import type { Queryable } from '../db/index.ts'
import type { Maintenance } from '../http/index.ts'
import type { Services } from '../services.ts'

export interface MaintenanceState extends Maintenance {
  since: Date
}

/** Switches customers off, everywhere within seconds: they get 503 with `Retry-After`; staff go on. */
export async function startMaintenance(
  db: Queryable,
  { until, message }: { until: Date | null; message: string | null },
): Promise<void> {
  await db.query(
    `update site set maintenance_since = coalesce(maintenance_since, now()), maintenance_until = $1,
       maintenance_message = $2`,
    [until, message],
  )
}

/** Switches customers on again; false when they were. */
export async function endMaintenance(db: Queryable): Promise<boolean> {
  const rows = await db.query(
    `update site set maintenance_since = null, maintenance_until = null, maintenance_message = null
     where maintenance_since is not null returning 1`,
  )
  return rows.length === 1
}

/** Undefined when customers are served. An announced end that is over does not end it: a person does. */
export async function maintenanceState(db: Queryable): Promise<MaintenanceState | undefined> {
  const [row] = await db.query<MaintenanceState>(
    `select maintenance_since "since", maintenance_until "until", maintenance_message message from site
     where maintenance_since is not null`,
  )
  return row
}

const EVERY_MS = 1_000

/**
 * Keeps an instance told of the switch, within a second or two. While the database is away what was last known holds:
 * it may be away for that very maintenance.
 */
export function watchMaintenance({ db, log }: Pick<Services, 'db' | 'log'>, everyMs = EVERY_MS) {
  let known: MaintenanceState | undefined
  let looking: Promise<void> | undefined

  async function look(): Promise<void> {
    try {
      const now = await maintenanceState(db)
      if (Boolean(now) !== Boolean(known)) log.warn({ event: now ? 'maintenance_on' : 'maintenance_off' })
      known = now
    } catch (error) {
      log.debug({ event: 'maintenance_unknown', error })
    }
  }

  const round = () => {
    looking ??= look().finally(() => {
      looking = undefined
    })
    return looking
  }
  const first = round()
  const timer = setInterval(round, everyMs).unref()
  return {
    /** Resolves once it was asked for, never rejects. */
    ready: first,
    now: (): Maintenance | undefined => known,
    async stop() {
      clearInterval(timer)
      await looking
    },
  }
}
