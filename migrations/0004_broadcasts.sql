-- safe: new columns with defaults, a new table, and an index on rows that do not exist yet.

alter table broadcasts
  -- The second administrator, where one was needed.
  add column approved_by uuid references accounts,
  add column approved_at timestamptz,
  -- The walk of a broadcast that may not go as fast as it could: nothing is planned before this, all processes together.
  add column paced_until timestamptz,
  -- From where its speed rises: its start, or when it was resumed.
  add column ramp_from timestamptz,
  -- Devices of the chunks so far.
  add column planned_devices integer not null default 0;

-- Devices of the broadcast before this chunk: what must wait for the end of a night goes on in the order and at the pace
-- of the walk, not all in the same second.
alter table deliveries add column position integer not null default 0;

-- Of a broadcast that is paused or stopped: they wait for a person, and their message with them.
create index deliveries_held on deliveries (broadcast_id) where state = 'pending' and republish_at = 'infinity';

-- What a customer wants on their devices. Only who changed something has a row; the inbox has everything.
create table preferences (
  customer_id uuid primary key references accounts on delete cascade,
  -- Types of notifications that are not pushed.
  muted text[] not null default '{}',
  -- Quiet from and until these minutes of the day, in Dakar's time, which is UTC; across midnight when from is later.
  quiet_from smallint check (quiet_from between 0 and 1439),
  quiet_to smallint check (quiet_to between 0 and 1439),
  updated_at timestamptz not null,
  check ((quiet_from is null) = (quiet_to is null)),
  check (quiet_from <> quiet_to)
);
