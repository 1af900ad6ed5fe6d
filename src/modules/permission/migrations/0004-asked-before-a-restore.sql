-- What was asked before a restore is made again from the record that the organisation was sent; the reason is in no record, and is empty.
grant insert (id, case_id, organisation, recipient, purpose, until, items, reason, asked_by, asked_at) on permission.asked to :gateway;
grant select, insert on permission.asked_items to :gateway;
