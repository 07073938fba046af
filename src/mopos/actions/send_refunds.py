"""The worker sends approved refunds to the bank: claim, call, record.

A silent bank is asked again with the same refund number, which is the same refund to it, after waits that double; a
worker that is killed anywhere leaves a claim that comes due by itself.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from mopos.actions.finish_attempt import ask_again
from mopos.actions.refund import booking_of, tell_failure
from mopos.actions.services import Services
from mopos.banks.port import Attempt, Declined, GivenBack, Silent
from mopos.base.ids import with_check_digit
from mopos.domain.payments import refund_store
from mopos.domain.payments.refund_store import Change, ToSend, Who
from mopos.domain.payments.refunds import RefundState, move, wait

# Few enough to be finished within their lease, enough that a slow bank holds nobody up.
BATCH = 50
# One call with its deadline, and a little more.
_LEASE_SLACK = timedelta(seconds=5)

_WORKER = Who("worker")


async def send_refunds(services: Services) -> int:
    """Send one batch of due refunds. Returns how many there were."""
    now = services.clock()
    lease_until = now + timedelta(seconds=services.settings.bank_deadline_s) + _LEASE_SLACK
    due = await refund_store.claim_due(services.db, now=now, lease_until=lease_until, limit=BATCH)
    results = await asyncio.gather(*(_send(services, one) for one in due), return_exceptions=True)
    # One that failed comes due again after its lease; the others must not wait for it. The failure is told.
    for failure in results:
        if isinstance(failure, BaseException):
            raise failure
    return len(due)


async def _send(services: Services, one: ToSend) -> None:
    attempt = Attempt(str(one.attempt_id), one.charge, one.bank_token, one.bank_ref)
    answer = await services.terminals.of(one.terminal_id).refund(attempt, with_check_digit(one.id), one.amount)
    if await _record(services, one, answer) and isinstance(answer, Declined):
        await tell_failure(services, one.account_id, one.purchase_id, one.amount)


async def _record(services: Services, one: ToSend, answer: GivenBack | Declined | Silent) -> bool:
    now = services.clock()
    match answer:
        case GivenBack(bank_ref):
            event, facts = "bank_confirmed", {"bank_ref": bank_ref}
        case Declined(reason, code):
            event, facts = "bank_declined", {"reason": reason, "code": code}
        case Silent(why):
            event, facts = "bank_silent", {"why": why}
    listed = move(RefundState.SENDING, event)
    if listed is None:
        raise LookupError(event)
    silent = listed.end is RefundState.UNKNOWN
    change = Change(
        listed,
        _WORKER,
        now,
        booking=booking_of(listed, one.amount, {"gateway": one.gateway_id, "terminal": one.terminal_id}),
        version=one.version,
        next_check_at=now + wait(one.check_count, ask_again(services)) if silent else None,
        bank_ref=facts.get("bank_ref"),
        bank_code=facts.get("code"),
        data=facts,
    )
    return await refund_store.record(services.db, one.id, change)
