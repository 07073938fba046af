"""Whom an account tells of what by SMS: its own choice, by event and role."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum

from psycopg.types.json import Jsonb

from mopos.base.db import Database
from mopos.domain.accounts.model import Role

# An account of a hundred members would be a flood of messages: those who joined first are told.
TOLD_MAX = 20


class Event(StrEnum):
    """What members can be told of."""

    APPLICATION = "application"
    """An application for a gateway was decided, or something was asked."""
    MEMBER = "member"
    """Somebody joined, left, or got another role."""
    CREDENTIALS = "credentials"
    """An `Rmz` was shown, changed or revoked."""
    BANK_ACCOUNT = "bank_account"
    """The IBAN to which money goes was changed."""
    UNACKNOWLEDGED = "unacknowledged"
    """Payments that the shop has not asked about."""
    AMOUNT = "amount"
    """The same `Res` came with another amount, or an unsigned form above its limit."""
    REFUND = "refund"
    """Money that was to go back to a buyer did not."""
    PAYOUT_SETTLED = "payout_settled"
    """A deposit has reached the merchant's bank account."""
    PAYOUT_RETURNED = "payout_returned"
    """A deposit came back from the bank."""


# Who is told where the account has chosen nothing: who can do something about it.
DEFAULTS: Mapping[Event, frozenset[Role]] = {
    Event.APPLICATION: frozenset({Role.OWNER, Role.ADMIN}),
    Event.MEMBER: frozenset({Role.OWNER}),
    Event.CREDENTIALS: frozenset({Role.OWNER}),
    Event.BANK_ACCOUNT: frozenset({Role.OWNER}),
    Event.UNACKNOWLEDGED: frozenset({Role.DEVELOPER}),
    Event.AMOUNT: frozenset({Role.OWNER, Role.DEVELOPER}),
    Event.REFUND: frozenset({Role.OWNER, Role.ACCOUNTANT}),
    Event.PAYOUT_SETTLED: frozenset({Role.OWNER, Role.ACCOUNTANT}),
    Event.PAYOUT_RETURNED: frozenset({Role.OWNER, Role.ACCOUNTANT}),
}
# What an attacker who got in as an admin would silence first: the owner always hears of it.
ALWAYS: Mapping[Event, frozenset[Role]] = {
    Event.MEMBER: frozenset({Role.OWNER}),
    Event.CREDENTIALS: frozenset({Role.OWNER}),
    Event.BANK_ACCOUNT: frozenset({Role.OWNER}),
}

Choice = Mapping[Event, frozenset[Role]]


def choice_of(kept: Mapping[str, object]) -> Choice:
    """What an account has chosen, with the defaults where it has not. `kept`: `account.notify`, whatever its age."""
    return {event: _roles(kept.get(event), DEFAULTS[event]) | ALWAYS.get(event, frozenset()) for event in Event}


def _roles(kept: object, default: frozenset[Role]) -> frozenset[Role]:
    return frozenset(role for role in Role if role in kept) if isinstance(kept, list) else default


async def whom_to_tell(db: Database, account_id: int, event: Event) -> list[str]:
    """Mobile numbers of the members who are to be told of an event, the longest members first."""
    rows = await db.all(
        """
        select p.mobile from account a join member m on m.account_id = a.id join person p on p.id = m.person_id
        where a.id = %(account_id)s
            and (m.role = any(%(always)s) or coalesce(a.notify -> %(event)s, %(default)s) ? m.role)
        order by m.since, p.id limit %(limit)s
        """,
        {
            "account_id": account_id,
            "event": str(event),
            "default": Jsonb(sorted(DEFAULTS[event])),
            "always": sorted(ALWAYS.get(event, ())),
            "limit": TOLD_MAX,
        },
    )
    return [str(mobile) for (mobile,) in rows]


async def tell(
    db: Database,
    account_id: int,
    *,
    act: str,
    subject: str,
    data: Mapping[str, object],
    mobiles: Collection[str],
    text: str,
    now: datetime,
) -> None:
    """Write what happened to an account's activity, and its SMS."""
    await db.one(
        """
        with noted as (
            insert into activity (account_id, at, act, subject, data)
            values (%(account_id)s, %(now)s, %(act)s, %(subject)s, %(data)s)
        )
        insert into message (mobile, template, text, created_at, next_try_at)
        select mobile, %(act)s, %(text)s, %(now)s, %(now)s from unnest(%(mobiles)s::text[]) mobile
        """,
        {
            "account_id": account_id,
            "act": act,
            "subject": subject,
            "data": Jsonb(dict(data)),
            "mobiles": list(mobiles),
            "text": text,
            "now": now,
        },
    )


async def choice(db: Database, account_id: int) -> Choice:
    """What an account has chosen."""
    row = await db.one("select notify from account where id = %(id)s", {"id": account_id})
    return choice_of(row[0] if row else {})


async def choose(
    db: Database, account_id: int, chosen: Mapping[Event, Collection[Role]], *, person_id: int, ip: str, now: datetime
) -> None:
    """Keep an account's choice."""
    await db.one(
        """
        with changed as (
            update account set notify = %(notify)s where id = %(account_id)s and notify <> %(notify)s returning id
        )
        insert into activity (account_id, person_id, at, act, ip)
        select id, %(person_id)s, %(now)s, 'notifications_changed', %(ip)s from changed
        """,
        {
            "account_id": account_id,
            "notify": Jsonb({str(event): sorted(roles) for event, roles in chosen.items()}),
            "person_id": person_id,
            "ip": ip,
            "now": now,
        },
    )
