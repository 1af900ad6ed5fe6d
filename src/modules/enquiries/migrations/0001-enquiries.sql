create schema enquiries;

-- At the body that asks: what it asked, as it travels (canonical JSON). `nth` counts the questions of a case, so that of two asked at
-- once the second waits and sees the first; `sameness` is a hash of the words without regard to case and spaces.
create table enquiries.asked (
  id uuid not null,
  case_id uuid not null,
  nth integer not null,
  organisation uuid not null,
  reference text not null,
  words text not null,
  sameness bytea not null,
  asked_by text not null,
  asked_role text not null,
  asked_at timestamptz not null,
  constraint asked_pk primary key (id),
  constraint asked_one_after_another unique (case_id, nth),
  constraint asked_once unique (case_id, sameness)
);

-- At the body that asks: what it took back. The id is that of the record that says so.
create table enquiries.taken_back (
  id uuid not null,
  enquiry uuid not null,
  taken_back_by text not null,
  taken_back_at timestamptz not null,
  constraint taken_back_pk primary key (id),
  constraint taken_back_once unique (enquiry),
  constraint taken_back_enquiry foreign key (enquiry) references enquiries.asked (id)
);

-- At the portal: what a body asks an organisation. The words lie sealed, like everything in its folder.
create table enquiries.received (
  id uuid not null,
  incident uuid not null,
  sender text not null,
  words bytea not null,
  received_at timestamptz not null,
  constraint received_pk primary key (id),
  constraint received_sender check (sender in ('ncsc', 'ico'))
);

create index received_incident on enquiries.received (incident, received_at);

-- At the portal: what a body took back, which may arrive before what it asked. The id is the record's.
create table enquiries.withdrawn (
  id uuid not null,
  incident uuid not null,
  sender text not null,
  enquiry uuid not null,
  received_at timestamptz not null,
  constraint withdrawn_pk primary key (id)
);

create index withdrawn_incident on enquiries.withdrawn (incident);

grant usage on schema enquiries to :desk, :gateway;
grant select, insert on enquiries.asked, enquiries.taken_back to :desk;
grant select on enquiries.asked, enquiries.taken_back to :gateway;
grant select on enquiries.received, enquiries.withdrawn to :desk;
grant insert on enquiries.received, enquiries.withdrawn to :gateway;
