-- The first head of each log, our own included, of each day on which one was cosigned, with that cosignature: what was shown to this
-- house stays comparable with what was shown to another.
create table ledger.seen (
  origin text not null,
  day text not null,
  size bigint not null,
  note text not null,
  constraint seen_pk primary key (origin, day),
  constraint seen_day check (day ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'),
  constraint seen_size check (size >= 0)
);

-- Heads that a log signed and that do not continue the one we had cosigned: both, as signed. `proved` where the two cannot both be of
-- one log; else the proof that came along was not right, which a stranger can bring about.
create table ledger.inconsistent (
  origin text not null,
  size bigint not null,
  root bytea not null,
  note text not null,
  known_size bigint not null,
  known_note text not null,
  proved boolean not null,
  found_at timestamptz not null,
  constraint inconsistent_pk primary key (origin, size, root),
  constraint inconsistent_root check (octet_length(root) = 32)
);

grant select, insert on ledger.seen, ledger.inconsistent to :gateway;

-- Heads are public; the desk shows those that this house saw.
grant select on ledger.seen, ledger.inconsistent to :desk;
grant select (origin, size, note) on ledger.witnessed to :desk;
