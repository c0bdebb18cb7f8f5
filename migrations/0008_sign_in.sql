-- safe: functions that nothing called before.

-- The statements of every sign-in, as functions so that they are planned once per connection (as 0002 explains).

-- Counts an attempt as failed before it is made, on the device and the account; every `limit`-th failure in a row locks
-- for fifteen minutes, twice as long with each further lock. '-infinity' when it may be made; otherwise until when it may
-- not, because one of them is locked.
create function take_attempt(
  of_account uuid,
  of_device uuid,
  at timestamptz,
  account_limit integer,
  device_limit integer,
  longest interval
) returns timestamptz language plpgsql as $$
begin
  if of_device is not null then
    update devices set
      failed_attempts = least(failed_attempts + 1, 30000),
      locked_until = case when (failed_attempts + 1) % device_limit = 0
        then at + least(interval '15 minutes' * power(2, least((failed_attempts + 1) / device_limit - 1, 7)), longest)
        else locked_until end
    where id = of_device and (locked_until is null or locked_until <= at);
  end if;
  if of_device is null or found then
    update accounts set
      failed_attempts = least(failed_attempts + 1, 30000),
      locked_until = case when (failed_attempts + 1) % account_limit = 0
        then at + least(interval '15 minutes' * power(2, least((failed_attempts + 1) / account_limit - 1, 7)), longest)
        else locked_until end
    where id = of_account and (locked_until is null or locked_until <= at);
    if found then
      return '-infinity';
    end if;
  end if;
  return coalesce(greatest(
    (select locked_until from accounts where id = of_account),
    (select locked_until from devices where id = of_device)), at);
end
$$;

-- A session for who gave the right secret: the counts of failed attempts start anew and the device is seen.
create function open_session(
  new_id uuid,
  of_account uuid,
  of_device uuid,
  hash bytea,
  agent text,
  at timestamptz,
  until timestamptz,
  device_name text,
  device_platform text
) returns void language plpgsql as $$
begin
  if of_device is not null then
    update devices set failed_attempts = 0, locked_until = null, last_seen_at = at,
      name = coalesce(device_name, name), platform = coalesce(device_platform, platform)
    where id = of_device;
  end if;
  update accounts set failed_attempts = 0, locked_until = null
  where id = of_account and (failed_attempts > 0 or locked_until is not null);
  insert into sessions (id, account_id, device_id, token_hash, user_agent, created_at, last_used_at, expires_at)
  values (new_id, of_account, of_device, hash, agent, at, at, until);
end
$$;
