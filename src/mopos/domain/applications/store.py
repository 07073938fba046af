"""The SQL of applications. Every move is ONE statement: the application, its event, the account's activity, the SMS,
what becomes of the gateway, and for an operator the audit log's row. Who loses a race changes nothing and gets False:
the version in the `where` is the guard, the table `application_move` in PostgreSQL the second one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from mopos.base.db import Database, Row
from mopos.base.money import Rial
from mopos.domain.applications.model import MESSAGES_MAX, UNDECIDED_MAX, Application, Profile, Wish
from mopos.domain.applications.states import Event, Move, State

_APPLICATION = """
    a.id, a.account_id, a.gateway_id, a.state, a.version, a.title, a.site, a.business, a.monthly_rial, a.created_at,
    a.submitted_at, a.decided_at
"""
# What fits on a screen or two; the rest is a page further.
PAGE = 50
# An account has a handful; the oldest of hundreds matter to nobody.
LISTED_MAX = 100


def _application(row: Row) -> Application:
    application_id, account_id, gateway_id, state, version, title, site, business, monthly, *times = row
    rial = Rial(monthly) if monthly is not None else None
    return Application(
        application_id, account_id, gateway_id, State(state), version, title, site, business, rial, *times
    )


class By(NamedTuple):
    """Who acts, from where and when: a person of the account, or an operator."""

    now: datetime
    ip: str
    person_id: int | None = None
    operator_id: int | None = None
    proposal_id: int | None = None
    """An operator's act that another operator has proposed: the statement that does it approves it."""
    note: str = ""
    """Of the approval."""


class Sms(NamedTuple):
    """Whom to tell, and what."""

    mobiles: Sequence[str] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class NewGateway:
    """What an approval makes. `rmz_hash` is of a secret that nobody has seen."""

    name: str
    rmz_hash: bytes
    domain: str


_STARTED = """
    with started as (
        insert into application (account_id, title, site, business, monthly_rial, created_at)
        select %(account_id)s, %(title)s, %(site)s, %(business)s, %(monthly)s, %(now)s
        where (
            select count(*) from application
            where account_id = %(account_id)s and state in ('draft', 'submitted', 'more_info')
        ) < %(most)s
        returning id, account_id
    ),
    event as (
        insert into application_event (application_id, version, event, from_state, to_state, person_id, at)
        select id, 1, 'started', '', 'draft', %(person_id)s, %(now)s from started
    ),
    noted as (
        insert into activity (account_id, person_id, at, act, subject, ip)
        select account_id, %(person_id)s, %(now)s, 'application_started', %(title)s, %(ip)s from started
    )
    select id from started
"""


async def start(db: Database, account_id: int, wish: Wish, by: By) -> int | None:
    """A new draft. None: the account has as many undecided applications as it may."""
    row = await db.one(_STARTED, {"account_id": account_id, "most": UNDECIDED_MAX, **_of_wish(wish), **_of(by)})
    return int(row[0]) if row else None


async def save(db: Database, application: Application, wish: Wish) -> bool:
    """Keep what was written in a draft, or in one that was given back. False: it is no longer open, or another member
    has changed it in the meantime."""
    row = await db.one(
        """
        update application
        set title = %(title)s, site = %(site)s, business = %(business)s, monthly_rial = %(monthly)s
        where id = %(id)s and version = %(version)s and state in ('draft', 'more_info')
        returning 1
        """,
        {"id": application.id, "version": application.version, **_of_wish(wish)},
    )
    return row is not None


_MOVED = """
    with moved as (
        update application set state = %(to_state)s, last_event = %(event)s, version = version + 1,
            title = coalesce(%(title)s, title), site = coalesce(%(site)s, site),
            business = coalesce(%(business)s, business), monthly_rial = coalesce(%(monthly)s, monthly_rial),
            submitted_at = case when %(event)s in ('submitted', 'reopened') then %(now)s else submitted_at end,
            decided_at = case when %(to_state)s in ('draft', 'submitted', 'more_info') then null
                when %(event)s in ('approved', 'rejected') then %(now)s else decided_at end
        where id = %(id)s and version = %(version)s and state = %(from_state)s
        returning id, account_id, gateway_id, version, title
    )
"""
_APPROVED = """
    with locked as (
        -- Two who approve at once must not make two gateways.
        select id, account_id from application
        where id = %(id)s and version = %(version)s and state = %(from_state)s
        for update
    ),
    g as (
        insert into gateway (name, rmz_hash, created_at, account_id, any_domain, domains)
        select %(name)s, %(rmz_hash)s, %(now)s, account_id, false, array[%(domain)s] from locked
        returning id
    ),
    moved as (
        update application set state = %(to_state)s, last_event = %(event)s, version = version + 1,
            decided_at = %(now)s, gateway_id = g.id
        from locked, g where application.id = locked.id
        returning application.id, application.account_id, gateway_id, version, title
    ),
    -- The operator has looked at who the merchant is and where his money goes: only there it is paid.
    payee as (
        update account set payee = jsonb_build_object('iban', iban, 'name', name, 'national_id', national_id)
        from moved where account.id = moved.account_id and account.iban <> ''
    )
"""
_GATEWAY_TOO = """,
    stopped as (
        update gateway set
            suspended_at = case %(event)s when 'suspended' then %(now)s when 'closed' then suspended_at end,
            closed_at = case when %(event)s = 'closed' then %(now)s end
        from moved where gateway.id = moved.gateway_id
    )
"""
_TOLD = """,
    event as (
        insert into application_event
            (application_id, version, event, from_state, to_state, person_id, operator_id, reason, at)
        select id, version, %(event)s, %(from_state)s, %(to_state)s, %(person_id)s, %(operator_id)s, %(reason)s, %(now)s
        from moved
    ),
    noted as (
        insert into activity (account_id, person_id, operator_id, at, act, subject, ip)
        select account_id, %(person_id)s, %(operator_id)s, %(now)s, 'application_' || %(event)s, title,
            case when %(operator_id)s::bigint is null then %(ip)s::inet end
        from moved
    ),
    sent as (
        insert into message (mobile, template, text, created_at, next_try_at)
        select mobile, 'application_' || %(event)s, %(text)s, %(now)s, %(now)s
        from moved, unnest(%(mobiles)s::text[]) mobile
    ),
    audited as (
        insert into audit_log (at, operator_id, act, subject, reason, data)
        select %(now)s, %(operator_id)s, 'application_' || %(event)s, %(subject)s, %(reason)s,
            jsonb_build_object('account', account_id, 'gateway', gateway_id)
        from moved where %(operator_id)s::bigint is not null and %(proposal_id)s::bigint is null
    )
    select version, case when %(proposal_id)s::bigint is not null
        then approve(%(proposal_id)s, %(operator_id)s, %(note)s, %(now)s) end
    from moved
"""


async def record(
    db: Database,
    application: Application,
    move: Move,
    by: By,
    *,
    reason: str = "",
    wish: Wish | None = None,
    gateway: NewGateway | None = None,
    sms: Sms = Sms(),  # noqa: B008  # a tuple
) -> bool:
    """Write one move with everything that goes with it. `wish`: what is sent with it; `gateway`: what an approval
    makes. False: somebody was faster. A proposal that is no longer open raises psycopg's `RestrictViolation`."""
    params: dict[str, Any] = {
        "id": application.id,
        "version": application.version,
        "from_state": str(move.start),
        "event": str(move.event),
        "to_state": str(move.end),
        "reason": reason,
        "subject": f"application {application.number}",
        "mobiles": list(sms.mobiles),
        "text": sms.text,
        **_of(by),
    }
    if gateway:
        params |= {"name": gateway.name, "rmz_hash": gateway.rmz_hash, "domain": gateway.domain}
        return await db.one(_APPROVED + _TOLD, params) is not None
    params |= _of_wish(wish) if wish else dict.fromkeys(("title", "site", "business", "monthly"))
    touches_gateway = move.event in (Event.SUSPENDED, Event.RESUMED, Event.CLOSED)
    return await db.one(_MOVED + (_GATEWAY_TOO if touches_gateway else "") + _TOLD, params) is not None


def _of(by: By) -> dict[str, Any]:
    return by._asdict()


def _of_wish(wish: Wish) -> dict[str, Any]:
    monthly = int(wish.monthly) if wish.monthly is not None else None
    return {"title": wish.title, "site": wish.site, "business": wish.business, "monthly": monthly}


async def find(db: Database, application_id: int, account_id: int | None = None) -> Application | None:
    """One application; for a merchant only of his own account."""
    row = await db.one(
        f"""
        select {_APPLICATION} from application a
        where a.id = %(id)s and (%(account_id)s::bigint is null or a.account_id = %(account_id)s)
        """,
        {"id": application_id, "account_id": account_id},
    )
    return _application(row) if row else None


async def of_gateway(db: Database, gateway_id: int) -> Application | None:
    """The application that made a gateway. None: the command line did."""
    row = await db.one(
        f"select {_APPLICATION} from application a where a.gateway_id = %(id)s",
        {"id": gateway_id},
    )
    return _application(row) if row else None


async def of_account(db: Database, account_id: int) -> list[Application]:
    """An account's applications, the latest first."""
    rows = await db.all(
        f"""
        select {_APPLICATION} from application a
        where a.account_id = %(account_id)s order by a.id desc limit %(limit)s
        """,
        {"account_id": account_id, "limit": LISTED_MAX},
    )
    return [_application(row) for row in rows]


class Queued(NamedTuple):
    """An application in the operators' lists."""

    application: Application
    account_name: str


_BEHIND = "(a.submitted_at, a.id) > (%(after_at)s::timestamptz, %(after_id)s::bigint)"
# ruff: noqa: S608  # put together from named constants of this module only
_QUEUE = f"""
    select {_APPLICATION}, c.name from application a join account c on c.id = a.account_id
    where a.state in ('submitted', 'more_info') and a.state = %(state)s
        and (%(after_id)s::bigint is null or {_BEHIND})
    order by a.submitted_at, a.id limit %(limit)s
"""
_DECIDED = f"""
    select {_APPLICATION}, c.name from application a join account c on c.id = a.account_id
    where a.state = %(state)s and (%(after_id)s::bigint is null or a.id < %(after_id)s)
    order by a.id desc limit %(limit)s
"""


async def queue(db: Database, state: State, after: tuple[datetime, int] | None = None) -> list[Queued]:
    """Applications that wait in `state` (submitted, more_info), the oldest first. One more than a page when there are
    more."""
    after_at, after_id = after or (None, None)
    rows = await db.all(_QUEUE, {"state": str(state), "after_at": after_at, "after_id": after_id, "limit": PAGE + 1})
    return [Queued(_application(row[:-1]), row[-1]) for row in rows]


async def in_state(db: Database, state: State, after_id: int | None = None) -> list[Queued]:
    """Applications in any state, the latest first. One more than a page when there are more."""
    rows = await db.all(_DECIDED, {"state": str(state), "after_id": after_id, "limit": PAGE + 1})
    return [Queued(_application(row[:-1]), row[-1]) for row in rows]


async def count_waiting(db: Database) -> int:
    """How many applications wait for an operator."""
    row = await db.one("select count(*) from application where state = 'submitted'")
    return int(row[0]) if row else 0


class Happened(NamedTuple):
    """One move, as its page tells it. `by`: the person's or the operator's name."""

    event: Event
    end: State
    at: datetime
    reason: str
    by_operator: bool
    by: str


async def history(db: Database, application_id: int) -> list[Happened]:
    """Every move, the first one first. Bounded by the moves that people make by hand."""
    rows = await db.all(
        """
        select e.event, e.to_state, e.at, e.reason, e.operator_id is not null,
            coalesce(nullif(o.title, ''), o.name, nullif(p.name, ''), left(p.mobile, 4) || '***' || right(p.mobile, 4))
        from application_event e left join person p on p.id = e.person_id left join operator o on o.id = e.operator_id
        where e.application_id = %(id)s order by e.version limit 500
        """,
        {"id": application_id},
    )
    return [Happened(Event(row[0]), State(row[1]), *row[2:]) for row in rows]


class Message(NamedTuple):
    """What was written, by whom: the person's or the operator's name."""

    text: str
    at: datetime
    by_operator: bool
    by: str


async def messages(db: Database, application_id: int) -> list[Message]:
    """All messages, the first one first."""
    rows = await db.all(
        """
        select m.text, m.at, m.operator_id is not null,
            coalesce(nullif(o.title, ''), o.name, nullif(p.name, ''), left(p.mobile, 4) || '***' || right(p.mobile, 4))
        from application_message m left join person p on p.id = m.person_id
        left join operator o on o.id = m.operator_id
        where m.application_id = %(id)s order by m.id limit %(limit)s
        """,
        {"id": application_id, "limit": MESSAGES_MAX},
    )
    return [Message(*row) for row in rows]


_WRITTEN = """
    with written as (
        insert into application_message (application_id, person_id, operator_id, text, at)
        select %(id)s, %(person_id)s, %(operator_id)s, %(message)s, %(now)s
        where (select count(*) from application_message where application_id = %(id)s) < %(most)s
        returning application_id
    ),
    sent as (
        insert into message (mobile, template, text, created_at, next_try_at)
        select mobile, 'application_message', %(text)s, %(now)s, %(now)s
        from written, unnest(%(mobiles)s::text[]) mobile
    ),
    audited as (
        insert into audit_log (at, operator_id, act, subject, reason, data)
        select %(now)s, %(operator_id)s, 'application_message', %(subject)s, %(message)s, '{}'
        from written where %(operator_id)s::bigint is not null
    )
    select 1 from written
"""


async def write(db: Database, application: Application, message: str, by: By, sms: Sms) -> bool:
    """One more message. False: there are as many as there may be."""
    params = {
        "id": application.id,
        "message": message,
        "most": MESSAGES_MAX,
        "subject": f"application {application.number}",
        "mobiles": list(sms.mobiles),
        "text": sms.text,
        **_of(by),
    }
    return await db.one(_WRITTEN, params) is not None


async def profile(db: Database, account_id: int) -> Profile:
    """What must be known of the account before a gateway is asked for."""
    row = await db.one("select name, national_id, iban from account where id = %(id)s", {"id": account_id})
    return Profile(*row) if row else Profile("", "", "")


class AccountFacts(NamedTuple):
    """What operators look at beside an application. `documents`: how many there are."""

    id: int
    kind: str
    name: str
    national_id: str
    iban: str
    iban_owner: str
    iban_checked_at: datetime | None
    iban_matches: bool | None
    enamad: str
    tax_code: str
    address: str
    created_at: datetime
    owner_name: str
    owner_mobile: str
    documents: int
    gateways: int


async def account_facts(db: Database, account_id: int) -> AccountFacts | None:
    """The account that asks."""
    row = await db.one(
        """
        select c.id, c.kind, c.name, c.national_id, c.iban, c.iban_owner, c.iban_checked_at, c.iban_matches, c.enamad,
            c.tax_code, c.address, c.created_at, coalesce(p.name, ''), coalesce(p.mobile, ''),
            (select count(*) from document d where d.account_id = c.id and d.removed_at is null),
            (select count(*) from gateway g where g.account_id = c.id)
        from account c left join member m on m.account_id = c.id and m.role = 'owner'
        left join person p on p.id = m.person_id
        where c.id = %(id)s
        """,
        {"id": account_id},
    )
    return AccountFacts(*row) if row else None


async def has_money_pending(db: Database, gateway_id: int) -> bool:
    """Whether we owe a gateway's merchant money: what was sold and is not settled yet."""
    row = await db.one(
        """
        select case when exists (select from ledger_line where debit_id = a.id)
            then (select coalesce(sum(amount_rial), 0) from ledger_line where credit_id = a.id)
                > (select coalesce(sum(amount_rial), 0) from ledger_line where debit_id = a.id)
            -- Almost always nothing was settled yet, and millions of lines need not be added up to know it.
            else exists (select from ledger_line where credit_id = a.id) end
        from ledger_account a where a.kind = 'merchant_payable' and a.owner = %(id)s
        """,
        {"id": gateway_id},
    )
    return bool(row and row[0])
