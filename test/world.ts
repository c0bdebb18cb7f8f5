import { newId } from '../src/lib/id.ts'
import type { TestAccount, TestServices } from './harness.ts'
import { withDevice } from './harness.ts'

/** What somebody owns, one of each kind, for the tests that try to reach it from outside. */
export interface Belongings {
  phone: string
  meterNumber: string
  /** The id of the owner's object that a parameter of this route stands for. */
  idFor(url: string, parameter: string): string | undefined
  /** Words that may appear in no answer to anybody else. */
  secrets: string[]
  before: string
  /** Changes when anything of the owner changed. */
  fingerprint(): Promise<string>
}

/** Gives a customer a meter with a waiting guest, a device, notifications and a broadcast of their agency. */
export async function furnish(
  services: TestServices,
  owner: TestAccount,
  agencyId: number,
): Promise<Belongings> {
  const { db } = services
  const meterNumber = '14177777771'
  const [meter, link, guest, guestLink, notification, broadcast, admin] = Array.from({ length: 7 }, () =>
    newId(),
  )
  const device = await withDevice(services, owner.id, 'sim-secret-push-token')
  await db.query(
    "insert into agencies (id, name, match_key) values ($1, 'Agence de l’autre', 'agencedelautre')",
    [agencyId],
  )
  await db.query(
    `insert into accounts (id, role, phone, login, first_name, last_name, name_key, family_key, secret_hash) values
       ($1, 'customer', '+221761234599', null, 'Invitee', 'Discrete', 'invitee discrete', 'discrete invitee', 'none'),
       ($2, 'admin', null, 'walk-admin', 'A', 'B', 'a b', 'b a', 'none')`,
    [guest, admin],
  )
  await db.query(
    `insert into meters (id, kind, number, poc, agency_id, tariff, address, holder_phone, holder_name)
     values ($1, 'prepaid', $2, 'P777', $3, 'DPP', '12 rue Secrete', $4, 'Titulaire Cachee')`,
    [meter, meterNumber, agencyId, owner.phone],
  )
  await db.query(
    `insert into meter_links (id, customer_id, meter_id, agency_id, role, status, is_default, activated_at) values
       ($1, $2, $3, $4, 'owner', 'active', true, now()), ($5, $6, $3, $4, 'guest', 'pending', true, null)`,
    [link, owner.id, meter, agencyId, guestLink, guest],
  )
  await db.query(
    `insert into notifications (id, customer_id, type, priority, title, body, expires_at)
     values ($1, $2, 'message', 'normal', 'Titre confidentiel', 'Texte confidentiel', now() + interval '1 day')`,
    [notification, owner.id],
  )
  await db.query(
    `insert into broadcasts (id, state, audience, content, priority, expires_at, created_by, started_at, customers, devices, planned)
     values ($1, 'done', $2, '{"fr":{"title":"Coupure confidentielle","body":"Quartier confidentiel"}}', 'normal',
       now() + interval '1 day', $3, now(), 1, 1, true)`,
    [broadcast, JSON.stringify({ kind: 'agencies', agencyIds: [String(agencyId)] }), admin],
  )
  await db.query('insert into broadcast_targets (target, started_at, broadcast_id) values ($1, now(), $2)', [
    `agency:${agencyId}`,
    broadcast,
  ])
  const fingerprint = async () => {
    const [row] = await db.query<{ print: string }>(
      `select md5(concat(
         (select accounts::text from accounts where id = $1),
         (select string_agg(meter_links::text, ',' order by id) from meter_links where meter_id = $2),
         (select string_agg(concat(id, push_token), ',' order by id) from devices where customer_id = $1),
         (select string_agg(concat(id, revoked_at), ',' order by id) from sessions where account_id = $1),
         (select string_agg(notifications::text, ',' order by id) from notifications where customer_id = $1),
         (select broadcasts::text from broadcasts where id = $3),
         (select count(*) from broadcast_reads where customer_id = $1))) print`,
      [owner.id, meter, broadcast],
    )
    return row?.print ?? ''
  }
  return {
    phone: owner.phone,
    meterNumber,
    secrets: [
      owner.phone.slice(4),
      meterNumber,
      '761234599',
      'Proprietaire',
      'Titulaire',
      'Discrete',
      'Secrete',
      'confidentiel',
      'sim-secret-push-token',
      ...([owner.id, link, guestLink, notification, device, owner.sessionId] as string[]),
    ],
    before: await fingerprint(),
    fingerprint,
    idFor(url, parameter) {
      if (parameter === 'guestLinkId') return guestLink
      if (parameter === 'linkId') return link
      const [, collection] = url.match(/\/([\w-]+)\/:id/) ?? []
      return {
        notifications: notification,
        devices: device,
        sessions: owner.sessionId,
        customers: owner.id,
        broadcasts: broadcast,
        links: guestLink,
      }[collection ?? '']
    },
  }
}
