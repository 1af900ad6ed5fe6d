-- Each opening of items by one of this body's people: who, in which role, what for. `tell_from` is when the organisations they came from may
-- be told: at once, or when a deferral is over.
create table casework.reads (
  id uuid not null,
  case_id uuid not null,
  person text not null,
  role text not null,
  purpose text not null,
  items uuid[] not null,
  export uuid,
  read_at timestamptz not null,
  tell_from timestamptz not null,
  told_at timestamptz,
  constraint reads_pk primary key (id),
  constraint reads_case foreign key (case_id) references casework.cases (id),
  constraint reads_of_something check (cardinality(items) > 0),
  constraint reads_told_in_time check (tell_from >= read_at and told_at >= tell_from)
);

create index reads_case on casework.reads (case_id, read_at);
create index reads_untold on casework.reads (tell_from) where told_at is null;

-- A whole case taken out of the desk: asked for with a reason, agreed to by somebody else, taken once.
create table casework.exports (
  id uuid not null,
  case_id uuid not null,
  purpose text not null,
  reason text not null,
  asked_by text not null,
  asked_role text not null,
  asked_at timestamptz not null,
  constraint exports_pk primary key (id),
  constraint exports_asker unique (id, asked_by),
  constraint exports_case foreign key (case_id) references casework.cases (id)
);

create index exports_case on casework.exports (case_id, asked_at);

create table casework.export_approvals (
  export uuid not null,
  asked_by text not null,
  approved_by text not null,
  approved_at timestamptz not null,
  constraint export_approvals_pk primary key (export),
  constraint export_approvals_export foreign key (export, asked_by) references casework.exports (id, asked_by),
  constraint export_approvals_second_person check (approved_by <> asked_by)
);

create table casework.exports_taken (
  export uuid not null,
  taken_at timestamptz not null,
  constraint exports_taken_pk primary key (export),
  constraint exports_taken_approved foreign key (export) references casework.export_approvals (export)
);

grant select, insert on casework.exports, casework.export_approvals, casework.exports_taken to :desk;
grant select, insert (id, case_id, person, role, purpose, items, export, read_at, tell_from) on casework.reads to :desk;
grant select, update (told_at) on casework.reads to :gateway;
