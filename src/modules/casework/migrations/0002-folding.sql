-- `made_at` is the portal's own instant of the report: which of two came later does not depend on which arrived first.
-- A near miss is an incident that nothing came of.
alter table casework.reports add column made_at timestamptz;
update casework.reports set made_at = received_at;
alter table casework.reports alter column made_at set not null;
alter table casework.reports add column near_miss boolean not null default false;
alter table casework.reports alter column near_miss drop default;

-- What the organisation says was wrong, and why. Neither item is changed by it.
create table casework.corrections (
  item uuid not null,
  record uuid not null,
  corrects uuid not null,
  why text not null,
  constraint corrections_pk primary key (item),
  constraint corrections_item foreign key (item, record) references casework.items (id, record),
  constraint corrections_of_another check (item <> corrects)
);

-- Answers to this body's own enquiries.
create index items_asked on casework.items (case_id) where question like 'asked-%';

grant select on casework.corrections to :desk;
grant select, insert on casework.corrections to :gateway;
