-- Sealed on its reporter's own machine: what it says is not told the portal by us either.
alter table casework.reports add column sealed boolean not null default false;
alter table casework.reports alter column sealed drop default;
