-- What the merchant's reports and the operators' lists are read from, fast at ten million purchases.
-- depends: 0003_gateways-and-applications

-- On the payments' own tables only what must be found at once. Everything else is found by `purchase_word`, which the
-- worker writes beside the payments.
create index purchase_gateway on purchase (gateway_id, id);
create index purchase_watch on purchase (state, id) where state in ('UNKNOWN', 'CONFLICTED');
create index purchase_late on purchase (id) where late;
create index purchase_unacknowledged on purchase (gateway_id, id) where paid_at is not null and acknowledged_at is null;
create index attempt_by_bank_ref on attempt (bank_ref) where bank_ref is not null and state <> 'CONFIRMED';

-- Words of names and descriptions, as people of three keyboards type them. Persian and Arabic letters and digits are
-- made one, half spaces part nothing.
create function words_of(text) returns setof text language sql immutable parallel safe as $$
    select distinct left(word, 40) from regexp_split_to_table(
        translate(lower($1), 'كيىةۀأإآٱؤئ۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩' || U&'\200C\200D\0640',
            'کییههاااا' || 'وی' || '01234567890123456789'),
        '[^[:alnum:]]+') as word
    where word <> ''
$$;

-- An amount's first digit and magnitude: a range of amounts is a handful of these.
create function amount_class(bigint) returns text language sql immutable parallel safe as $$
    select '$' || left($1::text, 1) || 'e' || length($1::text) - 1
$$;

-- The first purchase that was registered at a moment or later. Numbers are given in the order of time, but for a few
-- seconds; who asks takes some minutes more and looks at the time itself.
create function purchase_id_at(timestamptz) returns bigint language plpgsql stable parallel safe as $$
declare
    low bigint := (select id from purchase order by id limit 1);
    high bigint := (select id + 1 from purchase order by id desc limit 1);
    middle bigint;
    found record;
begin
    while low < high loop
        middle := low + (high - low) / 2;
        select id, registered_at into found from purchase where id >= middle order by id limit 1;
        if found.registered_at < $1 then low := found.id + 1; else high := middle; end if;
    end loop;
    return coalesce(low, 0);
end $$;

create table purchase_word (
    gateway_id bigint not null,
    word text not null,
    purchase_id bigint not null,
    primary key (gateway_id, word, purchase_id)
);
comment on table purchase_word is 'By what a purchase is found, newest first: words of Nam and Dsc, =amount, $class of the amount, #end of the card, #whole masked card.';

create table sales_hour (
    gateway_id bigint not null,
    hour timestamptz not null,
    registered bigint not null,
    paid bigint not null,
    paid_rial bigint not null,
    declined bigint not null,
    cancelled bigint not null,
    expired bigint not null,
    conflicted bigint not null,
    primary key (gateway_id, hour)
);
comment on table sales_hour is 'What happened in each hour of Tehran, counted from the journal by the worker.';

create table sales_day (
    gateway_id bigint not null,
    day date not null,
    registered bigint not null,
    paid bigint not null,
    paid_rial bigint not null,
    declined bigint not null,
    cancelled bigint not null,
    expired bigint not null,
    conflicted bigint not null,
    declines jsonb not null,
    primary key (gateway_id, day)
);
comment on table sales_day is 'The same for each day of Tehran. declines: how often a bank gave each reason.';

create table progress (
    name text primary key,
    position bigint not null,
    seen bigint not null,
    seen_xid xid8 not null,
    at timestamptz not null
);
comment on table progress is 'How far the worker has come with what it derives.';
comment on column progress.seen is 'Once all transactions before seen_xid have ended, nothing new can appear up to here.';
insert into progress (name, position, seen, seen_xid, at) values ('journal', 0, 0, '0', now());

create table saved_filter (
    id bigint generated always as identity primary key,
    account_id bigint not null references account,
    person_id bigint not null references person,
    name text not null check (name <> '' and length(name) <= 60),
    query text not null check (length(query) <= 1000),
    created_at timestamptz not null,
    unique (account_id, person_id, name)
);

create table export (
    id bigint generated always as identity primary key,
    account_id bigint not null references account,
    person_id bigint not null references person,
    format text not null check (format in ('csv', 'xlsx')),
    query text not null,
    lang text not null,
    state text not null default 'waiting' check (state in ('waiting', 'running', 'done', 'failed')),
    next_try_at timestamptz,
    tries int not null default 0,
    rows_done bigint not null default 0,
    rows_all bigint,
    path text,
    bytes bigint,
    created_at timestamptz not null,
    done_at timestamptz,
    expires_at timestamptz not null
);
create index export_account on export (account_id, id);
create index export_due on export (next_try_at) where next_try_at is not null;
