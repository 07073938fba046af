-- What the merchant's reports and the operators' lists are read from, fast at ten million purchases.
-- depends: 0003_gateways-and-applications

create index purchase_gateway on purchase (gateway_id, id);
create index purchase_gateway_state on purchase (gateway_id, state, id);
create index purchase_gateway_amount on purchase (gateway_id, amount_rial, id);
create index purchase_watch on purchase (state, id) where state in ('UNKNOWN', 'CONFLICTED');
create index purchase_late on purchase (id) where late;
create index purchase_unacknowledged on purchase (gateway_id, id) where paid_at is not null and acknowledged_at is null;
create index attempt_by_bank_ref on attempt (bank_ref) where bank_ref is not null;
create index attempt_by_card_end on attempt (right(masked_pan, 4), purchase_id) where masked_pan <> '';

-- Words of names and descriptions, as people of three keyboards type them. Persian and Arabic letters and digits are
-- made one, half spaces part nothing.
create function words_of(text) returns setof text language sql immutable parallel safe as $$
    select distinct left(word, 40) from regexp_split_to_table(
        translate(lower($1), 'كيىةۀأإآٱؤئ۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩' || U&'\200C\200D\0640',
            'کییههاااا' || 'وی' || '01234567890123456789'),
        '[^[:alnum:]]+') as word
    where word <> ''
$$;

create table purchase_word (
    gateway_id bigint not null,
    word text not null,
    purchase_id bigint not null,
    primary key (gateway_id, word, purchase_id)
);
comment on table purchase_word is 'Which purchases have a word in Nam or Dsc. Written by the worker a little later than the purchase.';

create table sales_hour (
    gateway_id bigint not null,
    hour timestamptz not null,
    outcome text not null,
    reason text not null default '',
    count bigint not null,
    amount_rial bigint not null,
    primary key (gateway_id, hour, outcome, reason)
);
comment on table sales_hour is 'What ended in each whole hour, by outcome (paid, declined, cancelled, expired, conflicted, registered), for the dashboard.';

create table progress (
    name text primary key,
    position bigint not null,
    at timestamptz not null
);
comment on table progress is 'How far the worker has come with what it derives: words, hours.';

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
