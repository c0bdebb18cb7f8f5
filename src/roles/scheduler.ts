import { forgetOld, sweepSms } from '../modules/accounts/index.ts'
import { forgetFound, watchTopUps } from '../modules/alerts/index.ts'
import { sweepBroadcasts } from '../modules/broadcasts/index.ts'
import { sweepDeliveries } from '../modules/notifications/index.ts'
import { forgetOldDeletions } from '../modules/privacy/index.ts'
import { metrics } from '../observability/index.ts'
import { settleRestoration } from '../operations/restoration.ts'
import type { Services } from '../services.ts'
import { forgetCensus, measureBroadcasts, measureCustomers } from './census.ts'
import { dropOld, makePartitions } from './retention.ts'

export interface SchedulerRole {
  /** Finishes the round in hand and gives the lease back. */
  stop(): Promise<void>
}

interface Job {
  name: string
  everyMs: number
  /** Runs beside the others, which do not wait for it: it asks a system that may be slow. One run of it at a time. */
  isApart?: true
  run(services: Services): Promise<unknown>
}

const HOUR = 3_600_000

const JOBS: readonly Job[] = [
  // First: while it fails, none of the others finds anything that may be sent.
  { name: 'restoration', everyMs: 1_000, run: settleRestoration },
  { name: 'deliveries', everyMs: 1_000, run: sweepDeliveries },
  { name: 'broadcasts', everyMs: 1_000, run: sweepBroadcasts },
  { name: 'sms', everyMs: 5_000, run: sweepSms },
  { name: 'topups', everyMs: 5_000, isApart: true, run: watchTopUps },
  { name: 'progress', everyMs: 15_000, run: measureBroadcasts },
  { name: 'census', everyMs: 600_000, run: measureCustomers },
  { name: 'old accounts data', everyMs: HOUR, run: forgetOld },
  { name: 'found topups', everyMs: HOUR, run: forgetFound },
  { name: 'partitions', everyMs: 6 * HOUR, run: makePartitions },
  { name: 'retention', everyMs: 6 * HOUR, run: dropOld },
  { name: 'deletions written down', everyMs: 6 * HOUR, run: forgetOldDeletions },
  {
    name: 'idempotency keys',
    everyMs: HOUR,
    run: ({ db }) =>
      db.query(
        `delete from idempotency_keys where scope in (
           select scope from idempotency_keys where created_at < now() - interval '24 hours' limit 50000)`,
      ),
  },
]

const TICK_MS = 500
/** What failed is tried again after this, however seldom it is due. */
const AGAIN_MS = 60_000
const LEASE_SECONDS = 10

/**
 * Does what is due, while it holds the lease: of several schedulers one works, and another takes over within seconds
 * when it is gone.
 */
export function startScheduler(services: Services): SchedulerRole {
  const { db, clock, log, config } = services
  const holder = `${config.instance}:${process.pid}`
  const dueAt = new Map(JOBS.map(job => [job.name, 0]))
  /** Those that run beside the others now. */
  const apart = new Map<string, Promise<void>>()
  let stopping = false
  let wake: () => void = () => undefined

  async function holdsLease(): Promise<boolean> {
    const rows = await db.query(
      `insert into leases (name, holder, until) values ('scheduler', $1, now() + make_interval(secs => $2))
       on conflict (name) do update set holder = excluded.holder, until = excluded.until
       where leases.holder = excluded.holder or leases.until < now() returning 1`,
      [holder, LEASE_SECONDS],
    )
    return rows.length === 1
  }

  async function round(): Promise<void> {
    const isActive = await holdsLease()
    show(isActive)
    if (!isActive) return
    for (const job of JOBS) {
      if (stopping || (dueAt.get(job.name) ?? 0) > clock.now() || apart.has(job.name)) continue
      dueAt.set(job.name, clock.now() + job.everyMs)
      const run = runJob(job)
      if (!job.isApart) await run
      else
        apart.set(
          job.name,
          run.finally(() => apart.delete(job.name)),
        )
    }
  }

  async function runJob({ name, run }: Job): Promise<void> {
    const startedAt = performance.now()
    let outcome = 'ok'
    try {
      await run(services)
    } catch (error) {
      outcome = 'failed'
      dueAt.set(name, Math.min(dueAt.get(name) ?? 0, clock.now() + AGAIN_MS))
      log.error({ event: 'scheduled_job_failed', job: name, error })
    }
    metrics.jobs.observe({ name, outcome }, (performance.now() - startedAt) / 1_000)
  }

  /** What another scheduler tells from now on is not told here as well. */
  function show(isActive: boolean): void {
    metrics.schedulerActive.set(isActive ? 1 : 0)
    if (isActive) return
    forgetCensus()
    metrics.watcherDelay.reset()
  }

  async function loop(): Promise<void> {
    while (!stopping) {
      await round().catch(error => {
        show(false)
        log.warn({ event: 'scheduler_round_failed', error })
      })
      if (stopping) break
      await new Promise<void>(done => {
        const timer = setTimeout(done, TICK_MS)
        wake = () => {
          clearTimeout(timer)
          done()
        }
      })
    }
    await Promise.all(apart.values())
    show(false)
    await db
      .query("delete from leases where name = 'scheduler' and holder = $1", [holder])
      .catch(error => log.warn({ event: 'scheduler_lease_kept', error }))
  }

  const running = loop()
  return {
    async stop() {
      stopping = true
      wake()
      await running
    },
  }
}
