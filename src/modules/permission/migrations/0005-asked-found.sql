-- What was asked of an organisation, and in a case: looked up whenever anything is asked.
create index asked_organisation on permission.asked (organisation, purpose);
create index asked_case on permission.asked (case_id, asked_at);
