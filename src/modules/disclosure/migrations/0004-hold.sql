-- This house was found to be behind what others hold of its log: an old database. From `found_at` every outward door and the log signer are
-- shut. `note` is the head, under our own signature, that showed it; `since`: what came or went from then on may be missing.
create table disclosure.holds (
  id uuid not null,
  found_at timestamptz not null,
  note text not null,
  since timestamptz not null,
  recovered_at timestamptz,
  resumed_at timestamptz,
  constraint holds_pk primary key (id),
  constraint holds_in_order check (recovered_at >= found_at and resumed_at >= recovered_at)
);

create unique index holds_one_at_a_time on disclosure.holds ((true)) where resumed_at is null;

-- What others had, and could not be taken back: named, so that whoever releases the hold knows.
create table disclosure.gaps (
  hold uuid not null,
  record uuid not null,
  peer text not null,
  kind text not null,
  code text not null,
  constraint gaps_pk primary key (hold, record),
  constraint gaps_hold foreign key (hold) references disclosure.holds (id)
);

-- Two people in two roles, each with a reason.
create table disclosure.hold_releases (
  hold uuid not null,
  person text not null,
  role text not null,
  reason text not null,
  released_at timestamptz not null,
  constraint hold_releases_pk primary key (hold, person),
  constraint hold_releases_two_roles unique (hold, role),
  constraint hold_releases_role check (role in ('records-officer', 'administrator')),
  constraint hold_releases_hold foreign key (hold) references disclosure.holds (id)
);

-- A second lock: no hold ends without both, whatever the program believes.
create function disclosure.guard_release() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  if new.resumed_at is not null and (select count(*) from disclosure.hold_releases as r where r.hold = new.id) < 2 then
    raise exception 'a hold is released by two people' using errcode = 'check_violation', constraint = 'guard_release';
  end if;
  return new;
end
$$;

create trigger guard_release
before insert or update on disclosure.holds
for each row execute function disclosure.guard_release();

grant select, insert, update (recovered_at, resumed_at) on disclosure.holds to :gateway;
grant select, insert, delete on disclosure.gaps to :gateway;
grant select on disclosure.hold_releases to :gateway;
grant select on disclosure.holds, disclosure.gaps to :desk;
grant select, insert on disclosure.hold_releases to :desk;
