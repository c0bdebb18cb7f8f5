-- safe: new tables and functions.

-- Makes the partitions of a table for the day of `at` and the seven that follow; the scheduler calls it. A product that
-- was off for longer has written into the default partition meanwhile: those rows move to where they belong.
create function ensure_daily_partitions(parent text, at timestamptz) returns void language plpgsql as $$
declare
  first timestamptz;
  part text;
  low uuid;
  high uuid;
begin
  for n in 0..7 loop
    first := (date_trunc('day', at at time zone 'UTC') + make_interval(days => n)) at time zone 'UTC';
    part := parent || '_' || to_char(first at time zone 'UTC', 'YYYY_MM_DD');
    if to_regclass(part) is null then
      low := uuid_at(first);
      high := uuid_at(first + interval '1 day');
      execute format('create table %I (like %I including all)', part, parent);
      execute format('lock table %I in share row exclusive mode', parent || '_rest');
      execute format(
        'with moved as (delete from %I where id >= %L and id < %L returning *) insert into %I select * from moved',
        parent || '_rest', low, high, part);
      execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, part, low, high);
    end if;
  end loop;
end
$$;

-- Drops the partitions that end before `before`, and such rows of the default one; returns the names of those dropped. A
-- partition with a row to which `unless` (a condition on it) applies is kept. Waits two seconds for readers at most.
create function drop_partitions(parent text, before timestamptz, unless text default 'false') returns setof text
language plpgsql as $$
declare
  part record;
  is_kept boolean;
begin
  perform set_config('lock_timeout', '2s', true);
  for part in
    select c.oid::regclass::text name
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = parent::regclass
      and substring(pg_get_expr(c.relpartbound, c.oid) from 'TO \(''([0-9a-f-]{36})''\)')::uuid <= uuid_at(before)
    order by 1
  loop
    execute format('select exists (select from %s where %s)', part.name, unless) into is_kept;
    if not is_kept then
      execute format('drop table %s', part.name);
      return next part.name;
    end if;
  end loop;
  execute format('delete from %I where id < %L and not (%s)', parent || '_rest', uuid_at(before), unless);
end
$$;

-- What became of every attempt at a task, for 30 days.
create table task_history (
  -- UUID version 7 of the instant at which it ended: the table is partitioned and paged by it.
  id uuid primary key,
  task_id uuid not null,
  task text not null,
  queue text not null,
  worker text not null,
  -- 'retried' and 'parked' failed; 'interrupted' was given back by a worker that had to stop.
  state text not null check (state in ('succeeded', 'retried', 'parked', 'revoked', 'interrupted')),
  attempt smallint not null,
  -- The task that a person sent again as this one.
  replay_of uuid,
  request_id text,
  -- From when on it could be worked on.
  queued_at timestamptz,
  started_at timestamptz,
  finished_at timestamptz not null,
  run_ms integer,
  wait_ms integer,
  error text check (length(error) <= 500),
  -- Ids only; of what did not succeed, so that it can be sent again.
  payload jsonb,
  resent_at timestamptz
) partition by range (id);
create index task_history_of_task on task_history (task_id);
create index task_history_by_name on task_history (task, id);
create index task_history_failed on task_history (id) where state <> 'succeeded';
create table task_history_rest partition of task_history default;
select ensure_daily_partitions('task_history', now());

-- Tasks that workers refuse when they arrive: read by those that start later, or heard nothing of it.
create table task_revocations (
  task_id uuid primary key,
  revoked_by text not null,
  revoked_at timestamptz not null default now()
);
create index task_revocations_age on task_revocations (revoked_at);

-- What a person has to look at: few, among very many.
create index deliveries_parked on deliveries (id) where state = 'parked';
