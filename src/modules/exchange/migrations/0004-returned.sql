-- What this house said, and its own database no longer knows after a restore, as those it was said to handed it back. It is history: no row
-- here is ever sent. `entry` is the ledger's.
create table exchange.returned (
  id uuid not null,
  peer text not null,
  kind text not null,
  answers uuid,
  record text not null,
  entry uuid not null,
  permissions text[] not null,
  acknowledgement text,
  statement text not null,
  said_at timestamptz not null,
  returned_at timestamptz not null,
  constraint returned_pk primary key (id)
);

create index returned_answers on exchange.returned (answers) where answers is not null;
create index returned_permissions on exchange.returned using gin (permissions);

alter table exchange.returned alter column statement set storage external;

grant select, insert on exchange.returned to :gateway;

create or replace view exchange.progress as
  select id, peer, kind, state, code, acknowledgement, queued_at, settled_at, record
  from exchange.outbox
  union all
  select id, peer, kind, 'accepted', null, acknowledgement, said_at, returned_at, record
  from exchange.returned;

create or replace view exchange.sent as
  select id, peer, kind, statement, settled_at
  from exchange.outbox
  where statement is not null
  union all
  select id, peer, kind, statement, returned_at
  from exchange.returned;

-- What was accepted stays, encrypted, for as long as its recipient may need it again; then the payload goes.
create index outbox_payloads on exchange.outbox (settled_at) where payload is not null and settled_at is not null;
create index outbox_settled on exchange.outbox (peer, queued_at, id) where state = 'accepted';

-- What a house that was restored asks for: its own words back, in the order in which they came.
create index inbox_sender on exchange.inbox (sender, received_at, id) where state = 'accepted';
