"""What the central bank says became of a payout, and whether it can be. Pure.

A result may come twice, by file and by API, late, and for a payout that was settled long ago: a transferred payout can
come back days later. What is known already is no error; what contradicts it is refused and left to a person.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from mopos.domain.settlement.payouts import Payout
from mopos.domain.settlement.states import BatchState, PayoutState

SETTLED, RETURNED = "settled", "returned"
# As the columns hold them.
TRACKING_LENGTH_MAX = 64
REASON_LENGTH_MAX = 200


class Result(NamedTuple):
    """What became of a payout. `tracking_no`: of a settled one; `reason`: of a returned one."""

    payout_id: int
    outcome: str
    tracking_no: str
    on: date
    reason: str = ""


class Step(NamedTuple):
    """What a result makes of a payout: the move, and the entries for a settlement's and for a refund's payout."""

    event: str
    end: PayoutState
    entry: str
    refund_entry: str


SETTLES = Step("settled", PayoutState.SETTLED, "payout_settled", "refund_paid")
RETURNS = Step("returned", PayoutState.RETURNED, "payout_returned", "refund_failed")
COMES_BACK = Step("came_back", PayoutState.RETURNED, "payout_came_back", "refund_came_back")

# Handed over, as a whole or order by order.
_HANDED_OVER = frozenset(
    {BatchState.APPROVED, BatchState.SUBMITTED, BatchState.PARTLY_SETTLED, BatchState.SETTLED},
)


def decide(payout: Payout | None, result: Result, today: date) -> Step | str | None:
    """What a result makes of a payout. None: it is known already. A text: the code of why it is refused."""
    if payout is None:
        return "result_payout_unknown"
    if result.outcome not in (SETTLED, RETURNED):
        return "result_outcome_wrong"
    if (result.outcome == SETTLED and not result.tracking_no.strip()) or len(result.tracking_no) > TRACKING_LENGTH_MAX:
        return "result_tracking_wrong"
    if not payout.batch_day <= result.on <= today:
        return "result_date_wrong"
    return _settled(payout, result) if result.outcome == SETTLED else _returned(payout, result)


def _settled(payout: Payout, result: Result) -> Step | str | None:
    if payout.state is PayoutState.SUBMITTED and payout.batch_state in _HANDED_OVER:
        return SETTLES
    # The same file once more, also after the money has come back.
    if (payout.tracking_no, payout.settled_on) == (result.tracking_no.strip(), result.on):
        return None
    return _differs(payout)


def _returned(payout: Payout, result: Result) -> Step | str | None:
    if payout.state is PayoutState.SUBMITTED and payout.batch_state in _HANDED_OVER:
        return RETURNS
    if payout.state is PayoutState.RETURNED:
        return None
    if payout.state is PayoutState.SETTLED:
        if payout.settled_on is not None and result.on < payout.settled_on:
            return "result_contradicts"
        return COMES_BACK
    return _differs(payout)


def _differs(payout: Payout) -> str:
    known = payout.state in (PayoutState.SETTLED, PayoutState.RETURNED)
    return "result_contradicts" if known else "result_not_submitted"
