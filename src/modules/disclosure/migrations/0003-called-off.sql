-- A disclosure that an officer called off before it left.
create table disclosure.called_off (
  disclosure uuid not null,
  reason text not null,
  officer text not null,
  called_off_at timestamptz not null,
  constraint called_off_pk primary key (disclosure)
);

grant select, insert on disclosure.called_off to :desk;
grant select on disclosure.called_off to :gateway;
