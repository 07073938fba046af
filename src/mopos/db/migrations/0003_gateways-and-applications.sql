-- Applications for a gateway, and what a gateway may be set to (guide section 1.2).
-- depends: 0002_people-and-accounts

alter table gateway
    add account_id bigint references account,
    add domains text[] not null default '{}',
    add any_domain boolean not null default true,
    add sources inet[] not null default '{}',
    add sig_key_sealed bytea,
    add signed_only boolean not null default false,
    add unsigned_rial_max bigint check (unsigned_rial_max > 0),
    add old_rmz_used_at timestamptz,
    add old_rmz_used_from inet,
    add rmz_shown_at timestamptz,
    add warned_at timestamptz,
    add unasked_told_at timestamptz,
    add brand_name text not null default '' check (length(brand_name) <= 60),
    add brand_colour text not null default '' check (brand_colour ~ '^(#[0-9a-f]{6})?$'),
    add brand_logo bytea check (length(brand_logo) <= 100000),
    add brand_logo_hash text not null
        generated always as (coalesce(left(encode(sha256(brand_logo), 'hex'), 12), '')) stored,
    add closed_at timestamptz;
comment on column gateway.any_domain is 'Old sites: RedirectURL may lie anywhere. False for every gateway that an application makes.';
comment on column gateway.sources is 'Networks from which PayRep may be called; empty: all.';
comment on column gateway.brand_logo_hash is 'Names the logo in its address, so that pages need not read it.';
comment on column gateway.rmz_shown_at is 'Null: approved, but the owner has not fetched the Rmz yet.';
comment on column gateway.unasked_told_at is 'When its merchant was last told of payments that the shop has not asked about.';
comment on column gateway.warned_at is 'When its merchant was last told of forms whose amount looked changed.';
-- Gateways of the command line had theirs printed.
update gateway set rmz_shown_at = created_at;
create index gateway_account on gateway (account_id);

create table application (
    id bigint generated always as identity (start with 3001) primary key,
    account_id bigint not null references account,
    gateway_id bigint unique references gateway,
    state text not null default 'draft'
        check (state in ('draft', 'submitted', 'more_info', 'approved', 'rejected', 'suspended', 'closed')),
    last_event text not null default 'started',
    version int not null default 1,
    title text not null default '' check (length(title) <= 60),
    site text not null default '' check (length(site) <= 200),
    business text not null default '' check (length(business) <= 1000),
    monthly_rial bigint check (monthly_rial > 0),
    created_at timestamptz not null,
    submitted_at timestamptz,
    decided_at timestamptz,
    check ((state in ('approved', 'suspended')) <= (gateway_id is not null))
);
create index application_account on application (account_id);
create index application_queue on application (submitted_at, id) where state in ('submitted', 'more_info');

-- The rows of domain/applications/states.py; `mopos migrate` keeps them equal.
create table application_move (
    from_state text not null,
    event text not null,
    to_state text not null,
    who text not null,
    primary key (from_state, event, to_state)
);

create function check_application_move() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        if new.state <> 'draft' or new.version <> 1 then
            raise exception 'an application begins as a draft' using errcode = 'check_violation';
        end if;
        return new;
    end if;
    if new.account_id <> old.account_id or (old.gateway_id is not null and new.gateway_id <> old.gateway_id) then
        raise exception 'an application never changes hands' using errcode = 'check_violation';
    end if;
    if old.state not in ('draft', 'more_info') and (new.title, new.site, new.business, new.monthly_rial)
        is distinct from (old.title, old.site, old.business, old.monthly_rial) then
        raise exception 'what is being decided upon never changes' using errcode = 'check_violation';
    end if;
    if new.state <> old.state and (new.version <> old.version + 1 or not exists (
        select from application_move m
        where m.from_state = old.state and m.event = new.last_event and m.to_state = new.state
    )) then
        raise exception 'no move from % by % to %', old.state, new.last_event, new.state
            using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger application_moves_by_the_table before insert or update on application
    for each row execute function check_application_move();

create table application_event (
    id bigint generated always as identity primary key,
    application_id bigint not null references application,
    version int not null,
    event text not null,
    from_state text not null,
    to_state text not null,
    person_id bigint references person,
    operator_id bigint,
    reason text not null default '' check (length(reason) <= 1000),
    at timestamptz not null,
    unique (application_id, version),
    foreign key (from_state, event, to_state) references application_move
);
comment on table application_event is 'Each move of an application: who, when, why. Append only.';
create trigger application_event_append_only before update or delete or truncate on application_event
    for each statement execute function refuse_change();

create table application_message (
    id bigint generated always as identity primary key,
    application_id bigint not null references application,
    person_id bigint references person,
    operator_id bigint,
    text text not null check (text <> '' and length(text) <= 2000),
    at timestamptz not null,
    check ((person_id is null) <> (operator_id is null))
);
create index application_message_application on application_message (application_id, id);
create trigger application_message_append_only before update or delete or truncate on application_message
    for each statement execute function refuse_change();

create table call_log (
    id bigint generated always as identity primary key,
    gateway_id bigint not null references gateway,
    at timestamptz not null,
    door text not null check (door in ('form', 'payrep')),
    outcome text not null,
    res text not null default '',
    source inet,
    data jsonb not null default '{}'
);
comment on table call_log is 'The last calls of each gateway, for its developers: written in batches beside the calls, kept shortly.';
create index call_log_gateway on call_log (gateway_id, id);
create index call_log_at on call_log (at);
