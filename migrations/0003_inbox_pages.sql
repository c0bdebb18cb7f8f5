-- safe: the function answers as before; the columns are filled by the database.

-- A broadcast as the API writes it in each language, up to whether it is read: written once, like that of a notification.
alter table broadcasts
  add column item_fr text generated always as (
    inbox_item(id, type, content -> 'fr' ->> 'title', content -> 'fr' ->> 'body', started_at, true, null)) stored,
  add column item_en text generated always as (case when content ? 'en' then
    inbox_item(id, type, content -> 'en' ->> 'title', content -> 'en' ->> 'body', started_at, true, null) end) stored,
  add column item_wo text generated always as (case when content ? 'wo' then
    inbox_item(id, type, content -> 'wo' ->> 'title', content -> 'wo' ->> 'body', started_at, true, null) end) stored;

-- The broadcasts that a customer (who exists since `since` and has read all up to `read_until`) hears, before
-- (before_at, before_id) and not older than from_at, of each target the newest `most`. One that reaches the same customer
-- by several targets is there once. Put into the statement that calls it, so that its parameters are that statement's.
create function inbox_heard(
  reader uuid,
  since timestamptz,
  read_until timestamptz,
  only_unread boolean,
  before_at timestamptz,
  before_id uuid,
  from_at timestamptz,
  most integer
) returns table (at timestamptz, id uuid, is_read boolean) language sql stable as $$
  select distinct heard.started_at, heard.broadcast_id, heard.is_read
  from (
    select 'everyone' target, since, 'infinity'::timestamptz until
    union all
    select 'customer:' || reader, since, 'infinity'
    union all
    select unnest(array['agency:' || agency_id, 'meter:' || meter_id]), activated_at, coalesce(ended_at, 'infinity')
    from meter_links where customer_id = reader and activated_at is not null
  ) span cross join lateral (
    select t.started_at, t.broadcast_id, r.read_at is not null or t.started_at <= read_until is_read
    from broadcast_targets t
    left join lateral (
      select read_at, deleted_at from broadcast_reads
      where customer_id = reader and broadcast_id = t.broadcast_id limit 1
    ) r on true
    where t.target = span.target and t.started_at >= span.since and t.started_at < span.until
      and (t.started_at, t.broadcast_id) < (before_at, before_id) and t.started_at >= from_at
      and r.deleted_at is null
      and (not only_unread or (r.read_at is null and t.started_at > read_until))
    order by t.started_at desc, t.broadcast_id desc limit most
  ) heard
$$;

-- Whether an inbox has something older than a key, not older than after_at.
create function inbox_has_older(
  reader uuid,
  only_unread boolean,
  before_at timestamptz,
  before_id uuid,
  after_at timestamptz
) returns boolean language plpgsql stable
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off as $$
begin
  return exists (
    select from notifications
    where customer_id = reader and deleted_at is null and (not only_unread or read_at is null)
      and (created_at, id) < (before_at, before_id) and created_at >= after_at
  ) or exists (
    select from accounts me, lateral inbox_heard(
      reader, me.created_at, me.inbox_read_until, only_unread, before_at, before_id, after_at, 1)
    where me.id = reader
  );
end
$$;

-- As in 0002, at two thirds of its cost: text is put together once, who is asked is looked up once, the keys of the next
-- page are hexadecimal digits.
create or replace function inbox_pages(
  readers uuid[],
  only_unread boolean[],
  sizes integer[],
  before_ats timestamptz[],
  before_ids uuid[],
  after_ats timestamptz[]
) returns setof text language plpgsql stable rows 16
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  return query
  select concat('{"items":[', page.items, '],"nextCursor":', case
    when bottom.at > asked.after_at
      or page.total = asked.size
        and inbox_has_older(asked.reader, asked.unread, page.last_at, page.ids[asked.size], asked.after_at)
    then concat('"', encode(timestamptz_send(page.last_at) || uuid_send(page.ids[asked.size]), 'hex'), '"}')
    else 'null}' end)
  from unnest(readers, only_unread, sizes, before_ats, before_ids, after_ats) with ordinality
    asked (reader, unread, size, before_at, before_id, after_at, n)
  left join accounts me on me.id = asked.reader and me.role = 'customer'
  -- Broadcasts older than the first notification of the next page need not be looked for: the page ends before them.
  cross join lateral (
    select greatest(asked.after_at, case when asked.unread then (
      select created_at from notifications
      where customer_id = asked.reader and deleted_at is null and read_at is null
        and (created_at, id) < (asked.before_at, asked.before_id)
      order by created_at desc, id desc offset asked.size limit 1
    ) else (
      select created_at from notifications
      where customer_id = asked.reader and deleted_at is null
        and (created_at, id) < (asked.before_at, asked.before_id)
      order by created_at desc, id desc offset asked.size limit 1
    ) end) at offset 0
  ) bottom
  cross join lateral (
    select
      string_agg(
        coalesce(row.item, (
          select coalesce(case me.language when 'en' then item_en when 'wo' then item_wo end, item_fr)
          from broadcasts where id = row.id
        )) || case when row.is_read then 'true}' else 'false}' end, ','
      ) items,
      min(row.at) last_at, array_agg(row.id) ids, count(*) total
    from (
      select * from (
        -- Twice, so that each follows its own index.
        (
          select created_at at, id, read_at is not null is_read, item from notifications
          where not asked.unread and customer_id = asked.reader and deleted_at is null
            and (created_at, id) < (asked.before_at, asked.before_id) and created_at >= asked.after_at
          order by created_at desc, id desc limit asked.size
        ) union all (
          select created_at, id, false, item from notifications
          where asked.unread and customer_id = asked.reader and deleted_at is null and read_at is null
            and (created_at, id) < (asked.before_at, asked.before_id) and created_at >= asked.after_at
          order by created_at desc, id desc limit asked.size
        ) union all
        select heard.at, heard.id, heard.is_read, null
        from inbox_heard(asked.reader, me.created_at, me.inbox_read_until, asked.unread,
          asked.before_at, asked.before_id, bottom.at, asked.size) heard
      ) merged
      order by at desc, id desc limit asked.size
    ) row
  ) page
  order by asked.n;
end
$$;
