-- That a case is in its acute phase, until when and why. The newest mark counts; one that ends at once ends the phase.
create table casework.acute (
  id uuid not null,
  case_id uuid not null,
  until timestamptz not null,
  why text not null,
  marked_by text not null,
  marked_role text not null,
  marked_at timestamptz not null,
  constraint acute_pk primary key (id),
  constraint acute_case foreign key (case_id) references casework.cases (id)
);

create index acute_case_newest on casework.acute (case_id, marked_at);

-- Under which permission a copy was called back, by which record. Each waits for a decision of its own.
create table casework.restrictions (
  item uuid not null,
  record uuid not null,
  permission uuid not null,
  organisation uuid not null,
  recall uuid not null,
  restricted_at timestamptz not null,
  constraint restrictions_pk primary key (item, record, permission),
  constraint restrictions_item foreign key (item, record) references casework.items (id, record)
);

-- A records officer's decision about one of them. What is kept may be deleted later; what is deleted is gone. The id is that of the
-- receipt that tells the organisation.
create table casework.decisions (
  id uuid not null,
  item uuid not null,
  record uuid not null,
  permission uuid not null,
  decision text not null,
  ground text,
  reason text not null,
  decided_by text not null,
  decided_at timestamptz not null,
  constraint decisions_pk primary key (id),
  constraint decisions_once unique (item, record, permission, decision),
  constraint decisions_restriction foreign key (item, record, permission) references casework.restrictions (item, record, permission),
  constraint decisions_kind check (decision in ('deleted', 'kept')),
  constraint decisions_ground check ((decision = 'kept') = (ground is not null))
);

-- Who read a restricted value, and when: a records officer, to decide.
create table casework.restricted_reads (
  id uuid not null,
  item uuid not null,
  record uuid not null,
  read_by text not null,
  read_at timestamptz not null,
  constraint restricted_reads_pk primary key (id)
);

-- A tombstone: value and salt are gone, everything else stands.
alter table casework.items alter column value drop not null;
alter table casework.items alter column salt drop not null;
alter table casework.items add constraint items_erased_whole check ((value is null) = (salt is null));
alter table casework.items add constraint items_only_restricted_are_erased check (value is not null or restricted_since is not null);

-- Nobody, whatever right to the column they have, puts another value in its place; and nothing goes that was not decided.
create function casework.guard_erasure() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if new.value is not null or new.salt is not null or not exists (
    select 1
    from casework.decisions as d
    where d.item = old.id and d.record = old.record and d.decision = 'deleted'
  ) then
    raise exception 'a value is only ever erased, and only by decision' using errcode = 'check_violation', constraint = 'guard_erasure';
  end if;
  return new;
end
$$;

create trigger guard_erasure
before update of value, salt on casework.items
for each row execute function casework.guard_erasure();

grant select, insert on casework.acute, casework.decisions, casework.restricted_reads to :desk;
grant select on casework.restrictions to :desk;
grant select, insert on casework.restrictions to :gateway;
grant select on casework.decisions to :gateway;
grant update (value, salt) on casework.items to :gateway;
