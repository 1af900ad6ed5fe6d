create schema disclosure;

-- What a releasing officer asks for, at the sending body. Whether it may go is decided by the gateway; refusals stay here alone.
create table disclosure.proposals (
  id uuid not null,
  case_id uuid not null,
  recipient text not null,
  purpose text not null,
  necessity text not null,
  items uuid[] not null,
  officer text not null,
  roles text[] not null,
  proposed_at timestamptz not null,
  constraint proposals_pk primary key (id)
);

create index proposals_case on disclosure.proposals (case_id, proposed_at);

-- At the recipient: one row a disclosure, kept or called back, whichever comes first. Both write it, so neither can overlook the other.
create table disclosure.standing (
  disclosure uuid not null,
  permission uuid,
  recalled_at timestamptz,
  constraint standing_pk primary key (disclosure)
);

grant usage on schema disclosure to :desk, :gateway;
grant select, insert on disclosure.proposals to :desk;
grant select on disclosure.proposals, disclosure.standing to :gateway;
grant insert on disclosure.standing to :gateway;
grant update (permission, recalled_at) on disclosure.standing to :gateway;
