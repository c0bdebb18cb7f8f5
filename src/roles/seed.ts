import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { from as copyFrom } from 'pg-copy-streams'
import type { Database } from '../db/index.ts'
import { newId } from '../lib/id.ts'
import { withLuhn } from '../lib/luhn.ts'
import { openSecrets } from '../lib/secrets.ts'
import { nameKey } from '../lib/text.ts'
import { withDatabase } from './commands.ts'
import { StartError } from './say.ts'

const MOST = 9_999_999
const BATCH = 20_000
const AGENCIES = 50
const PIN = '7394'
const FIRST_NAMES = [
  'Awa',
  'Modou',
  'Fatou',
  'Ibrahima',
  'Aïssatou',
  'Cheikh',
  'Mariama',
  'Ousmane',
  'Khady',
  'Abdou',
]
const LAST_NAMES = ['Diop', 'Ndiaye', 'Fall', 'Sow', 'Ba', 'Gueye', 'Sarr', 'Faye', 'Diallo', 'Thiam']

/**
 * Makes customers 1 to N of the simulated world: account, device with push token `sim-seed-<n>`, prepaid meter and
 * agency. Those that exist are left alone, so it may be run again and with a larger N. All have the same PIN.
 */
export async function runSeed(args: string[], env: Record<string, string | undefined>): Promise<void> {
  const wanted = Number(args[args.indexOf('--customers') + 1])
  if (!args.includes('--customers') || !Number.isInteger(wanted) || wanted < 1 || wanted > MOST) {
    throw new StartError({
      fr: `Dites combien : npm run samaconso -- seed --customers N, de 1 à ${MOST}.`,
      en: `Say how many: npm run samaconso -- seed --customers N, from 1 to ${MOST}.`,
    })
  }
  await withDatabase(env, async (db, pepper) => {
    const pinHash = await openSecrets({ pepper, sealKey: pepper }).hash(PIN)
    const made = await seed(db, wanted, pinHash, done => progress(done, wanted))
    process.stdout.write(`\n${made} customers made, ${wanted - made} were there. PIN ${PIN}.\n`)
  })
}

/** Seeds customers 1 to `wanted`; returns how many were new. */
export async function seed(
  db: Database,
  wanted: number,
  pinHash: string,
  onProgress: (done: number) => void = () => undefined,
): Promise<number> {
  await db.query(
    `insert into agencies (id, name, match_key)
     select n, 'Agence ' || n, 'agence' || n from generate_series(0, $1::int - 1) n on conflict do nothing`,
    [AGENCIES],
  )
  let made = 0
  for (let first = 1; first <= wanted; first += BATCH) {
    const last = Math.min(first + BATCH - 1, wanted)
    made += await seedBatch(db, first, last, pinHash)
    onProgress(last)
  }
  await db.query('analyze accounts, devices, meters, meter_links')
  return made
}

interface Seeded {
  n: number
  customer: string
  meter: string
  meterIsNew: boolean
}

async function seedBatch(db: Database, first: number, last: number, pinHash: string): Promise<number> {
  const rows = await missing(db, first, last)
  if (rows.length === 0) return 0
  const now = new Date().toISOString()
  await db.withConnection(async client => {
    await client.query('begin')
    const copy = (table: string, columns: string, lines: Iterable<string>) =>
      pipeline(Readable.from(lines), client.query(copyFrom(`copy ${table} (${columns}) from stdin`)))
    await copy(
      'accounts',
      'id, role, phone, first_name, last_name, name_key, family_key, secret_hash, created_at, updated_at',
      lines(rows, row => {
        const firstName = FIRST_NAMES[row.n % 10] as string
        const lastName = LAST_NAMES[Math.floor(row.n / 10) % 10] as string
        const keys = `${nameKey(`${firstName} ${lastName}`)}\t${nameKey(`${lastName} ${firstName}`)}`
        return `${row.customer}\tcustomer\t${phoneOf(row.n)}\t${firstName}\t${lastName}\t${keys}\t${pinHash}\t${now}\t${now}`
      }),
    )
    await copy(
      'devices',
      'id, customer_id, installation, platform, push_token',
      lines(rows, row => `${newId()}\t${row.customer}\tseed-${row.n}\tandroid\tsim-seed-${row.n}`),
    )
    await copy(
      'meters',
      'id, kind, number, poc, agency_id, tariff, holder_phone',
      lines(
        rows.filter(row => row.meterIsNew),
        row =>
          `${row.meter}\tprepaid\t${meterOf(row.n)}\tP${digits(row.n)}\t${row.n % AGENCIES}\tDPP\t${phoneOf(row.n)}`,
      ),
    )
    await copy(
      'meter_links',
      'id, customer_id, meter_id, agency_id, role, status, is_default, decided_at, activated_at',
      lines(
        rows,
        row =>
          `${newId()}\t${row.customer}\t${row.meter}\t${row.n % AGENCIES}\towner\tactive\tt\t${now}\t${now}`,
      ),
    )
    await client.query('commit')
  })
  return rows.length
}

/** The numbers of a range that have no account yet, and whose token is free. */
async function missing(db: Database, first: number, last: number): Promise<Seeded[]> {
  const [known] = await db.query<{ phones: string[]; tokens: string[]; meters: Record<string, string> }>(
    `select
       coalesce((select array_agg(phone) from accounts where phone between $1 and $2), '{}') phones,
       coalesce((select array_agg(push_token) from devices where push_token = any($5)), '{}') tokens,
       coalesce((select jsonb_object_agg(number, id) from meters
                 where kind = 'prepaid' and number between $3 and $4 and poc = 'P' || substr(number, 4, 7)), '{}') meters`,
    [
      phoneOf(first),
      phoneOf(last),
      meterOf(first),
      meterOf(last),
      Array.from({ length: last - first + 1 }, (_, i) => `sim-seed-${first + i}`),
    ],
  )
  const phones = new Set(known?.phones)
  const tokens = new Set(known?.tokens)
  const rows: Seeded[] = []
  for (let n = first; n <= last; n++) {
    if (phones.has(phoneOf(n)) || tokens.has(`sim-seed-${n}`)) continue
    const meter = known?.meters[meterOf(n)]
    rows.push({ n, customer: newId(), meter: meter ?? newId(), meterIsNew: meter === undefined })
  }
  return rows
}

/** Lines of COPY, in pieces large enough to cost little each. */
function* lines(rows: readonly Seeded[], line: (row: Seeded) => string): Generator<string> {
  for (let i = 0; i < rows.length; i += 500) {
    yield `${rows
      .slice(i, i + 500)
      .map(line)
      .join('\n')}\n`
  }
}

const digits = (n: number): string => String(n).padStart(7, '0')
const phoneOf = (n: number): string => `+22177${digits(n)}`
const meterOf = (n: number): string => withLuhn(`141${digits(n)}`)

let startedAt = 0
function progress(done: number, wanted: number): void {
  startedAt ||= performance.now()
  const share = done / wanted
  const bar = '█'.repeat(Math.round(share * 30)).padEnd(30, '░')
  const seconds = Math.round((performance.now() - startedAt) / 1_000)
  process.stdout.write(
    `${process.stdout.isTTY ? '\r' : ''}${bar} ${done}/${wanted} ${seconds} s${process.stdout.isTTY ? '' : '\n'}`,
  )
}
