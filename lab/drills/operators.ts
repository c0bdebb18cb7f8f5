import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Laboratory } from '../lib/laboratory.ts'
import { ADDRESSES } from '../lib/places.ts'
import { sql } from '../lib/servers.ts'
import { type Drill, UNNOTICED, underLoad, until } from './drill.ts'

const GUIDE = fileURLToPath(
  new URL('../../docs/production/GUIDE_MISE_EN_PRODUCTION_PARTIE3.md', import.meta.url),
)
const OLD_SECONDS = 5 * 60
const LAB_MS = 60 * 60_000
const TO = `-h ${ADDRESSES.server1[0]} -p 6432 -U samaconso_user`
const FORGOTTEN = 'select pg_sleep(86400)'
/** For how long the forgotten one has been there, s; nothing when it is not. */
const AGE = `select extract(epoch from now() - query_start) from pg_stat_activity
  where usename = 'samaconso_user' and state = 'active' and query = '${FORGOTTEN}'`

/** The commands of the production guide, letter by letter, as somebody on server 2 types them. */
export const operators: Drill = {
  name: 'operators',
  what: 'pg_dump through 6432 and the query that ends backends older than five minutes, in the middle of it',
  atMostSeconds: 450,
  /** Somebody asks for what does not end, and again when another drill ends it: by the time of this one it is old. */
  async prepare({ lab }) {
    const again = `until [ -e ${isRemembered(lab)} ]; do psql ${TO} -d samaconso -c "${FORGOTTEN}"; sleep 1; done`
    void type(lab, again, LAB_MS).catch(() => undefined)
  },
  async run(stage) {
    const { lab } = stage
    const age = () => sql(lab.root('server1'), AGE)
    await until(
      'a session to be old',
      (OLD_SECONDS + 60) * 1_000,
      async () => Number(await age()) > OLD_SECONDS,
    )
    await writeFile(isRemembered(lab), '')
    return underLoad(stage, UNNOTICED, async notes => {
      const [size, ended] = await Promise.all([
        type(lab, `pg_dump ${TO} -F c samaconso | wc -c`),
        type(lab, await queryOfTheGuide()),
      ])
      notes.push(`dump of ${Math.round(Number(size) / 1_000_000)} MB`)
      const count = ended.split('\n').filter(line => line.trim() === 't').length
      if (count !== 1 || (await age()) !== '')
        throw new Error(`not the forgotten session alone was ended:\n${ended}`)
      notes.push('the forgotten session was ended, and no other')
    })
  },
}

const isRemembered = ({ folder }: Laboratory): string => join(folder, 'remembered')

async function queryOfTheGuide(): Promise<string> {
  const lines = (await readFile(GUIDE, 'utf8')).split('\n')
  const command = lines.find(line => line.startsWith('psql') && line.includes('pg_terminate_backend'))
  if (!command) throw new Error('the guide does not say how old backends are ended')
  return command.replace('SERVER1', ADDRESSES.server1[0])
}

/** With the operators' password. */
async function type(lab: Laboratory, command: string, ms?: number): Promise<string> {
  const list = join(lab.root('server1'), 'etc/pgbouncer/userlist.txt')
  const password = `PGPASSWORD=$(sed -n 's/^"samaconso_user" "\\(.*\\)"/\\1/p' ${list})`
  return lab.on(
    'server2',
    ['bash', '-c', `set -o pipefail; export ${password} PGSSLMODE=require; ${command}`],
    ms,
  )
}
