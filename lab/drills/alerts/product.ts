import { tellOutside } from '../../lib/outside.ts'
import { query } from '../../lib/prometheus.ts'
import { sql } from '../../lib/servers.ts'
import { until } from '../drill.ts'
import type { Case, Drilling } from './drilling.ts'

const stop =
  (...names: string[]) =>
  async ({ lab }: Drilling) => {
    for (const name of names) await lab.units.stop(name)
  }
const start =
  (...names: string[]) =>
  async ({ lab }: Drilling) => {
    for (const name of names) await lab.units.start(name)
  }
const nothing = async () => undefined
const schema = ({ lab }: Drilling, statement: string) => sql(lab.root('server1'), statement)

/** Starts something that goes on from `cause` to `cure`. */
export function going(
  begin: (d: Drilling) => (() => void) | Promise<() => void>,
): Pick<Case, 'cause' | 'cure'> {
  let end: () => void = () => undefined
  return {
    cause: async d => {
      end = await begin(d)
    },
    cure: async () => end(),
  }
}

const SLOW_BURN_MS = 150_000

/**
 * Until Prometheus has had both burns of a budget as firing. The window of the slow one holds all that the laboratory did
 * before, so it may be the first or long after; its mail may come after the fault, since the fast one silences it.
 */
const untilBurns = (budget: string) =>
  Promise.all(
    ['Fast', 'Slowly'].map(pace =>
      until(`${budget}BudgetBurns${pace} firing`, SLOW_BURN_MS, async () => {
        const alert = `ALERTS{alertname="${budget}BudgetBurns${pace}",alertstate="firing"}`
        return (await query(alert)).length > 0
      }),
    ),
  )

/** What customers see; first, because a budget takes longest to be whole again. */
export const objectiveCases: readonly Case[] = [
  {
    alerts: [
      'AvailabilityBudgetBurnsFast',
      'LogErrors',
      'ScheduledJobFails',
      'AvailabilityBudgetBurnsSlowly',
    ],
    what: 'the tables of notifications and of broadcasts renamed: what reads or writes them fails',
    async cause(d) {
      for (const table of ['notifications', 'broadcasts'])
        await schema(d, `alter table ${table} rename to ${table}_away`)
      try {
        await untilBurns('Availability')
      } finally {
        for (const table of ['notifications', 'broadcasts'])
          await schema(d, `alter table ${table}_away rename to ${table}`)
      }
    },
    cure: nothing,
    withinMs: SLOW_BURN_MS,
  },
  {
    alerts: ['LatencyBudgetBurnsFast', 'LatencyBudgetBurnsSlowly'],
    what: 'the table of notifications locked for 2 s, again and again',
    async cause(d) {
      let hasFired = false
      const fires = untilBurns('Latency').finally(() => {
        hasFired = true
      })
      fires.catch(() => undefined)
      while (!hasFired) {
        await schema(
          d,
          'begin; lock table notifications in access exclusive mode; select pg_sleep(2); commit',
        )
      }
      await fires
    },
    cure: nothing,
    withinMs: SLOW_BURN_MS,
  },
  {
    alerts: ['DeliveryBudgetBurnsFast', 'DeliveryBudgetBurnsSlowly'],
    what: 'FCM refuses every push (INVALID_ARGUMENT)',
    async cause() {
      await tellOutside('/push/behaviour', { outcome: 'INVALID_ARGUMENT' })
      try {
        await untilBurns('Delivery')
      } finally {
        await tellOutside('/push/behaviour', { outcome: 'ok' })
      }
    },
    cure: nothing,
    withinMs: SLOW_BURN_MS,
  },
]

export const processCases: readonly Case[] = [
  {
    alerts: ['ApiDown'],
    what: 'one instance of the API stopped',
    cause: stop('samaconso_api_1'),
    cure: start('samaconso_api_1'),
  },
  {
    alerts: ['AllApiDown'],
    what: 'both stopped',
    cause: stop('samaconso_api_1', 'samaconso_api_2'),
    cure: start('samaconso_api_1', 'samaconso_api_2'),
  },
  {
    alerts: ['ProcessDown'],
    what: 'a scheduler stopped',
    cause: stop('samaconso_scheduler_2'),
    cure: start('samaconso_scheduler_2'),
  },
  {
    alerts: ['NoActiveScheduler'],
    what: 'both schedulers stopped',
    cause: stop('samaconso_scheduler_1', 'samaconso_scheduler_2'),
    cure: start('samaconso_scheduler_1', 'samaconso_scheduler_2'),
  },
  {
    alerts: ['WorkerDown', 'QueueWithoutConsumer', 'QueueBacklog'],
    what: 'worker 1 stopped, and 1,100 urgent notifications accepted',
    async cause(d) {
      await d.lab.units.stop('samaconso_worker_1')
      await d.load.flood(1_100)
    },
    cure: start('samaconso_worker_1'),
    withinMs: 60_000,
  },
  {
    alerts: ['NoWorker'],
    what: 'both workers stopped',
    cause: stop('samaconso_worker_1', 'samaconso_worker_2'),
    cure: start('samaconso_worker_1', 'samaconso_worker_2'),
    withinMs: 60_000,
  },
  {
    alerts: ['DependencyDown'],
    what: 'SIC refuses connections',
    cause: () => tellOutside('/backoffice/behaviour', { system: 'sic', mode: 'down' }),
    cure: () => tellOutside('/backoffice/behaviour', { system: 'sic', mode: 'ok' }),
    withinMs: 90_000,
  },
  {
    alerts: ['WatcherBehind'],
    what: 'the table of what was found in SIC renamed: top-ups are read, and told to nobody',
    cause: async d => void (await schema(d, 'alter table found_topups rename to found_topups_away')),
    cure: async d => void (await schema(d, 'alter table found_topups_away rename to found_topups')),
    withinMs: 240_000,
  },
  {
    alerts: ['SignInsRefused'],
    what: 'five sign-ins a second with passwords that are none',
    ...going(d =>
      d.goOn(
        'outside',
        `for i in $(seq 1000); do
           curl -s -o /dev/null --max-time 10 --cacert ${d.lab.authorityFile} -H 'content-type: application/json' \
             -d '{"grant":"password","login":"nobody.'$i'","password":"guess-'$i'"}' https://192.0.2.10/v1/auth/token &
           sleep 0.2
         done`,
      ),
    ),
    withinMs: 60_000,
  },
]
