-- safe: the first tables.

-- The lowest UUID version 7 of an instant: bounds of the tables that are partitioned by time through their own key.
create function uuid_at(at timestamptz) returns uuid language sql immutable strict parallel safe as $$
  select (lpad(to_hex(floor(extract(epoch from at) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid
$$;

-- Makes the partitions of a table for the month of `at` and the two that follow; the scheduler calls it every day.
create function ensure_partitions(parent text, at timestamptz) returns void language plpgsql as $$
declare
  first timestamptz;
  part text;
begin
  for n in 0..2 loop
    first := date_trunc('month', at at time zone 'UTC') at time zone 'UTC' + make_interval(months => n);
    part := parent || '_' || to_char(first at time zone 'UTC', 'YYYY_MM');
    if to_regclass(part) is null then
      execute format('create table %I partition of %I for values from (%L) to (%L)',
        part, parent, uuid_at(first), uuid_at(first + interval '1 month'));
    end if;
  end loop;
end
$$;

create table agencies (
  id integer primary key,
  name text not null,
  -- The name without case, accents and spaces: the back office spells freely.
  match_key text not null unique
);

-- Customers sign in by phone and PIN; agents and administrators by login and password.
create table accounts (
  id uuid primary key,
  role text not null check (role in ('customer', 'agent', 'admin')),
  phone text unique check (phone ~ '^\+221[0-9]{9}$'),
  login text unique check (login = lower(login)),
  first_name text not null check (length(first_name) between 1 and 80),
  last_name text not null check (length(last_name) between 1 and 80),
  -- 'awa diop' and 'diop awa', without case and accents: what staff search by prefix.
  name_key text not null,
  family_key text not null,
  language text not null default 'fr' check (language in ('fr', 'en', 'wo')),
  agency_id integer references agencies,
  -- argon2id of the PIN or password, with the server's pepper.
  secret_hash text not null,
  failed_attempts smallint not null default 0,
  locked_until timestamptz,
  -- Broadcasts up to here are read, whatever broadcast_reads says.
  inbox_read_until timestamptz not null default '-infinity',
  disabled_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  check ((role = 'customer') = (phone is not null)),
  check ((role = 'customer') = (login is null)),
  check (role <> 'agent' or agency_id is not null)
);
create index accounts_by_name on accounts (name_key collate "C", id) where role = 'customer';
create index accounts_by_family on accounts (family_key collate "C", id) where role = 'customer';

-- An installation of the app, of one customer. A push token belongs to one customer at a time.
create table devices (
  id uuid primary key,
  customer_id uuid not null references accounts on delete cascade,
  installation text not null check (length(installation) between 1 and 100),
  name text check (length(name) <= 80),
  platform text check (platform in ('android', 'ios', 'web')),
  -- What a B-tree can hold, and ten times what FCM gives.
  push_token text unique check (length(push_token) <= 2000),
  -- SHA-256 of the secret that the device keeps since an SMS code proved it.
  secret_hash bytea,
  failed_attempts smallint not null default 0,
  locked_until timestamptz,
  created_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  unique (customer_id, installation)
);
-- The walk of every broadcast.
create index devices_reachable on devices (customer_id, id) where push_token is not null;

-- One row per sign-in. The refresh token is rotated in place: the present one, the one before, and the present one
-- sealed under a key derived from the one before.
create table sessions (
  id uuid primary key,
  account_id uuid not null references accounts on delete cascade,
  device_id uuid references devices on delete set null,
  token_hash bytea not null,
  previous_hash bytea,
  previous_used_at timestamptz,
  successor bytea,
  user_agent text,
  created_at timestamptz not null default now(),
  last_used_at timestamptz not null default now(),
  expires_at timestamptz not null,
  revoked_at timestamptz,
  revoked_reason text
);
create index sessions_of_account on sessions (account_id, id);
create index sessions_of_device on sessions (device_id) where device_id is not null;
create index sessions_revoked on sessions (revoked_at) where revoked_at is not null;

create table sms_codes (
  phone text not null,
  purpose text not null check (purpose in ('register', 'device', 'pin-reset')),
  code_hmac bytea not null,
  tries_left smallint not null,
  expires_at timestamptz not null,
  primary key (phone, purpose)
);

-- Texts wait encrypted and are deleted once handed over. 'sending' that is found after a crash is ambiguous: never sent again.
create table sms_messages (
  id uuid primary key,
  phone text not null,
  sealed_text bytea,
  state text not null default 'pending' check (state in ('pending', 'sending', 'sent', 'refused', 'ambiguous', 'expired')),
  reason text,
  attempts smallint not null default 0,
  request_id text,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  updated_at timestamptz not null default now()
);
create index sms_messages_open on sms_messages (updated_at) where state in ('pending', 'sending');

-- A meter at a point of connection: the same number can move to another.
create table meters (
  id uuid primary key,
  kind text not null check (kind in ('prepaid', 'postpaid')),
  number text not null,
  poc text not null default '',
  agency_id integer references agencies,
  tariff text,
  address text,
  holder_phone text,
  holder_name text,
  partner_number text,
  looked_up_at timestamptz not null default now(),
  unique (kind, number, poc)
);

create table meter_links (
  id uuid primary key,
  customer_id uuid not null references accounts on delete cascade,
  meter_id uuid not null references meters,
  -- The meter's agency, repeated here for the walk of an agency's customers.
  agency_id integer references agencies,
  role text not null check (role in ('owner', 'guest')),
  status text not null check (status in ('pending', 'active', 'rejected', 'revoked')),
  is_default boolean not null default false,
  label text check (length(label) <= 60),
  requested_at timestamptz not null default now(),
  decided_at timestamptz,
  decided_by uuid,
  -- The time in which the customer sees the meter, and belongs to its agency.
  activated_at timestamptz,
  ended_at timestamptz,
  check ((status = 'active') = (activated_at is not null and ended_at is null))
);
create unique index meter_links_once on meter_links (customer_id, meter_id) where status in ('pending', 'active');
create unique index meter_links_one_owner on meter_links (meter_id) where role = 'owner' and status = 'active';
create unique index meter_links_one_default on meter_links (customer_id) where is_default and status in ('pending', 'active');
create index meter_links_of_customer on meter_links (customer_id);
create index meter_links_of_meter on meter_links (meter_id);
-- The walk of an agency's customers, from the index alone.
create index meter_links_of_agency on meter_links (agency_id, customer_id) include (activated_at, ended_at)
  where activated_at is not null;
-- What staff have to decide, who waits longest first: of all, and of one agency.
create index meter_links_waiting on meter_links (id) where status = 'pending';
create index meter_links_waiting_in_agency on meter_links (agency_id, id) where status = 'pending';

-- The last known copy of what the back office answered, for when it does not.
create table backoffice_copies (
  meter_id uuid not null references meters on delete cascade,
  what text not null,
  body jsonb not null,
  as_of timestamptz not null,
  primary key (meter_id, what)
);

-- One of an inbox as the API writes it, up to whether it is read.
create function inbox_item(id uuid, type text, title text, body text, at timestamptz, broadcast boolean, data jsonb)
returns text language sql immutable parallel safe as $$
  select concat('{"id":"', id, '","type":', to_json(type), ',"title":', to_json(title), ',"body":', to_json(body),
    ',"createdAt":"', to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    '","broadcast":', case when broadcast then 'true' else 'false' end, ',"data":' || data::text, ',"read":')
$$;

-- The inbox of one customer.
create table notifications (
  id uuid primary key,
  customer_id uuid not null references accounts on delete cascade,
  type text not null,
  priority text not null check (priority in ('urgent', 'high', 'normal', 'low')),
  title text not null check (length(title) between 1 and 200),
  body text not null check (length(body) between 1 and 2000),
  data jsonb,
  created_by uuid,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  read_at timestamptz,
  deleted_at timestamptz,
  -- Written once and read often: making the JSON was two thirds of what a page of the inbox cost.
  item text not null generated always as (inbox_item(id, type, title, body, created_at, false, data)) stored
);
create index notifications_inbox on notifications (customer_id, created_at desc, id desc) where deleted_at is null;
create index notifications_unread on notifications (customer_id, created_at desc, id desc) where read_at is null and deleted_at is null;

-- One row for the inbox of everybody; what each reads is kept apart.
create table broadcasts (
  id uuid primary key,
  state text not null check (state in ('draft', 'awaiting-approval', 'scheduled', 'running', 'paused', 'cancelled', 'done', 'stopped')),
  audience jsonb not null,
  content jsonb not null,
  type text not null default 'announcement',
  priority text not null check (priority in ('urgent', 'high', 'normal', 'low')),
  rate_per_second integer check (rate_per_second between 1 and 100000),
  respect_quiet_hours boolean not null default true,
  scheduled_at timestamptz,
  expires_at timestamptz not null,
  created_by uuid not null references accounts,
  -- The agency in whose name an agent sent it; null for the company's.
  agency_id integer references agencies,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  -- When every device was accounted for.
  finished_at timestamptz,
  -- Reach as counted when it was accepted.
  customers integer not null,
  devices integer not null,
  -- The walk: customers up to this key have their chunk.
  planned_through uuid,
  planned_chunks integer not null default 0,
  planned boolean not null default false,
  stop_reason text,
  -- Outcomes and reasons, written when it finished: they outlive the units.
  report jsonb
);
create index broadcasts_open on broadcasts (state) where finished_at is null;
create index broadcasts_of_agency on broadcasts (agency_id, id) where agency_id is not null;

-- Whose inbox a broadcast is in: 'everyone', 'agency:3', 'meter:<id>', 'customer:<id>'.
create table broadcast_targets (
  target text not null,
  started_at timestamptz not null,
  broadcast_id uuid not null references broadcasts on delete cascade,
  primary key (target, started_at, broadcast_id)
);
create index broadcast_targets_of_broadcast on broadcast_targets (broadcast_id);

create table broadcast_reads (
  customer_id uuid not null references accounts on delete cascade,
  broadcast_id uuid not null references broadcasts on delete cascade,
  read_at timestamptz,
  deleted_at timestamptz,
  primary key (customer_id, broadcast_id)
);

-- Units of sending: the devices of one notification, a chunk of a broadcast, or the devices of either that failed
-- and are tried again. Pending until outcomes and `done` commit together; a sweep publishes again what is past its lease.
create table deliveries (
  id uuid primary key,
  notification_id uuid,
  broadcast_id uuid,
  -- Customers of a chunk: after (excluded) through (included).
  after_customer uuid,
  through_customer uuid,
  devices uuid[],
  -- How many devices it was planned for; unknown for the first unit of a notification.
  size integer,
  -- How many of `devices`, the first ones, may have it already: their last attempt had no answer.
  unsure integer not null default 0,
  queue text not null check (queue in ('urgent', 'high_priority', 'normal', 'low_priority')),
  state text not null default 'pending' check (state in ('pending', 'done', 'parked')),
  attempt smallint not null default 0,
  -- How often a worker took it: one that kills its worker is parked instead of looping.
  takes smallint not null default 0,
  due_at timestamptz not null default now(),
  lease_until timestamptz,
  -- From here on its message is believed lost: the sweep publishes it again.
  republish_at timestamptz not null default now(),
  sent integer not null default 0,
  unregistered integer not null default 0,
  refused integer not null default 0,
  suppressed integer not null default 0,
  expired integer not null default 0,
  ambiguous integer not null default 0,
  -- How many devices went on to another unit.
  retried integer not null default 0,
  -- How many devices each reason concerns.
  reasons jsonb not null default '{}',
  finished_at timestamptz,
  check ((notification_id is null) <> (broadcast_id is null))
) partition by range (id);
create index deliveries_pending on deliveries (republish_at) where state = 'pending';
create index deliveries_of_broadcast on deliveries (broadcast_id, state) where broadcast_id is not null;
create index deliveries_of_notification on deliveries (notification_id) where notification_id is not null;
create table deliveries_rest partition of deliveries default;
select ensure_partitions('deliveries', now());

-- Messages on their way to the broker. They carry ids only.
create table outbox (
  id bigint generated always as identity primary key,
  task text not null,
  queue text not null check (queue in ('urgent', 'high_priority', 'normal', 'low_priority')),
  payload jsonb not null,
  delay_ms integer not null default 0,
  request_id text,
  created_at timestamptz not null default now()
);

create table idempotency_keys (
  -- SHA-256 of caller, route and key.
  scope bytea primary key,
  fingerprint bytea not null,
  status smallint not null,
  body text not null,
  created_at timestamptz not null default now()
);
create index idempotency_keys_age on idempotency_keys (created_at);

create table audit (
  id uuid primary key,
  at timestamptz not null default now(),
  actor_id uuid,
  actor_role text,
  action text not null,
  object_kind text,
  object_id text,
  -- Whose data it concerns.
  customer_id uuid,
  detail jsonb not null default '{}',
  request_id text
) partition by range (id);
create index audit_of_customer on audit (customer_id, id desc) where customer_id is not null;
create index audit_of_actor on audit (actor_id, id desc);
create table audit_rest partition of audit default;
select ensure_partitions('audit', now());

-- One active holder each: the scheduler's work is done by one process at a time.
create table leases (
  name text primary key,
  holder text not null,
  until timestamptz not null
);
