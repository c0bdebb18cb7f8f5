import { statfs } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { type Disked, diskOf, fillDisk, freeDisk } from '../lib/disks.ts'
import type { Laboratory } from '../lib/laboratory.ts'
import { inPlace } from '../lib/network.ts'
import { run } from '../lib/run.ts'
import { sql } from '../lib/servers.ts'
import { type Drill, type Floors, type Outcome, type Stage, UNNOTICED, underLoad, until } from './drill.ts'
import { doctor } from './said.ts'

/** Above what an alert is raised for. */
const NEARLY = 0.94
const ALERT_MS = 60_000
const SAID_MS = 15_000
const FULL_MS = 12_000
const BACK_MS = 60_000
/** Of a session that writes, until it does; and how long PostgreSQL stays down. */
const SESSION_MS = 10_000
const DOWN_MS = 5_000
/** Nothing can be written: customers are told when to come back, for as long as it is full and 10 s more. */
const NO_WRITING: Floors = { failed: 0, shed: Number.POSITIVE_INFINITY, gapMs: 60_000 }
const TMPFS = 0x01021994

interface Full {
  machine: Disked
  what: string
  floors: Floors
  /** What the doctor has to say, from server 2 or 3. */
  says: { component: string; words: RegExp }
  /** Begun before it is full: what else goes wrong in the end. */
  worse?: (lab: Laboratory) => Promise<string>
}

const FULL: readonly Full[] = [
  {
    machine: 'server1',
    what: "PostgreSQL's and the object storage's disk filled to the last byte, until PostgreSQL stops; then freed",
    floors: NO_WRITING,
    says: { component: 'postgresql', words: /disque (est )?plein/ },
    worse: untilPostgresStops,
  },
  {
    machine: 'server2',
    what: "RabbitMQ's disk filled to the last byte, then freed",
    floors: UNNOTICED,
    says: { component: 'rabbitmq', words: /manque de disque|refuse la connexion|coupe la connexion/ },
  },
  {
    machine: 'server3',
    what: "Redis's and Prometheus's disk filled to the last byte, then freed",
    floors: UNNOTICED,
    says: { component: 'redis', words: /ne s’écrit plus|ne peut plus écrire/ },
  },
]

export const diskDrills: readonly Drill[] = FULL.map(full => ({
  name: `disk-full-${full.machine}`,
  what: full.what,
  atMostSeconds: 400,
  run: stage => fillAndFree(stage, full),
}))

async function fillAndFree(stage: Stage, { machine, floors, says, worse }: Full): Promise<Outcome> {
  const { lab } = stage
  const wrong: string[] = []
  try {
    const outcome = await underLoad(stage, floors, async notes => {
      await fillDisk(lab.folder, machine, NEARLY)
      if (!(await isInMemory(lab, machine)))
        await until('the alert DiskFull', ALERT_MS, () => hasAlert(diskOf(lab.folder, machine))).catch(
          (error: Error) => wrong.push(error.message),
        )
      const worst = worse?.(lab)
      await fillDisk(lab.folder, machine, 1)
      const filled = Date.now()
      let said = ''
      await until(`the doctor to say ${says.words}`, SAID_MS, async () => {
        const faults = (await doctor(lab, machine === 'server3' ? 'server3' : 'server2')).filter(
          ({ component, state }) => component === says.component && state === 'fault',
        )
        said = faults.map(({ what, remedy }) => `${what} (${remedy})`).join('; ')
        return says.words.test(said)
      }).catch((error: Error) => wrong.push(`${error.message}; it said: ${said}`))
      wrong.push(...(await diskUnsaid(lab, machine)))
      if (worst) notes.push(await worst)
      await pause(Math.max(0, FULL_MS - (Date.now() - filled)))
      await freeDisk(lab.folder, machine)
      notes.push(`full for ${seconds(filled)} s`)
      const freed = Date.now()
      await until('everything to run again', BACK_MS, () =>
        lab.units.supervisor.status().every(({ state }) => state === 'up'),
      )
      await until('the doctor to find nothing there', BACK_MS, async () =>
        isWell(lab, machine, says.component),
      )
      notes.push(`well again ${seconds(freed)} s after it was freed`)
    })
    outcome.wrong.push(...wrong)
    return outcome
  } finally {
    await freeDisk(lab.folder, machine)
  }
}

const seconds = (since: number) => Math.round((Date.now() - since) / 1_000)

const isInMemory = async (lab: Laboratory, machine: Disked) =>
  (await statfs(diskOf(lab.folder, machine))).type === TMPFS

/** Prometheus waits for five minutes before it sends it, and shows it at once. */
async function hasAlert(mountpoint: string): Promise<boolean> {
  const text = await run([...inPlace('server3'), 'curl', '-sf', 'http://127.0.0.1:9090/api/v1/alerts'])
  const { data } = JSON.parse(text) as { data: { alerts: { labels: Record<string, string> }[] } }
  return data.alerts.some(({ labels }) => labels.alertname === 'DiskFull' && labels.mountpoint === mountpoint)
}

/** What people type on the machine itself. */
async function diskUnsaid(lab: Laboratory, machine: Disked): Promise<string[]> {
  if (machine !== 'server1') {
    const disks = (await doctor(lab, machine)).filter(
      ({ component, state }) => component === 'disk' && state === 'fault',
    )
    return disks.length > 0 ? [] : [`the doctor on ${machine} says nothing of its disk`]
  }
  // No product is there, and so no doctor: the script does it alone.
  const conf = `${lab.root(machine)}/etc/samaconso/health_check.conf`
  const said = await lab.on(machine, [
    'sh',
    '-c',
    `HEALTH_CHECK_CONF=${conf} bash "$(command -v health_check_complet.sh)" --sans-programme || true`,
  ])
  return /✗ disk +.*100 % pris/.test(said) ? [] : [`health_check_complet.sh says:\n${said}`]
}

async function isWell(lab: Laboratory, machine: Disked, component: string): Promise<boolean> {
  const found = await doctor(lab, machine === 'server3' ? 'server3' : 'server2')
  return found.every(one => one.component !== component || one.state !== 'fault')
}

/** Its log needs a new file sooner or later, and it stops then; here by what a session writes that was there before. */
async function untilPostgresStops(lab: Laboratory): Promise<string> {
  const startedAt = Date.now()
  const writes = `do $$ begin
    perform pg_sleep(${SESSION_MS / 1_000});
    for i in 1..400 loop perform pg_logical_emit_message(false, 'drill', repeat('x', 16000000)); end loop;
  end $$`
  const said = await sql(lab.root('server1'), writes).then(
    () => '',
    (error: Error) => error.message,
  )
  if (!/PANIC|closed the connection|terminating connection/.test(said))
    throw new Error(`PostgreSQL goes on: ${said}`)
  await pause(DOWN_MS)
  return `PostgreSQL stopped by itself ${seconds(startedAt) - DOWN_MS / 1_000} s after that`
}
