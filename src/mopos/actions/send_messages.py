"""The worker sends the SMS that are due: claim some, hand each to the provider, record what it said.

A message whose sending nobody heard the end of is sent again: twice the same news is better than none.
"""

from __future__ import annotations

import asyncio

import structlog

from mopos.actions.services import Services
from mopos.domain.people import messages
from mopos.domain.people.messages import BATCH, Due
from mopos.outside.sms import Sent, Sms

# Calls at a time: a provider that is slow must not hold all the others back.
_AT_ONCE = 5

log = structlog.get_logger()


async def send_due_messages(services: Services) -> int:
    """Send what is due. Returns how many messages were tried; without a provider they wait."""
    if services.sms is None:
        return 0
    tried = 0
    while due := await messages.claim(services.db, services.clock()):
        gate = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(_send(services, services.sms, message, gate) for message in due))
        tried += len(due)
        if len(due) < BATCH:
            break
    return tried


async def _send(services: Services, sms: Sms, message: Due, gate: asyncio.Semaphore) -> None:
    async with gate:
        answer = await sms.send(message.mobile, message.text)
    now = services.clock()
    if isinstance(answer, Sent):
        await messages.record_sent(services.db, message.id, answer.provider_id, now)
        return
    next_try_at = messages.next_try(message.tries, now) if answer.again else None
    log.warning("message.not_sent", id=message.id, why=answer.why, tries=message.tries, again=next_try_at is not None)
    await messages.record_not_sent(services.db, message.id, answer.why, next_try_at)
