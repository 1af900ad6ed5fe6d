-- Hash of the key an officer's client gave, so that asking again after a lost answer sends nothing twice.
alter table disclosure.proposals
  add column retry_key bytea,
  add constraint proposals_once unique (case_id, retry_key);
