"""The SQL of money that is not paid out for now: holds, stopped payouts, and how far a merchant may be in debt."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from psycopg.errors import CheckViolation, UniqueViolation

from mopos.base.db import Database, Row
from mopos.base.errors import Refused
from mopos.base.ids import with_check_digit
from mopos.base.money import Rial
from mopos.domain.settlement.states import HoldState

LISTED_MAX = 200

# What PostgreSQL refuses, by the constraint's name, as the catalogue says it.
_REFUSALS = {
    "hold_not_paid": "hold_not_paid",
    "hold_settled": "hold_settled",
    "hold_of_purchase": "hold_there",
    "ledger_floor": "hold_too_much",
}


class Brings(NamedTuple):
    """What a purchase brings its merchant: its amount less what was taken of it. In Rial; may be nought or less."""

    state: str
    net: int


async def what_brings(db: Database, gateway_id: int, purchase_id: int) -> Brings | None:
    """Of one of a gateway's purchases. None: it has no such."""
    row = await db.one(
        """
        select state, amount_rial - refund_rial - case when fee_by_buyer then 0 else fee_rial end
        from purchase where id = %(id)s and gateway_id = %(gateway_id)s
        """,
        {"id": purchase_id, "gateway_id": gateway_id},
    )
    return Brings(*row) if row else None


async def place(
    db: Database,
    *,
    gateway_id: int,
    purchase_id: int | None,
    amount: Rial,
    reason: str,
    operator_id: int,
    booking: Mapping[str, Any],
    now: datetime,
) -> int:
    """Keep money back. Returns the hold. Raises `Refused`: `hold_not_paid`, `hold_settled`, `hold_there`,
    `hold_too_much`."""
    try:
        row = await db.one(
            """
            select place_hold(%(gateway_id)s, %(purchase_id)s, %(amount)s, %(reason)s, %(operator_id)s, %(now)s,
                %(entry)s, %(debit_kinds)s, %(debit_owners)s, %(credit_kinds)s, %(credit_owners)s, %(amounts)s)
            """,
            {
                "gateway_id": gateway_id,
                "purchase_id": purchase_id,
                "amount": int(amount),
                "reason": reason,
                "operator_id": operator_id,
                "now": now,
                **booking,
            },
        )
    except (CheckViolation, UniqueViolation) as error:
        code = _REFUSALS.get(error.diag.constraint_name or "")
        if code is None:
            raise
        raise Refused([code]) from error
    assert row is not None  # noqa: S101  # a function gives a row
    return int(row[0])


class Hold(NamedTuple):
    """A hold. `purchase_id` None: of an amount."""

    id: int
    gateway_id: int
    gateway_name: str
    purchase_id: int | None
    amount: Rial
    reason: str
    state: HoldState
    placed_at: datetime
    released_at: datetime | None


_HOLD = """
    h.id, h.gateway_id, g.name, h.purchase_id, h.amount_rial, h.reason, h.state, h.placed_at, h.released_at
    from hold h join gateway g on g.id = h.gateway_id
"""


def _hold(row: Row) -> Hold:
    hold_id, gateway_id, name, purchase_id, amount, reason, state, *times = row
    return Hold(hold_id, gateway_id, name, purchase_id, Rial(amount), reason, HoldState(state), *times)


async def find(db: Database, hold_id: int) -> Hold | None:
    """One hold."""
    row = await db.one(f"select {_HOLD} where h.id = %(id)s", {"id": hold_id})
    return _hold(row) if row else None


async def latest(db: Database, gateway_id: int | None = None) -> list[Hold]:
    """Holds, those that last first, then the newest; of one gateway, or of all."""
    rows = await db.all(
        f"""
        select {_HOLD} where %(gateway_id)s::bigint is null or h.gateway_id = %(gateway_id)s
        order by h.state, h.id desc limit %(most)s
        """,
        {"gateway_id": gateway_id, "most": LISTED_MAX},
    )
    return [_hold(row) for row in rows]


async def release(
    db: Database, hold_id: int, *, reason: str, operator_id: int, booking: Mapping[str, Any], now: datetime
) -> bool:
    """The money is the merchant's again. False: it was already."""
    row = await db.one(
        """
        select release_hold(%(id)s, %(reason)s, %(operator_id)s, %(now)s, %(entry)s, %(debit_kinds)s, %(debit_owners)s,
            %(credit_kinds)s, %(credit_owners)s, %(amounts)s)
        """,
        {"id": hold_id, "reason": reason, "operator_id": operator_id, "now": now, **booking},
    )
    return bool(row and row[0])


async def set_stopped(
    db: Database, gateway_id: int, stopped: bool, *, operator_id: int, reason: str, now: datetime
) -> bool:
    """Stop a gateway's payouts, or resume them. False: they are so already."""
    row = await db.one(
        """
        with changed as (
            update gateway set payouts_held_at = case when %(stopped)s then %(now)s::timestamptz end,
                payouts_held_reason = case when %(stopped)s then %(reason)s else '' end
            where id = %(id)s and (payouts_held_at is null) = %(stopped)s
            returning id, account_id, name
        ),
        noted as (
            insert into activity (account_id, operator_id, at, act, subject)
            select account_id, %(operator_id)s, %(now)s,
                case when %(stopped)s then 'payouts_stopped' else 'payouts_resumed' end, name
            from changed where account_id is not null
        )
        insert into audit_log (at, operator_id, act, subject, reason, data)
        select %(now)s, %(operator_id)s, case when %(stopped)s then 'stop_payouts' else 'resume_payouts' end,
            'gateway ' || %(number)s, %(reason)s, '{}'
        from changed returning 1
        """,
        {
            "id": gateway_id,
            "number": with_check_digit(gateway_id),
            "stopped": stopped,
            "operator_id": operator_id,
            "reason": reason,
            "now": now,
        },
    )
    return row is not None


async def set_debt(
    db: Database, gateway_id: int, debt: Rial, *, proposal_id: int, operator_id: int, note: str, now: datetime
) -> bool:
    """Let a gateway's balance fall as far below nought, as two operators decided. False: no such gateway. A proposal
    that is not open raises psycopg's `RestrictViolation`."""
    row = await db.one(
        """
        with changed as (
            update ledger_account set floor_rial = -%(debt)s::bigint
            where kind = 'merchant_payable' and owner = %(id)s returning id
        )
        select approve(%(proposal_id)s, %(operator_id)s, %(note)s, %(now)s) from changed
        """,
        {
            "id": gateway_id,
            "debt": int(debt),
            "proposal_id": proposal_id,
            "operator_id": operator_id,
            "note": note,
            "now": now,
        },
    )
    return row is not None
