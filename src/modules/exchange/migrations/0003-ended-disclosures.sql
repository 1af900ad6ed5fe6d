-- Whether the organisations were told that a disclosure they had notice of ended otherwise than was said.
alter table exchange.outbox add column ending_told boolean not null default false;

create index outbox_ended on exchange.outbox (settled_at)
where kind = 'disclosure' and state in ('cancelled', 'refused') and not ending_told;

-- Which notices told of a disclosure.
create index outbox_notices on exchange.outbox (((record::jsonb) ->> 'disclosure')) where kind = 'notice';

grant update (ending_told) on exchange.outbox to :gateway;
