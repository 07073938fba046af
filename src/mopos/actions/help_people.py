"""What operators do for a person: stop him when his phone was stolen, and let him begin anew when he has lost all that
he could show (guide 1.1: the phone is the way in, so losing it must not be the end of an account).

Stopping is quick and takes one operator; beginning anew takes two, for whoever holds the number's SIM then comes in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mopos.actions.services import Services
from mopos.base.errors import Refused
from mopos.domain.operators import people
from mopos.domain.operators.changes import Approval
from mopos.domain.operators.model import Operator, check_reason, number_in
from mopos.domain.operators.proposals import Proposal

# Persian, as the phones' owners are; no secret and no link.
_TEXT = (
    "موپوز: راه‌های ورود شما به درخواست خودتان برداشته شد. با همین شماره وارد شوید و عامل دوم تازه‌ای بسازید."
    "\nاگر شما نخواسته‌اید، همین حالا با پشتیبانی تماس بگیرید."
)
_OWNERS_TEXT = (
    "موپوز: راه‌های ورود {mobile}، عضو حساب شما، برداشته شد تا عامل دوم تازه‌ای بسازد."
    "\nاگر از آن خبر ندارید، از او بپرسید یا با پشتیبانی تماس بگیرید."
)

Stop = Callable[..., Awaitable[bool]]


async def sign_out(services: Services, operator: Operator, person_id: int, reason: str) -> None:
    """End all of a person's sessions, say for a computer that was left signed in. Raises `Refused`: what
    `check_reason` refuses."""
    await _one_is_enough(services, people.sign_out, operator, person_id, reason)


async def bar(services: Services, operator: Operator, person_id: int, reason: str) -> None:
    """End all of a person's sessions and let him in by no way. Raises `Refused`: `person_moved` for who is barred
    already, and what `check_reason` refuses."""
    await _one_is_enough(services, people.bar, operator, person_id, reason)


async def lift_bar(services: Services, operator: Operator, person_id: int, reason: str) -> None:
    """Let a person in again. Raises `Refused`: `person_moved` for who is not barred, and what `check_reason`
    refuses."""
    await _one_is_enough(services, people.lift_bar, operator, person_id, reason)


async def _one_is_enough(services: Services, act: Stop, operator: Operator, person_id: int, reason: str) -> None:
    reason = check_reason(reason)
    if not await act(services.db, person_id, operator=operator, reason=reason, now=services.clock()):
        raise Refused(["person_moved"])


async def reset(services: Services, approver: Operator, proposal: Proposal, note: str) -> None:
    """The second operator approves: passkeys, authenticator and recovery codes are gone. Raises `Refused`:
    `proposal_outdated`, `proposal_gone`."""
    person = await people.find(services.db, int(number_in(proposal.subject)))
    if person is None or not await people.reset(
        services.db,
        person.id,
        text=_TEXT,
        owners_text=_OWNERS_TEXT.format(mobile=person.mobile),
        approval=Approval(proposal.id, approver.id, note),
        now=services.clock(),
    ):
        raise Refused(["proposal_outdated"])
