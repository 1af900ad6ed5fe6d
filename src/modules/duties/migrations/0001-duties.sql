create schema duties;

-- What an organisation says happened and when, as it recorded it: sealed, numbered within its incident, never changed. A correction is
-- another row.
create table duties.moments (
  id uuid not null,
  incident uuid not null,
  number integer not null,
  content bytea not null,
  recorded_by text not null,
  recorded_at timestamptz not null,
  constraint moments_pk primary key (id),
  constraint moments_in_order unique (incident, number)
);

-- One row an incident whose duties were looked at: moments and alarms of an incident queue on it. `reports` are the ids of what was sent
-- to the ICO, so that whoever rings can see whether a receipt is back without opening the folder.
create table duties.watched (
  incident uuid not null,
  reports uuid[] not null default '{}',
  constraint watched_pk primary key (incident)
);

-- When to ring, made anew whenever the folder changes. The time is all that is said here of what lies sealed in the folder.
create table duties.alarms (
  incident uuid not null,
  kind text not null,
  ring_at timestamptz not null,
  settles boolean not null,
  constraint alarms_pk primary key (incident, kind, ring_at, settles),
  constraint alarms_incident foreign key (incident) references duties.watched (incident),
  constraint alarms_kind check (kind in ('twelve-hours-left', 'time-passed'))
);

create index alarms_ring_at on duties.alarms (ring_at);

-- What rang, each once.
create table duties.alerts (
  incident uuid not null,
  kind text not null,
  ring_at timestamptz not null,
  recorded_at timestamptz not null,
  constraint alerts_pk primary key (incident, kind, ring_at),
  constraint alerts_kind check (kind in ('twelve-hours-left', 'time-passed'))
);

grant usage on schema duties to :desk, :gateway;
grant select, insert on duties.moments to :desk;
grant select, insert on duties.watched to :desk;
grant update (reports) on duties.watched to :desk;
grant select, insert, delete on duties.alarms to :desk;
grant select on duties.alerts to :desk;
grant select on duties.watched to :gateway;
grant select, delete on duties.alarms to :gateway;
grant select, insert on duties.alerts to :gateway;
