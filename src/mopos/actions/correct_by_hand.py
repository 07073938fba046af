"""A purchase's state is forced, by two operators, on what the bank said outside of its API: a statement, a letter.

Only what stands UNKNOWN or CONFLICTED can be corrected: everything else was said by the bank itself. The move, its
ledger entry and the approval are one statement."""

from __future__ import annotations

import re
from typing import Any

from psycopg.errors import RestrictViolation

from mopos.actions.finish_attempt import booking_of
from mopos.actions.services import Services
from mopos.banks.port import Decline
from mopos.base.errors import Refused
from mopos.base.ids import without_check_digit
from mopos.base.text import latin_digits
from mopos.domain.operators import proposals
from mopos.domain.operators.model import Act, Operator, about_purchase, number_in
from mopos.domain.operators.proposals import Proposal
from mopos.domain.payments import store
from mopos.domain.payments.model import Purchase
from mopos.domain.payments.states import Event, Move, move
from mopos.domain.payments.store import AttemptEnd, BankRefUsed, ByTwo, Change

# How banks write a reference (RRN: 12 digits): the evidence that an auditor asks the bank about.
_BANK_REF = re.compile(r"[0-9A-Za-z][0-9A-Za-z._/-]{3,39}")
EVENTS: dict[Act, Event] = {
    Act.CORRECT_PAID: Event.CORRECTED_PAID,
    Act.CORRECT_UNPAID: Event.CORRECTED_UNPAID,
}
# On the attempt, where the bank's own code would stand.
CORRECTED_CODE = "corrected"


async def propose_correction(
    services: Services, operator: Operator, purchase: Purchase, act: Act, *, bank_ref: str, reason: str
) -> int:
    """Ask for a correction. Returns the proposal's number. Raises `Refused`: `correction_impossible`,
    `evidence_missing`, `evidence_malformed`, `proposal_exists`."""
    if move(purchase.state, EVENTS[act]) is None:
        raise Refused(["correction_impossible"])
    data: dict[str, Any] = {"state": purchase.state, "version": purchase.version, "amount": int(purchase.amount)}
    if act is Act.CORRECT_PAID:
        data["bank_ref"] = _read_evidence(bank_ref)
    return await proposals.propose(
        services.db,
        operator,
        act,
        subject=about_purchase(purchase.number),
        data=data,
        reason=reason,
        now=services.clock(),
    )


def _read_evidence(text: str) -> str:
    bank_ref = latin_digits(text).strip()
    if not bank_ref:
        raise Refused(["evidence_missing"])
    if not _BANK_REF.fullmatch(bank_ref):
        raise Refused(["evidence_malformed"])
    return bank_ref


async def correct(services: Services, approver: Operator, proposal: Proposal, note: str) -> None:
    """Approve a correction, and do it. Raises `Refused`: `proposal_outdated` when the purchase has moved since (the
    bank has answered after all), `evidence_used` when the reference pays another attempt, `proposal_gone`."""
    purchase = await store.by_id(services.db, without_check_digit(number_in(proposal.subject)))
    listed = move(purchase.state, EVENTS[proposal.act]) if purchase else None
    if purchase is None or listed is None or purchase.version != proposal.data["version"]:
        raise Refused(["proposal_outdated"])
    try:
        done = await store.record(services.db, purchase, _change(services, purchase, listed, proposal, approver, note))
    except BankRefUsed:
        raise Refused(["evidence_used"]) from None
    except RestrictViolation:
        raise Refused(["proposal_gone"]) from None
    if not done:
        raise Refused(["proposal_outdated"])


def _change(
    services: Services, purchase: Purchase, listed: Move, proposal: Proposal, approver: Operator, note: str
) -> Change:
    bank_ref = proposal.data.get("bank_ref")
    return Change(
        move=listed,
        now=services.clock(),
        actor="operator",
        attempt=AttemptEnd(
            "CONFIRMED" if bank_ref else "FAILED",
            bank_ref=bank_ref,
            # What the bank once told of the card stays.
            trace=purchase.trace,
            masked_pan=purchase.masked_pan,
            decline=None if bank_ref else Decline.OTHER,
            bank_code=CORRECTED_CODE,
        ),
        booking=booking_of(purchase, listed),
        data={"proposal": proposal.id, "operators": [proposal.proposed_by, approver.id], "reason": proposal.reason}
        | ({"bank_ref": bank_ref} if bank_ref else {}),
        by_two=ByTwo(proposal.id, approver.id, note),
    )
