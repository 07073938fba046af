-- Operators, what they may do only by two, and a log of it that shows when it was tampered with.
-- depends: 0004_reports

create table operator (
    id bigint generated always as identity (start with 11) primary key,
    name text not null unique check (name ~ '^[a-z][a-z0-9._-]{1,39}$'),
    title text not null default '' check (length(title) <= 100),
    role text not null check (role in ('support', 'risk', 'finance', 'admin')),
    handle bytea not null unique check (length(handle) = 32),
    password_hash text not null,
    setup_until timestamptz,
    totp_sealed bytea,
    totp_last_step bigint not null default 0,
    wrong_count int not null default 0,
    locked_until timestamptz,
    created_at timestamptz not null,
    disabled_at timestamptz
);
comment on column operator.setup_until is 'Until then the password is a one-time one, and signing in sets a new one and TOTP.';
comment on column operator.wrong_count is 'Wrong second factors after a right password, since the last right one.';
create table sign_in_try (
    key_hash bytea primary key,
    tries int not null,
    since timestamptz not null
);
comment on table sign_in_try is 'Tries to sign in as an operator, by name with address and by address; forgotten after a while.';
alter table session add foreign key (operator_id) references operator;
alter table ceremony add foreign key (operator_id) references operator;
alter table activity add foreign key (operator_id) references operator;
alter table application_event add foreign key (operator_id) references operator;
alter table application_message add foreign key (operator_id) references operator;

create table operator_device (
    id bigint generated always as identity primary key,
    operator_id bigint not null references operator,
    credential_id bytea not null unique,
    public_key bytea not null,
    sign_count bigint not null,
    name text not null check (length(name) between 1 and 100),
    created_at timestamptz not null,
    last_used_at timestamptz,
    revoked_at timestamptz
);

create table audit_log (
    id bigint primary key,
    at timestamptz not null,
    operator_id bigint references operator,
    act text not null,
    subject text not null,
    reason text not null,
    data jsonb not null,
    hash bytea not null check (length(hash) = 32)
);
comment on table audit_log is 'Every act of an operator. Each row''s hash covers the row and the hash before it.';
create trigger audit_log_append_only before update or delete or truncate on audit_log
    for each statement execute function refuse_change();

-- One text for one row, whoever reads it and whatever the server's settings: a JSON array, moments in microseconds.
create function audit_text(row_ audit_log) returns text language sql immutable as $$
    select jsonb_build_array(row_.id, (extract(epoch from row_.at) * 1000000)::bigint, row_.operator_id, row_.act,
        row_.subject, row_.reason, row_.data)::text
$$;
create function audit_hash(previous bytea, row_ audit_log) returns bytea language sql immutable as $$
    select sha256(previous || convert_to(audit_text(row_), 'UTF8'))
$$;
comment on function audit_hash is 'What a row''s hash must be. Before the first row stand 32 zero bytes.';

-- A row gets its number and its hash here, whoever writes it: one writer at a time, until his transaction ends, so that
-- no number is missing and each hash stands on the one before it.
create function seal_audit_row() returns trigger language plpgsql as $$
declare
    last_id bigint;
    last_hash bytea;
begin
    perform pg_advisory_xact_lock(hashtext('mopos audit_log'));
    select id, hash into last_id, last_hash from audit_log order by id desc limit 1;
    new.id := coalesce(last_id, 0) + 1;
    new.hash := audit_hash(coalesce(last_hash, decode(repeat('00', 32), 'hex')), new);
    return new;
end $$;
create trigger audit_log_sealed before insert on audit_log for each row execute function seal_audit_row();

-- The same for who wants it as a function. In a statement's CTE it must be read by something, or it is never called;
-- `insert into audit_log (at, operator_id, act, subject, reason, data) select ... from moved` always is.
create function audit(operator bigint, act text, subject text, reason text, data jsonb, at timestamptz)
    returns bigint language sql volatile as $$
    insert into audit_log (at, operator_id, act, subject, reason, data) values ($6, $1, $2, $3, $4, $5) returning id
$$;

create table proposal (
    id bigint generated always as identity primary key,
    act text not null,
    subject text not null,
    data jsonb not null,
    reason text not null check (reason <> '' and length(reason) <= 1000),
    proposed_by bigint not null references operator,
    proposed_at timestamptz not null,
    expires_at timestamptz not null,
    decided_by bigint references operator,
    decided_at timestamptz,
    decision text check (decision in ('approved', 'refused', 'withdrawn')),
    note text not null default '',
    check ((decided_at is null) = (decision is null)),
    check (decision is distinct from 'approved' or decided_by <> proposed_by)
);
comment on table proposal is 'A dangerous act that one operator asks for and another one decides.';
create unique index proposal_open on proposal (act, subject) where decided_at is null;

-- A statement that does what was proposed calls this for what it did: `select approve(...) from moved`. Whoever may not
-- approve, or comes too late, makes the whole statement fail, so nothing is done twice or by one.
create function approve(proposal_id bigint, who bigint, note_ text, at_ timestamptz) returns bigint
    language plpgsql volatile as $$
declare
    p proposal;
begin
    update proposal set decided_by = who, decided_at = at_, decision = 'approved', note = note_
    where id = proposal_id and decided_at is null and expires_at > at_ and proposed_by <> who
    returning * into p;
    if not found then
        raise exception 'proposal % is not open to operator %', proposal_id, who
            using errcode = 'restrict_violation', constraint = 'proposal_approved_once_by_another';
    end if;
    insert into audit_log (at, operator_id, act, subject, reason, data)
    values (at_, who, p.act, p.subject, p.reason,
        p.data || jsonb_build_object('proposal', p.id, 'proposed_by', p.proposed_by, 'note', note_));
    return p.id;
end $$;

alter table terminal
    add disabled_at timestamptz,
    add disabled_reason text not null default '';

create table transcript (
    id bigint generated always as identity primary key,
    attempt_id bigint not null,
    at timestamptz not null,
    verb text not null,
    outcome text not null,
    status int,
    duration_ms int not null,
    request text not null check (length(request) <= 4000),
    answer text not null check (length(answer) <= 4000)
);
comment on table transcript is 'Calls to banks as operators may read them, redacted by the bank''s own file.';
create index transcript_attempt on transcript (attempt_id);
create index transcript_at on transcript (at);

create table audit_run (
    id bigint generated always as identity primary key,
    kind text not null check (kind in ('full', 'recent')),
    at timestamptz not null,
    duration_ms bigint not null,
    purchases bigint not null,
    findings int not null,
    sample text not null default '' check (length(sample) <= 4000),
    head_id bigint,
    head_hash bytea
);
comment on table audit_run is 'What `mopos audit` (full) and the worker''s hourly look at the newest (recent) found.';
comment on column audit_run.head_hash is 'The audit log''s last hash then: kept elsewhere, it shows whether later rows were cut off.';
create index audit_log_subject on audit_log (subject, id);
create index journal_correction on journal (id) where event like 'corrected%';
