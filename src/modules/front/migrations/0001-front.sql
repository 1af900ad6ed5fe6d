create schema front;

-- Whom an organisation means to tell, as chosen on the first page: which questions it is then asked. No body sees this.
create table front.aims (
  incident uuid not null,
  ico boolean not null,
  ncsc boolean not null,
  chosen_at timestamptz not null,
  constraint aims_pk primary key (incident),
  constraint aims_somebody check (ico or ncsc)
);

grant usage on schema front to :desk;
grant select, insert on front.aims to :desk;
grant update (ico, ncsc, chosen_at) on front.aims to :desk;
