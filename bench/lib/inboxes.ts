import type { Database } from '../../src/db/index.ts'
import { newId } from '../../src/lib/id.ts'

/** Customers spread over the whole key space, always the same number of them. */
export async function someCustomers(db: Database, count: number): Promise<string[]> {
  const [{ total } = { total: 0 }] = await db.query<{ total: number }>(
    "select count(*) total from accounts where phone like '+22177%'",
  )
  const step = Math.floor(total / count)
  const phones = Array.from({ length: count }, (_, i) => `+22177${String(i * step + 1).padStart(7, '0')}`)
  const rows = await db.query<{ id: string }>(
    `update accounts set created_at = now() - interval '90 days' where phone = any($1) returning id`,
    [phones],
  )
  if (rows.length !== count) throw new Error(`${rows.length} of ${count} customers found`)
  return rows.map(({ id }) => id)
}

/** Gives each customer so many notifications of the last 60 days, every other one read. */
export async function fillInboxes(
  db: Database,
  customers: readonly string[],
  notifications: number,
): Promise<void> {
  await db.query(
    `insert into notifications (id, customer_id, type, priority, title, body, data, created_at, expires_at, read_at)
     select gen_random_uuid(), customer, 'topup', 'normal', 'Recharge reçue n° ' || n,
       'Votre recharge de 10 000 F CFA a été enregistrée. Merci de votre confiance, l’équipe Senelec reste à votre écoute.',
       jsonb_build_object('meterId', gen_random_uuid()),
       now() - n * (interval '60 days' / $2), now() + interval '1 day', case when n % 2 = 0 then now() end
     from unnest($1::uuid[]) customer, generate_series(1, $2::int) n`,
    [customers, notifications],
  )
}

/** Puts broadcasts to everyone into all inboxes, evenly over the last 60 days. */
export async function addBroadcasts(db: Database, count: number): Promise<void> {
  const admin = newId()
  await db.query(
    `insert into accounts (id, role, login, first_name, last_name, name_key, family_key, secret_hash)
     values ($1::uuid, 'admin', 'bench-' || $1, 'Banc', 'Essai', 'banc essai', 'essai banc', 'none')`,
    [admin],
  )
  await db.query(
    `with broadcast as (
       insert into broadcasts (id, state, audience, content, priority, expires_at, created_by, created_at, started_at,
         finished_at, customers, devices, planned)
       select gen_random_uuid(), 'done', '{"kind":"everyone"}',
         jsonb_build_object('fr', jsonb_build_object('title', 'Information n° ' || n, 'body', 'Nos agences ouvrent à 8 h.')),
         'normal', now() + interval '1 day', $1, started, started, started, 1, 1, true
       from generate_series(1, $2::int) n, lateral (select now() - n * (interval '60 days' / $2)) moment (started)
       returning id, started_at)
     insert into broadcast_targets (target, started_at, broadcast_id) select 'everyone', started_at, id from broadcast`,
    [admin, count],
  )
}
