-- At the portal: what an organisation started itself. Either it named its own items, and the claims to sign are here; or it lets the
-- sender answer an enquiry, and the sender's request brings the words. `words` lie sealed, like everything in its folder.
create table permission.starts (
  id uuid not null,
  incident uuid not null,
  organisation uuid not null,
  reference text not null,
  recipient text not null,
  purpose text not null,
  until timestamptz not null,
  words bytea not null,
  claims text,
  enquiry uuid,
  narrows uuid,
  started_by text not null,
  started_at timestamptz not null,
  constraint starts_pk primary key (id),
  constraint starts_one_form check ((claims is null) = (enquiry is not null)),
  constraint starts_narrow_items check (narrows is null or claims is not null)
);

create index starts_organisation on permission.starts (organisation, started_at);

-- Which start a request answers.
alter table permission.requests add column start uuid;

-- Which permission this one takes the place of, and which took the place of this one.
alter table permission.grants add column narrows uuid;
alter table permission.grants add column narrowed_by uuid;

-- At the portal: withdrawals that a sending body took by telephone; what was said lies sealed.
create table permission.calls (
  id uuid not null,
  permission uuid not null,
  incident uuid not null,
  organisation uuid not null,
  payload bytea not null,
  received_at timestamptz not null,
  constraint calls_pk primary key (id)
);

create index calls_permission on permission.calls (permission);

-- At a sending body: what organisations started. Nothing is permitted by it.
create table permission.offers (
  id uuid not null,
  case_id uuid not null,
  organisation uuid not null,
  recipient text not null,
  purpose text not null,
  until timestamptz not null,
  items uuid[] not null,
  question text,
  narrows uuid,
  received_at timestamptz not null,
  constraint offers_pk primary key (id),
  constraint offers_one_form check ((question is null) = (cardinality(items) > 0))
);

create index offers_case on permission.offers (case_id, received_at);

-- At a sending body: an offer it will not take up; the organisation is told so, and not why. The id is that of the record that tells it.
create table permission.declined (
  id uuid not null,
  offer uuid not null,
  reason text not null,
  declined_by text not null,
  declined_at timestamptz not null,
  constraint declined_pk primary key (id),
  constraint declined_once unique (offer),
  constraint declined_offer foreign key (offer) references permission.offers (id)
);

-- An offer is answered by one request.
alter table permission.asked add column offer uuid;
alter table permission.asked add constraint asked_once_an_offer unique (offer);

-- At a sending body: every item with the purpose it was asked for, organisation by organisation. `nth` counts beyond one only where
-- what was asked before never reached the organisation; of two asked at once it lets one through.
create table permission.asked_items (
  organisation uuid not null,
  item uuid not null,
  purpose text not null,
  nth integer not null,
  request uuid not null,
  constraint asked_items_pk primary key (organisation, item, purpose, nth)
);

insert into permission.asked_items (organisation, item, purpose, nth, request)
select organisation, item, purpose, row_number() over (partition by organisation, item, purpose order by asked_at, id), id
from permission.asked
cross join unnest(items) as item;

-- Which permission this one takes the place of.
alter table permission.held add column narrows uuid;
alter table permission.withdrawals add column narrowed_by uuid;

-- At a sending body: a withdrawal told by telephone, as the duty officer wrote it down. The id is that of the record that tells of it.
create table permission.telephoned (
  id uuid not null,
  permission uuid not null,
  organisation uuid not null,
  caller text not null,
  number text not null,
  number_from text not null,
  words text not null,
  taken_by text not null,
  taken_at timestamptz not null,
  constraint telephoned_pk primary key (id)
);

grant select, insert on permission.starts to :desk;
grant select on permission.starts to :gateway;
grant update (narrowed_by) on permission.grants to :desk;
grant select on permission.calls to :desk;
grant select, insert on permission.calls to :gateway;
grant select on permission.offers to :desk;
grant select, insert on permission.offers to :gateway;
grant select, insert on permission.declined, permission.asked_items, permission.telephoned to :desk;
grant select on permission.declined, permission.telephoned to :gateway;
