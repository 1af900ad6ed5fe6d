-- Under which mandate an agent filed. Null where somebody of the organisation itself did.
alter table reporting.filings add column mandate uuid;
