"""The worker's round: purchases that are due are looked at again, the bank asked, and what it says recorded.

Due are: buyers who never came back (AT_BANK), claims whose process died (VERIFYING), silent banks (UNKNOWN), forms
whose buyer was never sent anywhere (REGISTERED), and payments that are being given back (REVERSING).
"""

from __future__ import annotations

import asyncio

from mopos.actions.finish_attempt import (
    ask_about,
    ask_again,
    decide,
    lease,
    next_look,
    next_silent_check,
)
from mopos.actions.reverse import go_on_reversing
from mopos.actions.services import Services
from mopos.banks.port import Decline, Declined, Pending, Silent
from mopos.domain.payments import store
from mopos.domain.payments.model import Purchase
from mopos.domain.payments.states import Event, State

# Purchases taken at once: few enough to be finished within their lease, enough that a slow bank holds nobody up.
BATCH = 50


async def ask_bank_about_due(services: Services) -> int:
    """Look at one batch of due purchases. Returns how many there were; 0 means that nothing is due."""
    now = services.clock()
    due = await store.claim_due(services.db, now=now, lease_until=now + lease(services), limit=BATCH)
    results = await asyncio.gather(*(_look_at(services, purchase) for purchase in due), return_exceptions=True)
    # A purchase that failed comes due again after its lease; the others must not wait for it. The failure is told.
    for failure in results:
        if isinstance(failure, BaseException):
            raise failure
    return len(due)


async def _look_at(services: Services, purchase: Purchase) -> None:
    if purchase.state is State.REGISTERED:
        await _expire_unsent(services, purchase)
        return
    if purchase.state is State.REVERSING:
        await go_on_reversing(services, purchase, "worker")
        return
    answer, recorded = await ask_about(services, purchase, actor="worker")
    if recorded:
        return
    now = services.clock()
    match answer:
        case Silent():
            later = next_silent_check(services, purchase, now)
        case Pending():
            later = next_look(services, purchase, now)
        case _:
            later = now + ask_again(services)
    await store.postpone(services.db, purchase, later)


async def _expire_unsent(services: Services, purchase: Purchase) -> None:
    # Its buyer was never sent to a bank (that is recorded before it happens), so no bank can have taken anything.
    nobody_asked = Declined(Decline.SESSION_EXPIRED, code="never_sent")
    change = decide(services, purchase, Event.EXPIRED, nobody_asked, "worker")
    if change is not None:
        await store.record(services.db, purchase, change)
