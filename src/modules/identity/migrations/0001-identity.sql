-- Who there is at this node, what shows who they are, and whose key is whose.
create schema identity;
grant usage on schema identity to :desk, :gateway;

create table identity.organisations (
  id uuid not null,
  name text not null,
  identifiers jsonb not null,
  sector text,
  size_band text,
  verified boolean not null,
  constraint organisations_pk primary key (id),
  constraint organisations_name_given check (name <> ''),
  constraint organisations_identifiers_listed check (jsonb_typeof(identifiers) = 'array')
);
create index organisations_by_identifier on identity.organisations using gin (identifiers jsonb_path_ops);

create table identity.people (
  id uuid not null,
  name text not null,
  organisation uuid,
  roles text[] not null,
  constraint people_pk primary key (id),
  constraint people_organisation_known foreign key (organisation) references identity.organisations (id),
  constraint people_name_given check (name <> '')
);

-- A token or a session is kept as its SHA-256: what is read here opens nothing.
create table identity.tokens (
  hash bytea not null,
  person uuid,
  folder uuid,
  created timestamptz not null,
  expires timestamptz not null,
  revoked timestamptz,
  constraint tokens_pk primary key (hash),
  constraint tokens_hash_whole check (octet_length(hash) = 32),
  constraint tokens_person_known foreign key (person) references identity.people (id),
  constraint tokens_for_person_or_folder check ((person is null) <> (folder is null))
);

create table identity.sessions (
  hash bytea not null,
  person uuid,
  folder uuid,
  created timestamptz not null,
  last_seen timestamptz not null,
  expires timestamptz not null,
  ended timestamptz,
  constraint sessions_pk primary key (hash),
  constraint sessions_hash_whole check (octet_length(hash) = 32),
  constraint sessions_person_known foreign key (person) references identity.people (id),
  constraint sessions_for_person_or_folder check ((person is null) <> (folder is null))
);

-- `record` is what two parties signed, as they signed it: it travels inside every permission. Nothing of it is ever edited.
create table identity.enrolments (
  kid text not null,
  organisation uuid not null,
  record text not null,
  effective_from timestamptz not null,
  suspended_since timestamptz,
  constraint enrolments_pk primary key (kid),
  constraint enrolments_organisation_known foreign key (organisation) references identity.organisations (id)
);
create index enrolments_by_organisation on identity.enrolments (organisation);

grant select, insert on identity.organisations, identity.people, identity.tokens, identity.sessions, identity.enrolments to :desk;
grant update on identity.organisations to :desk;
grant update (name, organisation, roles) on identity.people to :desk;
grant update (revoked) on identity.tokens to :desk;
grant update (last_seen, ended) on identity.sessions to :desk;
grant update (suspended_since) on identity.enrolments to :desk;

-- The gateway keeps what arrives; it signs nobody in.
grant select, insert, update on identity.organisations to :gateway;
grant select, insert on identity.enrolments to :gateway;
