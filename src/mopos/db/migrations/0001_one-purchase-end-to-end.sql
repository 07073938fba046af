-- One purchase, end to end: gateways, purchases and their attempts, the journal, the ledger.
-- The database knows the rules too: what is forbidden in Python is forbidden here once more.
-- depends:

create table gateway (
    id bigint generated always as identity (start with 100001) primary key,
    name text not null check (name <> '' and length(name) <= 100),
    rmz_hash bytea not null check (length(rmz_hash) = 32),
    old_rmz_hash bytea check (length(old_rmz_hash) = 32),
    old_rmz_until timestamptz,
    suspended_at timestamptz,
    created_at timestamptz not null,
    check ((old_rmz_hash is null) = (old_rmz_until is null))
);
comment on table gateway is 'A merchant''s payment gateway. Its number (the form''s ID) is the id with a check digit.';
comment on column gateway.rmz_hash is 'HMAC-SHA256 of the Rmz under MOPOS_SECRET_KEY.';

create table terminal (
    id bigint generated always as identity primary key,
    bank text not null,
    name text not null,
    unique (bank, name)
);
comment on table terminal is 'Our terminal at an acquirer: who owes us what its bank took.';

-- The rows of domain/payments/states.py; `mopos migrate` keeps them equal.
create table move (
    from_state text not null,
    event text not null,
    to_state text not null,
    who text not null,
    entry text not null,
    primary key (from_state, event, to_state)
);
comment on table move is 'Every lawful move of a purchase. from_state is empty for the first one.';

create table purchase (
    id bigint generated always as identity (start with 100001) primary key,
    gateway_id bigint not null references gateway,
    res text not null check (res <> '' and length(res) <= 64),
    amount_rial bigint not null check (amount_rial > 10000),
    nam text not null,
    dsc text not null,
    redirect_url text not null,
    buyer_ip inet not null,
    token text not null unique,
    state text not null,
    last_event text not null,
    version int not null,
    attempt_id bigint not null,
    attempt_count int not null default 1,
    next_check_at timestamptz,
    check_count int not null default 0,
    registered_at timestamptz not null,
    expires_at timestamptz not null,
    paid_at timestamptz,
    late boolean not null default false,
    acknowledged_at timestamptz,
    unique (gateway_id, res),
    check ((state = 'PAID') = (paid_at is not null)),
    check (acknowledged_at is null or paid_at is not null),
    check ((state in ('REGISTERED', 'AT_BANK', 'VERIFYING', 'UNKNOWN')) = (next_check_at is not null))
);
comment on column purchase.attempt_id is 'The latest attempt: the only one that may be alive.';
comment on column purchase.token is 'The unguessable part of the buyer''s page address.';
comment on column purchase.next_check_at is 'When somebody must look again. A state that waits without it is refused.';
comment on column purchase.acknowledged_at is 'The first PayRep that said Err 0.';
create index purchase_due on purchase (next_check_at) where next_check_at is not null;

create table attempt (
    id bigint generated always as identity (start with 1000001) primary key,
    purchase_id bigint not null references purchase,
    terminal_id bigint not null references terminal,
    ref text not null unique,
    state text not null check (state in ('LIVE', 'CONFIRMED', 'FAILED', 'CONFLICTED')),
    bank_token text,
    bank_redirect jsonb,
    bank_ref text,
    trace text not null default '',
    masked_pan text not null default '' check (masked_pan !~ '[0-9]{7,}'),
    decline text,
    bank_code text not null default '',
    started_at timestamptz not null,
    ended_at timestamptz,
    check ((state = 'LIVE') = (ended_at is null)),
    check (state <> 'CONFIRMED' or bank_ref is not null)
);
comment on column attempt.ref is 'The unguessable part of the address to which the bank sends the browser back.';
comment on column attempt.bank_ref is 'The bank''s reference (RRN). Once evidence, it pays this attempt and no other.';
create unique index attempt_live on attempt (purchase_id) where state = 'LIVE';
create unique index attempt_confirmed on attempt (purchase_id) where state = 'CONFIRMED';
create unique index attempt_bank_ref on attempt (terminal_id, bank_ref) where state = 'CONFIRMED';
create index attempt_purchase on attempt (purchase_id);
alter table purchase add foreign key (attempt_id) references attempt;

create table journal (
    id bigint generated always as identity primary key,
    purchase_id bigint not null references purchase,
    version int not null,
    attempt_id bigint references attempt,
    event text not null,
    from_state text not null,
    to_state text not null,
    actor text not null,
    at timestamptz not null,
    data jsonb not null default '{}',
    unique (purchase_id, version),
    foreign key (from_state, event, to_state) references move
);
comment on table journal is 'What happened to each purchase, in order. Append only.';

create table ledger_account (
    id bigint generated always as identity primary key,
    kind text not null,
    owner bigint not null default 0,
    unique (kind, owner)
);
comment on table ledger_account is 'The chart: acquirer_receivable by terminal, merchant_payable by gateway.';

-- A line names the account it debits and the account it credits, so no entry can be out of balance.
create table ledger_line (
    id bigint generated always as identity primary key,
    journal_id bigint not null references journal,
    entry text not null,
    debit_id bigint not null references ledger_account,
    credit_id bigint not null references ledger_account,
    amount_rial bigint not null check (amount_rial > 0),
    booked_at timestamptz not null,
    effective_at timestamptz not null,
    check (debit_id <> credit_id),
    unique (journal_id, entry, debit_id, credit_id)
);
create index ledger_line_debit on ledger_line (debit_id);
create index ledger_line_credit on ledger_line (credit_id);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append only', tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger journal_append_only before update or delete or truncate on journal
    for each statement execute function refuse_change();
create trigger ledger_line_append_only before update or delete or truncate on ledger_line
    for each statement execute function refuse_change();

create function check_move() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        if new.state <> 'REGISTERED' or new.version <> 1 then
            raise exception 'a purchase begins as REGISTERED' using errcode = 'check_violation';
        end if;
    else
        if (new.gateway_id, new.res, new.amount_rial, new.redirect_url, new.token)
            is distinct from (old.gateway_id, old.res, old.amount_rial, old.redirect_url, old.token) then
            raise exception 'what the buyer agreed to never changes' using errcode = 'check_violation';
        end if;
        if new.state <> old.state and (new.version <> old.version + 1 or not exists (
            select from move m
            where m.from_state = old.state and m.event = new.last_event and m.to_state = new.state
        )) then
            raise exception 'no move from % by % to %', old.state, new.last_event, new.state
                using errcode = 'check_violation';
        end if;
    end if;
    return new;
end $$;
create trigger purchase_moves_by_the_table before insert or update on purchase
    for each row execute function check_move();

insert into terminal (bank, name) values ('sandbox', '10000001');
insert into ledger_account (kind, owner) select 'acquirer_receivable', id from terminal;
