export interface DatabaseAnswers {
  connections: number
  most: number
  /** Seconds. */
  longest: number
  late: number
  outbox: number
  /** Seconds since all was looked at that is new in the company's systems; 0 where nobody watches. */
  watchers: number
  /** Percent of the way to the end of transaction numbers. */
  xids: number
  scheduler: boolean
  parked: number
  partitions: boolean
  open: boolean
  held: number
  maintenance: boolean
  /** False when the last attempt failed, null where nothing is archived. */
  archiving: boolean | null
  administrators: number
}

/** All that is asked of the database, in one round trip; each part by an index or a view, so that it costs nothing. */
export const DATABASE_QUESTIONS = `
  select
    (select count(*) from pg_stat_activity where backend_type = 'client backend')::int connections,
    current_setting('max_connections')::int most,
    coalesce((select extract(epoch from max(now() - xact_start)) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()), 0)::int longest,
    coalesce((select extract(epoch from now() - min(due_at)) from (
      select greatest(due_at, republish_at - interval '15 seconds') due_at from deliveries
      where state = 'pending' and republish_at < now() + interval '1 minute' order by republish_at limit 1000) due
      where due_at < now()), 0)::int late,
    coalesce((select extract(epoch from now() - min(created_at + make_interval(secs => delay_ms / 1000.0))) from (
      select created_at, delay_ms from outbox limit 1000) waiting), 0)::int outbox,
    coalesce((select extract(epoch from max(now() - looked_at)) from watermarks), 0)::int watchers,
    (select 100 * max(age(datfrozenxid)) / 2147483648 from pg_database)::int xids,
    exists (select from leases where name = 'scheduler' and until > now()) scheduler,
    (select count(*) from (select from deliveries where state = 'parked' limit 10000) parked)::int parked,
    to_regclass('deliveries_' || to_char((now() + interval '1 day') at time zone 'UTC', 'YYYY_MM')) is not null
      and to_regclass('task_history_' || to_char((now() + interval '1 day') at time zone 'UTC', 'YYYY_MM_DD')) is not null partitions,
    coalesce((select delivery_is_open()), false) open,
    (select count(*) from restored_broadcasts r join broadcasts b on b.id = r.broadcast_id
      where b.finished_at is null and b.state in ('paused', 'awaiting-approval'))::int held,
    exists (select from site where maintenance_since is not null) maintenance,
    (select case when current_setting('archive_mode') = 'off' then null
      else coalesce(last_failed_time <= last_archived_time, last_failed_time is null) end from pg_stat_archiver) archiving,
    (select count(*) from (select from accounts where role = 'admin' and disabled_at is null limit 1) admins)::int administrators`
