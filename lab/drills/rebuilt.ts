import { setTimeout as pause } from 'node:timers/promises'
import type { Laboratory } from '../lib/laboratory.ts'
import { destroy, rebuild } from '../lib/rebuild.ts'
import { sql } from '../lib/servers.ts'
import { type Drill, type Floors, type Stage, underLoad, until } from './drill.ts'

const OPERATION_MS = 300_000
const BACK_MS = 120_000
/** What is archived is at most so far behind. */
const MINUTE_MS = 60_000
const SNAPSHOT_MS = 4_000
/** Every customer is told when to come back, as long as it takes. */
const GONE: Floors = { failed: 0, shed: Number.POSITIVE_INFINITY, gapMs: 300_000 }

/** A server is gone for good, and another is made from the inventory and the backups. */
export const rebuiltDrills: readonly Drill[] = [
  {
    name: 'server2-rebuilt',
    what: 'server 2 destroyed (both API instances, RabbitMQ with what it held), and built anew from the inventory',
    atMostSeconds: 500,
    run: stage =>
      underLoad(stage, GONE, async notes => {
        const startedAt = Date.now()
        await destroy(stage.lab, 'server2')
        const destroyed = Date.now()
        await rebuild(stage.lab, 'server2')
        notes.push(`rebuilt in ${seconds(destroyed)} s`)
        await servedAgain(stage)
        notes.push(`customers served again ${seconds(startedAt)} s after it was gone`)
      }),
  },
  {
    name: 'server1-rebuilt',
    what: 'server 1 destroyed (database, object storage), and built anew from the inventory and the backups',
    atMostSeconds: 900,
    run: rebuildServer1,
  },
]

const seconds = (since: number) => Math.round((Date.now() - since) / 1_000)

async function rebuildServer1(stage: Stage) {
  const { lab } = stage
  await leaveFile(lab)
  await lab.on('server1', ['samaconso-backup', 'full'], OPERATION_MS)
  await lab.on('server1', ['samaconso-backup', 'files'], OPERATION_MS)
  let archived: Snapshot | undefined
  let older: Snapshot | undefined
  const outcome = await underLoad(stage, { ...GONE, mayLose: true }, async notes => {
    const snapshots = await archivedSnapshots(lab)
    ;({ archived } = snapshots)
    const gone = Date.now()
    older = snapshots.all.findLast(({ at }) => at < gone - MINUTE_MS)
    await destroy(lab, 'server1')
    const destroyed = Date.now()
    await rebuild(lab, 'server1')
    notes.push(`rebuilt in ${seconds(destroyed)} s, empty`)
    const restoring = Date.now()
    await lab.on('server1', ['samaconso-restore', '--latest'], OPERATION_MS)
    await lab.on('server1', ['samaconso-restore', '--files'], OPERATION_MS)
    await lab.on('server2', ['samaconso', 'restored'])
    notes.push(`database and files back in ${seconds(restoring)} s more`)
    await servedAgain(stage)
    notes.push(`customers served again ${seconds(gone)} s after it was gone`)
    const last = await sql(
      lab.root('server1'),
      `select extract(epoch from to_timestamp(${gone / 1_000}) - max(created_at))::int from notifications where created_at < to_timestamp(${destroyed / 1_000})`,
    )
    notes.push(`the last notification that is there is of ${last} s before`)
  })
  const there = new Set((await sql(lab.root('server1'), IDS)).split('|')[0]?.split(','))
  const missing = (snapshot: Snapshot | undefined) => snapshot?.ids.filter(id => !there.has(id)).length
  if (!archived || missing(archived) !== 0)
    outcome.wrong.push(`${missing(archived)} notifications are missing that were in the archived log`)
  if (!older || missing(older) !== 0)
    outcome.wrong.push(`${missing(older)} notifications are missing that were a minute old`)
  outcome.notes.push(`${archived?.ids.length} notifications were in the archived log, and all are there`)
  const file = await readFile(lab)
  if (file !== 'portrait') outcome.wrong.push(`the file of before is not in the object storage: ${file}`)
  await lab.on('server2', ['samaconso', 'restored', '--confirm-broadcasts'])
  return outcome
}

interface Snapshot {
  at: number
  ids: string[]
  /** Where the log was. */
  log: string
}

const IDS = "select string_agg(id::text, ','), pg_walfile_name(pg_current_wal_lsn()) from notifications"

/**
 * What was there, again and again for more than a minute; `archived` is the last of which the whole log has been archived by then, as
 * PostgreSQL does it by itself.
 */
async function archivedSnapshots(lab: Laboratory): Promise<{ all: Snapshot[]; archived?: Snapshot }> {
  const all: Snapshot[] = []
  const startedAt = Date.now()
  while (Date.now() - startedAt < MINUTE_MS + 3 * SNAPSHOT_MS) {
    const [ids = '', log = ''] = (await sql(lab.root('server1'), IDS)).split('|')
    all.push({ at: Date.now(), ids: ids.split(',').filter(Boolean), log })
    await pause(SNAPSHOT_MS)
  }
  const last = await sql(lab.root('server1'), 'select last_archived_wal from pg_stat_archiver')
  const archived = all.findLast(({ log }) => log <= last)
  return archived ? { all, archived } : { all }
}

/** A file in the object storage, by the machine's own settings, and what is in it. */
const FILE = 'samaconso:avatars/drill'
const rclone = (lab: Laboratory, words: string) =>
  lab.on('server1', [
    'sh',
    '-c',
    `${words} --config ${lab.root('server1')}/etc/samaconso/storage/rclone.conf`,
  ])
const leaveFile = (lab: Laboratory) => rclone(lab, `printf portrait | rclone rcat ${FILE}`)
const readFile = (lab: Laboratory) => rclone(lab, `rclone cat ${FILE}`).catch((error: Error) => error.message)

/** Answers are good again, and everything runs. */
async function servedAgain({ lab }: Stage): Promise<void> {
  await until('everything to run', BACK_MS, () =>
    lab.units.supervisor.status().every(({ state }) => state === 'up'),
  )
  await until('the balancer to have both instances', BACK_MS, async () => {
    const states = await Promise.all(
      [1, 2].map(n => lab.on('balancer1', ['samaconso-pool', 'state', `samaconso_api_${n}`])),
    )
    return states.every(state => state.trim() === 'UP')
  })
}
