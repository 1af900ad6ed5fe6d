-- Sealed on the reporter's own machine: neither desk nor gateway can open what it says, and its items have no question here.
alter table reporting.submissions add column sealed boolean not null default false;
alter table reporting.submissions alter column sealed drop default;
