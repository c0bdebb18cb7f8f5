import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { makeVersion } from '../lib/product.ts'
import { run } from '../lib/run.ts'
import { sql } from '../lib/servers.ts'
import { type Drill, type Floors, type Stage, UNNOTICED, underLoad } from './drill.ts'

const DEPLOY = fileURLToPath(new URL('../../deploy', import.meta.url))
const REMOTE = fileURLToPath(new URL('../bin/remote', import.meta.url))
const OPERATION_MS = 400_000
const NEXT = '9.1.0'
const BAD = '9.2.0'

/**
 * A restoration sends customers away, with the time to come back; until it begins, whoever needs the table that is gone gets
 * a 500. What is judged is that no row from before is lost.
 */
const RESTORING: Floors = {
  failed: Number.POSITIVE_INFINITY,
  shed: Number.POSITIVE_INFINITY,
  gapMs: 180_000,
  mayLose: true,
}

/** What operators do, with the scripts of deploy/ as they are. */
export const operationDrills: readonly Drill[] = [
  {
    name: 'rollout',
    what: 'a new version with a migration rolled out',
    atMostSeconds: 600,
    async run(stage) {
      await makeNext(stage)
      return underLoad(stage, UNNOTICED, async notes => {
        notes.push(await operate(stage, 'rollout', NEXT))
        await versionInService(stage, NEXT)
        const there = await sql(stage.lab.root('server1'), "select to_regclass('lab_rollout') is not null")
        if (there !== 't') throw new Error('the migration was not made')
      })
    },
  },
  {
    name: 'rollback',
    what: 'back to the version before, with deploy/rollback application',
    atMostSeconds: 600,
    async run(stage) {
      // By itself it has nothing to go back from.
      if (!(await versions(stage)).includes(` ${NEXT}`)) {
        await makeNext(stage)
        await operate(stage, 'rollout', NEXT)
      }
      return underLoad(stage, UNNOTICED, async notes => {
        notes.push(await operate(stage, 'rollback', 'application'))
        if ((await versions(stage)).includes(` ${NEXT}`))
          throw new Error(`not back: ${await versions(stage)}`)
      })
    },
  },
  {
    name: 'bad-version',
    what: 'a version that does not start returns by itself',
    atMostSeconds: 600,
    async run(stage) {
      // It starts, and is never ready: the worst kind. Its commands work, or it would not come beyond its migrations.
      await makeVersion(stage.lab.folder, BAD, async copy => {
        await rename(join(copy, 'src/main.ts'), join(copy, 'src/commands.ts'))
        await writeFile(
          join(copy, 'src/main.ts'),
          `const roles = ['api', 'worker', 'scheduler', 'monitor']
if (roles.includes(process.argv[2] ?? '')) setInterval(() => undefined, 1_000)
else await import('./commands.ts')
`,
        )
      })
      const before = await versions(stage)
      return underLoad(stage, UNNOTICED, async notes => {
        const said = await operate(stage, 'rollout', BAD).catch((error: Error) => error.message)
        if (!said.includes(`${BAD} is not in service`)) throw new Error(`it was put into service:\n${said}`)
        notes.push('returned by itself')
        if ((await versions(stage)) !== before) throw new Error(`not as before: ${await versions(stage)}`)
      })
    },
  },
]

export const restoration: Drill = {
  name: 'restoration',
  what: 'DROP TABLE by accident, and the database back to the second before',
  atMostSeconds: 600,
  run: restore,
}

async function restore(stage: Stage) {
  const { lab } = stage
  const root = lab.root('server1')
  await lab.on('server1', ['samaconso-backup', 'full'], OPERATION_MS)
  let before: string[] = []
  const outcome = await underLoad(stage, RESTORING, async notes => {
    await pause(3_000)
    // In one statement: what was committed by then is named, and nothing else.
    const [ids = '', moment = ''] = (
      await sql(root, "select string_agg(id::text, ','), clock_timestamp() from notifications")
    ).split('|')
    before = ids.split(',').filter(Boolean)
    await pause(1_500)
    await sql(root, 'drop table notifications cascade')
    await sql(root, 'select pg_switch_wal()')
    notes.push(await operate(stage, 'rollback', 'database', '--to', moment, '--yes'))
    await pause(5_000)
  })
  const there = new Set((await sql(root, "select string_agg(id::text, ',') from notifications")).split(','))
  const missing = before.filter(id => !there.has(id))
  if (before.length === 0) outcome.wrong.push('nothing was there to be restored')
  if (missing.length > 0) outcome.wrong.push(`${missing.length} notifications of before are not there again`)
  outcome.notes.push(
    `${before.length} notifications were there a second before, ${missing.length} of them are missing`,
  )
  await lab.on('server2', ['samaconso', 'restored', '--confirm-broadcasts'])
  return outcome
}

const makeNext = ({ lab }: Stage): Promise<void> =>
  makeVersion(lab.folder, NEXT, copy =>
    writeFile(
      join(copy, 'migrations/9100_lab.sql'),
      '-- safe: a table that no other version knows.\ncreate table lab_rollout (n integer);\n',
    ),
  )

/** Runs a script of deploy/, which reaches machines by `bin/remote` instead of SSH; gives how long it took. */
async function operate({ lab }: Stage, script: string, ...args: string[]): Promise<string> {
  const startedAt = Date.now()
  await run([join(DEPLOY, script), ...args], {
    ms: OPERATION_MS,
    env: {
      LAB: lab.folder,
      INVENTORY: join(lab.folder, 'inventory'),
      SAMACONSO_REMOTE: REMOTE,
      SAMACONSO_LOG: join(lab.folder, 'logs/operations'),
      CHECK_SECONDS: '30',
    },
  })
  return `deploy/${script} took ${Math.round((Date.now() - startedAt) / 1_000)} s`
}

/** Every process with its version. */
const versions = async ({ lab }: Stage): Promise<string> =>
  [
    await lab.on('server2', ['samaconso-instance', 'list']),
    await lab.on('server3', ['samaconso-instance', 'list']),
  ].join('\n')

async function versionInService(stage: Stage, wanted: string): Promise<void> {
  const others = (await versions(stage)).split('\n').filter(line => !line.endsWith(` ${wanted}`))
  if (others.length > 0) throw new Error(`not ${wanted}: ${others.join(', ')}`)
}
