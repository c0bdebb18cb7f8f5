-- safe: new tables and functions; the version before never asks whether delivery is open, and sends as it did.

-- What this database knows of itself.
create table site (
  only_row boolean primary key default true check (only_row),
  -- Which database this was when delivery was opened last. `database_identity()` differs once it was restored.
  identity text,
  maintenance_since timestamptz,
  maintenance_until timestamptz,
  maintenance_message text check (length(maintenance_message) between 1 and 300),
  check (maintenance_since is not null or (maintenance_until is null and maintenance_message is null))
);

-- The server's identifier (another after a restoration into a new one), its timeline (another after one to a point in
-- time) and this table's own number (another after pg_restore; the same in a clone of the database).
create function database_identity() returns text language sql stable as $$
  select concat_ws('/', (select system_identifier from pg_control_system()),
    substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8),
    (select tableoid from site))
$$;

-- False from the first moment of a restored database until the deletions asked for since were done again: nothing is
-- sent meanwhile (docs/decisions/0011-after-a-restoration.md).
create function delivery_is_open() returns boolean language sql stable as $$
  select identity = database_identity() from site
$$;

insert into site default values;
update site set identity = database_identity();

create table restorations (
  id bigint generated always as identity primary key,
  identity text not null,
  found_at timestamptz not null default now(),
  -- Deletions that were done again, and when all were: delivery of single messages is open from then on.
  deletions integer,
  opened_at timestamptz,
  -- Who let the broadcasts go on, or decided that they do not.
  confirmed_at timestamptz,
  confirmed_by text
);

-- Broadcasts that were on their way, or waiting for their time, in the copy that was restored.
create table restored_broadcasts (
  broadcast_id uuid primary key references broadcasts on delete cascade,
  restoration_id bigint not null references restorations on delete cascade,
  was text not null check (was in ('running', 'scheduled'))
);
