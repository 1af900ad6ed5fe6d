create schema reads;

-- At a body: which records told an organisation of what was opened, by when they fell due.
create table reads.made (
  record uuid not null,
  organisation uuid not null,
  due timestamptz not null,
  lines integer not null,
  made_at timestamptz not null,
  constraint made_pk primary key (record),
  constraint made_lines check (lines >= 1)
);

create index made_organisation on reads.made (organisation, due);

-- At the portal: what each of them lists. Nothing in it was typed by anybody.
create table reads.received (
  record uuid not null,
  organisation uuid not null,
  sender text not null,
  list bytea not null,
  received_at timestamptz not null,
  constraint received_pk primary key (record)
);

create index received_organisation on reads.received (organisation, received_at);

grant usage on schema reads to :desk, :gateway;
grant select, insert on reads.made to :gateway;
grant insert on reads.received to :gateway;
grant select on reads.received to :desk;
