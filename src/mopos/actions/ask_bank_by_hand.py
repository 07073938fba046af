"""An operator presses "ask the bank": what does it say of a purchase now? What it says is recorded by the very moves
that the worker's round makes; an operator decides nothing by asking."""

from __future__ import annotations

from typing import Any

from mopos.actions.finish_attempt import ask_about, at_bank, over_at, record_answer
from mopos.actions.reverse import go_on_reversing
from mopos.actions.services import Services
from mopos.banks.port import Confirmed, Declined, Pending, Silent, Unverified
from mopos.domain.operators import store as operators
from mopos.domain.operators.model import Operator, about_purchase
from mopos.domain.payments import store
from mopos.domain.payments.model import Purchase
from mopos.domain.payments.states import ENDED_UNPAID, State

Said = Confirmed | Unverified | Declined | Pending | Silent


async def ask_bank_by_hand(services: Services, operator: Operator, purchase: Purchase) -> int:
    """Ask, record, and tell the audit log. Returns the number of the log's row, which holds the answer.

    Each call to the bank has its deadline; silence is an answer. Where the worker would confirm what it finds (the
    bank waits for our `verify`), so does this; everywhere else the bank is only asked."""
    said: Said
    recorded = False
    if purchase.state is State.REVERSING:
        said = await go_on_reversing(services, purchase, "operator")
    elif _worker_would_ask(services, purchase):
        said, recorded = await ask_about(services, purchase, actor="operator")
    else:
        said = await services.terminals.of(purchase.terminal_id).inquire(at_bank(purchase))
        recorded = not isinstance(said, Unverified) and await record_answer(services, purchase, said, actor="operator")
    after = await store.by_id(services.db, purchase.id)
    data = _words(said) | {
        "recorded": recorded,
        "before": purchase.state,
        "after": after.state if after else purchase.state,
    }
    subject = about_purchase(purchase.number)
    return await operators.tell(
        services.db, operator, "ask_bank", subject=subject, reason="", data=data, now=services.clock()
    )


def _worker_would_ask(services: Services, purchase: Purchase) -> bool:
    if purchase.state in (State.AT_BANK, State.VERIFYING, State.UNKNOWN):
        return True
    # As when a buyer comes back late: money that the bank still holds for us is taken, not dropped.
    is_open = services.clock() < over_at(services, purchase)
    return purchase.state in ENDED_UNPAID and purchase.bank_token is not None and is_open


def _words(said: Said) -> dict[str, Any]:
    match said:
        case Confirmed():
            return {
                "answer": "confirmed",
                "amount": int(said.amount),
                "order": said.order_number,
                "bank_ref": said.bank_ref,
            }
        case Unverified():
            return {"answer": "unverified"}
        case Declined():
            return {"answer": "declined", "reason": said.reason, "code": said.code}
        case Pending():
            return {"answer": "pending"}
        case Silent():
            return {"answer": "silent", "why": said.why}
