"""Money of a merchant is not paid out for now: of one purchase, an amount, or all of it. And how far a merchant may be
in debt, which two operators decide."""

from __future__ import annotations

from psycopg.errors import RestrictViolation

from mopos.actions.services import Services
from mopos.base.errors import Refused
from mopos.base.ids import with_check_digit, without_check_digit
from mopos.base.money import RIAL_MAX, Rial
from mopos.domain.ledger.entries import booking
from mopos.domain.operators import proposals
from mopos.domain.operators.model import Act, Operator, about_gateway, check_reason, number_in
from mopos.domain.operators.proposals import Proposal
from mopos.domain.settlement import holds


async def place_hold(
    services: Services,
    operator: Operator,
    *,
    gateway_id: int,
    purchase_id: int | None,
    amount: Rial | None,
    reason: str,
) -> int:
    """Hold what a purchase brings (as long as it is not settled), or an amount of the balance. Returns the hold.
    Refuses `hold_purchase_unknown`, `hold_not_paid`, `hold_settled`, `hold_there`, `hold_amount_wrong`,
    `hold_too_much`, and reasons."""
    reason = check_reason(reason)
    if purchase_id is not None:
        amount = await _what_it_brings(services, gateway_id, purchase_id)
    if amount is None or not 0 < amount <= RIAL_MAX:
        raise Refused(["hold_amount_wrong"])
    return await holds.place(
        services.db,
        gateway_id=gateway_id,
        purchase_id=purchase_id,
        amount=amount,
        reason=reason,
        operator_id=operator.id,
        booking=booking("hold_placed", {"amount": amount}, {"gateway": gateway_id}).params,
        now=services.clock(),
    )


async def _what_it_brings(services: Services, gateway_id: int, purchase_id: int) -> Rial:
    brings = await holds.what_brings(services.db, gateway_id, purchase_id)
    if brings is None:
        raise Refused(["hold_purchase_unknown"])
    if brings.state != "PAID" or brings.net <= 0:
        raise Refused(["hold_not_paid"])
    return Rial(brings.net)


async def release_hold(services: Services, operator: Operator, hold_id: int, reason: str) -> None:
    """The money is the merchant's again, and the next settlement pays it. Refuses `hold_gone`, and reasons."""
    reason = check_reason(reason)
    hold = await holds.find(services.db, hold_id)
    if hold is None or not await holds.release(
        services.db,
        hold_id,
        reason=reason,
        operator_id=operator.id,
        booking=booking("hold_released", {"amount": hold.amount}, {"gateway": hold.gateway_id}).params,
        now=services.clock(),
    ):
        raise Refused(["hold_gone"])


async def stop_payouts(services: Services, operator: Operator, gateway_id: int, reason: str) -> None:
    """Pay a gateway nothing until further notice; what it sells adds up. Refuses `payouts_moved`, and reasons."""
    await _set_stopped(services, operator, gateway_id, True, reason)


async def resume_payouts(services: Services, operator: Operator, gateway_id: int, reason: str) -> None:
    """Pay it again: the next settlement takes up all that has added up. Refuses as above."""
    await _set_stopped(services, operator, gateway_id, False, reason)


async def _set_stopped(services: Services, operator: Operator, gateway_id: int, stopped: bool, reason: str) -> None:
    if not await holds.set_stopped(
        services.db,
        gateway_id,
        stopped,
        operator_id=operator.id,
        reason=check_reason(reason),
        now=services.clock(),
    ):
        raise Refused(["payouts_moved"])


async def propose_debt(services: Services, operator: Operator, gateway_id: int, debt: Rial, reason: str) -> int:
    """Ask a second operator to let a gateway's balance fall as far below nought: refunds then go on while there is
    nothing to take them from, and the next sales make it good. Returns the proposal's number. Refuses `debt_wrong`,
    `proposal_exists`, and reasons."""
    if not 0 <= debt <= RIAL_MAX:
        raise Refused(["debt_wrong"])
    return await proposals.propose(
        services.db,
        operator,
        Act.SET_DEBT,
        subject=about_gateway(with_check_digit(gateway_id)),
        data={"debt": int(debt)},
        reason=check_reason(reason),
        now=services.clock(),
    )


async def set_debt(services: Services, approver: Operator, proposal: Proposal, note: str) -> None:
    """The second operator's part. Refuses `proposal_outdated`, `proposal_gone`."""
    try:
        done = await holds.set_debt(
            services.db,
            without_check_digit(number_in(proposal.subject)),
            Rial(proposal.data["debt"]),
            proposal_id=proposal.id,
            operator_id=approver.id,
            note=note,
            now=services.clock(),
        )
    except RestrictViolation:
        raise Refused(["proposal_gone"]) from None
    if not done:
        raise Refused(["proposal_outdated"])
