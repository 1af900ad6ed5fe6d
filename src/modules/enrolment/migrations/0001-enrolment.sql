create schema enrolment;

-- At the portal: which key somebody of an organisation asked to have enrolled. The id is that of the record that asks the sending body.
create table enrolment.asked (
  id uuid not null,
  organisation uuid not null,
  person uuid not null,
  kid text not null,
  ceremony text not null,
  payload text not null,
  asked_at timestamptz not null,
  constraint asked_pk primary key (id),
  constraint asked_ceremony check (ceremony in ('call-back', 'countersigned', 'notice', 'recovery'))
);

create index asked_organisation on enrolment.asked (organisation, asked_at);

-- At the portal: whom to tell by telephone or letter. Sealed under the organisation's key. Nobody takes one away: whoever has everybody's
-- token must not be able to make sure that nobody hears.
create table enrolment.contacts (
  id uuid not null,
  organisation uuid not null,
  channel text not null,
  contact bytea not null,
  added_by text not null,
  added_at timestamptz not null,
  constraint contacts_pk primary key (id),
  constraint contacts_channel check (channel in ('telephone', 'letter'))
);

create index contacts_organisation on enrolment.contacts (organisation, added_at);

-- At the portal: what is to be told, to whom. It has no words: whoever tells it says that a key was asked for, and nothing else.
create table enrolment.notices (
  id uuid not null,
  organisation uuid not null,
  request uuid not null,
  contact uuid not null,
  made_at timestamptz not null,
  constraint notices_pk primary key (id),
  constraint notices_request foreign key (request) references enrolment.asked (id),
  constraint notices_contact foreign key (contact) references enrolment.contacts (id)
);

create index notices_request on enrolment.notices (request);

-- At the portal: each time somebody of the operator tried. `said` (who was spoken to) lies sealed.
create table enrolment.attempts (
  id uuid not null,
  notice uuid not null,
  outcome text not null,
  said bytea not null,
  tried_by text not null,
  tried_at timestamptz not null,
  constraint attempts_pk primary key (id),
  constraint attempts_notice foreign key (notice) references enrolment.notices (id),
  constraint attempts_outcome check (outcome in ('reached', 'posted', 'not-reached'))
);

create index attempts_notice on enrolment.attempts (notice);

-- At the portal: every contact that somebody of the operator saw, for the organisation to see.
create table enrolment.openings (
  id uuid not null,
  organisation uuid not null,
  contact uuid not null,
  opened_by text not null,
  opened_at timestamptz not null,
  constraint openings_pk primary key (id)
);

create index openings_organisation on enrolment.openings (organisation, opened_at);

-- At the portal: what the sending body answered. Its half of the record, to which the portal adds its own; or its no, the reason sealed.
create table enrolment.halves (
  request uuid not null,
  half text not null,
  received_at timestamptz not null,
  completed_at timestamptz,
  constraint halves_pk primary key (request),
  constraint halves_request foreign key (request) references enrolment.asked (id)
);

create index halves_waiting on enrolment.halves (received_at) where completed_at is null;

create table enrolment.refused (
  request uuid not null,
  reason bytea not null,
  received_at timestamptz not null,
  constraint refused_pk primary key (request),
  constraint refused_request foreign key (request) references enrolment.asked (id)
);

-- At a sending body: what was asked for, as the portal sent it, and from when it can be answered.
create table enrolment.requests (
  id uuid not null,
  organisation uuid not null,
  kid text not null,
  ceremony text not null,
  payload text not null,
  logged_at timestamptz not null,
  due_at timestamptz not null,
  received_at timestamptz not null,
  constraint requests_pk primary key (id)
);

create index requests_organisation on enrolment.requests (organisation);

-- At a sending body: what its enrolment officer did. `detail` (which register, which number, who was spoken to) lies sealed.
create table enrolment.calls (
  id uuid not null,
  request uuid not null,
  decision text not null,
  detail bytea not null,
  officer text not null,
  called_at timestamptz not null,
  recorded_at timestamptz not null,
  constraint calls_pk primary key (id),
  constraint calls_request foreign key (request) references enrolment.requests (id),
  constraint calls_decision check (decision in ('confirmed', 'refused')),
  constraint calls_once unique (request)
);

-- At a sending body: what it answered. One row a request, whichever comes first.
create table enrolment.answers (
  request uuid not null,
  state text not null,
  half text,
  answered_at timestamptz not null,
  constraint answers_pk primary key (request),
  constraint answers_request foreign key (request) references enrolment.requests (id),
  constraint answers_state check (state in ('signed', 'refused')),
  constraint answers_half check ((state = 'signed') = (half is not null))
);

-- At both: who suspended which key, since when. The reason lies sealed. The id is that of the record that tells the other of it.
create table enrolment.suspensions (
  id uuid not null,
  organisation uuid not null,
  kid text not null,
  since timestamptz not null,
  by text not null,
  reason bytea not null,
  suspended_by text not null,
  suspended_at timestamptz not null,
  constraint suspensions_pk primary key (id),
  constraint suspensions_by check (by in ('session', 'telephone', 'departure'))
);

create index suspensions_key on enrolment.suspensions (organisation, kid);

grant usage on schema enrolment to :desk, :gateway;
grant select, insert on enrolment.asked, enrolment.contacts, enrolment.notices, enrolment.attempts, enrolment.openings to :desk;
grant select, insert on enrolment.calls, enrolment.suspensions to :desk;
grant select on enrolment.halves, enrolment.refused, enrolment.requests, enrolment.answers to :desk;
grant select on enrolment.asked, enrolment.notices, enrolment.attempts, enrolment.calls to :gateway;
grant select, insert on enrolment.halves, enrolment.refused, enrolment.requests, enrolment.answers, enrolment.suspensions to :gateway;
grant update (completed_at) on enrolment.halves to :gateway;
