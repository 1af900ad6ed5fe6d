-- The second signature of a permission that needs two, with whose key it is by: at the portal what was given, at a sending body what is
-- held. `given` is the permission's id.
create table permission.seconds (
  given uuid not null,
  permission text not null,
  enrolment jsonb not null,
  constraint seconds_pk primary key (given)
);

grant select, insert on permission.seconds to :desk, :gateway;
-- A key that the sending body, or the clock, suspended takes its permissions with it, and no desk is asked.
grant update (withdrawal, withdrawal_signed) on permission.grants to :gateway;
