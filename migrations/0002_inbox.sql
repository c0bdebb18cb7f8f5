-- safe: functions that nothing called before.

-- The inbox is read far more often than anything else. As functions its statements are planned once per connection,
-- which PgBouncer allows and named statements are not. Planned once means planned for nobody in particular: every plan
-- is told to follow the order of its index, and what was read of a broadcast is looked up by key (`limit 1` keeps it so),
-- so that a long inbox costs what a short one costs.

-- Which broadcasts a customer hears: by target, of those that started while it was theirs.
create function inbox_spans(reader uuid) returns table (target text, since timestamptz, until timestamptz)
language sql stable as $$
  select unnest(array['everyone', 'customer:' || id]), created_at, 'infinity'::timestamptz
  from accounts where id = reader and role = 'customer'
  union all
  select unnest(array['agency:' || agency_id, 'meter:' || meter_id]), activated_at, coalesce(ended_at, 'infinity')
  from meter_links where customer_id = reader and activated_at is not null
$$;

-- Pages of inboxes as the JSON text that the API sends, in the order they are asked for: notifications and broadcasts
-- merged, newest first, before (before_at, before_id) and not older than after_at. Many in one statement cost each a
-- third of what one alone costs.
create function inbox_pages(
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
    when page.total > asked.size then '"' || translate(encode(
      convert_to(json_build_array(page.ats[asked.size], page.ids[asked.size])::text, 'UTF8'), 'base64'), E'+/=\n', '-_') || '"'
    else 'null' end, '}')
  from unnest(readers, only_unread, sizes, before_ats, before_ids, after_ats) with ordinality
    asked (reader, unread, size, before_at, before_id, after_at, n)
  left join accounts me on me.id = asked.reader
  -- Broadcasts older than the end of the page need not be looked for: where it ends without them.
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
      array_to_string((array_agg(
        coalesce(row.item, (
          select inbox_item(b.id, type, said ->> 'title', said ->> 'body', row.at, true, null)
          from broadcasts b, lateral (select coalesce(content -> me.language, content -> 'fr') said) words
          where b.id = row.id
        )) || case when row.is_read then 'true}' else 'false}' end
      ))[1:asked.size], ',') items,
      array_agg(row.id) ids, array_agg(row.at) ats, count(*) total
    from (
      -- Twice, so that each follows its own index.
      (
        select id, created_at at, read_at is not null is_read, item from notifications
        where not asked.unread and customer_id = asked.reader and deleted_at is null
          and (created_at, id) < (asked.before_at, asked.before_id) and created_at >= asked.after_at
        order by created_at desc, id desc limit asked.size + 1
      ) union all (
        select id, created_at, false, item from notifications
        where asked.unread and customer_id = asked.reader and deleted_at is null and read_at is null
          and (created_at, id) < (asked.before_at, asked.before_id) and created_at >= asked.after_at
        order by created_at desc, id desc limit asked.size + 1
      ) union all (
        -- A broadcast can reach the same customer by several targets.
        select distinct heard.broadcast_id, heard.started_at, heard.is_read, null
        from inbox_spans(asked.reader) span, lateral (
          select t.broadcast_id, t.started_at, r.read_at is not null or t.started_at <= me.inbox_read_until is_read
          from broadcast_targets t
          left join lateral (
            select read_at, deleted_at from broadcast_reads
            where customer_id = asked.reader and broadcast_id = t.broadcast_id limit 1
          ) r on true
          where t.target = span.target and t.started_at >= span.since and t.started_at < span.until
            and (t.started_at, t.broadcast_id) < (asked.before_at, asked.before_id) and t.started_at >= bottom.at
            and r.deleted_at is null
            and (not asked.unread or (r.read_at is null and t.started_at > me.inbox_read_until))
          order by t.started_at desc, t.broadcast_id desc limit asked.size + 1
        ) heard
      )
      order by at desc, id desc limit asked.size + 1
    ) row
  ) page
  order by asked.n;
end
$$;

-- How much of a customer's inbox is unread; counted no further than `most`.
create function inbox_unread(reader uuid, most integer) returns integer language plpgsql stable
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  read_until timestamptz;
begin
  select inbox_read_until into read_until from accounts where id = reader;
  return (
    select least(most, count(*)) from (
      (
        select id from notifications
        where customer_id = reader and deleted_at is null and read_at is null
        order by created_at desc, id desc limit most
      ) union (
        select of_target.broadcast_id from inbox_spans(reader) span, lateral (
          select t.broadcast_id
          from broadcast_targets t
          left join lateral (
            select read_at, deleted_at from broadcast_reads
            where customer_id = reader and broadcast_id = t.broadcast_id limit 1
          ) r on true
          where t.target = span.target and t.started_at >= span.since and t.started_at < span.until
            and t.started_at > read_until and r.deleted_at is null and r.read_at is null
          order by t.started_at desc limit most
        ) of_target
      )
    ) unread
  );
end
$$;
