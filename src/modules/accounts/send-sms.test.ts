import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { type Accounts, openAccounts } from '../../../test/accounts.ts'
import { until } from '../../../test/harness.ts'
import { forgetOld, sweepSms } from './index.ts'

let accounts: Accounts
beforeAll(async () => {
  accounts = await openAccounts()
})
afterAll(() => accounts.close())
beforeEach(async () => {
  await accounts.services.db.query('delete from sms_messages')
  await accounts.services.db.query('delete from outbox')
  accounts.services.answer.sms = () => ({ outcome: 'sent' })
})

let n = 0
/** A code on its way; its text waits in the database. */
async function asked(): Promise<string> {
  const phone = `+22170${String(++n).padStart(7, '0')}`
  await accounts.call('POST', '/v1/auth/otp', { body: { phone, purpose: 'register' } })
  return phone
}

const row = async (phone: string) => {
  const [found] = await accounts.services.db.query<{
    state: string
    reason: string | null
    kept: boolean
    attempts: number
  }>('select state, reason, sealed_text is not null kept, attempts from sms_messages where phone = $1', [
    phone,
  ])
  return found
}
const textsTo = (phone: string) => accounts.services.texts.filter(text => text.phone === phone).length
const waiting = async () =>
  (await accounts.services.db.query<{ n: number }>('select count(*) n from outbox'))[0]?.n

it.each([
  ['sent', { outcome: 'sent' } as const],
  ['refused', { outcome: 'refused', reason: 'unknown subscriber' } as const],
  ['ambiguous', { outcome: 'ambiguous', reason: 'no answer in time' } as const],
])('a text that was %s is deleted and never sent again', async (state, outcome) => {
  const phone = await asked()
  accounts.services.answer.sms = () => outcome
  await accounts.drain()
  expect(await row(phone)).toMatchObject({ state, kept: false })
  accounts.services.clock.advance(120_000)
  await sweepSms(accounts.services)
  await accounts.drain()
  expect(textsTo(phone)).toBe(1)
})

it('a text that did not reach the gateway is tried again by the task’s policy, until it is too old', async () => {
  const phone = await asked()
  accounts.services.answer.sms = () => ({ outcome: 'retry', reason: 'connection refused' })
  await expect(accounts.drain()).rejects.toThrow('not reached')
  expect(await row(phone)).toMatchObject({ state: 'pending', kept: true, attempts: 1 })
  // Its retry waits in the broker for 10 s: nobody hurries it before that.
  accounts.services.clock.advance(31_000)
  await sweepSms(accounts.services)
  expect(await waiting()).toBe(0)
  // Had the broker lost it, the sweep would bring it back, once.
  accounts.services.clock.advance(10_000)
  await sweepSms(accounts.services)
  await sweepSms(accounts.services)
  expect(await waiting()).toBe(1)
  accounts.services.answer.sms = () => ({ outcome: 'sent' })
  await accounts.drain()
  expect(await row(phone)).toMatchObject({ state: 'sent', kept: false })

  const late = await asked()
  accounts.services.clock.advance(300_000)
  await accounts.drain()
  expect(await row(late)).toMatchObject({ state: 'expired', kept: false })
  expect(textsTo(late)).toBe(0)
})

it('a text whose outbox row is lost goes out by the sweep', async () => {
  const phone = await asked()
  await accounts.services.db.query('delete from outbox')
  await sweepSms(accounts.services)
  expect(await waiting()).toBe(0)
  accounts.services.clock.advance(31_000)
  await sweepSms(accounts.services)
  await accounts.drain()
  expect(textsTo(phone)).toBe(1)
})

it('the same message handed over twice at once sends one SMS', async () => {
  const phone = await asked()
  await accounts.services.db.query(
    'insert into outbox (task, queue, payload) select task, queue, payload from outbox',
  )
  let release: () => void = () => undefined
  accounts.services.answer.sms = () =>
    new Promise(done => {
      release = () => done({ outcome: 'sent' })
    })
  const first = accounts.drain()
  const second = accounts.drain()
  await until('the SMS on its way', () => textsTo(phone) > 0)
  release()
  await Promise.all([first, second])
  expect(textsTo(phone)).toBe(1)
  expect(await row(phone)).toMatchObject({ state: 'sent', kept: false })
})

it('a text found in the middle of sending after a crash is ambiguous: never sent again', async () => {
  const phone = await asked()
  await accounts.services.db.query("update sms_messages set state = 'sending' where phone = $1", [phone])
  await accounts.drain()
  expect(await row(phone)).toMatchObject({ state: 'ambiguous', kept: false })

  const other = await asked()
  await accounts.services.db.query("update sms_messages set state = 'sending' where phone = $1", [other])
  await accounts.services.db.query('delete from outbox')
  await sweepSms(accounts.services)
  expect(await row(other)).toMatchObject({ state: 'sending' })
  accounts.services.clock.advance(61_000)
  await sweepSms(accounts.services)
  expect(await row(other)).toMatchObject({ state: 'ambiguous', kept: false })
  expect(textsTo(phone) + textsTo(other)).toBe(0)
})

it('what is old is forgotten: codes after a day, records of SMS after 90', async () => {
  const phone = await asked()
  await accounts.drain()
  await forgetOld(accounts.services)
  const codes = () => accounts.services.db.query('select 1 from sms_codes where phone = $1', [phone])
  expect(await codes()).toHaveLength(1)
  accounts.services.clock.advance(2 * 86_400_000)
  await forgetOld(accounts.services)
  expect(await codes()).toHaveLength(0)
  expect(await row(phone)).toBeDefined()
  accounts.services.clock.advance(90 * 86_400_000)
  await forgetOld(accounts.services)
  expect(await row(phone)).toBeUndefined()
})
