create schema register;

-- What an organisation adds to its register of breaches in its own words, each time a row of its own, sealed under the folder's key.
-- Nothing here is told to any body.
create table register.additions (
  id uuid not null,
  incident uuid not null,
  content bytea not null,
  written_by text not null,
  written_at timestamptz not null,
  constraint additions_pk primary key (id)
);

create index additions_incident on register.additions (incident, written_at);

grant usage on schema register to :desk;
grant select, insert on register.additions to :desk;
