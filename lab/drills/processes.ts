import { setTimeout as pause } from 'node:timers/promises'
import {
  type Drill,
  type Floors,
  killAndReturn,
  SHORT_PAUSE,
  type Stage,
  UNNOTICED,
  underLoad,
} from './drill.ts'

const killed = (name: string, what: string, floors: Floors, isShort = false): Drill => ({
  name: `${name.replace('samaconso_', '').replaceAll('_', '-')}-killed`,
  what,
  isShort,
  atMostSeconds: 240,
  run: stage =>
    underLoad(stage, floors, async notes => {
      notes.push(`back after ${(await killAndReturn(stage, name)).toFixed(1)} s`)
    }),
})

/** Each process killed as `kill -9` does, one at a time. */
export const processDrills: readonly Drill[] = [
  killed('samaconso_api_1', 'an API instance killed', UNNOTICED, true),
  {
    name: 'api-frozen',
    what: 'an API instance frozen for 25 s (SIGSTOP)',
    atMostSeconds: 150,
    // Who was just asked of it waits for the balancer's 15 s, and gets the other's answer.
    run: stage =>
      underLoad(stage, UNNOTICED, async () => {
        stage.lab.units.freeze('samaconso_api_2')
        await pause(25_000)
        stage.lab.units.thaw('samaconso_api_2')
        await pause(15_000)
      }),
  },
  {
    name: 'apis-restarted',
    what: 'both API instances restarted, one right after the other',
    atMostSeconds: 180,
    run: stage =>
      underLoad(stage, UNNOTICED, async notes => {
        for (const name of ['samaconso_api_1', 'samaconso_api_2']) notes.push(await restarted(stage, name))
      }),
  },
  killed('samaconso_worker_1', 'a worker killed', UNNOTICED),
  killed('samaconso_rabbitmq', 'RabbitMQ killed', UNNOTICED),
  killed('samaconso_redis', 'Redis killed', UNNOTICED, true),
  killed('pgbouncer', 'PgBouncer killed', SHORT_PAUSE),
  killed('postgresql', 'PostgreSQL killed', SHORT_PAUSE, true),
  {
    name: 'postgresql-restarted',
    what: 'PostgreSQL restarted by an operator',
    atMostSeconds: 120,
    run: stage =>
      underLoad(stage, SHORT_PAUSE, async notes => {
        notes.push(await restarted(stage, 'postgresql'))
      }),
  },
  killed('storage', 'the object storage killed', UNNOTICED),
  killed('samaconso_scheduler_1', 'a scheduler killed', UNNOTICED),
]

async function restarted({ lab }: Stage, name: string): Promise<string> {
  const startedAt = Date.now()
  await lab.units.restart(name)
  return `${name} back after ${((Date.now() - startedAt) / 1_000).toFixed(1)} s`
}
