-- People with a mobile phone, the accounts they are members of, and how they sign in (guide section 1.1).
-- depends: 0001_one-purchase-end-to-end

create table person (
    id bigint generated always as identity (start with 1001) primary key,
    mobile text not null unique check (mobile ~ '^09[0-9]{9}$'),
    name text not null default '' check (length(name) <= 100),
    handle bytea not null unique check (length(handle) = 32),
    totp_sealed bytea,
    totp_last_step bigint not null default 0,
    locked_until timestamptz,
    wrong_count int not null default 0,
    barred_at timestamptz,
    created_at timestamptz not null
);
comment on table person is 'Who signs in to the merchant''s side: one mobile number, one person.';
comment on column person.handle is 'WebAuthn''s user handle: random, tells nothing of the person.';
comment on column person.totp_sealed is 'The TOTP secret, sealed under MOPOS_SECRET_KEY. Null: not set up.';
comment on column person.barred_at is 'An operator lets this person in by no way, say because the phone was stolen. Null: none does.';
comment on column person.totp_last_step is 'The last time step used: a code works once (RFC 6238, section 5.2).';

create table device (
    id bigint generated always as identity primary key,
    person_id bigint not null references person,
    credential_id bytea not null unique,
    public_key bytea not null,
    sign_count bigint not null,
    name text not null check (length(name) between 1 and 100),
    is_phone boolean not null,
    created_at timestamptz not null,
    last_used_at timestamptz,
    last_ip inet,
    revoked_at timestamptz
);
comment on table device is 'Passkeys. The phone on which the account was made is the recognised device (guide 1.1).';
create index device_person on device (person_id);

create table recovery_code (
    id bigint generated always as identity primary key,
    person_id bigint not null references person,
    code_hash text not null,
    used_at timestamptz
);
comment on table recovery_code is 'argon2 hashes. Each works once.';
create index recovery_code_person on recovery_code (person_id);

create table otp (
    id bigint generated always as identity primary key,
    mobile text not null,
    n bigint not null,
    purpose text not null,
    code_hash bytea not null,
    binding text not null,
    tries int not null default 0,
    ip inet not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz
);
comment on table otp is 'One-time codes by SMS: a keyed hash, valid once, shortly, for few tries, in the browser that asked.';
comment on column otp.n is 'Counts a number''s codes: of requests in the same moment one gets through, so limits hold.';
comment on column otp.ip is 'Of IPv6 the /64 network: a single line has all of its addresses.';
create unique index otp_mobile_n on otp (mobile, n);
create index otp_mobile on otp (mobile, created_at);
create index otp_binding on otp (binding, id);
create index otp_ip on otp (ip, created_at);

create table session (
    token_hash bytea primary key check (length(token_hash) = 32),
    person_id bigint references person,
    operator_id bigint,
    device_id bigint references device,
    created_at timestamptz not null,
    seen_at timestamptz not null,
    fresh_at timestamptz,
    second_factor boolean not null,
    ip inet not null,
    agent text not null check (length(agent) <= 300),
    ended_at timestamptz,
    check ((person_id is null) <> (operator_id is null))
);
comment on table session is 'Who is signed in, by the hash of a cookie. Of a person (panel, phone app) or an operator (console).';
comment on column session.fresh_at is 'When a second factor was last shown; sensitive acts want it fresh.';
create index session_person on session (person_id) where ended_at is null;
create index session_operator on session (operator_id) where ended_at is null;

create table sign_in_request (
    id bigint generated always as identity primary key,
    browser_hash bytea not null unique,
    mobile text not null,
    number int not null check (number between 10 and 99),
    choices int[] not null,
    ip inet not null,
    agent text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    answer text check (answer in ('approved', 'refused')),
    answered_at timestamptz,
    device_id bigint references device,
    used_at timestamptz
);
comment on table sign_in_request is 'A computer asks to be signed in by approval on the phone, with a number to match.';
create index sign_in_request_mobile on sign_in_request (mobile, created_at);
create index sign_in_request_ip on sign_in_request (ip, created_at);

create table ceremony (
    id_hash bytea primary key,
    kind text not null,
    challenge bytea not null,
    person_id bigint references person,
    operator_id bigint,
    expires_at timestamptz not null
);
create index ceremony_expires on ceremony (expires_at);
comment on table ceremony is 'A WebAuthn challenge that waits for its answer; taken out when answered.';

create table account (
    id bigint generated always as identity (start with 5001) primary key,
    kind text not null default 'natural' check (kind in ('natural', 'legal')),
    name text not null default '' check (length(name) <= 100),
    national_id text not null default '' check (national_id ~ '^([0-9]{10})?$|^[0-9]{11}$'),
    iban text not null default '' check (iban ~ '^(IR[0-9]{24})?$'),
    iban_owner text not null default '',
    iban_checked_at timestamptz,
    iban_matches boolean,
    iban_asked_at timestamptz,
    enamad text not null default '' check (length(enamad) <= 100),
    tax_code text not null default '' check (length(tax_code) <= 20),
    address text not null default '' check (length(address) <= 500),
    notify jsonb not null default '{}',
    created_at timestamptz not null
);
comment on table account is 'A merchant: who has members, gateways and applications.';

create table member (
    account_id bigint not null references account,
    person_id bigint not null references person,
    role text not null check (role in ('owner', 'admin', 'accountant', 'developer', 'viewer')),
    since timestamptz not null,
    primary key (account_id, person_id)
);
create index member_person on member (person_id);
create unique index member_one_owner on member (account_id) where role = 'owner';

create table invitation (
    id bigint generated always as identity primary key,
    account_id bigint not null references account,
    mobile text not null check (mobile ~ '^09[0-9]{9}$'),
    role text not null check (role in ('admin', 'accountant', 'developer', 'viewer')),
    invited_by bigint not null references person,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz,
    ended_as text check (ended_as in ('accepted', 'declined', 'withdrawn')),
    check ((ended_at is null) = (ended_as is null))
);
create unique index invitation_open on invitation (account_id, mobile) where ended_at is null;
create index invitation_mobile on invitation (mobile, created_at);
create index invitation_account on invitation (account_id, created_at);

create table document (
    id bigint generated always as identity primary key,
    account_id bigint not null references account,
    kind text not null,
    name text not null check (length(name) <= 200),
    media_type text not null,
    bytes int not null check (bytes > 0),
    sha256 bytea not null,
    path text not null unique,
    uploaded_by bigint not null references person,
    uploaded_at timestamptz not null,
    removed_at timestamptz
);
comment on column document.path is 'Under MOPOS_DATA_DIR/documents: random, never a name that a person chose.';
create index document_account on document (account_id);

create table activity (
    id bigint generated always as identity primary key,
    account_id bigint not null references account,
    person_id bigint references person,
    operator_id bigint,
    at timestamptz not null,
    act text not null,
    subject text not null default '',
    data jsonb not null default '{}',
    ip inet
);
comment on table activity is 'Who did what in an account, for its own members. Append only.';
create index activity_account on activity (account_id, id);
create index activity_iban on activity (account_id, at) where act in ('iban_changed', 'iban_checked');
create trigger activity_append_only before update or delete or truncate on activity
    for each statement execute function refuse_change();

create table message (
    id bigint generated always as identity primary key,
    mobile text not null,
    template text not null,
    text text not null check (length(text) <= 500),
    created_at timestamptz not null,
    next_try_at timestamptz,
    tries int not null default 0,
    sent_at timestamptz,
    provider_id text not null default '',
    failure text not null default ''
);
comment on table message is 'SMS to send, written with the change that they tell of. One-time codes are never kept here.';
create index message_due on message (next_try_at) where next_try_at is not null;
