import { expect } from 'vitest'
import { openAccessTokens } from '../src/http/index.ts'
import { systemClock } from '../src/lib/clock.ts'
import { newId } from '../src/lib/id.ts'
import { broadcastRoutes } from '../src/modules/broadcasts/index.ts'
import type { Broadcast, WantedAudience } from '../src/modules/broadcasts/schema.ts'
import { notificationsRoutes } from '../src/modules/notifications/index.ts'
import { signedIn, type TestAccount, type TestServices, testApp, testServices, until } from './harness.ts'

export const CONTENT = { fr: { title: 'Coupure demain', body: 'De 9 h à 12 h.' } }
export const EVERYONE: WantedAudience = { kind: 'everyone' }

export const sumOfOutcomes = ({ devices: _, ...others }: Broadcast['counts']) =>
  Object.values(others).reduce((sum, n) => sum + n, 0)

/** The desk of the staff for a test file: an administrator, an agent of agency 1, and what they do. */
export async function openDesk(env: Record<string, string> = {}) {
  const services: TestServices = await testServices({
    env: {
      PUSH_CHUNK: '50',
      LIMIT_PER_ACCOUNT: '100000',
      BROADCAST_APPROVAL_ABOVE: '1000000',
      ...env,
    },
  })
  // Tests move the clock by days; who is signed in stays so.
  services.tokens = await openAccessTokens(services.config.tokenKey, systemClock)
  const app = await testApp(services, it => {
    broadcastRoutes(it, services)
    notificationsRoutes(it, services)
  })
  const admin = await signedIn(services, { role: 'admin' })
  const agent = await signedIn(services, { role: 'agent', agencyId: 1 })
  await signedIn(services, { role: 'agent', agencyId: 2 })

  const post = (url: string, by: TestAccount, payload?: object, key?: string) =>
    app.inject({
      method: 'POST',
      url: `/v1/admin/broadcasts${url}`,
      headers: { authorization: by.authorization, ...(key ? { 'idempotency-key': key } : {}) },
      ...(payload ? { payload } : {}),
    })
  const get = (url: string, by = admin) =>
    app.inject({
      method: 'GET',
      url: `/v1/admin/broadcasts${url}`,
      headers: { authorization: by.authorization },
    })
  async function preview(
    audience: WantedAudience,
    by = admin,
  ): Promise<{ customers: number; devices: number }> {
    const { customers, devices } = (await post('/preview', by, { audience })).json()
    return { customers, devices }
  }
  const shown = async (id: string): Promise<Broadcast> => (await get(`/${id}`)).json()

  async function started(audience: WantedAudience, more: object = {}, by = admin): Promise<string> {
    const answer = await post('', by, { audience, content: CONTENT, ...more }, newId())
    expect(answer.json()).toMatchObject({ state: 'running' })
    expect(answer.statusCode).toBe(202)
    return answer.json().id
  }

  /** Does something to a broadcast, and says what came of it. */
  async function act(verb: 'approve' | 'pause' | 'resume' | 'cancel', id: string, by = admin) {
    const answer = await post(`/${id}/${verb}`, by)
    return { status: answer.statusCode, ...(answer.json() as Broadcast & { code?: string }) }
  }

  async function ended(id: string): Promise<Broadcast> {
    await until('its end', async () => {
      const [row] = await services.db.query<{ ended: boolean }>(
        'select finished_at is not null ended from broadcasts where id = $1',
        [id],
      )
      return row?.ended
    })
    return shown(id)
  }

  /** A customer's link to a meter of an agency: active since a day, or in the span given. */
  async function linked(
    customerId: string,
    agencyId: number,
    { number = '14100000018', since = '-1 day', till = null as string | null } = {},
  ): Promise<void> {
    await services.db.query(
      `with agency as (
         insert into agencies (id, name, match_key) values ($1::int, $1::text, $1::text) on conflict do nothing
       ),
       meter as (
         insert into meters (id, kind, number, poc, agency_id) values ($2, 'prepaid', $3, $1::text, $1)
         on conflict (kind, number, poc) do update set number = excluded.number returning id
       )
       insert into meter_links (id, customer_id, meter_id, agency_id, role, status, activated_at, ended_at)
       select $4, $5, id, $1, 'guest', case when $7::text is null then 'active' else 'revoked' end,
         now() + $6::interval, now() + $7::interval from meter`,
      [agencyId, newId(), number, newId(), customerId, since, till],
    )
  }

  /** No customer, no broadcast, and channels that answer at once. */
  async function clear(): Promise<void> {
    services.pushes.length = 0
    services.answer.push = () => ({ outcome: 'sent' })
    services.clock.advance(Date.now() - services.clock.now())
    await services.db.query(
      'truncate broadcasts, deliveries, outbox, broadcast_targets, broadcast_reads, meter_links, meters, devices cascade',
    )
    await services.db.query("delete from accounts where role = 'customer'")
  }

  async function close(): Promise<void> {
    await app.close()
    await services.close()
  }

  return { services, app, admin, agent, post, get, preview, shown, started, act, ended, linked, clear, close }
}

export type Desk = Awaited<ReturnType<typeof openDesk>>
