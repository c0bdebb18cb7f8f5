-- safe: same name and columns, and what waits is moved; the version before inserts into it and relays from it unchanged.

-- Rows of the outbox live for a moment, and what is dead of them cannot be vacuumed while an older snapshot is open
-- anywhere: the relay then walks over it again and again. So there are two generations, written in turn, and the one
-- that is drained is truncated, which no snapshot can prevent (docs/decisions/0008-outbox-rotation.md).
alter table outbox rename to outbox_before;

create table outbox_state (
  only_row boolean primary key default true check (only_row),
  -- The generation that is written.
  current smallint not null default 0 check (current in (0, 1)),
  -- Whether the other one was truncated since it was the current one.
  is_other_empty boolean not null default true
);
insert into outbox_state default values;

-- For a writer that does not say: `enqueue` asks once for all its rows.
create function outbox_generation() returns smallint language sql stable as 'select current from outbox_state';

create sequence outbox_ids;
select setval('outbox_ids', coalesce(max(id), 0) + 1, false) from outbox_before;

-- Messages on their way to the broker. They carry ids only.
create table outbox (
  generation smallint not null default outbox_generation(),
  id bigint not null default nextval('outbox_ids'),
  task text not null,
  queue text not null check (queue in ('urgent', 'high_priority', 'normal', 'low_priority')),
  payload jsonb not null,
  delay_ms integer not null default 0,
  request_id text,
  created_at timestamptz not null default now()
) partition by list (generation);
alter sequence outbox_ids owned by outbox.id;
create table outbox_0 partition of outbox for values in (0);
create table outbox_1 partition of outbox for values in (1);
create index outbox_order on outbox (queue, id);

insert into outbox (generation, id, task, queue, payload, delay_ms, request_id, created_at)
select 0, id, task, queue, payload, delay_ms, request_id, created_at from outbox_before;
drop table outbox_before;
