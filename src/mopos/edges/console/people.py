"""A person, for support on the phone: what he can show, where he is signed in, and how he is stopped or helped."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Response

from mopos.actions import help_people
from mopos.actions.services import Services
from mopos.base.errors import Refused
from mopos.domain.operators import log, people, proposals
from mopos.domain.operators.model import Act, Duty, Operator, about_person, check_reason
from mopos.domain.operators.people import Somebody
from mopos.domain.people import factors, sessions
from mopos.domain.people.model import agent_name, shown_mobile
from mopos.edges.console import show
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route

_PERSON = "/console/people/{person}"

Stop = Callable[[Services, Operator, int, str], Awaitable[None]]


async def show_person(ask: Ask) -> Response[Any]:
    return await _page(ask, await _found(ask))


async def _found(ask: Ask) -> Somebody:
    found = await people.find(ask.services.db, ask.id("person"))
    if found is None:
        raise NotFound
    return found


async def _page(ask: Ask, person: Somebody, refused: Refused | None = None) -> Response[Any]:
    db, subject = ask.services.db, about_person(person.id)
    return show.page(
        ask,
        "console/person.html",
        refused,
        title=person.name or ask.t["web.nameless"],
        person=person,
        belongings=await people.belongings(db, person.id),
        factors=await factors.factors_of(db, person.id),
        # Nobody's token: none of them is this browser's.
        open_sessions=len(await sessions.open_ones(db, person.id, b"", ask.now)),
        sign_ins=await people.sign_ins(db, person.id),
        agent_name=agent_name,
        waiting=await proposals.about(db, subject, ask.now),
        entries=await log.about(db, subject),
    )


async def propose_reset(ask: Ask) -> Response[Any]:
    """He has lost phone, app and recovery codes. By two: whoever has his SIM comes in afterwards."""
    person = await _found(ask)
    try:
        number = await proposals.propose(
            ask.services.db,
            ask.operator,
            Act.RESET_PERSON,
            subject=about_person(person.id),
            data={"mobile": shown_mobile(person.mobile)},
            reason=check_reason(show.form(ask, "reason")),
            now=ask.now,
        )
    except Refused as refused:
        return await _page(ask, person, refused)
    return render.redirect(f"/console/proposals/{number}", done="console_proposed")


async def sign_out(ask: Ask) -> Response[Any]:
    """Out everywhere, at once."""
    return await _stop(ask, help_people.sign_out, "console_person_out")


async def bar(ask: Ask) -> Response[Any]:
    """Out everywhere, and not in again: his phone was stolen."""
    return await _stop(ask, help_people.bar, "console_barred")


async def lift_bar(ask: Ask) -> Response[Any]:
    """In again."""
    return await _stop(ask, help_people.lift_bar, "console_bar_lifted")


async def _stop(ask: Ask, act: Stop, done: str) -> Response[Any]:
    person = await _found(ask)
    try:
        await act(ask.services, ask.operator, person.id, show.form(ask, "reason"))
    except Refused as refused:
        return await _page(ask, await _found(ask), refused)
    return render.redirect(f"/console/people/{person.id}", done=done)


ROUTES: list[Route] = [
    Route("GET", _PERSON, show_person, Duty.LOOK),
    Route("POST", f"{_PERSON}/reset", propose_reset, Duty.DECIDE, fresh=True),
    # To stop somebody needs no second factor anew: a thief does not wait.
    Route("POST", f"{_PERSON}/sign-out", sign_out, Duty.ANSWER),
    Route("POST", f"{_PERSON}/bar", bar, Duty.ANSWER),
    Route("POST", f"{_PERSON}/lift-bar", lift_bar, Duty.ANSWER, fresh=True),
]
