-- Whose key it is, and which key let it in: both stand in the signed record; here they can be asked for.
alter table identity.enrolments add column person uuid;
alter table identity.enrolments add column let_in_by text;
create index enrolments_by_person on identity.enrolments (person);

-- How a key stands, enrolled here or not yet: one row to lock, whichever comes first. Whoever suspends a key and whoever keeps what it
-- signed both write it, so neither can overlook the other. An organisation's word reaches its own keys alone.
create table identity.key_standing (
  organisation uuid not null,
  kid text not null,
  suspended_since timestamptz,
  constraint key_standing_pk primary key (organisation, kid)
);

insert into identity.key_standing (organisation, kid, suspended_since)
select organisation, kid, suspended_since
from identity.enrolments
where suspended_since is not null;

alter table identity.enrolments drop column suspended_since;

-- The time can be moved back, never forward, whoever writes: nobody lifts a suspension.
create function identity.keep_suspended() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if old.suspended_since is not null and (new.suspended_since is null or new.suspended_since > old.suspended_since) then
    raise exception 'a suspension is not lifted' using errcode = 'check_violation', constraint = 'key_standing_kept';
  end if;
  return new;
end
$$;

create trigger key_standing_kept
before update on identity.key_standing
for each row execute function identity.keep_suspended();

grant select, insert on identity.key_standing to :desk, :gateway;
grant update (suspended_since) on identity.key_standing to :desk, :gateway;
-- A leaver's key is suspended by the clock.
grant select on identity.departures to :gateway;
