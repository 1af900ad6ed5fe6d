-- As 0002, and what left before a restore, as its recipient handed it back, can be called back too.
create or replace function exchange.guard_door_3() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  said jsonb := new.record::jsonb;
  moment timestamptz := greatest(new.queued_at, now());
begin
  if new.peer = 'portal' then
    return new;
  end if;
  -- Said positively: a comparison with what is missing is neither true nor false, and must not pass.
  if (said->>'kind' = new.kind and said->>'to' = new.peer and said->>'id' = new.id::text) is not true then
    raise exception 'outbox row and record differ' using errcode = 'check_violation', constraint = 'guard_door_3';
  end if;
  if new.kind = 'recall' then
    if jsonb_typeof(said->'items') is distinct from 'array' then
      raise exception 'a recall without its list' using errcode = 'check_violation', constraint = 'guard_door_3';
    end if;
    -- Of a withdrawal the recipient hears only where something left: the rest would tell it that there had been a permission.
    if not exists (
      select 1
      from permission.held as h
      join (
        select o.id, o.kind, o.peer, o.permissions, o.state, o.record
        from exchange.outbox as o
        union all
        select r.id, r.kind, r.peer, r.permissions, 'accepted', r.record
        from exchange.returned as r
      ) as sent on sent.id = (said->>'disclosure')::uuid
      where h.id::text = said->>'permission'
        and h.withdrawn_at is not null
        and sent.kind = 'disclosure'
        and sent.peer = new.peer
        and h.id::text = any(sent.permissions)
        and sent.state in ('accepted', 'refused', 'may-have-left')
        and not exists (
          select 1
          from jsonb_array_elements(said->'items') as back
          where (
            select true
            from permission.held_items as i
            where i.permission = h.id
              and i.item::text = back->>'id'
              and i.commitment = back->>'commitment'
              and sent.record::jsonb->'items' @> jsonb_build_array(back)
            limit 1
          ) is not true
        )
    ) then
      raise exception 'recall without a withdrawal' using errcode = 'check_violation', constraint = 'guard_door_3';
    end if;
    return new;
  end if;
  if (new.kind = 'disclosure' and jsonb_typeof(said->'items') = 'array' and jsonb_array_length(said->'items') > 0) is not true then
    raise exception 'no door for this' using errcode = 'check_violation', constraint = 'guard_door_3';
  end if;
  if exists (
    select 1
    from jsonb_array_elements(said->'items') as sent
    -- Its origins; the organisation in whose case it is; and the one that the record names.
    cross join lateral (
      select o.organisation
      from casework.item_origins as o
      where o.item = (sent->>'id')::uuid
      union
      select c.organisation
      from casework.contents as i
      join casework.cases as c on c.id = i.case_id
      where i.id = (sent->>'id')::uuid
      union
      select (said->>'organisation')::uuid
    ) as origin
    -- Not `exists`, which under `or` is answered from everything in the house; one row each is looked up by index.
    where origin.organisation is null
    or (
      select true
      from casework.item_origins as o
      where o.item = (sent->>'id')::uuid
      limit 1
    ) is not true
    or (
      select true
      from permission.held_items as i
      join permission.held as h on h.id = i.permission
      where i.item = (sent->>'id')::uuid
        and i.commitment = sent->>'commitment'
        and h.organisation = origin.organisation
        and h.id::text = any(new.permissions)
        and h.recipient = new.peer
        and h.purpose = said->>'purpose'
        and h.begins <= moment
        and h.ends > moment
        and h.withdrawn_at is null
      limit 1
    ) is not true
  ) then
    raise exception 'permission-missing' using errcode = 'check_violation', constraint = 'guard_door_3';
  end if;
  return new;
end
$$;
