-- safe: functions that nothing called before.

-- The inbox is read far more often than anything else. As functions its statements are planned once per connection,
-- which PgBouncer allows and named statements are not. Planned once means planned for nobody in particular: every plan
-- is told to follow the order of its index, so that a long inbox costs what a short one costs.

-- Which broadcasts a customer hears: by target, of those that started while it was theirs.
create function inbox_spans(reader uuid) returns table (target text, since timestamptz, until timestamptz)
language sql stable as $$
  select unnest(array['everyone', 'customer:' || id]), created_at, 'infinity'::timestamptz
  from accounts where id = reader and role = 'customer'
  union all
  select unnest(array['agency:' || agency_id, 'meter:' || meter_id]), activated_at, coalesce(ended_at, 'infinity')
  from meter_links where customer_id = reader and activated_at is not null
$$;

-- One of an inbox, as the API writes it.
create function inbox_item(
  id uuid, type text, title text, body text, at timestamptz, is_read boolean, is_broadcast boolean, data jsonb
) returns text language sql stable as $$
  select concat('{"id":"', id, '","type":', to_json(type), ',"title":', to_json(title), ',"body":', to_json(body),
    ',"createdAt":', to_json(at), case when is_read then ',"read":true' else ',"read":false' end,
    case when is_broadcast then ',"broadcast":true' else ',"broadcast":false' end, ',"data":' || data::text, '}')
$$;

-- A page of a customer's inbox as the JSON text that the API sends: their notifications and broadcasts merged, newest
-- first, before (before_at, before_id) and not older than after_at.
create function inbox_page(
  reader uuid,
  only_unread boolean,
  size integer,
  before_at timestamptz default 'infinity',
  before_id uuid default 'ffffffff-ffff-ffff-ffff-ffffffffffff',
  after_at timestamptz default '-infinity'
) returns text language plpgsql stable
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  spoken text;
  read_until timestamptz;
  items text[];
  ids uuid[];
  ats timestamptz[];
  heard uuid[];
  heard_at timestamptz[];
  heard_read boolean[];
begin
  select language, inbox_read_until into spoken, read_until from accounts where id = reader;

  -- Two statements, so that each follows its own index.
  if only_unread then
    select array_agg(inbox_item(id, type, title, body, at, false, false, data)), array_agg(id), array_agg(at)
    into items, ids, ats
    from (
      select id, type, title, body, created_at at, data from notifications
      where customer_id = reader and deleted_at is null and read_at is null
        and (created_at, id) < (before_at, before_id) and created_at >= after_at
      order by created_at desc, id desc limit size + 1
    ) own;
  else
    select array_agg(inbox_item(id, type, title, body, at, read_at is not null, false, data)), array_agg(id), array_agg(at)
    into items, ids, ats
    from (
      select id, type, title, body, created_at at, read_at, data from notifications
      where customer_id = reader and deleted_at is null
        and (created_at, id) < (before_at, before_id) and created_at >= after_at
      order by created_at desc, id desc limit size + 1
    ) own;
  end if;

  -- Broadcasts older than the end of this page are not wanted; one can reach the same customer by several targets.
  if cardinality(ids) > size then after_at := greatest(after_at, ats[size + 1]); end if;
  select array_agg(broadcast_id), array_agg(started_at), array_agg(is_read) into heard, heard_at, heard_read
  from (
    select distinct of_target.started_at, of_target.broadcast_id, of_target.is_read
    from inbox_spans(reader) span, lateral (
      select t.started_at, t.broadcast_id, r.read_at is not null or t.started_at <= read_until is_read
      from broadcast_targets t
      left join broadcast_reads r on r.customer_id = reader and r.broadcast_id = t.broadcast_id
      where t.target = span.target and t.started_at >= span.since and t.started_at < span.until
        and (t.started_at, t.broadcast_id) < (before_at, before_id) and t.started_at >= after_at
        and r.deleted_at is null
        and (not only_unread or (r.read_at is null and t.started_at > read_until))
      order by t.started_at desc, t.broadcast_id desc limit size + 1
    ) of_target
    order by 1 desc, 2 desc limit size + 1
  ) newest;

  if heard is not null then
    select array_agg(item), array_agg(id), array_agg(at) into items, ids, ats
    from (
      select item, id, at from unnest(items, ids, ats) own (item, id, at)
      union all
      select inbox_item(h.id, b.type, b.said ->> 'title', b.said ->> 'body', h.at, h.is_read, true, null), h.id, h.at
      from unnest(heard, heard_at, heard_read) h (id, at, is_read)
      cross join lateral (
        select type, coalesce(content -> spoken, content -> 'fr') said from broadcasts where id = h.id offset 0
      ) b
      order by at desc, id desc limit size + 1
    ) merged;
  end if;

  return concat('{"items":[', array_to_string(items[1:size], ','), '],"nextCursor":', case
    when cardinality(ids) > size then '"' || translate(
      encode(convert_to(json_build_array(ats[size], ids[size])::text, 'UTF8'), 'base64'), E'+/=\n', '-_') || '"'
    else 'null' end, '}');
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
          left join broadcast_reads r on r.customer_id = reader and r.broadcast_id = t.broadcast_id
          where t.target = span.target and t.started_at >= span.since and t.started_at < span.until
            and t.started_at > read_until and r.deleted_at is null and r.read_at is null
          order by t.started_at desc limit most
        ) of_target
      )
    ) unread
  );
end
$$;
