import { newId } from '../../src/lib/id.ts'
import { sha256 } from '../../src/lib/secrets.ts'
import { newRefreshToken } from '../../src/modules/accounts/refresh-token.ts'
import type { Lab } from '../lib/lab.ts'
import { alternate, median, medianRatio } from '../lib/rounds.ts'
import { perSecond, type Row } from '../lib/table.ts'

const FEW = 1_000
const MANY = 100_000
const CONNECTIONS = 32
const ROUNDS = 5
const SECONDS = 2

/** Refresh tokens traded at a thousand and at a hundred thousand live sessions. */
export async function refresh(lab: Lab): Promise<Row[]> {
  const few = await traders(lab, FEW)
  const many = await traders(lab, MANY)
  await few()
  await many()
  const rates = await alternate(ROUNDS, { few, many })
  return [
    {
      what: 'refreshes per second at 100,000 sessions',
      ours: perSecond(median(rates.many)),
      against: '',
      figure: median(rates.many),
      floor: { least: 300 },
    },
    {
      what: 'refreshes: 1,000 sessions / 100,000',
      ours: perSecond(median(rates.many)),
      against: `${perSecond(median(rates.few))} at 1,000`,
      figure: medianRatio(rates.few, rates.many),
      floor: { most: 1.2 },
    },
  ]
}

/** As many live sessions as customers, their tokens in random order. */
async function traders(lab: Lab, size: number): Promise<() => Promise<number>> {
  const database = await lab.database(`sessions_${size}`, size)
  const { db } = database
  const accounts = await db.query<{ id: string }>(
    "select id from accounts where role = 'customer' order by random()",
  )
  const sessions = accounts.map(({ id }) => {
    const session = newId()
    return { id: session, account: id, token: newRefreshToken(lab.secrets, session) }
  })
  await db.query(
    `insert into sessions (id, account_id, token_hash, expires_at)
     select id, account, hash, now() + interval '7 days' from unnest($1::uuid[], $2::uuid[], $3::bytea[]) s (id, account, hash)`,
    [
      sessions.map(session => session.id),
      sessions.map(session => session.account),
      sessions.map(session => sha256(session.token)),
    ],
  )
  await db.query('analyze sessions')
  const line = String(size)
  await lab.tell({ kind: 'tokens', line, tokens: sessions.map(session => session.token) })
  const { port } = await lab.server(database)
  return async () => {
    const measured = await lab.load({
      kind: 'refreshes',
      port,
      connections: CONNECTIONS,
      seconds: SECONDS,
      line,
    })
    return measured.perSecond
  }
}
