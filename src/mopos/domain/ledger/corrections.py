"""Taking back an entry of the books. Nothing is ever changed: an entry with the same accounts the other way round names
the old one (`corrects`).

Only what an operator's act booked can be taken back so: the closing of an exception. Purchases, refunds, holds, payouts
and batches have moves of their own (reverse, refund, release, return, cancel) that keep their states and the books
together. Taking back opens the exception again, so the difference is there to be closed by the right act.
"""

from __future__ import annotations

from datetime import datetime

from psycopg.errors import CheckViolation, RestrictViolation, UniqueViolation
from psycopg.types.json import Jsonb

from mopos.base.db import Database
from mopos.base.errors import Refused
from mopos.domain.ledger.balances import Entry


def why_not(entry: Entry) -> str | None:
    """The code of why an entry cannot be taken back; None: it can."""
    if entry.corrected_by is not None:
        return "entry_corrected"
    if entry.noun != "exception" or entry.event != "closed":
        return "entry_not_correctable"
    return None


async def take_back(
    db: Database, entry_id: int, *, reason: str, proposal_id: int, operator_id: int, note: str, now: datetime
) -> bool:
    """A second operator approves, and it is done by the same statement. False: it was taken back already. Raises
    `Refused`: `correction_floor` when the account that would lose the money no longer has it, `proposal_outdated` when
    the same difference is open once more, `proposal_gone`."""
    try:
        row = await db.one(
            """
            with taken as materialized (
                select take_back(%(entry)s, %(operator)s, %(reason)s, %(data)s, %(now)s) as entry
            )
            select approve(%(proposal)s, %(operator)s, %(note)s, %(now)s) from taken where entry is not null
            """,
            {
                "entry": entry_id,
                "operator": operator_id,
                "reason": reason,
                "data": Jsonb({"proposal": proposal_id, "entry": entry_id}),
                "proposal": proposal_id,
                "note": note,
                "now": now,
            },
        )
    except RestrictViolation:
        raise Refused(["proposal_gone"]) from None
    except UniqueViolation:
        raise Refused(["proposal_outdated"]) from None
    except CheckViolation as error:
        if error.diag.constraint_name != "ledger_floor":
            raise
        raise Refused(["correction_floor"]) from None
    return row is not None
