-- Who joined when, and who asked for it. Those who were here before this was kept have neither.
alter table identity.people add column since timestamptz;
alter table identity.people add column added_by text;

-- Whoever else holds a token of one folder. Nobody here has an account; the name was typed, so it lies sealed under the folder's key.
create table identity.folder_colleagues (
  id uuid not null,
  folder uuid not null,
  name bytea not null,
  role text not null,
  since timestamptz not null,
  added_by text not null,
  constraint folder_colleagues_pk primary key (id),
  constraint folder_colleagues_role check (role in ('reporter', 'dpo', 'counsel'))
);
create index folder_colleagues_by_folder on identity.folder_colleagues (folder);

alter table identity.tokens add column colleague uuid;
alter table identity.tokens add constraint tokens_colleague_known foreign key (colleague) references identity.folder_colleagues (id);
alter table identity.tokens add constraint tokens_colleague_of_folder check (colleague is null or folder is not null);
create index tokens_by_folder on identity.tokens (folder);

-- `client`: the organisation whose mandate the person chose to act under, until they choose otherwise.
alter table identity.sessions add column colleague uuid;
alter table identity.sessions add column client uuid;
alter table identity.sessions add constraint sessions_colleague_known foreign key (colleague) references identity.folder_colleagues (id);
alter table identity.sessions add constraint sessions_colleague_of_folder check (colleague is null or folder is not null);
alter table identity.sessions add constraint sessions_client_of_person check (client is null or person is not null);

-- `who` is a person, a folder's colleague, or, for the holder of its first token, the folder. From this row on their tokens and
-- sessions show nobody: every look-up asks here, so that none is forgotten.
create table identity.departures (
  who uuid not null,
  at timestamptz not null,
  removed_by text not null,
  constraint departures_pk primary key (who)
);

-- What an organisation lets somebody outside it do in its name. Never changed; a revocation is a row of its own.
create table identity.mandates (
  id uuid not null,
  organisation uuid not null,
  agent uuid not null,
  scope text[] not null,
  begins timestamptz not null,
  ends timestamptz not null,
  given_by uuid not null,
  given_at timestamptz not null,
  constraint mandates_pk primary key (id),
  constraint mandates_organisation_known foreign key (organisation) references identity.organisations (id),
  constraint mandates_agent_known foreign key (agent) references identity.people (id),
  constraint mandates_giver_known foreign key (given_by) references identity.people (id),
  constraint mandates_scope check (scope <@ array['read', 'file'] and 'read' = any (scope)),
  constraint mandates_term check (begins < ends)
);
create index mandates_by_agent on identity.mandates (agent, organisation);
create index mandates_by_organisation on identity.mandates (organisation);

create table identity.mandate_revocations (
  mandate uuid not null,
  revoked_by uuid not null,
  revoked_at timestamptz not null,
  constraint mandate_revocations_pk primary key (mandate),
  constraint mandate_revocations_mandate foreign key (mandate) references identity.mandates (id),
  constraint mandate_revocations_person foreign key (revoked_by) references identity.people (id)
);

grant select, insert on identity.folder_colleagues, identity.departures, identity.mandates, identity.mandate_revocations to :desk;
grant update (client) on identity.sessions to :desk;
