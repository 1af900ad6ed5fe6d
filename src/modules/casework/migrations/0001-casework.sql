create schema casework;

-- An authority's case. The reference is its own: the other authority's case about the same organisation has another.
create table casework.cases (
  id uuid not null,
  reference text not null,
  organisation uuid not null,
  organisation_name text not null,
  organisation_verified boolean not null,
  opened_at timestamptz not null,
  opened_by_door smallint not null,
  constraint cases_pk primary key (id),
  constraint cases_reference unique (reference),
  constraint cases_door check (opened_by_door in (1, 2, 3))
);

create index cases_organisation on casework.cases (organisation);

-- Which reports arrived for a case, in which stage; the organisation (canonical JSON) as that report names it.
create table casework.reports (
  record uuid not null,
  case_id uuid not null,
  stage text not null,
  organisation text not null,
  received_at timestamptz not null,
  constraint reports_pk primary key (record),
  constraint reports_case foreign key (case_id) references casework.cases (id)
);

create index reports_case on casework.reports (case_id);

-- A copy of an item as it came in one record. `value` is canonical JSON as text, because the commitment was made over that very
-- spelling. A copy that came by permission may be recalled and come again, so the record is part of the key.
create table casework.items (
  id uuid not null,
  record uuid not null,
  case_id uuid not null,
  question text not null,
  value text not null,
  salt text not null,
  commitment text not null,
  kind text not null,
  via text not null,
  permission text,
  rules text,
  marking text not null,
  added_at timestamptz not null,
  restricted_since timestamptz,
  constraint items_pk primary key (id, record),
  constraint items_case foreign key (case_id) references casework.cases (id),
  constraint items_kind check (kind in ('answer', 'finding')),
  constraint items_via check (via in ('in-confidence', 'statutory', 'permission')),
  constraint items_permission_named check ((via = 'permission') = (permission is not null)),
  constraint items_only_permitted_are_recalled check (restricted_since is null or via = 'permission')
);

create unique index items_one_original on casework.items (id) where via <> 'permission';
create index items_case on casework.items (case_id);
create index items_record on casework.items (record);

-- What this body itself found. Apart from what arrived, so that a desk, which writes here, cannot write there.
create table casework.findings (
  id uuid not null,
  case_id uuid not null,
  question text not null,
  value text not null,
  salt text not null,
  commitment text not null,
  marking text not null,
  found_at timestamptz not null,
  found_by text not null,
  constraint findings_pk primary key (id),
  constraint findings_case foreign key (case_id) references casework.cases (id)
);

create index findings_case on casework.findings (case_id);

-- Everything in a case, in one form. A finding is what this body was told in confidence, made into a sentence: it is kept so.
create view casework.contents as
  select id, record, case_id, question, value, salt, commitment, kind, via, permission, rules, marking, added_at, restricted_since
  from casework.items
  union all
  select id, id, case_id, question, value, salt, commitment, 'finding', 'in-confidence', null, null, marking, found_at, null
  from casework.findings;

-- Every organisation an item came from, was told by, or was derived from: each must permit its disclosure.
create table casework.item_origins (
  item uuid not null,
  organisation uuid not null,
  constraint item_origins_pk primary key (item, organisation)
);

create table casework.notes (
  id uuid not null,
  case_id uuid not null,
  author text not null,
  author_role text not null,
  text text not null,
  written_at timestamptz not null,
  constraint notes_pk primary key (id),
  constraint notes_case foreign key (case_id) references casework.cases (id)
);

create index notes_case on casework.notes (case_id);

create table casework.note_origins (
  note uuid not null,
  organisation uuid not null,
  constraint note_origins_pk primary key (note, organisation)
);

-- The desk reads, and adds what its people write; it changes nothing, and adds nothing that claims to have arrived. The gateway
-- opens cases, keeps what arrives, and restricts what is recalled.
grant usage on schema casework to :desk, :gateway;
grant select on casework.cases, casework.reports, casework.items, casework.contents to :desk;
grant select, insert on casework.findings, casework.item_origins, casework.notes, casework.note_origins to :desk;
grant select, insert on casework.cases, casework.reports, casework.items, casework.item_origins to :gateway;
grant select on casework.findings, casework.contents to :gateway;
grant update (restricted_since) on casework.items to :gateway;
