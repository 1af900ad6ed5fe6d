create schema reporting;

-- An organisation's folder. `folder` says under whose key its words lie: the organisation's, or, for a first report by somebody
-- who has not signed in, a key of this one incident. Whatever a person typed is here as ciphertext only.
create table reporting.incidents (
  id uuid not null,
  folder uuid not null,
  organisation uuid,
  reference text not null,
  title bytea not null,
  created_by text,
  created_at timestamptz not null,
  constraint incidents_pk primary key (id),
  constraint incidents_reference unique (reference),
  constraint incidents_folder_is_its_own_or_its_organisations check (folder = id or coalesce(folder = organisation, false))
);

create index incidents_folder on reporting.incidents (folder, created_at);

-- What one body sees of an incident, under a reference of its own; nothing in it points to another view.
create table reporting.views (
  id uuid not null,
  incident uuid not null,
  recipient text not null,
  reference text not null,
  constraint views_pk primary key (id),
  constraint views_incident foreign key (incident) references reporting.incidents (id),
  constraint views_recipient check (recipient in ('ico', 'ncsc')),
  constraint views_one_a_recipient unique (incident, recipient),
  constraint views_reference unique (reference)
);

-- One pressing of "submit". `retry_key` is the hash of the key a client gave so that a repeat files nothing twice; `answers` is the
-- sealed hash of what was filed, so that a repeat with other answers is told so.
create table reporting.filings (
  id uuid not null,
  incident uuid not null,
  stage text not null,
  retry_key bytea,
  answers bytea not null,
  filed_by text not null,
  filed_at timestamptz not null,
  constraint filings_pk primary key (id),
  constraint filings_incident foreign key (incident) references reporting.incidents (id),
  constraint filings_stage check (stage in ('initial', 'update', 'final')),
  constraint filings_once unique (incident, retry_key)
);

-- What goes to one body at one filing: the payload's bytes as they travel, sealed. `record` is the record's and the envelope's id.
create table reporting.submissions (
  id uuid not null,
  filing uuid not null,
  view uuid not null,
  record uuid not null,
  payload bytea not null,
  constraint submissions_pk primary key (id),
  constraint submissions_filing foreign key (filing) references reporting.filings (id),
  constraint submissions_view foreign key (view) references reporting.views (id),
  constraint submissions_one_a_view unique (filing, view),
  constraint submissions_record unique (record)
);

create index submissions_view on reporting.submissions (view);

-- Which item stands in which submission; value and salt are in its payload.
create table reporting.items (
  id uuid not null,
  submission uuid not null,
  question text not null,
  commitment text not null,
  constraint items_pk primary key (id),
  constraint items_submission foreign key (submission) references reporting.submissions (id)
);

create index items_submission on reporting.items (submission);

grant usage on schema reporting to :desk, :gateway;
grant select, insert on reporting.incidents, reporting.views, reporting.filings, reporting.submissions, reporting.items to :desk;
grant update (organisation) on reporting.incidents to :desk;
grant select on reporting.incidents, reporting.views, reporting.filings, reporting.submissions, reporting.items to :gateway;
