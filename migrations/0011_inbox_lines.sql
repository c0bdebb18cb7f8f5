-- safe: a new function, and the one before answers as it did.

-- Pages of inboxes (0003) as the lines of one text, which the server sends in one piece; JSON has no line break in it.
create function inbox_lines(
  readers uuid[],
  only_unread boolean[],
  sizes integer[],
  before_ats timestamptz[],
  before_ids uuid[],
  after_ats timestamptz[]
) returns text language plpgsql stable
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  return string_agg(line, E'\n') from (
    select concat('{"items":[', page.items, '],"nextCursor":', case
      when bottom.at > asked.after_at
        or page.total = asked.size
          and inbox_has_older(asked.reader, asked.unread, page.last_at, page.ids[asked.size], asked.after_at)
      then concat('"', encode(timestamptz_send(page.last_at) || uuid_send(page.ids[asked.size]), 'hex'), '"}')
      else 'null}' end) line
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
    order by asked.n
  ) lines;
end
$$;

-- For the version before.
create or replace function inbox_pages(
  readers uuid[],
  only_unread boolean[],
  sizes integer[],
  before_ats timestamptz[],
  before_ids uuid[],
  after_ats timestamptz[]
) returns setof text language sql stable rows 16 as $$
  select string_to_table(inbox_lines(readers, only_unread, sizes, before_ats, before_ids, after_ats), E'\n')
$$;
