"""The SQL of refunds: asked for, decided on, sent, and what became of them.

Every move is ONE statement: the refund's row, the purchase's running totals where they change, the event and its ledger
lines. Locks are taken in one order: the purchase, the refund, then (by the ledger's trigger) the accounts. What a rival
has taken in the meantime is seen by PostgreSQL's own constraints, each of which is a code of the catalogue here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from psycopg.errors import CheckViolation
from psycopg.types.json import Jsonb

from mopos.base.db import Database, Row
from mopos.base.errors import Refused
from mopos.base.ids import with_check_digit
from mopos.base.money import Rial
from mopos.domain.payments.refunds import LIVE, Method, RefundMove, RefundState
from mopos.domain.payments.told import TOLD, Told

# A purchase of the smallest amount in refunds of one Rial would have more; nobody reads them on one page.
OF_PURCHASE_MAX = 200
# An ask each hour for two weeks, twice an event each.
EVENTS_MAX = 700
PAGE = 50

# What PostgreSQL refuses, as codes of the catalogue.
_CODES: dict[str, str] = {
    "purchase_refund_max": "refund_exceeds",
    "purchase_refund_of_paid": "purchase_not_paid",
    "ledger_floor": "balance_insufficient",
}
Booking = Mapping[str, Any]
"""An entry as parameters (`domain/ledger/entries.py`, `booking(...).params`)."""


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund, as its page tells it."""

    id: int
    purchase_id: int
    gateway_id: int
    account_id: int | None
    terminal_id: int
    amount: Rial
    method: Method
    iban: str
    payee: str
    reason: str
    state: RefundState
    version: int
    asked_by_person: int | None
    asked_by_operator: int | None
    decided_by_person: int | None
    decided_by_operator: int | None
    asker: str
    decider: str
    next_check_at: datetime | None
    check_count: int
    bank_ref: str
    bank_code: str
    created_at: datetime
    done_at: datetime | None
    res: str
    gateway_name: str

    @property
    def number(self) -> str:
        """The refund's number as people and banks know it: the id with a check digit."""
        return with_check_digit(self.id)

    @property
    def owners(self) -> dict[str, int]:
        """Whose ledger accounts it moves."""
        return {"gateway": self.gateway_id, "terminal": self.terminal_id}

    def is_own(self, who: Who) -> bool:
        """Whether somebody asked for it himself."""
        if who.person_id is not None:
            return who.person_id == self.asked_by_person
        return who.operator_id is not None and who.operator_id == self.asked_by_operator


@dataclass(frozen=True, slots=True)
class Who:
    """Who acts: a member of the account, an operator, or a program (`actor` alone)."""

    actor: str
    person_id: int | None = None
    operator_id: int | None = None

    @property
    def params(self) -> dict[str, Any]:
        return {"actor": self.actor, "person_id": self.person_id, "operator_id": self.operator_id}


@dataclass(frozen=True, slots=True)
class NewRefund:
    """What is asked for."""

    purchase_id: int
    gateway_id: int
    amount: Rial
    method: Method
    reason: str
    iban: str = ""
    payee: str = ""


_REFUND = """
    select r.id, r.purchase_id, r.gateway_id, g.account_id, a.terminal_id, r.amount_rial, r.method, r.iban, r.payee,
        r.reason, r.state, r.version, r.asked_by_person, r.asked_by_operator, r.decided_by_person,
        r.decided_by_operator, coalesce(nullif(ao.title, ''), ao.name, nullif(ap.name, ''), ap.mobile, ''),
        coalesce(nullif(d.title, ''), d.name, nullif(dp.name, ''), dp.mobile, ''), r.next_check_at, r.check_count,
        coalesce(r.bank_ref, ''), r.bank_code, r.created_at, r.done_at, p.res, g.name
    from refund r join purchase p on p.id = r.purchase_id join attempt a on a.id = p.attempt_id
    join gateway g on g.id = r.gateway_id
    left join person ap on ap.id = r.asked_by_person left join operator ao on ao.id = r.asked_by_operator
    left join person dp on dp.id = r.decided_by_person left join operator d on d.id = r.decided_by_operator
"""


def _refund(row: Row) -> Refund:
    refund_id, purchase_id, gateway_id, account_id, terminal_id, amount, method, iban, payee, reason, state, *rest = row
    return Refund(
        refund_id,
        purchase_id,
        gateway_id,
        account_id,
        terminal_id,
        Rial(amount),
        Method(method),
        iban,
        payee,
        reason,
        RefundState(state),
        *rest,
    )


# --- asking ----------------------------------------------------------------------------------------------------------


async def request(
    db: Database,
    new: NewRefund,
    *,
    state: RefundState,
    who: Who,
    booking: Booking,
    now: datetime,
    next_check_at: datetime,
    told: Told | None = None,
    seen: Rial | None = None,
) -> int | None:
    """Set the money aside and write the refund down: REQUESTED (a second person has to agree) or APPROVED. Returns its
    id; None: the purchase is not PAID, or its refunds do not come to what was `seen` (a form that is sent twice).

    Raises `Refused`: `refund_exceeds`, `balance_insufficient`."""
    try:
        row = await db.one(
            f"""
            with taken as (
                update purchase set refund_rial = refund_rial + %(amount)s
                where id = %(purchase_id)s and gateway_id = %(gateway_id)s and state = 'PAID'
                    and refund_rial = coalesce(%(seen)s::bigint, refund_rial)
                returning id, gateway_id
            ),
            made as (
                insert into refund (purchase_id, gateway_id, amount_rial, method, iban, payee, reason, state,
                    last_event, asked_by_person, asked_by_operator, next_check_at, created_at)
                select id, gateway_id, %(amount)s, %(method)s, %(iban)s, %(payee)s, %(reason)s, %(state)s, 'requested',
                    %(person_id)s, %(operator_id)s,
                    case when %(state)s = 'APPROVED' and %(method)s = 'bank' then %(next_check_at)s::timestamptz end,
                    %(now)s
                from taken
                returning id, version
            ),
            event as (
                insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, operator_id,
                    person_id, at, reason)
                select 'refund', id, version, 'requested', '', %(state)s, %(actor)s, %(operator_id)s, %(person_id)s,
                    %(now)s, %(reason)s
                from made
                returning id, subject_id
            )
            {TOLD if told else ""}
            select subject_id, book(id, %(entry)s, %(now)s, %(now)s, %(debit_kinds)s::text[],
                %(debit_owners)s::bigint[], %(credit_kinds)s::text[], %(credit_owners)s::bigint[],
                %(amounts)s::bigint[])
            from event
            """,  # noqa: S608
            {
                "purchase_id": new.purchase_id,
                "gateway_id": new.gateway_id,
                "amount": int(new.amount),
                "method": new.method,
                "iban": new.iban,
                "payee": new.payee,
                "reason": new.reason,
                "state": state,
                "seen": None if seen is None else int(seen),
                "next_check_at": next_check_at,
                "now": now,
                "told_gateway_id": new.gateway_id,
                **who.params,
                **booking,
                **(told.params if told else {}),
            },
        )
    except CheckViolation as error:
        raise refusal(error) from error
    return int(row[0]) if row else None


def refusal(error: CheckViolation) -> Exception:
    """What PostgreSQL refused, as a code of the catalogue; its own error where it has none."""
    code = _CODES.get(error.diag.constraint_name or "")
    return Refused([code]) if code else error


# --- moving ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """One move of a refund, and what goes with it."""

    move: RefundMove
    who: Who
    now: datetime
    booking: Booking | None = None
    version: int | None = None
    """Only from this version; None: from whatever stands in the move's first state."""
    reason: str = ""
    decides: bool = False
    """Whether the actor is the second person."""
    next_check_at: datetime | None = None
    bank_ref: str | None = None
    bank_code: str | None = None
    data: Mapping[str, Any] | None = None
    told: Told | None = None
    gateway_id: int | None = None
    """Of the refund; needed where something is told."""


_LOCKED = """
    with locked as (
        select p.id from refund r join purchase p on p.id = r.purchase_id where r.id = %(id)s
        for no key update of p
    ),
"""
_MOVED = """
    moved as (
        update refund r set state = %(to_state)s, last_event = %(event)s, version = r.version + 1,
            next_check_at = case when r.method = 'bank' then %(next_check_at)s::timestamptz end,
            done_at = case when %(to_state)s = 'DONE' then %(now)s::timestamptz end,
            bank_ref = coalesce(%(bank_ref)s, r.bank_ref), bank_code = coalesce(%(bank_code)s, r.bank_code),
            decided_by_person = case when %(decides)s then %(person_id)s::bigint else r.decided_by_person end,
            decided_by_operator = case when %(decides)s then %(operator_id)s::bigint else r.decided_by_operator end
        FROM
        where r.id = %(id)s and r.state = %(from_state)s and r.version = coalesce(%(version)s::int, r.version)
        returning r.id, r.version, r.purchase_id, r.amount_rial
    ),
"""
_EVENT = """
    event as (
        insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, operator_id, person_id,
            at, reason, data)
        select 'refund', id, version, %(event)s, %(from_state)s, %(to_state)s, %(actor)s, %(operator_id)s,
            %(person_id)s, %(now)s, %(reason)s, %(data)s
        from moved
        returning id
    )
"""
_TOTALS = """
    totals as (
        update purchase p set refund_rial = p.refund_rial + %(refund_sign)s * moved.amount_rial,
            refunded_rial = p.refunded_rial + %(refunded_sign)s * moved.amount_rial
        from moved where p.id = moved.purchase_id
    ),
"""
_BOOK = """
    select book(id, %(entry)s, %(now)s, %(now)s, %(debit_kinds)s::text[], %(debit_owners)s::bigint[],
        %(credit_kinds)s::text[], %(credit_owners)s::bigint[], %(amounts)s::bigint[])
    from event
"""
# Moves that leave the purchase's totals alone do not lock it.
_MOVE = f"with {_MOVED.replace('FROM', '')} {_EVENT}"
_MOVE_MONEY = f"{_LOCKED} {_MOVED.replace('FROM', 'from locked')} {_TOTALS} {_EVENT}"


async def record(db: Database, refund_id: int, change: Change) -> bool:
    """Write one move. False: somebody was faster, and nothing changed. Raises `Refused` (`balance_insufficient`...)."""
    start, end = change.move.start, change.move.end
    params = {
        "id": refund_id,
        "version": change.version,
        "from_state": start,
        "to_state": end,
        "event": change.move.event,
        "now": change.now,
        "reason": change.reason,
        "decides": change.decides,
        "next_check_at": change.next_check_at,
        "bank_ref": change.bank_ref,
        "bank_code": change.bank_code,
        "data": Jsonb(dict(change.data or {})),
        "refund_sign": (end in LIVE) - (start in LIVE),
        "refunded_sign": (end is RefundState.DONE) - (start is RefundState.DONE),
        "told_gateway_id": change.gateway_id,
        **change.who.params,
        **(change.booking or {}),
        **(change.told.params if change.told else {}),
    }
    told = TOLD if change.told else ""
    begin, end_ = (_MOVE_MONEY, _BOOK) if change.booking else (_MOVE, "select id from event")
    try:
        return await db.one(f"{begin} {told} {end_}", params) is not None
    except CheckViolation as error:
        raise refusal(error) from error


# --- the bank's way: what the worker claims --------------------------------------------------------------------------


class ToSend(NamedTuple):
    """A refund that this caller is to ask the bank for, and the attempt that was paid, as the bank knows it."""

    id: int
    purchase_id: int
    gateway_id: int
    account_id: int | None
    terminal_id: int
    version: int
    check_count: int
    amount: Rial
    attempt_id: int
    charge: Rial
    bank_token: str | None
    bank_ref: str | None
    created_at: datetime


async def claim_due(db: Database, *, now: datetime, lease_until: datetime, limit: int) -> list[ToSend]:
    """Take refunds that are due at the bank, the longest waiting first, and lease them as SENDING: two workers never
    get the same one, and when a worker dies its refunds come due again."""
    rows = await db.all(
        """
        with due as (
            select id, state from refund where next_check_at <= %(now)s
            order by next_check_at limit %(limit)s for update skip locked
        ),
        claimed as (
            update refund r set state = 'SENDING', next_check_at = %(lease_until)s, check_count = r.check_count + 1,
                last_event = case when due.state = 'SENDING' then r.last_event else 'claimed' end,
                version = r.version + case when due.state = 'SENDING' then 0 else 1 end
            from due where r.id = due.id
            returning r.id, r.purchase_id, r.gateway_id, r.version, r.check_count, r.amount_rial, r.created_at,
                due.state as from_state
        ),
        event as (
            insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at)
            select 'refund', id, version, 'claimed', from_state, 'SENDING', 'worker', %(now)s
            from claimed where from_state <> 'SENDING'
        )
        select c.id, c.purchase_id, c.gateway_id, g.account_id, a.terminal_id, c.version, c.check_count, c.amount_rial,
            a.id, p.amount_rial + case when p.fee_by_buyer then p.fee_rial else 0 end, a.bank_token, a.bank_ref,
            c.created_at
        from claimed c join purchase p on p.id = c.purchase_id join attempt a on a.id = p.attempt_id
        join gateway g on g.id = c.gateway_id
        """,
        {"now": now, "lease_until": lease_until, "limit": limit},
    )
    return [ToSend(*row)._replace(amount=Rial(row[7]), charge=Rial(row[9])) for row in rows]


async def ask_now(db: Database, refund_id: int, now: datetime) -> bool:
    """Make a refund that waits for the bank due at once. False: it does not wait for the bank."""
    row = await db.one(
        """
        update refund set next_check_at = %(now)s
        where id = %(id)s and state in ('APPROVED', 'UNKNOWN') and method = 'bank' returning id
        """,
        {"id": refund_id, "now": now},
    )
    return row is not None


# --- looking ---------------------------------------------------------------------------------------------------------


async def find(db: Database, refund_id: int, account_id: int | None) -> Refund | None:
    """A refund, if it is this account's; `account_id` None is for operators and programs."""
    row = await db.one(
        f"{_REFUND} where r.id = %(id)s and (%(account_id)s::bigint is null or g.account_id = %(account_id)s)",
        {"id": refund_id, "account_id": account_id},
    )
    return _refund(row) if row else None


async def of_purchase(db: Database, purchase_id: int) -> list[Refund]:
    """A purchase's refunds, the newest first."""
    rows = await db.all(
        f"{_REFUND} where r.purchase_id = %(id)s order by r.id desc limit %(limit)s",
        {"id": purchase_id, "limit": OF_PURCHASE_MAX},
    )
    return [_refund(row) for row in rows]


async def of_account(
    db: Database, account_id: int, states: Sequence[RefundState], before: int | None, limit: int = PAGE + 1
) -> list[Refund]:
    """An account's refunds, the newest first; `states` empty: in whatever state."""
    rows = await db.all(
        f"""
        {_REFUND} where r.gateway_id in (select id from gateway where account_id = %(account_id)s)
            and (cardinality(%(states)s::text[]) = 0 or r.state = any(%(states)s))
            and r.id < coalesce(%(before)s, 9223372036854775807)
        order by r.id desc limit %(limit)s
        """,  # noqa: S608
        {"account_id": account_id, "states": list(states), "before": before, "limit": limit},
    )
    return [_refund(row) for row in rows]


async def of_all(
    db: Database, states: Sequence[RefundState], before: int | None, limit: int = PAGE + 1
) -> list[Refund]:
    """Everybody's refunds in some states, the newest first: for operators."""
    rows = await db.all(
        f"""
        {_REFUND} where r.state = any(%(states)s) and r.id < coalesce(%(before)s, 9223372036854775807)
        order by r.id desc limit %(limit)s
        """,
        {"states": list(states), "before": before, "limit": limit},
    )
    return [_refund(row) for row in rows]


class RefundEvent(NamedTuple):
    """A row of a refund's history."""

    version: int
    event: str
    from_state: str
    to_state: str
    actor: str
    who: str
    at: datetime
    reason: str
    data: dict[str, Any]


async def events(db: Database, refund_id: int) -> list[RefundEvent]:
    """What happened to a refund, in order."""
    rows = await db.all(
        """
        select e.version, e.event, e.from_state, e.to_state, e.actor,
            coalesce(nullif(o.title, ''), o.name, nullif(p.name, ''), p.mobile, ''), e.at, e.reason, e.data
        from money_event e left join operator o on o.id = e.operator_id left join person p on p.id = e.person_id
        where e.noun = 'refund' and e.subject_id = %(id)s order by e.version limit %(limit)s
        """,
        {"id": refund_id, "limit": EVENTS_MAX},
    )
    return [RefundEvent(*row) for row in rows]
