-- A signed statement is base64url throughout and does not get shorter: trying to compress it costs more than writing it.
alter table exchange.outbox alter column statement set storage external;
alter table exchange.inbox alter column statement set storage external;
