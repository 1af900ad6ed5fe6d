create schema ledger;

-- One row a chain: how many entries this ledger holds for an organisation, and the commitment of the last.
create table ledger.chains (
  organisation text not null,
  n bigint not null,
  head bytea not null,
  constraint chains_pk primary key (organisation),
  constraint chains_counted check (n >= 1),
  constraint chains_head check (octet_length(head) = 32)
);

-- One row a logged record. The content is written once; the place in the log is written once, when its interval closes.
create table ledger.entries (
  id uuid not null,
  appended_at timestamptz not null,
  record_hash bytea not null,
  salt bytea not null,
  chain bytea not null,
  commitment bytea not null,
  organisation text,
  n bigint,
  previous bytea,
  salt2 bytea,
  leaf_index bigint,
  slot integer,
  path bytea,
  constraint entries_pk primary key (id),
  constraint entries_chain_order unique (organisation, n),
  constraint entries_slot unique (leaf_index, slot),
  constraint entries_hashes check (
    octet_length(record_hash) = 32 and octet_length(salt) = 32 and octet_length(chain) = 32 and octet_length(commitment) = 32
  ),
  constraint entries_chained_whole check (num_nulls(organisation, n, previous, salt2) in (0, 4)),
  constraint entries_chained check (n >= 1 and octet_length(previous) = 32 and octet_length(salt2) = 32),
  constraint entries_included_whole check (num_nulls(leaf_index, slot, path) in (0, 3)),
  constraint entries_included check (leaf_index >= 0 and slot >= 0 and octet_length(path) % 32 = 0)
);

create index entries_pending on ledger.entries (appended_at, id) where leaf_index is null;

-- The log, one leaf an interval: `root` is the interval's.
create table ledger.leaves (
  index bigint not null,
  root bytea not null,
  constraint leaves_pk primary key (index),
  constraint leaves_root check (octet_length(root) = 32)
);

-- The hash of each full tile, which is one hash of the level above (C2SP tlog-tiles). Partial tiles are read from the rows below them.
create table ledger.tiles (
  level integer not null,
  n bigint not null,
  root bytea not null,
  constraint tiles_pk primary key (level, n),
  constraint tiles_place check (level between 0 and 62 and n >= 0),
  constraint tiles_root check (octet_length(root) = 32)
);

-- Each head follows the one before. `note` is the signed checkpoint, written once, after the head was committed and read back.
create table ledger.heads (
  size bigint not null,
  root bytea not null,
  created_at timestamptz not null,
  note text,
  previous bigint generated always as (nullif(size, 0) - 1) stored,
  constraint heads_pk primary key (size),
  constraint heads_follow foreign key (previous) references ledger.heads (size),
  constraint heads_size check (size >= 0),
  constraint heads_root check (octet_length(root) = 32)
);

create index heads_unsigned on ledger.heads (size) where note is null;

-- RFC 6962 section 2.1: the empty tree, from which every log grows; it is never signed.
insert into ledger.heads (size, root, created_at)
values (0, '\xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'epoch');

-- What others signed about our heads: one line a cosigner, newline included.
create table ledger.cosignatures (
  size bigint not null,
  cosigner text not null,
  line text not null,
  constraint cosignatures_pk primary key (size, cosigner),
  constraint cosignatures_head foreign key (size) references ledger.heads (size),
  constraint cosignatures_line check (line like '— %' and right(line, 1) = E'\n')
);

-- The last head of each other log that we cosigned (C2SP tlog-witness).
create table ledger.witnessed (
  origin text not null,
  size bigint not null,
  root bytea not null,
  note text not null,
  constraint witnessed_pk primary key (origin),
  constraint witnessed_size check (size >= 0),
  constraint witnessed_root check (octet_length(root) = 32)
);

-- A second lock: these hold when our code is wrong.
create function ledger.refuse() returns trigger
language plpgsql
as $$
begin
  raise exception 'the ledger does not take this change' using errcode = 'restrict_violation', constraint = tg_name;
end
$$;

create trigger entries_included_once
before update on ledger.entries
for each row
when (old.leaf_index is not null)
execute function ledger.refuse();

create trigger heads_signed_once
before update on ledger.heads
for each row
when (old.note is not null or old.size = 0)
execute function ledger.refuse();

create trigger chains_grow
before update on ledger.chains
for each row
when (new.n < old.n)
execute function ledger.refuse();

create trigger witnessed_grows
before update on ledger.witnessed
for each row
when (new.size < old.size or (new.size = old.size and new.root <> old.root))
execute function ledger.refuse();

grant usage on schema ledger to :gateway, :desk;

grant select, insert, update (n, head) on ledger.chains to :gateway;
grant select,
  insert (id, appended_at, record_hash, salt, chain, commitment, organisation, n, previous, salt2),
  update (leaf_index, slot, path)
on ledger.entries to :gateway;
grant select, insert on ledger.leaves, ledger.tiles, ledger.cosignatures to :gateway;
grant select, insert (size, root, created_at), update (note) on ledger.heads to :gateway;
grant select, insert, update (size, root, note) on ledger.witnessed to :gateway;

-- The desk serves the public files and knows nothing else of the ledger.
grant select (size, note) on ledger.heads to :desk;
grant select on ledger.leaves, ledger.tiles, ledger.cosignatures to :desk;
