import type { Database } from '../../src/db/index.ts'
import { randomSecret, sha256 } from '../../src/lib/secrets.ts'
import { requestBytes } from '../lib/connection.ts'
import { type Lab, PIN } from '../lib/lab.ts'
import { alternate, median, medianRatio } from '../lib/rounds.ts'
import type { Row } from '../lib/table.ts'

const CUSTOMERS = 1_000
const CONNECTIONS = 16
/** What the product runs at once (src/lib/secrets.ts). */
const HASHES_AT_ONCE = 2
const ROUNDS = 4
const SECONDS = 2.5

/** Sign-ins by PIN on a proved device, against argon2id alone: the rest of a sign-in costs little beside it. */
export async function signIn(lab: Lab): Promise<Row[]> {
  const database = await lab.database('sign_in', CUSTOMERS)
  const { port } = await lab.server(database, { pinned: false })
  const requests = await provedDevices(database.db)
  const bare = await lab.child<object>('bare-argon2.ts')
  const ours = async () => {
    const { perSecond } = await lab.load({
      kind: 'flood',
      port,
      connections: CONNECTIONS,
      seconds: SECONDS,
      requests,
    })
    return perSecond
  }
  await ours()
  const rates = await alternate(ROUNDS, {
    ours,
    bare: () => bare.ask<number>({ atOnce: HASHES_AT_ONCE, seconds: SECONDS }),
  })
  return [
    {
      what: 'sign-ins by PIN',
      ours: `${median(rates.ours).toFixed(0)}/s`,
      against: `${median(rates.bare).toFixed(0)}/s bare argon2id`,
      figure: medianRatio(rates.ours, rates.bare),
      floor: { least: 0.8 },
    },
  ]
}

/** Proves the devices of some customers, and gives the requests by which they sign in. */
async function provedDevices(db: Database): Promise<string[]> {
  const secret = randomSecret()
  const proved = await db.query<{ phone: string; installation: string }>(
    `update devices d set secret_hash = $1 from accounts a
     where a.id = d.customer_id and a.phone between '+221770000100' and '+221770000499'
     returning a.phone, d.installation`,
    [sha256(secret)],
  )
  return proved.map(({ phone, installation }) =>
    requestBytes('POST', '/v1/auth/token', {
      body: {
        grant: 'pin',
        phone,
        pin: PIN,
        device: { id: installation, platform: 'android' },
        deviceSecret: secret,
      },
    }),
  )
}
