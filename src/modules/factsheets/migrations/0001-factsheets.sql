create schema factsheets;

-- A controller for whom the holder of an incident processes data. What is known of it (`content`) is sealed for the processor. Of the
-- code that opens the sheet only the hash is here. `folder` says under whose key the sheet lies: its own until it is opened, then that
-- of whoever opened it.
create table factsheets.sheets (
  id uuid not null,
  incident uuid not null,
  folder uuid not null,
  content bytea not null,
  code_hash bytea not null,
  added_by text not null,
  added_at timestamptz not null,
  opened_incident uuid,
  opened_at timestamptz,
  closed_at timestamptz,
  constraint sheets_pk primary key (id),
  constraint sheets_code unique (code_hash),
  constraint sheets_code_whole check (octet_length(code_hash) = 32),
  constraint sheets_one_an_incident unique (opened_incident),
  constraint sheets_opened_whole check ((opened_incident is null) = (opened_at is null)),
  constraint sheets_closed_or_opened check (closed_at is null or opened_at is null)
);

create index sheets_incident on factsheets.sheets (incident, added_at);

-- What a controller was told, each time: `told` under its key, `kept` (the same words) under the processor's.
create table factsheets.editions (
  id uuid not null,
  sheet uuid not null,
  number integer not null,
  told bytea not null,
  kept bytea not null,
  published_by text not null,
  published_at timestamptz not null,
  constraint editions_pk primary key (id),
  constraint editions_sheet foreign key (sheet) references factsheets.sheets (id),
  constraint editions_one_a_number unique (sheet, number)
);

grant usage on schema factsheets to :desk;
grant select, insert on factsheets.sheets, factsheets.editions to :desk;
grant update (folder, opened_incident, opened_at, closed_at) on factsheets.sheets to :desk;
grant update (told) on factsheets.editions to :desk;
