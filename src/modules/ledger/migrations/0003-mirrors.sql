-- What this house keeps of each other log: every leaf, so that a log whose database is lost gets it back. `peaks` are the complete
-- subtrees of the tree of that size, from the left; `note` is its head, signed by its log.
create table ledger.mirrors (
  origin text not null,
  size bigint not null,
  peaks bytea not null,
  note text not null,
  taken_at timestamptz not null,
  constraint mirrors_pk primary key (origin),
  constraint mirrors_size check (size >= 0),
  constraint mirrors_peaks check (octet_length(peaks) % 32 = 0)
);

create table ledger.mirrored (
  origin text not null,
  index bigint not null,
  root bytea not null,
  constraint mirrored_pk primary key (origin, index),
  constraint mirrored_root check (octet_length(root) = 32)
);

create trigger mirrors_grow
before update on ledger.mirrors
for each row
when (new.size < old.size)
execute function ledger.refuse();

grant select, insert, update (size, peaks, note, taken_at) on ledger.mirrors to :gateway;
grant select, insert on ledger.mirrored to :gateway;

-- A head passed over after a restore: one of its size may have been signed before, so this one never is.
alter table ledger.heads add column passed boolean not null default false;
alter table ledger.heads add constraint heads_passed_unsigned check (not passed or note is null);

grant insert (passed) on ledger.heads to :gateway;
grant select (passed) on ledger.heads to :desk;
