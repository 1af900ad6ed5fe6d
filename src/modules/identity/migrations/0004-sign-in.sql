-- What a token is for, what its holder calls it (sealed where there is a key for it), and the token it was made with, which takes it
-- along when it ends. `roles`: fewer than its person has; null for all of them.
alter table identity.tokens add column id uuid not null default gen_random_uuid();
alter table identity.tokens add column name bytea;
alter table identity.tokens add column scopes text[] not null default array['read', 'file', 'act'];
alter table identity.tokens add column roles text[];
alter table identity.tokens add column maker uuid;
alter table identity.tokens add column last_used date;
alter table identity.tokens alter column id drop default;
alter table identity.tokens alter column scopes drop default;
alter table identity.tokens add constraint tokens_id unique (id);
alter table identity.tokens add constraint tokens_scopes check (scopes <@ array['read', 'file', 'act'] and cardinality(scopes) > 0);
create index tokens_by_person on identity.tokens (person);

-- When its person last proved who they are: not known of sessions that were there before.
alter table identity.sessions add column proved_at timestamptz;

-- A code that joins an account at the sign-in provider to one person, once. `ended`: used, or taken back.
create table identity.invitations (
  hash bytea not null,
  person uuid not null,
  made_by text not null,
  made_at timestamptz not null,
  expires timestamptz not null,
  ended timestamptz,
  constraint invitations_pk primary key (hash),
  constraint invitations_hash_whole check (octet_length(hash) = 32),
  constraint invitations_person_known foreign key (person) references identity.people (id)
);
create index invitations_by_person on identity.invitations (person);

-- `account`: the hash of issuer and subject. One account is one person, and one person one account, whatever roles they hold.
create table identity.accounts (
  account bytea not null,
  person uuid not null,
  since timestamptz not null,
  ended timestamptz,
  constraint accounts_pk primary key (account, since),
  constraint accounts_hash_whole check (octet_length(account) = 32),
  constraint accounts_person_known foreign key (person) references identity.people (id)
);
create unique index accounts_one_person on identity.accounts (account) where ended is null;
create unique index accounts_one_account on identity.accounts (person) where ended is null;

-- A visit to the sign-in provider that has begun: for one browser, one answer, ten minutes.
create table identity.sign_ins (
  state bytea not null,
  browser bytea not null,
  invitation bytea,
  confirms bytea,
  goes_to text not null,
  began timestamptz not null,
  expires timestamptz not null,
  ended timestamptz,
  constraint sign_ins_pk primary key (state),
  constraint sign_ins_hashes_whole check (octet_length(state) = 32 and octet_length(browser) = 32)
);

-- Who let whom in, gave which roles, joined an account, took somebody out: for the auditor. Nobody changes it.
create table identity.access_events (
  id uuid not null,
  at timestamptz not null,
  actor text not null,
  event text not null,
  person uuid,
  roles text[],
  constraint access_events_pk primary key (id),
  constraint access_events_event check (event in ('person-added', 'roles-given', 'invited', 'account-joined', 'person-removed'))
);
create index access_events_by_time on identity.access_events (at);

grant update (last_used) on identity.tokens to :desk;
grant update (proved_at) on identity.sessions to :desk;
grant select, insert on identity.invitations, identity.accounts, identity.sign_ins, identity.access_events to :desk;
grant update (ended) on identity.invitations, identity.accounts, identity.sign_ins to :desk;

-- The desk deletes nothing; it asks for what ended a day ago or more to go. A folder's first tokens stay: changes to who opens a
-- folder queue on them.
create function identity.sweep(until timestamptz) returns integer
language plpgsql
security definer set search_path = pg_catalog, pg_temp
as $$
declare
  latest timestamptz := least(until, now()) - interval '1 day';
  gone integer;
  total integer := 0;
begin
  delete from identity.sessions s where least(s.expires, s.ended, s.last_seen + interval '1 hour') < latest;
  get diagnostics gone = row_count;
  total := total + gone;
  delete from identity.tokens t where least(t.expires, t.revoked) < latest and (t.folder is null or t.colleague is not null);
  get diagnostics gone = row_count;
  total := total + gone;
  delete from identity.sign_ins i where i.expires < latest;
  get diagnostics gone = row_count;
  total := total + gone;
  delete from identity.invitations v where least(v.expires, v.ended) < latest;
  get diagnostics gone = row_count;
  return total + gone;
end
$$;
revoke execute on function identity.sweep(timestamptz) from public;
grant execute on function identity.sweep(timestamptz) to :desk;
