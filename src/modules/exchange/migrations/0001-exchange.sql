create schema exchange;

-- What the desk asks its gateway to send. The desk may insert and read; it may not decide.
create table exchange.requests (
  id uuid not null,
  kind text not null,
  peer text not null,
  body jsonb not null,
  actor jsonb not null,
  requested_at timestamptz not null,
  -- Put off after a fault, so that one request never holds up the others.
  next_at timestamptz not null default '-infinity',
  state text not null default 'pending',
  code text,
  clause text,
  items text[] not null default '{}',
  decided_at timestamptz,
  -- What a request for a signature alone (a bundle's seal) came to.
  result text,
  constraint requests_pk primary key (id),
  constraint requests_state check (state in ('pending', 'decided', 'refused')),
  constraint requests_refused_has_code check ((state = 'refused') = (code is not null))
);

create index requests_pending on exchange.requests (requested_at) where state = 'pending';

-- One row a record on its way to a peer. `payload` is encrypted under a key kept out of the database, and gone once settled.
create table exchange.outbox (
  id uuid not null,
  peer text not null,
  kind text not null,
  record text not null,
  payload bytea,
  entry uuid not null,
  permissions text[] not null default '{}',
  state text not null default 'waiting',
  claimed_by uuid,
  claim_until timestamptz,
  attempts integer not null default 0,
  next_at timestamptz not null,
  queued_at timestamptz not null,
  settled_at timestamptz,
  code text,
  acknowledgement text,
  statement text,
  constraint outbox_pk primary key (id),
  constraint outbox_state check (state in ('waiting', 'claimed', 'accepted', 'refused', 'cancelled', 'may-have-left')),
  constraint outbox_claim check ((state = 'claimed') = (claimed_by is not null))
);

create index outbox_waiting on exchange.outbox (next_at) where state in ('waiting', 'claimed');
create index outbox_permissions on exchange.outbox using gin (permissions);

-- Every statement that arrived and was signed by a known node, kept once; refused ones too, without their payload.
create table exchange.inbox (
  id uuid not null,
  sender text not null,
  kind text not null,
  organisation text,
  answers uuid,
  statement text not null,
  record_hash bytea not null,
  log_time timestamptz,
  state text not null,
  code text,
  received_at timestamptz not null,
  constraint inbox_pk primary key (id),
  constraint inbox_state check (state in ('accepted', 'refused')),
  constraint inbox_refused_has_code check ((state = 'refused') = (code is not null))
);

create index inbox_answers on exchange.inbox (answers) where answers is not null;
create index inbox_organisation on exchange.inbox (organisation, received_at);

-- The acknowledgement given for an envelope, so that the same bytes get the same answer.
create table exchange.deliveries (
  envelope uuid not null,
  sender text not null,
  hash bytea not null,
  acknowledgement text not null,
  received_at timestamptz not null,
  constraint deliveries_pk primary key (envelope)
);

-- What came to the gateway's door and was no message of a known node: counted, kept a while, never answered in detail.
create table exchange.strays (
  id uuid not null,
  claimed_sender text,
  code text not null,
  received_at timestamptz not null,
  constraint strays_pk primary key (id)
);

grant usage on schema exchange to :desk, :gateway;
grant select, insert on exchange.requests to :desk;
grant select on exchange.inbox to :desk;
grant select on exchange.requests, exchange.outbox, exchange.inbox, exchange.deliveries, exchange.strays to :gateway;
grant insert on exchange.outbox, exchange.inbox, exchange.deliveries, exchange.strays to :gateway;
grant update (state, code, clause, items, decided_at, result, next_at) on exchange.requests to :gateway;
grant update (state, claimed_by, claim_until, attempts, next_at, settled_at, code, acknowledgement, statement, payload) on exchange.outbox to :gateway;

-- How far each message came, for the desk: neither what it says nor when it will be tried again.
create view exchange.progress as
  select id, peer, kind, state, code, acknowledgement, queued_at, settled_at, record
  from exchange.outbox;

grant select on exchange.progress to :desk, :gateway;

-- What left, as signed: evidence for whom it concerns.
create view exchange.sent as
  select id, peer, kind, statement, settled_at
  from exchange.outbox
  where statement is not null;

grant select on exchange.sent to :desk;
