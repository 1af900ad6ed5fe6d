create schema permission;

-- At the portal: what an authority asks of an organisation. The words to be sent are the organisation's own folder's: sealed under its key.
create table permission.requests (
  id uuid not null,
  incident uuid not null,
  organisation uuid not null,
  sender text not null,
  recipient text not null,
  purpose text not null,
  until timestamptz not null,
  words bytea not null,
  claims text not null,
  received_at timestamptz not null,
  refused_at timestamptz,
  refusal uuid,
  constraint requests_pk primary key (id)
);

create index requests_organisation on permission.requests (organisation, received_at);

-- At the portal: what the organisation signed.
create table permission.grants (
  id uuid not null,
  request uuid not null,
  incident uuid not null,
  organisation uuid not null,
  permission text not null,
  enrolment jsonb not null,
  ends timestamptz not null,
  record uuid not null,
  granted_at timestamptz not null,
  withdrawal uuid,
  withdrawal_signed text,
  constraint grants_pk primary key (id)
);

create index grants_organisation on permission.grants (organisation, granted_at);

-- At a sending body: what it asked.
create table permission.asked (
  id uuid not null,
  case_id uuid not null,
  organisation uuid not null,
  recipient text not null,
  purpose text not null,
  until timestamptz not null,
  items uuid[] not null,
  reason text not null,
  asked_by text not null,
  asked_at timestamptz not null,
  state text not null default 'open',
  constraint asked_pk primary key (id),
  constraint asked_state check (state in ('open', 'granted', 'refused'))
);

-- At a sending body: the permissions it holds. Nothing is ever taken away from a row; withdrawal adds its time.
create table permission.held (
  id uuid not null,
  organisation uuid not null,
  recipient text not null,
  purpose text not null,
  begins timestamptz not null,
  ends timestamptz not null,
  permission text not null,
  enrolment jsonb not null,
  record uuid not null,
  received_at timestamptz not null,
  withdrawn_at timestamptz,
  constraint held_pk primary key (id),
  constraint held_term check (begins < ends)
);

create index held_organisation on permission.held (organisation, recipient);

create table permission.held_items (
  permission uuid not null,
  item uuid not null,
  commitment text not null,
  constraint held_items_pk primary key (permission, item)
);

create index held_items_item on permission.held_items (item);

-- At a sending body: one row a permission, held or withdrawn, whichever comes first. Both write it, so neither can overlook the other.
create table permission.standing (
  permission uuid not null,
  organisation uuid not null,
  withdrawn_at timestamptz,
  constraint standing_pk primary key (permission, organisation)
);

-- At a sending body: a withdrawal waits here until every send that was under way has ended one way or the other.
create table permission.withdrawals (
  id uuid not null,
  permission uuid not null,
  organisation uuid not null,
  received_at timestamptz not null,
  stopped uuid[] not null,
  settled_at timestamptz,
  constraint withdrawals_pk primary key (id)
);

create index withdrawals_open on permission.withdrawals (received_at) where settled_at is null;

grant usage on schema permission to :desk, :gateway;
grant select on all tables in schema permission to :desk, :gateway;
grant insert on permission.grants, permission.asked to :desk;
grant update (refused_at, refusal) on permission.requests to :desk;
grant update (withdrawal, withdrawal_signed) on permission.grants to :desk;
grant insert on permission.requests, permission.held, permission.held_items, permission.standing, permission.withdrawals to :gateway;
-- `for share` and `for update` need the right to update something.
grant update (withdrawn_at) on permission.held, permission.standing to :gateway;
grant update (state) on permission.asked to :gateway;
grant update (settled_at) on permission.withdrawals to :gateway;
