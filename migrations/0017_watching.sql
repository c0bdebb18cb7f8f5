-- safe: new tables.

-- How far the systems of the company have been followed, in their own time.
create table watermarks (
  watcher text primary key,
  at timestamptz not null,
  -- When all that there was then had been looked at.
  looked_at timestamptz not null
);

-- What was found lately: a look begins before the end of the last one, since a row may be seen later than another that is newer.
create table found_topups (
  id text primary key,
  at timestamptz not null
);
create index found_topups_at on found_topups (at);
