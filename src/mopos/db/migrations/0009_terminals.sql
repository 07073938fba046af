-- Terminals as data: credentials, limits, and the rules by which purchases go to them. What a browser brought back.
-- depends: 0008_statement_exports

alter table terminal
    add base_url text not null default '',
    add sealed bytea,
    add key_name text not null default '',
    add deadlines jsonb not null default '{}',
    add amount_from_rial bigint not null default 0 check (amount_from_rial >= 0),
    add amount_upto_rial bigint check (amount_upto_rial >= amount_from_rial),
    add valid_from timestamptz not null default '-infinity',
    add created_at timestamptz not null default now(),
    add check ((sealed is null) = (key_name = ''));
comment on column terminal.sealed is 'The bank''s credentials, encrypted. Without: those of the sandbox in the settings.';
comment on column terminal.key_name is 'Which of MOPOS_TERMINAL_KEYS opens it.';
comment on column terminal.deadlines is 'Seconds, where the contract differs from the bank''s own: session, verify_deadline, reverse_within.';

create table routing_rule (
    id bigint generated always as identity primary key,
    terminal_id bigint not null references terminal,
    gateway_id bigint references gateway,
    amount_from_rial bigint not null default 0 check (amount_from_rial >= 0),
    amount_upto_rial bigint check (amount_upto_rial >= amount_from_rial),
    priority int not null default 100 check (priority between 1 and 1000),
    weight int not null default 1 check (weight between 1 and 1000),
    created_at timestamptz not null,
    unique nulls not distinct (terminal_id, gateway_id, amount_from_rial, amount_upto_rial)
);
comment on table routing_rule is 'Which purchases go to a terminal. Those that name the gateway, else the general ones; without either all terminals share alike.';
create index routing_rule_gateway on routing_rule (gateway_id);

-- A reference pays one attempt only, whichever of our terminals at the bank it came by.
alter table attempt
    add bank text,
    add returned_ref text check (length(returned_ref) <= 100),
    add returned_pan text not null default '' check (returned_pan !~ '[0-9]{7,}' and length(returned_pan) <= 30);
update attempt a set bank = t.bank from terminal t where t.id = a.terminal_id;
alter table attempt alter bank set not null;
comment on column attempt.returned_ref is 'The bank''s reference as the browser brought it: which question to ask, never evidence.';
drop index attempt_bank_ref;
create unique index attempt_bank_ref on attempt (bank, bank_ref) where state = 'CONFIRMED';
