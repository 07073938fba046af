"""On the phone: answer a computer that asks to be let in."""

from __future__ import annotations

from mopos.actions.services import Services
from mopos.base.errors import Refused
from mopos.domain.people import requests
from mopos.domain.people.model import Session


async def answer_request(services: Services, session: Session, request_id: int, number: int | None) -> bool:
    """Choose the number that the computer shows; None: it is not me. True: approved.

    A wrong number ends the request, for it was chosen by somebody who does not see that computer. Refusals:
    `not_this_device` (only the recognised phone may), `request_over`."""
    if session.device_id is None or session.person is None:
        raise Refused(["not_this_device"])
    answer = await requests.answer(
        services.db,
        request_id,
        mobile=session.person.mobile,
        device_id=session.device_id,
        number=number,
        now=services.clock(),
    )
    if answer is None:
        raise Refused(["request_over"])
    return answer == "approved"
