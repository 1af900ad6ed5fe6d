create schema attachments;

-- At the portal. What an organisation sends in, piece by piece. `about` (name, type, hash as announced), `tail` (what came after the last
-- whole chunk) and `outcome` (what was found in it, or why it is refused) are sealed under the folder's key. Its files lie beside the database.
create table attachments.uploads (
  id uuid not null,
  incident uuid not null,
  folder uuid not null,
  audience text[] not null,
  length bigint not null,
  by_hash boolean not null,
  about bytea not null,
  received bigint not null default 0,
  tail bytea,
  state text not null,
  outcome bytea,
  created_by text not null,
  created_at timestamptz not null,
  touched_at timestamptz not null,
  constraint uploads_pk primary key (id),
  constraint uploads_state check (state in ('receiving', 'whole', 'refused', 'filed', 'dropped')),
  constraint uploads_audience check (audience <@ array['ico', 'ncsc'] and cardinality(audience) between 1 and 2),
  constraint uploads_received check (received between 0 and length)
);

create index uploads_incident on attachments.uploads (incident, created_at);
create index uploads_folder on attachments.uploads (folder);

-- One file a body it is for, each sealed apart; nothing in one points to the other but this table. `key` is sealed under the folder's.
create table attachments.blobs (
  id uuid not null,
  upload uuid not null,
  recipient text not null,
  key bytea not null,
  sha256 text,
  constraint blobs_pk primary key (id),
  constraint blobs_upload foreign key (upload) references attachments.uploads (id),
  constraint blobs_recipient check (recipient in ('ico', 'ncsc')),
  constraint blobs_one_a_recipient unique (upload, recipient)
);

-- What was filed: the report's record, and the blob that must be whole at the recipient before that report leaves.
create table attachments.sends (
  record uuid not null,
  upload uuid not null,
  recipient text not null,
  blob uuid,
  filed_at timestamptz not null,
  delivered_at timestamptz,
  settled_at timestamptz,
  constraint sends_pk primary key (record),
  constraint sends_upload foreign key (upload) references attachments.uploads (id),
  constraint sends_blob foreign key (blob) references attachments.blobs (id),
  constraint sends_once unique (upload, recipient)
);

create index sends_open on attachments.sends (recipient, filed_at) where settled_at is null;

-- At an authority. A blob that came ahead of its report, unopened; `received` bytes of it are durable.
create table attachments.quarantine (
  id uuid not null,
  sender text not null,
  size bigint not null,
  sha256 text not null,
  received bigint not null default 0,
  whole_at timestamptz,
  touched_at timestamptz not null,
  constraint quarantine_pk primary key (id),
  constraint quarantine_received check (received between 0 and size)
);

-- A blob whose report was kept, with what opens it: as confidential as the item's value beside it in the case.
create table attachments.accepted (
  item uuid not null,
  blob uuid not null,
  key text not null,
  length bigint not null,
  accepted_at timestamptz not null,
  constraint accepted_pk primary key (item),
  constraint accepted_blob unique (blob)
);

grant usage on schema attachments to :desk, :gateway;
grant select, insert on attachments.uploads, attachments.blobs, attachments.sends to :desk;
grant update (received, tail, state, outcome, touched_at) on attachments.uploads to :desk;
grant update (sha256) on attachments.blobs to :desk;
grant select on attachments.accepted to :desk;
grant select, delete on attachments.uploads, attachments.blobs to :gateway;
grant select, update (delivered_at, settled_at) on attachments.sends to :gateway;
grant select, insert, delete, update (received, whole_at, touched_at) on attachments.quarantine to :gateway;
grant select, insert on attachments.accepted to :gateway;
