create schema statements;

-- At a body: one statement an organisation and instant at which it fell due; a crash makes no second.
create table statements.made (
  organisation uuid not null,
  due timestamptz not null,
  entries bigint not null,
  pages integer not null,
  held integer not null,
  made_at timestamptz not null,
  constraint made_pk primary key (organisation, due),
  constraint made_pages check (pages >= 1 and entries >= pages and held >= 0)
);

-- At the portal: what statements list, each list once however many days it stays the same; by its hash, which the statement names.
create table statements.lists (
  organisation uuid not null,
  hash bytea not null,
  list bytea not null,
  constraint lists_pk primary key (organisation, hash),
  constraint lists_hash check (octet_length(hash) = 32)
);

grant usage on schema statements to :desk, :gateway;
grant select, insert on statements.made to :gateway;
grant insert on statements.lists to :gateway;
grant select on statements.lists to :desk;
