"""An operator decides upon an application, and later on the gateway that came of it (guide section 1.2).

Every decision has its reason, which the merchant reads, and its row in the audit log."""

from __future__ import annotations

from typing import NamedTuple

from psycopg.errors import RestrictViolation

from mopos.actions.apply_for_gateway import sms_of
from mopos.actions.services import Services
from mopos.base.errors import Refused
from mopos.base.secret import keyed_hash, new_rmz
from mopos.domain.applications import store
from mopos.domain.applications.model import Application, read_message, read_reason
from mopos.domain.applications.states import Event, State, Who, move
from mopos.domain.applications.store import By, NewGateway

# What an operator can do to an application, and the events that it makes.
DECISIONS = frozenset(
    {Event.APPROVED, Event.REJECTED, Event.REOPENED, Event.SUSPENDED, Event.RESUMED, Event.CLOSED, Event.MORE_WANTED}
)
# What stops a gateway that sells.
STOPS = frozenset({Event.SUSPENDED, Event.CLOSED})


class Approval(NamedTuple):
    """An act that another operator has proposed, and what its second operator says to it."""

    proposal_id: int
    note: str


async def decide(
    services: Services, application: Application, event: Event, reason: str, *, operator_id: int, ip: str
) -> None:
    """Make one of `DECISIONS`. Refusals: `reason_missing`, `reason_too_long`, `application_moved`, and
    `suspension_needs_two` for stopping a gateway with money pending."""
    if event in STOPS and await needs_two(services, application):
        raise Refused(["suspension_needs_two"])
    await _decide(services, application, event, read_reason(reason), By(services.clock(), ip, operator_id=operator_id))


async def needs_two(services: Services, application: Application) -> bool:
    """Whether stopping this gateway holds back a merchant's money, so that it takes two operators. What two have
    suspended, one may close."""
    if application.state is not State.APPROVED or application.gateway_id is None:
        return False
    return await store.has_money_pending(services.db, application.gateway_id)


async def suspend(
    services: Services, application_id: int, reason: str, *, operator_id: int, ip: str, approval: Approval
) -> None:
    """Suspend a gateway that another operator has proposed to suspend: the same statement approves the proposal.
    Refusals: `application_moved`, also when the proposal is not open to this operator."""
    application = await store.find(services.db, application_id)
    if application is None:
        raise Refused(["application_moved"])
    by = By(services.clock(), ip, operator_id=operator_id, proposal_id=approval.proposal_id, note=approval.note)
    try:
        await _decide(services, application, Event.SUSPENDED, read_reason(reason), by)
    except RestrictViolation as error:
        raise Refused(["application_moved"]) from error


async def answer(services: Services, application: Application, text: str, *, operator_id: int, ip: str) -> None:
    """A message to the merchant. Refusals: `message_missing`, `message_too_long`, `messages_too_many`."""
    message = read_message(text)
    by = By(services.clock(), ip, operator_id=operator_id)
    sms = await sms_of(services, application.account_id, "application_message", application.title)
    if not await store.write(services.db, application, message, by, sms):
        raise Refused(["messages_too_many"])


async def _decide(services: Services, application: Application, event: Event, reason: str, by: By) -> None:
    listed = move(application.state, event, Who.OPERATOR)
    done = listed is not None and await store.record(
        services.db,
        application,
        listed,
        by,
        reason=reason,
        gateway=_gateway(services, application)
        if listed.end is State.APPROVED and not application.gateway_id
        else None,
        sms=await sms_of(services, application.account_id, f"application_{event}", application.title),
    )
    if not done:
        raise Refused(["application_moved"])


def _gateway(services: Services, application: Application) -> NewGateway:
    # Its Rmz is known to nobody: the owner fetches one, once, and this one is forgotten here and now.
    nobodys = new_rmz().reveal()
    return NewGateway(application.title, keyed_hash(services.settings.rmz_key, nobodys), application.site)
