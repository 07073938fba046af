-- The money after the purchase: fees, refunds, holds, settlement through the central bank, reconciliation.
-- depends: 0005_console

-- Lets one index hold a number together with a range: no entry of a gateway is in two live settlements.
create extension if not exists btree_gist;

-- --- the ledger ------------------------------------------------------------------------------------------------------

-- The rows of `MOVES` in domain/payments/refunds.py and domain/settlement/states.py; `mopos migrate` keeps them equal.
create table money_move (
    noun text not null,
    from_state text not null,
    event text not null,
    to_state text not null,
    who text not null,
    entry text not null,
    primary key (noun, from_state, event, to_state)
);
comment on table money_move is 'Every lawful move of a refund, batch, payout, hold and exception. entry: the ledger entry that it writes.';

create table money_event (
    id bigint generated always as identity primary key,
    noun text not null,
    subject_id bigint not null,
    version int not null,
    event text not null,
    from_state text not null,
    to_state text not null,
    actor text not null,
    operator_id bigint references operator,
    person_id bigint references person,
    at timestamptz not null,
    reason text not null default '' check (length(reason) <= 1000),
    data jsonb not null default '{}',
    unique (noun, subject_id, version),
    foreign key (noun, from_state, event, to_state) references money_move
);
comment on table money_event is 'What happened to each refund, batch, payout, hold and exception, in order. Append only.';
create trigger money_event_append_only before update or delete or truncate on money_event
    for each statement execute function refuse_change();

-- The rows of domain/ledger/entries.py; `mopos migrate` keeps them equal.
create table entry_rule (
    entry text not null,
    debit_kind text not null,
    credit_kind text not null,
    overdraws boolean not null,
    primary key (entry, debit_kind, credit_kind)
);
comment on column entry_rule.overdraws is 'Whether the line may take an account below its floor: what a bank did is booked, whatever we think of it.';

alter table ledger_account add floor_rial bigint check (floor_rial <= 0);
comment on column ledger_account.floor_rial is 'Credits less debits never fall below it (0: never in debt). Null: they may.';
update ledger_account set floor_rial = 0 where kind = 'merchant_payable';
insert into ledger_account (kind, owner, floor_rial) values
    ('fee_income', 0, null), ('refunds_in_flight', 0, 0), ('settlement_in_transit', 0, 0), ('operator_bank', 0, null),
    ('suspense', 0, null);
insert into ledger_account (kind, owner) select 'acquirer_cost', id from terminal;
insert into ledger_account (kind, owner, floor_rial) select 'merchant_held', id, 0 from gateway;
comment on table ledger_account is 'The chart (domain/ledger/chart.py): a kind and whose it is.';

-- The accounts of a gateway and of a terminal are opened together with them, whoever makes one.
create function open_accounts() returns trigger language plpgsql as $$
begin
    if tg_table_name = 'gateway' then
        insert into ledger_account (kind, owner, floor_rial)
        values ('merchant_payable', new.id, 0), ('merchant_held', new.id, 0) on conflict do nothing;
    else
        insert into ledger_account (kind, owner)
        values ('acquirer_receivable', new.id), ('acquirer_cost', new.id) on conflict do nothing;
    end if;
    return null;
end $$;
create trigger gateway_opens_accounts after insert on gateway for each row execute function open_accounts();
create trigger terminal_opens_accounts after insert on terminal for each row execute function open_accounts();

alter table ledger_line disable trigger ledger_line_append_only;
create sequence ledger_entry_seq;
alter table ledger_line
    add entry_id bigint,
    add event_id bigint references money_event,
    add corrects bigint,
    alter journal_id drop not null;
update ledger_line set entry_id = id;
do $$ begin
    perform setval('ledger_entry_seq', greatest(1, (select coalesce(max(id), 0) + 1 from ledger_line)), false);
end $$;
alter table ledger_line
    alter entry_id set not null,
    alter entry_id set default nextval('ledger_entry_seq'),
    add check (num_nonnulls(journal_id, event_id) = 1),
    add check ((entry = 'correction') = (corrects is not null));
alter table ledger_line enable trigger ledger_line_append_only;
comment on column ledger_line.entry_id is 'Lines with the same number are one entry. An account''s lines in this order are its statement.';
comment on column ledger_line.event_id is 'What it was booked for, where that is no move of a purchase.';
comment on column ledger_line.corrects is 'The entry that this one takes back. Nothing is ever changed.';
create unique index ledger_line_event on ledger_line (event_id, entry, debit_id, credit_id) where event_id is not null;
create unique index ledger_line_corrects on ledger_line (corrects, debit_id, credit_id) where corrects is not null;
drop index ledger_line_debit;
drop index ledger_line_credit;
create index ledger_line_debit on ledger_line (debit_id, entry_id) include (amount_rial);
create index ledger_line_credit on ledger_line (credit_id, entry_id) include (amount_rial);

create table ledger_balance (
    account_id bigint not null references ledger_account,
    slot smallint not null,
    debit_rial bigint not null,
    credit_rial bigint not null,
    primary key (account_id, slot)
) with (fillfactor = 50);
comment on table ledger_balance is 'What each account was debited and credited, kept by the statement that writes the lines. In slots, so that payments do not wait for one another: the balance is their sum.';
insert into ledger_balance (account_id, slot, debit_rial, credit_rial)
select account_id, 0, sum(debit), sum(credit) from (
    select debit_id as account_id, amount_rial as debit, 0 as credit from ledger_line
    union all select credit_id, 0, amount_rial from ledger_line
) moved group by account_id;

-- Each statement that writes lines keeps the balances, and may take no account below its floor. Whoever takes from an
-- account with a floor locks it first, so that rivals look at the balance one after the other.
create function keep_balances() returns trigger language plpgsql as $$
declare
    unlisted boolean;
    by_event boolean;
    mine smallint;
    losing bigint[];
    broken record;
begin
    select bool_or(r.entry is null and l.entry <> 'correction'), bool_or(l.event_id is not null),
        array_agg(d.id) filter (where d.floor_rial is not null)
    into unlisted, by_event, losing
    from new_lines l join ledger_account d on d.id = l.debit_id join ledger_account c on c.id = l.credit_id
    left join entry_rule r on r.entry = l.entry and r.debit_kind = d.kind and r.credit_kind = c.kind;
    if unlisted then
        raise exception 'a line that the table of entries does not list' using errcode = 'check_violation',
            constraint = 'ledger_line_listed';
    end if;
    if losing is not null then
        -- What is debited and credited at once may have gained.
        select array_agg(account_id order by account_id) into losing from (
            select m.account_id from (
                select debit_id as account_id, -amount_rial as rial from new_lines
                union all select credit_id, amount_rial from new_lines
            ) m where m.account_id = any(losing) group by m.account_id having sum(m.rial) < 0
        ) net;
        perform from ledger_account where id = any(losing) order by id for no key update;
    end if;
    -- Payments book once and in the order of accounts; theirs are the first sixteen slots, so that they never wait for
    -- a settlement run. All else may book several times in one transaction: its slot is its own until the transaction
    -- ends, so that nobody waits for anybody in a circle.
    mine := pg_backend_pid() % 16;
    if by_event then
        for free in 16..79 loop
            mine := free;
            exit when pg_try_advisory_xact_lock(hashtext('mopos ledger_balance'), free);
        end loop;
    end if;
    insert into ledger_balance as b (account_id, slot, debit_rial, credit_rial)
    select account_id, mine, sum(debit), sum(credit) from (
        select debit_id as account_id, amount_rial as debit, 0 as credit from new_lines
        union all select credit_id, 0, amount_rial from new_lines
    ) moved group by account_id order by account_id
    on conflict (account_id, slot) do update
        set debit_rial = b.debit_rial + excluded.debit_rial, credit_rial = b.credit_rial + excluded.credit_rial;
    if losing is not null then
        select a.kind, a.owner, sum(b.credit_rial - b.debit_rial) as rial into broken
        from ledger_account a join ledger_balance b on b.account_id = a.id
        where a.id = any(losing)
        group by a.id having sum(b.credit_rial - b.debit_rial) < a.floor_rial
            and not exists (
                select from new_lines l join ledger_account d on d.id = l.debit_id
                join ledger_account c on c.id = l.credit_id
                join entry_rule r on r.entry = l.entry and r.debit_kind = d.kind and r.credit_kind = c.kind
                where l.debit_id = a.id and r.overdraws
            )
        limit 1;
        if found then
            raise exception '% of % would stand at % Rial', broken.kind, broken.owner, broken.rial
                using errcode = 'check_violation', constraint = 'ledger_floor';
        end if;
    end if;
    return null;
end $$;
create trigger ledger_line_keeps_balances after insert on ledger_line referencing new table as new_lines
    for each statement execute function keep_balances();

-- Book what an event of `money_event` did, as the ledger's room decided it. Returns the entry's number; null: no lines.
create function book(
    event_id_ bigint, entry_ text, at_ timestamptz, effective_ timestamptz, debit_kinds text[], debit_owners bigint[],
    credit_kinds text[], credit_owners bigint[], amounts bigint[]
) returns bigint language plpgsql volatile as $$
declare
    number bigint := nextval('ledger_entry_seq');
begin
    insert into ledger_line (entry_id, event_id, entry, debit_id, credit_id, amount_rial, booked_at, effective_at)
    select number, event_id_, entry_, d.id, c.id, line.amount, at_, effective_
    from unnest(debit_kinds, debit_owners, credit_kinds, credit_owners, amounts)
        as line (debit_kind, debit_owner, credit_kind, credit_owner, amount)
    left join ledger_account d on d.kind = line.debit_kind and d.owner = line.debit_owner
    left join ledger_account c on c.kind = line.credit_kind and c.owner = line.credit_owner
    where line.amount > 0;
    return case when found then number end;
end $$;

create table ledger_seal (
    id bigint generated always as identity primary key,
    source text not null check (source in ('journal', 'ledger_line', 'money_event')),
    after_id bigint not null,
    last_id bigint not null,
    leaves bytea not null,
    hash bytea not null check (length(hash) = 32),
    at timestamptz not null,
    unique (source, after_id),
    check (after_id < last_id)
);
comment on table ledger_seal is 'A hash chain over what is append only, a stretch of rows at a time, a few seconds behind them.';
comment on column ledger_seal.leaves is 'The first eight bytes of each row''s hash: they name the row that was changed.';
create trigger ledger_seal_append_only before update or delete or truncate on ledger_seal
    for each statement execute function refuse_change();

-- --- fees ------------------------------------------------------------------------------------------------------------

create table fee_plan (
    id bigint generated always as identity primary key,
    name text not null unique check (name <> '' and length(name) <= 60),
    bearer text not null check (bearer in ('merchant', 'buyer')),
    created_at timestamptz not null
);
-- No number is larger than the largest purchase: so no sum of them overflows.
create table fee_bracket (
    plan_id bigint not null references fee_plan,
    valid_from timestamptz not null,
    above_rial bigint not null check (above_rial between 0 and 10000000000),
    ppm int not null check (ppm between 0 and 1000000),
    fixed_rial bigint not null default 0 check (fixed_rial between 0 and 10000000000),
    floor_rial bigint not null default 0 check (floor_rial between 0 and 10000000000),
    cap_rial bigint check (cap_rial between floor_rial and 10000000000),
    rounding text not null default 'half_up' check (rounding in ('up', 'half_up', 'down')),
    primary key (plan_id, valid_from, above_rial)
) with (fillfactor = 10);
comment on table fee_bracket is 'Rows with one valid_from are one version of a plan. The bracket with the largest above_rial below the amount holds for all of it.';
create table gateway_fee (
    gateway_id bigint not null references gateway,
    valid_from timestamptz not null,
    plan_id bigint references fee_plan,
    primary key (gateway_id, valid_from)
) with (fillfactor = 10);
comment on table gateway_fee is 'Which plan a gateway has from a moment on. In thin pages, as are the brackets: every purchase looks here, and a few hundred rows on one page would be read whole instead of by the index.';
comment on column gateway_fee.plan_id is 'Null: from then on no fee.';
create index gateway_fee_plan on gateway_fee (plan_id);
create trigger fee_plan_append_only before update or delete or truncate on fee_plan
    for each statement execute function refuse_change();
create trigger fee_bracket_append_only before update or delete or truncate on fee_bracket
    for each statement execute function refuse_change();
-- A version covers every amount, so that the newest one with a bracket for an amount is the newest one.
create function check_fee_version() returns trigger language plpgsql as $$
begin
    if exists (
        select plan_id, valid_from from new_rows except select plan_id, valid_from from new_rows where above_rial = 0
    ) then
        raise exception 'a version of a fee plan begins above 0 Rial' using errcode = 'check_violation',
            constraint = 'fee_version_whole';
    end if;
    return null;
end $$;
create trigger fee_version_whole after insert on fee_bracket referencing new table as new_rows
    for each statement execute function check_fee_version();
create trigger gateway_fee_append_only before update or delete or truncate on gateway_fee
    for each statement execute function refuse_change();

-- What a gateway's purchase of an amount costs when it is registered at a moment. No row: no fee. The same arithmetic as
-- domain/settlement/fees.py, in whole numbers: a million is divided out first, so that no product overflows and nothing
-- is rounded but the last part of a Rial, as the bracket says. Never above the amount.
create function fee_of(gateway_ bigint, amount bigint, at_ timestamptz)
returns table (fee_rial bigint, by_buyer boolean, plan_id bigint) language sql stable parallel safe as $$
    select least(amount, greatest(b.floor_rial, least(coalesce(b.cap_rial, amount),
            b.fixed_rial + amount / 1000000 * b.ppm + (amount % 1000000 * b.ppm + case b.rounding
                when 'up' then 999999 when 'half_up' then 500000 else 0 end) / 1000000))),
        (select p.bearer = 'buyer' from fee_plan p where p.id = b.plan_id), b.plan_id
    from (
        select f.plan_id from gateway_fee f where f.gateway_id = gateway_ and f.valid_from <= at_
        order by f.valid_from desc limit 1
    ) present
    cross join lateral (
        select * from fee_bracket b
        where b.plan_id = present.plan_id and b.valid_from <= at_ and b.above_rial < amount
        order by b.valid_from desc, b.above_rial desc limit 1
    ) b
$$;

-- --- purchases -------------------------------------------------------------------------------------------------------

alter table purchase
    add fee_rial bigint not null default 0 check (fee_rial >= 0),
    add fee_by_buyer boolean not null default false,
    add refund_rial bigint not null default 0,
    add refunded_rial bigint not null default 0,
    drop constraint purchase_check,
    drop constraint purchase_check2,
    add constraint purchase_paid_at check ((state in ('PAID', 'REVERSING', 'REVERSED')) = (paid_at is not null)),
    add constraint purchase_waits check (
        (state in ('REGISTERED', 'AT_BANK', 'VERIFYING', 'UNKNOWN', 'REVERSING')) = (next_check_at is not null)),
    add constraint purchase_fee_max check (fee_rial <= amount_rial),
    add constraint purchase_refund_max check (refund_rial between 0 and amount_rial),
    add constraint purchase_refunded_max check (refunded_rial between 0 and refund_rial),
    add constraint purchase_refund_of_paid check (refund_rial = 0 or state = 'PAID');
comment on column purchase.fee_rial is 'The operator''s fee, fixed when the purchase was registered. By the merchant: taken from the amount. By the buyer: paid on top of it.';
comment on column purchase.refund_rial is 'What all refunds that have not failed come to: never more than was paid.';
comment on column purchase.refunded_rial is 'What of it has been given back for certain.';
alter table attempt add entry_id bigint;
comment on column attempt.entry_id is 'The ledger entry by which it was paid: its place in the gateway''s statement.';
update attempt a set entry_id = l.entry_id
from ledger_line l join journal j on j.id = l.journal_id where l.entry = 'purchase_paid' and a.id = j.attempt_id;

-- --- refunds and holds -----------------------------------------------------------------------------------------------

create table refund (
    id bigint generated always as identity (start with 7001) primary key,
    purchase_id bigint not null references purchase,
    gateway_id bigint not null references gateway,
    amount_rial bigint not null check (amount_rial > 0),
    method text not null check (method in ('bank', 'paya')),
    iban text not null default '' check (iban ~ '^(IR[0-9]{24})?$'),
    payee text not null default '' check (length(payee) <= 100),
    reason text not null check (reason <> '' and length(reason) <= 500),
    state text not null check (state in ('REQUESTED', 'APPROVED', 'SENDING', 'UNKNOWN', 'DONE', 'FAILED', 'REFUSED')),
    last_event text not null,
    version int not null default 1,
    asked_by_person bigint references person,
    asked_by_operator bigint references operator,
    decided_by_person bigint references person,
    decided_by_operator bigint references operator,
    next_check_at timestamptz,
    check_count int not null default 0,
    bank_ref text,
    bank_code text not null default '',
    created_at timestamptz not null,
    done_at timestamptz,
    check ((method = 'paya') = (iban <> '')),
    check ((state = 'DONE') = (done_at is not null)),
    check ((state in ('APPROVED', 'SENDING', 'UNKNOWN') and method = 'bank') = (next_check_at is not null)),
    check (decided_by_person is null or decided_by_person is distinct from asked_by_person),
    check (decided_by_operator is null or decided_by_operator is distinct from asked_by_operator)
);
comment on table refund is 'Money given back to a buyer after the payment, whole or in part. REQUESTED waits for a second person.';
create index refund_purchase on refund (purchase_id);
create index refund_gateway on refund (gateway_id, id);
create index refund_due on refund (next_check_at) where next_check_at is not null;
create index refund_waiting on refund (id) where state in ('REQUESTED', 'APPROVED', 'SENDING', 'UNKNOWN');

create table hold (
    id bigint generated always as identity primary key,
    gateway_id bigint not null references gateway,
    purchase_id bigint references purchase,
    amount_rial bigint not null check (amount_rial > 0),
    reason text not null check (reason <> '' and length(reason) <= 1000),
    state text not null check (state in ('HELD', 'RELEASED')),
    last_event text not null,
    version int not null default 1,
    placed_at timestamptz not null,
    released_at timestamptz,
    released_entry bigint,
    check ((state = 'RELEASED') = (released_at is not null))
);
comment on table hold is 'Money of a merchant that is not paid out for now, by an operator''s decision: of one purchase, or an amount.';
create index hold_gateway on hold (gateway_id, id);
create unique index hold_of_purchase on hold (purchase_id) where state = 'HELD';

alter table gateway
    add payouts_held_at timestamptz,
    add payouts_held_reason text not null default '' check (length(payouts_held_reason) <= 1000),
    add settled_upto bigint not null default 0;
comment on column gateway.payouts_held_at is 'Since then nothing is paid out; what is sold adds up.';
comment on column gateway.settled_upto is 'No entry after it has been settled: who asks about a newer one need not look further.';
alter table account add payee jsonb;
comment on column account.payee is 'iban, name, national_id to which an operator agreed: only to it, unchanged, money is paid out.';
update account a set payee = jsonb_build_object('iban', a.iban, 'name', a.name, 'national_id', a.national_id)
where a.iban <> '' and exists (select from gateway g where g.account_id = a.id);

-- --- settlement ------------------------------------------------------------------------------------------------------

create table money_setting (
    name text not null,
    valid_from date not null,
    value jsonb not null,
    reason text not null default '' check (length(reason) <= 1000),
    operator_id bigint references operator,
    at timestamptz not null,
    primary key (name, valid_from, at)
);
comment on table money_setting is 'What operators set differently from domain/settlement/rules.py, from a day of Tehran on. Of one day the latest counts.';
create trigger money_setting_append_only before update or delete or truncate on money_setting
    for each statement execute function refuse_change();

create table closure (
    day date not null,
    channel text not null default '' check (channel in ('', 'paya', 'satna')),
    closed boolean not null,
    reason text not null check (reason <> '' and length(reason) <= 200),
    operator_id bigint references operator,
    at timestamptz not null,
    primary key (day, channel)
);
comment on table closure is 'Days on which banks are closed (or open) against what the calendar says. Empty channel: all of them.';

create table split (
    id bigint generated always as identity primary key,
    gateway_id bigint not null references gateway,
    valid_from timestamptz not null,
    parts jsonb not null,
    operator_id bigint references operator,
    person_id bigint references person,
    at timestamptz not null,
    unique (gateway_id, valid_from)
);
comment on table split is 'How a gateway''s payouts are split, from a moment on: domain/settlement/splits.py. An empty list ends it.';

create table settlement_batch (
    id bigint generated always as identity (start with 9001) primary key,
    day date not null,
    cut_at timestamptz not null,
    upto_entry bigint not null,
    state text not null check (state in ('DRAFT', 'APPROVED', 'SUBMITTED', 'PARTLY_SETTLED', 'SETTLED', 'CANCELLED')),
    last_event text not null,
    version int not null default 1,
    way text not null check (way in ('file', 'api')),
    payout_count int not null default 0,
    total_rial bigint not null default 0,
    created_at timestamptz not null,
    approved_at timestamptz,
    submitted_at timestamptz,
    ended_at timestamptz
);
comment on table settlement_batch is 'A day''s payouts. day: the day of Tehran that it closes.';
create unique index settlement_batch_day on settlement_batch (day) where state <> 'CANCELLED';

create table settlement (
    id bigint generated always as identity primary key,
    batch_id bigint not null references settlement_batch,
    gateway_id bigint not null references gateway,
    after_entry bigint not null,
    upto_entry bigint not null,
    opening_rial bigint not null,
    lines_rial bigint not null,
    payout_rial bigint not null check (payout_rial >= 0),
    why_not text not null default '',
    live boolean not null default true,
    given_back_entry bigint,
    check (after_entry < upto_entry),
    check (payout_rial <= greatest(0, opening_rial + lines_rial)),
    constraint settlement_once exclude using gist
        (gateway_id with =, int8range(after_entry, upto_entry, '(]') with &&) where (live)
);
comment on table settlement is 'A stretch of a gateway''s statement, and what was paid out of its balance at the end of it.';
comment on column settlement.opening_rial is 'The balance before the stretch. Opening and lines give the balance at the cut-off.';
comment on column settlement.why_not is 'Why nothing, or not all, is paid: below_floor, debt, taken_since... Empty: all is paid.';
comment on column settlement.given_back_entry is 'The entry that gave the money back when the batch was cancelled and a later settlement stood already. This one then stays live: its stretch is not settled again, its money is.';
create index settlement_batch_id on settlement (batch_id);
create index settlement_gateway on settlement (gateway_id, upto_entry) where live;

create table payout (
    id bigint generated always as identity (start with 20001) primary key,
    batch_id bigint not null references settlement_batch,
    settlement_id bigint references settlement,
    refund_id bigint references refund,
    gateway_id bigint not null references gateway,
    n int not null default 1,
    main boolean not null default true,
    iban text not null check (iban ~ '^IR[0-9]{24}$'),
    payee text not null check (payee <> '' and length(payee) <= 100),
    national_id text not null default '',
    amount_rial bigint not null check (amount_rial > 0),
    channel text not null check (channel in ('paya', 'satna')),
    state text not null check (state in ('PLANNED', 'SUBMITTED', 'SETTLED', 'RETURNED', 'CANCELLED')),
    last_event text not null,
    version int not null default 1,
    expected_on date not null,
    file_id text,
    submitted_at timestamptz,
    next_check_at timestamptz,
    check_count int not null default 0,
    tracking_no text not null default '' check (length(tracking_no) <= 64),
    settled_on date,
    return_reason text not null default '' check (length(return_reason) <= 200),
    returned_on date,
    returned_entry bigint,
    check (num_nonnulls(settlement_id, refund_id) = 1),
    check (state <> 'SETTLED' or (settled_on is not null and tracking_no <> '')),
    check ((state = 'RETURNED') = (returned_on is not null))
);
comment on table payout is 'One order to the central bank: to a merchant''s Sheba, to a party of a split, or to a buyer who is given money back.';
comment on column payout.main is 'Of a settlement''s payouts the one whose date and tracking number PayRep tells.';
comment on column payout.returned_entry is 'The entry that gave a returned payout''s money back to the merchant''s balance.';
create unique index payout_of_settlement on payout (settlement_id, n) where state <> 'CANCELLED';
create unique index payout_main on payout (settlement_id) where main and state <> 'CANCELLED';
create unique index payout_of_refund on payout (refund_id) where state in ('PLANNED', 'SUBMITTED', 'SETTLED');
create index payout_batch on payout (batch_id, id);
create index payout_gateway on payout (gateway_id, id);
create index payout_tracking on payout (tracking_no) where tracking_no <> '';
create index payout_due on payout (next_check_at) where next_check_at is not null;
create index payout_returned on payout (id) where state = 'RETURNED';
create index payout_open on payout (batch_id) where state in ('PLANNED', 'SUBMITTED');

create table payout_file (
    id text primary key check (length(id) <= 64),
    batch_id bigint not null references settlement_batch,
    channel text not null check (channel in ('paya', 'satna')),
    profile text not null,
    serial bigint not null unique,
    payouts int not null,
    total_rial bigint not null,
    bytes int not null,
    sha256 bytea not null,
    created_at timestamptz not null
);
comment on table payout_file is 'What was written out for a bank. The file is made again from its payouts, byte for byte.';
create sequence payout_file_seq maxvalue 999999999;

-- --- reconciliation --------------------------------------------------------------------------------------------------

create table psp_report (
    id bigint generated always as identity primary key,
    terminal_id bigint not null references terminal,
    day date not null,
    fetched_at timestamptz not null,
    lines int not null,
    net_rial bigint not null default 0,
    commission_rial bigint not null default 0 check (commission_rial >= 0),
    whole boolean not null default false,
    unique (terminal_id, day, fetched_at)
);
comment on column psp_report.net_rial is 'What it took less what it gave back on the day: its deposit, but for the commission.';
comment on column psp_report.commission_rial is 'What the PSP keeps of the day for its work: its deposit is short by it.';
comment on column psp_report.whole is 'Every page of it came. One that did not says nothing.';
create table psp_line (
    id bigint generated always as identity primary key,
    report_id bigint not null references psp_report,
    terminal_id bigint not null references terminal,
    day date not null,
    kind text not null check (kind in ('purchase', 'refund', 'reversal')),
    order_number text not null,
    bank_ref text not null,
    amount_rial bigint not null check (amount_rial > 0),
    at timestamptz not null,
    times int not null default 1,
    unique (terminal_id, kind, order_number, bank_ref)
);
comment on table psp_line is 'What a PSP says that it took and gave back. times: how often one report named it.';
create index psp_line_day on psp_line (terminal_id, day);

create table bank_statement (
    id bigint generated always as identity primary key,
    iban text not null,
    format text not null check (format in ('camt053', 'csv')),
    sha256 bytea not null unique,
    from_on date,
    to_on date,
    opening_rial bigint,
    closing_rial bigint,
    lines int not null,
    operator_id bigint references operator,
    imported_at timestamptz not null
);
create table statement_line (
    id bigint generated always as identity primary key,
    statement_id bigint not null references bank_statement,
    iban text not null,
    bank_ref text not null,
    booked_on date not null,
    amount_rial bigint not null check (amount_rial <> 0),
    text text not null default '' check (length(text) <= 500),
    state text not null default 'NEW' check (state in ('NEW', 'MATCHED', 'SUSPENSE', 'CLOSED')),
    matched_as text not null default '',
    payout_id bigint references payout,
    terminal_id bigint references terminal,
    unique (iban, bank_ref, booked_on, amount_rial)
);
comment on table statement_line is 'Movements of the operator''s own bank account: plus came in, minus went out.';
create index statement_line_new on statement_line (id) where state in ('NEW', 'SUSPENSE');
create index statement_line_payout on statement_line (payout_id) where payout_id is not null;

create table recon_day (
    terminal_id bigint not null references terminal,
    day date not null,
    ours int not null,
    ours_rial bigint not null,
    theirs int not null,
    theirs_rial bigint not null,
    compared_at timestamptz not null,
    primary key (terminal_id, day)
);
comment on table recon_day is 'What we and a PSP hold of a day (taken less given back), when both were last compared.';

create table psp_deposit (
    terminal_id bigint not null references terminal,
    day date not null,
    statement_line_id bigint not null references statement_line,
    net_rial bigint not null,
    commission_rial bigint not null,
    primary key (terminal_id, day)
);
comment on table psp_deposit is 'Which line of the bank account brought what a PSP took on a day: each day is paid once.';
create index psp_deposit_line on psp_deposit (statement_line_id);

create table recon_exception (
    id bigint generated always as identity (start with 4001) primary key,
    source text not null check (source in ('psp', 'statement', 'payout')),
    kind text not null check (kind in ('missing_here', 'missing_there', 'amount_differs', 'date_differs', 'duplicate')),
    key text not null,
    day date not null,
    amount_rial bigint not null,
    ours jsonb not null default '{}',
    theirs jsonb not null default '{}',
    purchase_id bigint references purchase,
    payout_id bigint references payout,
    terminal_id bigint references terminal,
    psp_line_id bigint references psp_line,
    statement_line_id bigint references statement_line,
    state text not null check (state in ('OPEN', 'CLOSED')),
    last_event text not null,
    version int not null default 1,
    found_at timestamptz not null,
    closed_at timestamptz,
    check ((state = 'CLOSED') = (closed_at is not null))
);
comment on table recon_exception is 'Where our books, a PSP''s report and the bank account do not agree; closed by an act with a reason.';
create unique index recon_exception_once on recon_exception (source, kind, key) where state = 'OPEN';
create index recon_exception_open on recon_exception (found_at) where state = 'OPEN';

-- --- guards ----------------------------------------------------------------------------------------------------------

-- Of refunds, batches, payouts, holds and exceptions: they begin and move as the table says, one version at a time.
create function check_money_move() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' then
        if new.state = old.state then
            if new.version <> old.version then
                raise exception 'a version without a move' using errcode = 'check_violation';
            end if;
            return new;
        end if;
        if new.version <> old.version + 1 then
            raise exception 'a move is one version' using errcode = 'check_violation';
        end if;
    elsif new.version <> 1 then
        raise exception 'a % begins with version 1', tg_table_name using errcode = 'check_violation';
    end if;
    if not exists (
        select from money_move m where m.noun = tg_argv[0] and m.event = new.last_event and m.to_state = new.state
            and m.from_state = case when tg_op = 'UPDATE' then old.state else '' end
    ) then
        raise exception 'no move of a % by % to %', tg_argv[0], new.last_event, new.state
            using errcode = 'check_violation', constraint = 'money_move_listed';
    end if;
    return new;
end $$;
create trigger refund_moves_by_the_table before insert or update on refund
    for each row execute function check_money_move('refund');
create trigger hold_moves_by_the_table before insert or update on hold
    for each row execute function check_money_move('hold');
create trigger settlement_batch_moves_by_the_table before insert or update on settlement_batch
    for each row execute function check_money_move('batch');
create trigger payout_moves_by_the_table before insert or update on payout
    for each row execute function check_money_move('payout');
create trigger recon_exception_moves_by_the_table before insert or update on recon_exception
    for each row execute function check_money_move('exception');

-- Who is paid how much, and for what, never changes.
create function check_payout() returns trigger language plpgsql as $$
begin
    if (new.batch_id, new.settlement_id, new.refund_id, new.gateway_id, new.iban, new.amount_rial)
        is distinct from (old.batch_id, old.settlement_id, old.refund_id, old.gateway_id, old.iban, old.amount_rial) then
        raise exception 'a payout never changes' using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger payout_never_changes before update on payout for each row execute function check_payout();

create function check_refund() returns trigger language plpgsql as $$
begin
    if (new.purchase_id, new.gateway_id, new.amount_rial, new.method, new.iban)
        is distinct from (old.purchase_id, old.gateway_id, old.amount_rial, old.method, old.iban) then
        raise exception 'a refund never changes' using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger refund_never_changes before update on refund for each row execute function check_refund();

create or replace function check_move() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        if new.state <> 'REGISTERED' or new.version <> 1 then
            raise exception 'a purchase begins as REGISTERED' using errcode = 'check_violation';
        end if;
    else
        if (new.gateway_id, new.res, new.amount_rial, new.redirect_url, new.token, new.fee_rial, new.fee_by_buyer)
            is distinct from
            (old.gateway_id, old.res, old.amount_rial, old.redirect_url, old.token, old.fee_rial, old.fee_by_buyer) then
            raise exception 'what the buyer agreed to never changes' using errcode = 'check_violation';
        end if;
        if new.state <> old.state and (new.version <> old.version + 1 or not exists (
            select from move m
            where m.from_state = old.state and m.event = new.last_event and m.to_state = new.state
        )) then
            raise exception 'no move from % by % to %', old.state, new.last_event, new.state
                using errcode = 'check_violation';
        end if;
        -- Reversed is only what no live settlement has taken up. Settlement runs hold the same lock.
        if new.state = 'REVERSING' and old.state <> 'REVERSING' then
            perform from ledger_account where kind = 'merchant_payable' and owner = new.gateway_id for no key update;
            if exists (
                select from settlement s join attempt a on a.id = new.attempt_id
                where s.gateway_id = new.gateway_id and s.live and s.upto_entry >= a.entry_id
            ) or exists (select from hold h where h.purchase_id = new.id and h.state = 'HELD') then
                raise exception 'purchase % is being settled or held', new.id
                    using errcode = 'check_violation', constraint = 'reversal_before_settlement';
            end if;
        end if;
    end if;
    return new;
end $$;

-- The day and tracking number of the payout by which a payment reached its merchant. No row: it has not (yet).
-- What is held waits for its release; what was returned is paid again by a later settlement.
create function settled_by(purchase_ bigint, gateway_ bigint, entry bigint)
returns table (settled_on date, tracking_no text, payout_id bigint) language plpgsql stable as $$
declare
    place bigint := entry;
    held record;
    found_ record;
begin
    select h.state, h.released_entry into held from hold h where h.purchase_id = purchase_ order by h.id desc limit 1;
    if found then
        if held.state = 'HELD' then return; end if;
        place := greatest(place, held.released_entry);
    end if;
    loop
        select s.upto_entry, s.given_back_entry, p.id, p.state, p.settled_on, p.tracking_no, p.returned_entry into found_
        from settlement s left join payout p on p.settlement_id = s.id and p.main and p.state <> 'CANCELLED'
        where s.gateway_id = gateway_ and s.live and s.upto_entry >= place
        order by s.upto_entry limit 1;
        if not found then return; end if;
        if found_.state = 'SETTLED' then
            return query select found_.settled_on, found_.tracking_no, found_.id;
            return;
        elsif found_.state = 'RETURNED' then
            place := greatest(found_.returned_entry, found_.upto_entry + 1);
        elsif found_.id is null then
            place := greatest(found_.given_back_entry, found_.upto_entry + 1);
        else
            return;
        end if;
    end loop;
end $$;

-- Why a gateway is paid nothing for now, whatever it is owed. Null: it may be paid.
create view payout_bar as
select g.id as gateway_id, case
        when c.id is null then 'no_account'
        when g.payouts_held_at is not null then 'stopped'
        when g.suspended_at is not null then 'suspended'
        when c.payee is null then 'payee_unconfirmed'
        when (c.payee ->> 'iban', c.payee ->> 'name', c.payee ->> 'national_id')
            is distinct from (c.iban, c.name, c.national_id) then 'payee_changed'
    end as why
from gateway g left join account c on c.id = g.account_id;

-- The last entry that was booked before a moment. Lines are written in the order of time but for some seconds, so the
-- place is found by halving, without an index on time, and then made exact by looking around it.
create function last_entry_before(moment timestamptz) returns bigint language plpgsql stable as $$
declare
    -- Several seconds of the busiest shop there is: clocks of hosts differ, and statements overtake one another.
    around constant bigint := 20000;
    low bigint := (select min(id) from ledger_line);
    high bigint := (select max(id) + 1 from ledger_line);
    middle bigint;
    line record;
begin
    while low < high loop
        middle := (low + high) / 2;
        select id, booked_at into line from ledger_line where id >= middle and id < high order by id limit 1;
        if not found or line.booked_at >= moment then
            high := middle;
        else
            low := line.id + 1;
        end if;
    end loop;
    return (
        select coalesce(max(entry_id), 0) from ledger_line
        where id between low - around and low + around and booked_at < moment
    );
end $$;

-- Plan a day's settlements in one transaction: for each gateway that may be paid the stretch of its statement since its
-- last live settlement, what of the balance at its end is paid out, and the entry that puts it on its way; approved
-- refunds by Paya become payouts. Returns the batch; a day that has a live one gets that one; null: there is nothing to
-- pay. Runs wait for one another; the accounts' locks keep refunds, reversals and holds out while balances are read.
create function plan_batch(
    day_ date, cut_at_ timestamptz, upto bigint, floor_ bigint, way_ text, paya_max bigint, paya_on date,
    satna_on date, now_ timestamptz
) returns bigint language plpgsql volatile as $$
declare
    number bigint;
    event bigint;
    refunds bigint[];
    refund_sum bigint;
    accounts bigint[];
    found_ record;
begin
    perform pg_advisory_xact_lock(hashtext('mopos settlement'));
    select id into number from settlement_batch where day = day_ and state <> 'CANCELLED';
    if found then return number; end if;
    select array_agg(id), coalesce(sum(amount_rial), 0) into refunds, refund_sum from (
        select id, amount_rial from refund where method = 'paya' and state = 'APPROVED' order by id for update
    ) due;
    select array_agg(id) into accounts from (
        select a.id from ledger_account a
        where a.kind = 'merchant_payable'
            and exists (select from payout_bar b where b.gateway_id = a.owner and b.why is null)
        order by a.id for no key update
    ) locked;
    with due as materialized (
        select a.id as account_id, a.owner as gateway_id, coalesce(l.upto_entry, 0) as after,
            coalesce(l.opening_rial + l.lines_rial, 0) as opening
        from ledger_account a left join lateral (
            select * from settlement s where s.gateway_id = a.owner and s.live order by s.upto_entry desc limit 1
        ) l on true
        where a.id = any (accounts) and coalesce(l.upto_entry, 0) < upto
    ),
    balanced as (
        select d.*, (
            select coalesce(sum(credit_rial - debit_rial), 0)::bigint from ledger_balance b
            where b.account_id = d.account_id
        ) as present, came.times + went.times as times, came.rial - went.rial as lines
        from due d
        -- Account by account, each by its own index alone: the run costs what the day's lines cost, whatever is older.
        cross join lateral (
            select count(*) as times, coalesce(sum(l.amount_rial), 0)::bigint as rial from ledger_line l
            where l.credit_id = d.account_id and l.entry_id > d.after and l.entry_id <= upto
        ) came
        cross join lateral (
            select count(*) as times, coalesce(sum(l.amount_rial), 0)::bigint as rial from ledger_line l
            where l.debit_id = d.account_id and l.entry_id > d.after and l.entry_id <= upto
        ) went
    ),
    decided as (
        select *, opening + lines as closing, least(opening + lines, present) as payable,
            least(opening + lines, present) >= greatest(floor_, 1) as is_paid
        from balanced
    )
    select array_agg(gateway_id order by gateway_id) as gateways, array_agg(after order by gateway_id) as afters,
        array_agg(opening order by gateway_id) as openings, array_agg(lines order by gateway_id) as lines,
        array_agg(case when is_paid then payable else 0 end order by gateway_id) as payouts,
        array_agg(case when closing < 0 then 'debt' when payable < closing then 'taken_since'
            when not is_paid then 'below_floor' else '' end order by gateway_id) as reasons,
        sum(payable) filter (where is_paid)::bigint as rial
    into found_ from decided where is_paid or (times > 0 and closing <> 0);
    if found_.rial is null and refunds is null then return null; end if;

    insert into settlement_batch
        (day, cut_at, upto_entry, state, last_event, way, payout_count, total_rial, created_at)
    values (day_, cut_at_, upto, 'DRAFT', 'planned', way_, coalesce(cardinality(refunds), 0),
        coalesce(found_.rial, 0) + refund_sum, now_) returning id into number;
    insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at)
    values ('batch', number, 1, 'planned', '', 'DRAFT', 'worker', now_) returning id into event;
    insert into settlement
        (batch_id, gateway_id, after_entry, upto_entry, opening_rial, lines_rial, payout_rial, why_not)
    select number, gateway, after, upto, opening, rial, payout, reason
    from unnest(found_.gateways, found_.afters, found_.openings, found_.lines, found_.payouts, found_.reasons)
        as stretch (gateway, after, opening, rial, payout, reason);
    perform book(event, 'payout_planned', now_, now_, array_agg('merchant_payable'::text), array_agg(gateway),
        array_agg('settlement_in_transit'::text), array_agg(0::bigint), array_agg(payout))
    from unnest(found_.gateways, found_.payouts) as paid (gateway, payout) where payout > 0 having count(*) > 0;
    with moved as (
        update refund set state = 'SENDING', last_event = 'planned', version = version + 1
        where id = any (refunds) returning *
    ),
    refund_told as (
        insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at)
        select 'refund', id, version, 'planned', 'APPROVED', 'SENDING', 'worker', now_ from moved
    ),
    paid as (
        insert into payout (batch_id, refund_id, gateway_id, iban, payee, amount_rial, channel, state, last_event,
            expected_on)
        select number, id, gateway_id, iban, coalesce(nullif(payee, ''), '-'), amount_rial,
            case when amount_rial <= paya_max then 'paya' else 'satna' end, 'PLANNED', 'planned',
            case when amount_rial <= paya_max then paya_on else satna_on end
        from moved order by id returning id
    )
    insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at)
    select 'payout', id, 1, 'planned', '', 'PLANNED', 'worker', now_ from paid;
    return number;
end $$;

-- A batch that nobody has sent is taken back whole: its payouts, its settlements, the entry, the refunds. Null: done;
-- otherwise the code of why not.
create function cancel_batch(batch_ bigint, operator_ bigint, reason_ text, now_ timestamptz)
returns text language plpgsql volatile as $$
declare
    b settlement_batch;
    event bigint;
    entry bigint;
begin
    select * into b from settlement_batch where id = batch_ for update;
    if not found or b.state not in ('DRAFT', 'APPROVED')
        or exists (select from payout where batch_id = batch_ and state <> 'PLANNED') then
        return 'batch_moved';
    end if;
    if exists (select from payout_file where batch_id = batch_) then return 'batch_file_out'; end if;
    with freed as (
        update refund set state = 'APPROVED', last_event = 'unplanned', version = version + 1
        where id in (select refund_id from payout where batch_id = batch_ and refund_id is not null)
            and state = 'SENDING'
        returning id, version
    )
    insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, operator_id, at, reason)
    select 'refund', id, version, 'unplanned', 'SENDING', 'APPROVED', 'operator', operator_, now_, reason_ from freed;
    with gone as (
        update payout set state = 'CANCELLED', last_event = 'cancelled', version = version + 1, next_check_at = null
        where batch_id = batch_ and state = 'PLANNED' returning id, version
    )
    insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, operator_id, at, reason)
    select 'payout', id, version, 'cancelled', 'PLANNED', 'CANCELLED', 'operator', operator_, now_, reason_ from gone;
    update settlement_batch set state = 'CANCELLED', last_event = 'cancelled', version = version + 1, ended_at = now_
    where id = batch_;
    insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, operator_id, at, reason)
    values ('batch', batch_, b.version + 1, 'cancelled', b.state, 'CANCELLED', 'operator', operator_, now_, reason_)
    returning id into event;
    select book(event, 'payout_cancelled', now_, now_, array_agg('settlement_in_transit'::text),
        array_agg(0::bigint), array_agg('merchant_payable'::text), array_agg(gateway_id), array_agg(payout_rial))
    into entry from settlement where batch_id = batch_ and payout_rial > 0 having count(*) > 0;
    -- The next run takes the stretch up again; where a later one stands already, its money comes with the entry above.
    update settlement s set live = later.is_there, given_back_entry = case when later.is_there then entry end
    from (
        select o.id, exists (
            select from settlement n where n.gateway_id = o.gateway_id and n.live and n.upto_entry > o.upto_entry
        ) as is_there
        from settlement o where o.batch_id = batch_
    ) later where s.id = later.id;
    return null;
end $$;

-- What the central bank did with payouts of one batch, as the settlement's room decided it. Each of `results`: payout,
-- version, event, from_state, to_state, tracking_no, on, reason, the entry's name and lines, mobiles and text of who is
-- told. Returns those that were written; the others have moved since they were read.
create function take_results(
    batch_ bigint, results jsonb, actor_ text, operator_ bigint, now_ timestamptz
) returns setof bigint language plpgsql volatile as $$
declare
    one record;
    p payout;
    r refund;
    event bigint;
    entry bigint;
begin
    -- Two who bring the same results come one after the other. All that will be changed is locked at once, in the
    -- order that everybody keeps: purchases, refunds, accounts.
    perform from settlement_batch where id = batch_ for update;
    perform from purchase where id in (
        select f.purchase_id from payout o join refund f on f.id = o.refund_id
        where o.id in (select (item ->> 'payout')::bigint from jsonb_array_elements(results) item)
    ) order by id for no key update;
    perform from refund where id in (
        select o.refund_id from payout o
        where o.id in (select (item ->> 'payout')::bigint from jsonb_array_elements(results) item)
    ) order by id for no key update;
    perform from ledger_account where kind in ('refunds_in_flight', 'settlement_in_transit') order by id
        for no key update;
    for one in
        select * from jsonb_to_recordset(results) as row (
            payout bigint, version int, event text, from_state text, to_state text, tracking_no text, "on" date,
            reason text, entry text, debit_kinds text[], debit_owners bigint[], credit_kinds text[],
            credit_owners bigint[], amounts bigint[], template text, mobiles text[], text text
        ) order by payout
    loop
        update payout set state = one.to_state, last_event = one.event, version = payout.version + 1,
            next_check_at = null,
            tracking_no = case when one.event = 'settled' then one.tracking_no else tracking_no end,
            settled_on = case when one.event = 'settled' then one.on else settled_on end,
            returned_on = case when one.to_state = 'RETURNED' then one.on end,
            return_reason = case when one.to_state = 'RETURNED' then one.reason else '' end
        where id = one.payout and batch_id = batch_ and version = one.version and state = one.from_state
        returning * into p;
        continue when not found;
        insert into money_event
            (noun, subject_id, version, event, from_state, to_state, actor, operator_id, at, reason, data)
        values ('payout', p.id, p.version, one.event, one.from_state, one.to_state, actor_, operator_, now_, one.reason,
            jsonb_build_object('on', one.on, 'tracking_no', one.tracking_no))
        returning id into event;
        if p.refund_id is not null then
            update refund set version = version + 1,
                state = case one.event when 'settled' then 'DONE' else 'FAILED' end,
                last_event = case one.event when 'settled' then 'paid' else one.event end,
                done_at = case one.event when 'settled' then now_ end,
                bank_ref = case one.event when 'settled' then one.tracking_no else bank_ref end
            where id = p.refund_id returning * into r;
            insert into money_event
                (noun, subject_id, version, event, from_state, to_state, actor, operator_id, at, reason, data)
            values ('refund', r.id, r.version, r.last_event, case one.event when 'came_back' then 'DONE' else 'SENDING' end,
                r.state, actor_, operator_, now_, one.reason, jsonb_build_object('payout', p.id))
            returning id into event;
            update purchase set
                refund_rial = refund_rial - case when one.event = 'settled' then 0 else p.amount_rial end,
                refunded_rial = refunded_rial
                    + case one.event when 'settled' then p.amount_rial when 'came_back' then -p.amount_rial else 0 end
            where id = r.purchase_id;
        end if;
        entry := book(event, one.entry, now_, now_, one.debit_kinds, one.debit_owners, one.credit_kinds,
            one.credit_owners, one.amounts);
        if one.to_state = 'RETURNED' then
            update payout set returned_entry = entry where id = p.id;
        elsif p.settlement_id is not null then
            update gateway g set settled_upto = s.upto_entry from settlement s
            where s.id = p.settlement_id and g.id = p.gateway_id and g.settled_upto < s.upto_entry;
        end if;
        insert into message (mobile, template, text, created_at, next_try_at)
        select mobile, one.template, one.text, now_, now_ from unnest(one.mobiles) mobile;
        return next p.id;
    end loop;
    perform follow_payouts(batch_, actor_, operator_, now_);
end $$;

-- A batch that was handed over is partly settled from its first result on, and settled with its last one.
create function follow_payouts(batch_ bigint, actor_ text, operator_ bigint, now_ timestamptz)
returns void language plpgsql volatile as $$
declare
    b settlement_batch;
    next_state text;
begin
    select * into b from settlement_batch where id = batch_ and state in ('SUBMITTED', 'PARTLY_SETTLED') for update;
    if not found then return; end if;
    if not exists (select from payout where batch_id = batch_ and state in ('PLANNED', 'SUBMITTED')) then
        next_state := 'SETTLED';
    elsif b.state = 'SUBMITTED'
        and exists (select from payout where batch_id = batch_ and state in ('SETTLED', 'RETURNED')) then
        next_state := 'PARTLY_SETTLED';
    else
        return;
    end if;
    update settlement_batch set state = next_state, last_event = lower(next_state), version = version + 1,
        ended_at = case when next_state = 'SETTLED' then now_ end
    where id = batch_;
    insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, operator_id, at)
    values ('batch', batch_, b.version + 1, lower(next_state), b.state, next_state, actor_, operator_, now_);
end $$;

-- Keep money of a merchant back. Of a purchase: as long as no live settlement has taken it up, and exactly what it
-- brings him now. Runs hold the same lock. Returns the hold.
create function place_hold(
    gateway_ bigint, purchase_ bigint, amount bigint, reason_ text, operator_ bigint, now_ timestamptz, entry text,
    debit_kinds text[], debit_owners bigint[], credit_kinds text[], credit_owners bigint[], amounts bigint[]
) returns bigint language plpgsql volatile as $$
declare
    p purchase;
    number bigint;
    event bigint;
begin
    if purchase_ is not null then
        select * into p from purchase where id = purchase_ and gateway_id = gateway_ for no key update;
        if not found or p.state <> 'PAID' or amount <>
            p.amount_rial - p.refund_rial - (not p.fee_by_buyer)::int * p.fee_rial then
            raise exception 'purchase % does not bring % Rial', purchase_, amount
                using errcode = 'check_violation', constraint = 'hold_not_paid';
        end if;
    end if;
    perform from ledger_account where kind = 'merchant_payable' and owner = gateway_ for no key update;
    if purchase_ is not null and exists (
        select from settlement s join attempt a on a.id = p.attempt_id
        where s.gateway_id = gateway_ and s.live and s.upto_entry >= a.entry_id
    ) then
        raise exception 'purchase % is settled', purchase_
            using errcode = 'check_violation', constraint = 'hold_settled';
    end if;
    insert into hold (gateway_id, purchase_id, amount_rial, reason, state, last_event, placed_at)
    values (gateway_, purchase_, amount, reason_, 'HELD', 'placed', now_) returning id into number;
    insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, operator_id, at, reason)
    values ('hold', number, 1, 'placed', '', 'HELD', 'operator', operator_, now_, reason_) returning id into event;
    perform book(event, entry, now_, now_, debit_kinds, debit_owners, credit_kinds, credit_owners, amounts);
    insert into audit_log (at, operator_id, act, subject, reason, data)
    values (now_, operator_, 'place_hold', 'hold ' || number, reason_,
        jsonb_build_object('gateway', gateway_, 'purchase', purchase_, 'amount', amount));
    return number;
end $$;

-- The merchant's again, and the next settlement pays it. False: it has ended already.
create function release_hold(
    hold_ bigint, reason_ text, operator_ bigint, now_ timestamptz, entry text, debit_kinds text[],
    debit_owners bigint[], credit_kinds text[], credit_owners bigint[], amounts bigint[]
) returns boolean language plpgsql volatile as $$
declare
    h hold;
    event bigint;
    number bigint;
begin
    update hold set state = 'RELEASED', last_event = 'released', version = version + 1, released_at = now_
    where id = hold_ and state = 'HELD' returning * into h;
    if not found then return false; end if;
    insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, operator_id, at, reason)
    values ('hold', hold_, h.version, 'released', 'HELD', 'RELEASED', 'operator', operator_, now_, reason_)
    returning id into event;
    number := book(event, entry, now_, now_, debit_kinds, debit_owners, credit_kinds, credit_owners, amounts);
    update hold set released_entry = number where id = hold_;
    insert into audit_log (at, operator_id, act, subject, reason, data)
    values (now_, operator_, 'release_hold', 'hold ' || hold_, reason_,
        jsonb_build_object('gateway', h.gateway_id, 'purchase', h.purchase_id, 'amount', h.amount_rial));
    return true;
end $$;
