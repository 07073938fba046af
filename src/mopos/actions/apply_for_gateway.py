"""A merchant asks for a gateway: drafts, sends, takes back, closes, talks with the operators (guide section 1.2)."""

from __future__ import annotations

from typing import NamedTuple

from mopos.actions.notices import NOTICES
from mopos.actions.services import Services
from mopos.base.errors import Refused
from mopos.domain.accounts import notify
from mopos.domain.applications import store
from mopos.domain.applications.model import Application, Wish, problems_before_sending, read_message
from mopos.domain.applications.states import OPEN_TO_MERCHANT, Event, Who, move
from mopos.domain.applications.store import By, Sms


class Merchant(NamedTuple):
    """Who acts for the account, and from where."""

    person_id: int
    ip: str


async def start(services: Services, account_id: int, wish: Wish, who: Merchant) -> int:
    """A new draft; returns its id. Refusals: `applications_too_many`."""
    made = await store.start(services.db, account_id, wish, _by(services, who))
    if made is None:
        raise Refused(["applications_too_many"])
    return made


async def save(services: Services, application: Application, wish: Wish) -> None:
    """Keep what was written. Refusals: `application_moved`."""
    if application.state not in OPEN_TO_MERCHANT or not await store.save(services.db, application, wish):
        raise Refused(["application_moved"])


async def submit(services: Services, application: Application, wish: Wish, who: Merchant) -> None:
    """Send it to the operators. Refusals: everything that is missing, also in the profile, at once, and
    `application_moved`. What was written is kept in any case."""
    problems = problems_before_sending(wish, await store.profile(services.db, application.account_id))
    if problems:
        await save(services, application, wish)
        raise Refused(problems)
    await _move(services, application, Event.SUBMITTED, who, wish=wish)


async def take_back(services: Services, application: Application, who: Merchant) -> None:
    """It becomes a draft again. Refusals: `application_moved`."""
    await _move(services, application, Event.TAKEN_BACK, who)


async def close(services: Services, application: Application, who: Merchant) -> None:
    """The merchant wants it no more: a draft, an application, or the gateway that came of it. Refusals:
    `application_moved`."""
    await _move(services, application, Event.CLOSED, who)


async def write(services: Services, application: Application, text: str, who: Merchant) -> None:
    """A message to the operators. Refusals: `message_missing`, `message_too_long`, `messages_too_many`."""
    if not await store.write(services.db, application, read_message(text), _by(services, who), Sms()):
        raise Refused(["messages_too_many"])


async def _move(
    services: Services, application: Application, event: Event, who: Merchant, wish: Wish | None = None
) -> None:
    listed = move(application.state, event, Who.MERCHANT)
    title = wish.title if wish else application.title
    done = listed is not None and await store.record(
        services.db,
        application,
        listed,
        _by(services, who),
        wish=wish,
        sms=await sms_of(services, application.account_id, f"application_{event}", title),
    )
    if not done:
        raise Refused(["application_moved"])


async def sms_of(services: Services, account_id: int, notice: str, title: str) -> Sms:
    """Whom an account wants to be told of its applications, and the text."""
    mobiles = await notify.whom_to_tell(services.db, account_id, notify.Event.APPLICATION)
    return Sms(mobiles, NOTICES[notice].format(title=title or "—"))


def _by(services: Services, who: Merchant) -> By:
    return By(now=services.clock(), ip=who.ip, person_id=who.person_id)
