-- A near miss is told to the NCSC alone: it has no clock. It may turn out to be an incident, never the other way round.
alter table reporting.incidents add column kind text not null default 'incident';
alter table reporting.incidents add constraint incidents_kind check (kind in ('incident', 'near-miss'));
alter table reporting.incidents alter column kind drop default;
grant update (kind) on reporting.incidents to :desk;

-- What an organisation has written and may not have sent: each save is a row of its own, sealed, and no save is ever changed.
-- A `whole` one holds every answer as it stood then, so that readers need go no further back.
create table reporting.drafts (
  id uuid not null,
  incident uuid not null,
  version integer not null,
  whole boolean not null,
  content bytea not null,
  saved_by text not null,
  saved_at timestamptz not null,
  constraint drafts_pk primary key (id),
  constraint drafts_incident foreign key (incident) references reporting.incidents (id),
  constraint drafts_one_a_version unique (incident, version)
);

grant select, insert on reporting.drafts to :desk;

-- Each body is told a stage of its own: the first it hears is the initial report, whatever another was told before.
alter table reporting.submissions add column stage text;
update reporting.submissions s set stage = f.stage from reporting.filings f where f.id = s.filing;
alter table reporting.submissions alter column stage set not null;
alter table reporting.submissions add constraint submissions_stage check (stage in ('initial', 'update', 'final'));
