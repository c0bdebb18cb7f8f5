import type { Queryable } from '../../../db/index.ts'

/** Who a broadcast is for, with everything looked up. */
export type Audience =
  | { kind: 'everyone' }
  | { kind: 'agencies'; agencyIds: string[] }
  | { kind: 'meter'; number: string; meterIds: string[] }
  | { kind: 'customers'; ids: string[] }

/** The inboxes of an audience, as `broadcast_targets` names them. */
export function targetsOf(audience: Audience): string[] {
  switch (audience.kind) {
    case 'everyone':
      return ['everyone']
    case 'agencies':
      return audience.agencyIds.map(id => `agency:${id}`)
    case 'meter':
      return audience.meterIds.map(id => `meter:${id}`)
    case 'customers':
      return audience.ids.map(id => `customer:${id}`)
  }
}

/** Before the first customer. */
export const FIRST = '00000000-0000-0000-0000-000000000000'
const LAST = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

type Chosen = Exclude<Audience, { kind: 'everyone' }>

/** A link by which a customer belonged to an agency, or saw a meter, at the instant $2. */
const LINKED =
  'l.activated_at is not null and l.activated_at <= $2 and (l.ended_at is null or l.ended_at > $2)'

/** The customers of an audience that was chosen by keys ($1) at an instant ($2), after $3, through $4. */
const MEMBERS: Record<Chosen['kind'], string> = {
  agencies: `select l.customer_id from meter_links l
    where l.agency_id = any($1::integer[]) and ${LINKED} and l.customer_id > $3 and l.customer_id <= $4`,
  meter: `select l.customer_id from meter_links l
    where l.meter_id = any($1::uuid[]) and ${LINKED} and l.customer_id > $3 and l.customer_id <= $4`,
  customers: `select a.id customer_id from accounts a
    where a.id = any($1::uuid[]) and a.role = 'customer' and a.created_at <= $2 and a.id > $3 and a.id <= $4`,
}

/** The same for a walk: of each key the first $5 customers, each once. */
const RUNS: Record<Chosen['kind'], string> = {
  agencies: runsOf('integer', 'agency_id'),
  meter: runsOf('uuid', 'meter_id'),
  customers: `select 0 key, customer_id from (${MEMBERS.customers} order by a.id limit $5) a`,
}

function runsOf(type: string, column: string): string {
  return `select key.id key, run.customer_id from unnest($1::${type}[]) key (id) cross join lateral (
      select distinct l.customer_id from meter_links l
      where l.${column} = key.id and ${LINKED} and l.customer_id > $3 and l.customer_id <= $4
      order by l.customer_id limit $5
    ) run`
}

function keysOf(audience: Chosen): readonly (string | number)[] {
  if (audience.kind === 'agencies') return audience.agencyIds.map(Number)
  return audience.kind === 'meter' ? audience.meterIds : audience.ids
}

/** How many customers an audience has, and how many devices a push can reach, at an instant. */
export async function countAudience(
  db: Queryable,
  audience: Audience,
  at: Date,
): Promise<{ customers: number; devices: number }> {
  const everyone = audience.kind === 'everyone'
  const [counts] = await db.query<{ customers: number; devices: number }>(
    everyone
      ? `select (select count(*) from accounts where phone is not null) customers,
           (select count(*) from devices where push_token is not null) devices`
      : `select (select count(*) from (select distinct customer_id from (${MEMBERS[audience.kind]}) m) m) customers,
           (select count(*) from devices d
            where d.push_token is not null and d.customer_id in (${MEMBERS[audience.kind]})) devices`,
    everyone ? [] : [keysOf(audience), at, FIRST, LAST],
  )
  return counts as { customers: number; devices: number }
}

/** A query of the customers of an audience at an instant, with its parameters; null for all there are. */
export function membersOf(audience: Audience, at: Date): { sql: string; values: unknown[] } | null {
  if (audience.kind === 'everyone') return null
  return { sql: MEMBERS[audience.kind], values: [keysOf(audience), at, FIRST, LAST] }
}

export interface Walked {
  /** The last customer of each chunk and its number of devices, in order. */
  chunks: { through: string; size: number }[]
  /** The last customer looked at; null when there was none. */
  through: string | null
  /** There is nobody after them. */
  finished: boolean
}

/**
 * Walks an audience by key: the next `chunks` chunks after a customer, of about `size` devices each; the devices of one
 * customer are never split. Indexes are read from there on, so a step costs the same anywhere in an audience of any size.
 */
export async function walkAudience(
  db: Queryable,
  audience: Audience,
  at: Date,
  step: { after: string; size: number; chunks: number },
): Promise<Walked> {
  const most = step.size * step.chunks
  const [walked] = await db.query<Walked>(
    ...(audience.kind === 'everyone'
      ? walkOfAll(step.after, step.size, most)
      : walkOfChosen(audience, at, step.after, step.size, most)),
  )
  return walked as Walked
}

function walkOfAll(after: string, size: number, most: number): [string, unknown[]] {
  return [
    `with walked as materialized (
       select customer_id from devices where push_token is not null and customer_id > $1
       order by customer_id fetch first ($3::bigint) rows with ties),
     ${boundsOf('$2')}
     select ${CHUNKS} chunks, (select customer_id from walked order by customer_id desc limit 1) "through",
       (select count(*) from walked) < $3 finished`,
    [after, size, most],
  ]
}

function walkOfChosen(
  audience: Chosen,
  at: Date,
  after: string,
  size: number,
  most: number,
): [string, unknown[]] {
  const keys = keysOf(audience)
  const perKey =
    audience.kind === 'customers' || keys.length === 1 ? most : mostOfEach(keys.length, size, most)
  // What is beyond the end of a run that was cut short may be in that run too: the walk ends at the nearest such end.
  return [
    `with runs as materialized (${RUNS[audience.kind]}),
     ends as (
       select distinct on (key) customer_id, count(*) over (partition by key) length from runs order by key, customer_id desc),
     cut as (select customer_id from ends where length >= $5 order by customer_id limit 1),
     looked_at as materialized (
       select distinct customer_id from runs where customer_id <= coalesce((select customer_id from cut), $4)
       order by customer_id limit $7),
     walked as materialized (
       select customer_id from looked_at join devices d using (customer_id) where d.push_token is not null),
     ${boundsOf('$6')}
     select ${CHUNKS} chunks, (select customer_id from looked_at order by customer_id desc limit 1) "through",
       not exists (select from cut) and (select count(*) from looked_at) < $7 finished`,
    [keys, at, after, LAST, perKey, size, most],
  ]
}

/** Of each of several keys twice its share, so that one step fills most of its chunks. */
const mostOfEach = (keys: number, size: number, most: number) => Math.max(size, Math.ceil((2 * most) / keys))

/** Chunks end at every size-th device, with all devices of its customer: `upto` counts a customer's devices together. */
const boundsOf = (size: string) => `numbered as (
       select customer_id, row_number() over (order by customer_id) n, count(*) over (order by customer_id) upto,
         count(*) over () total
       from walked),
     bounds as (select distinct customer_id, upto from numbered where n % ${size}::bigint = 0 or n = total),
     sized as (select customer_id, upto - lag(upto, 1, 0::bigint) over (order by customer_id) size from bounds)`

const CHUNKS = `coalesce((
       select json_agg(json_build_object('through', customer_id, 'size', size) order by customer_id) from sized), '[]')`

/**
 * The devices of a chunk as rows of `DEVICES`: those of the audience's customers after (excluded)
 * through (included) that a push can reach now.
 */
export async function devicesOfChunk<Row>(
  db: Queryable,
  audience: Audience,
  at: Date,
  after: string,
  through: string,
): Promise<Row[]> {
  if (audience.kind === 'everyone') {
    return db.query<Row>(
      `${DEVICES} where d.customer_id > $1 and d.customer_id <= $2 and d.push_token is not null and a.created_at <= $3`,
      [after, through, at],
    )
  }
  return db.query<Row>(
    `${DEVICES} where d.push_token is not null and d.customer_id in (${MEMBERS[audience.kind]})`,
    [keysOf(audience), at, after, through],
  )
}

/** A device with what is known of its customer: who they are, and when and about what they are not to be disturbed. */
export const DEVICES = `select d.id, d.push_token token, a.language, a.first_name "firstName", a.last_name "lastName",
    a.disabled_at is not null disabled, p.muted, p.quiet_from "quietFrom", p.quiet_to "quietTo"
  from devices d join accounts a on a.id = d.customer_id left join preferences p on p.customer_id = d.customer_id`
