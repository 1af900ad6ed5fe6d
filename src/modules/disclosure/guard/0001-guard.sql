-- The second lock of door 3, at the sending body: whatever the program believes, the database takes no row towards the ICO
-- unless every origin of every item named in it has a permission in force that covers the item, the purpose and the recipient.
-- What neither is a disclosure nor a recall has no way there at all. It reads across schemas on purpose: it is the one place that must not believe any module.
create function exchange.guard_door_3() returns trigger
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
    if not exists (select 1 from permission.held as h where h.id::text = said->>'permission' and h.withdrawn_at is not null) then
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
    left join casework.item_origins as o on o.item = (sent->>'id')::uuid
    where o.organisation is null or not exists (
      select 1
      from permission.held as h
      join permission.held_items as i on i.permission = h.id
      where h.organisation = o.organisation
        and h.id::text = any(new.permissions)
        and h.recipient = new.peer
        and h.purpose = said->>'purpose'
        and h.begins <= moment
        and h.ends > moment
        and h.withdrawn_at is null
        and i.item = o.item
        and i.commitment = sent->>'commitment'
    )
  ) then
    raise exception 'permission-missing' using errcode = 'check_violation', constraint = 'guard_door_3';
  end if;
  return new;
end
$$;

create trigger guard_door_3
before insert or update of record, peer, kind, permissions on exchange.outbox
for each row execute function exchange.guard_door_3();
