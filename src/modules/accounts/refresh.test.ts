import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Accounts, openAccounts, type Person, workOf } from '../../../test/accounts.ts'

let accounts: Accounts
beforeAll(async () => {
  accounts = await openAccounts()
})
afterAll(() => accounts.close())

const refresh = (refreshToken: string) =>
  accounts.call('POST', '/v1/auth/token', { body: { grant: 'refresh', refreshToken } })
const signedIn = async (person: Person): Promise<string> => {
  const how = { device: { id: person.deviceId }, deviceSecret: person.deviceSecret }
  return (await accounts.signIn(person, how)).body.refreshToken
}

describe('a refresh token', () => {
  it('is traded for the next one, with a new access token for the same person, in one statement', async () => {
    const awa = await accounts.newcomer()
    const work = await workOf(accounts.services, () => refresh(awa.refreshToken))
    expect(work.answer.status).toBe(200)
    expect(work.statements).toHaveLength(1)
    expect(work.answer.body).toEqual({
      accessToken: expect.any(String),
      refreshToken: expect.any(String),
      expiresIn: 1_800,
      user: expect.objectContaining({ id: awa.id, phone: awa.phone }),
    })
    expect(work.answer.body.refreshToken).not.toBe(awa.refreshToken)
    const token = work.answer.body.accessToken
    expect((await accounts.call('GET', '/v1/me', { token })).body.id).toBe(awa.id)
  })

  it('that comes again within ten seconds, its successor unused, gets that same successor', async () => {
    const awa = await accounts.newcomer()
    const first = await refresh(awa.refreshToken)
    accounts.services.clock.advance(9_000)
    const again = await refresh(awa.refreshToken)
    expect(again.status).toBe(200)
    expect(again.body.refreshToken).toBe(first.body.refreshToken)
    expect((await refresh(first.body.refreshToken)).status).toBe(200)
  })

  it('that comes twenty times at the same moment gets one successor', async () => {
    const awa = await accounts.newcomer()
    const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(awa.refreshToken)))
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
    expect(new Set(answers.map(({ body }) => body.refreshToken)).size).toBe(1)
    expect((await refresh(answers[0]?.body.refreshToken)).status).toBe(200)
  })

  it('that comes again later than that ends the session', async () => {
    const awa = await accounts.newcomer()
    const first = await refresh(awa.refreshToken)
    accounts.services.clock.advance(10_001)
    const reused = await refresh(awa.refreshToken)
    expect([reused.status, reused.body.code]).toEqual([401, 'session_ended'])
    expect((await refresh(first.body.refreshToken)).body.code).toBe('session_ended')
  })

  it('that comes again once its successor was used ends the session at once, however soon', async () => {
    const awa = await accounts.newcomer()
    const first = await refresh(awa.refreshToken)
    const second = await refresh(first.body.refreshToken)
    const revoked: unknown[] = []
    accounts.services.fanout.subscribe('sessions-revoked', message => void revoked.push(message))
    expect((await refresh(awa.refreshToken)).body.code).toBe('session_ended')
    expect((await refresh(second.body.refreshToken)).body.code).toBe('session_ended')
    const [sessionId] = awa.refreshToken.split('.')
    expect(revoked).toEqual([[sessionId]])
    const rows = await accounts.services.db.query('select revoked_reason from sessions where id = $1', [
      sessionId,
    ])
    expect(rows).toEqual([{ revoked_reason: 'reuse' }])
  })

  it('ends its own session alone', async () => {
    const awa = await accounts.newcomer()
    const other = await signedIn(awa)
    const first = await refresh(awa.refreshToken)
    await refresh(first.body.refreshToken)
    await refresh(awa.refreshToken)
    expect((await refresh(other)).status).toBe(200)
  })

  it('that we never issued is refused and ends nothing, though it names a living session', async () => {
    const awa = await accounts.newcomer()
    const [session, secret, mac] = awa.refreshToken.split('.') as [string, string, string]
    const other = (await accounts.newcomer()).refreshToken.split('.') as [string, string, string]
    const flipped = (text: string) => (text.startsWith('A') ? 'B' : 'A') + text.slice(1)
    // The last digit of the mac carries two bits that mean nothing: they are compared all the same.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const sameBits = mac.slice(0, -1) + alphabet[alphabet.indexOf(mac.slice(-1)) ^ 1]
    for (const made of [
      'garbage',
      `${session}.${'A'.repeat(43)}.${'A'.repeat(43)}`,
      `${session}.${flipped(secret)}.${mac}`,
      `${session}.${secret}.${flipped(mac)}`,
      `${session}.${secret}.${sameBits}`,
      `${session}.${other[1]}.${other[2]}`,
      `${other[0]}.${secret}.${mac}`,
      `${awa.refreshToken} `,
      awa.accessToken.slice(0, 400),
    ]) {
      const work = await workOf(accounts.services, () => refresh(made))
      expect([work.answer.status, work.answer.body.code]).toEqual([401, 'unauthenticated'])
      expect(work.statements).toEqual([])
    }
    expect((await refresh(awa.refreshToken)).status).toBe(200)
  })

  it('lives seven days from its last use', async () => {
    const day = 86_400_000
    const awa = await accounts.newcomer()
    accounts.services.clock.advance(6.9 * day)
    const first = await refresh(awa.refreshToken)
    expect(first.status).toBe(200)
    accounts.services.clock.advance(6.9 * day)
    const second = await refresh(first.body.refreshToken)
    expect(second.status).toBe(200)
    accounts.services.clock.advance(7 * day + 1)
    expect((await refresh(second.body.refreshToken)).body.code).toBe('session_ended')
  })

  it('of a disabled account opens nothing', async () => {
    const awa = await accounts.newcomer()
    await accounts.services.db.query('update accounts set disabled_at = now() where id = $1', [awa.id])
    expect((await refresh(awa.refreshToken)).body.code).toBe('session_ended')
  })

  it('cannot be read in the database, nor its successor without it', async () => {
    const awa = await accounts.newcomer()
    const next = (await refresh(awa.refreshToken)).body.refreshToken as string
    const [row] = await accounts.services.db.query<{ row: string; successor: Buffer }>(
      'select to_jsonb(s)::text "row", successor from sessions s where account_id = $1',
      [awa.id],
    )
    for (const token of [awa.refreshToken, next]) {
      expect(row?.row).not.toContain(token.split('.')[1])
      expect(row?.successor.toString('latin1')).not.toContain(token.split('.')[1])
    }
  })

  it('is refused of any other size, before any work', async () => {
    expect((await refresh('x'.repeat(501))).body.code).toBe('invalid')
  })
})

it('whatever order tokens come in, at whatever times, the rotation is the one the rule describes', async () => {
  const awa = await accounts.newcomer()
  const step = fc.record({
    /** How many tokens back from the present one. */
    back: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(3)),
    wait: fc.constantFrom(0, 2_000, 8_000, 11_000),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 10 }), async steps => {
      const issued = [await signedIn(awa)]
      let usedAt = Number.NEGATIVE_INFINITY
      let ended = false
      let now = 0
      for (const { back, wait } of steps) {
        accounts.services.clock.advance(wait)
        now += wait
        const index = Math.max(0, issued.length - 1 - back)
        const answer = await refresh(issued[index] as string)
        const isPresent = index === issued.length - 1
        // Real time passes too: no sum of the waits lies in the two seconds before the limit.
        const inGrace = index === issued.length - 2 && now - usedAt < 10_000
        if (ended || !(isPresent || inGrace)) {
          expect(answer.body.code).toBe('session_ended')
          ended = true
        } else if (isPresent) {
          expect(answer.status).toBe(200)
          expect(issued).not.toContain(answer.body.refreshToken)
          issued.push(answer.body.refreshToken)
          usedAt = now
        } else expect(answer.body.refreshToken).toBe(issued.at(-1))
      }
    }),
    { numRuns: 40 },
  )
})
