"""On the phone: computers that ask to be let in, each with a number to match."""

from __future__ import annotations

from typing import Any

from litestar import Response

from mopos.actions.approve_sign_in import answer_request
from mopos.base.errors import Refused
from mopos.domain.people import requests
from mopos.domain.people.model import agent_name
from mopos.edges.web import render
from mopos.edges.web.ask import Ask
from mopos.edges.web.routes import Door, Route

APPROVE = "/app/approve"
# How often the phone looks for a computer that asks.
LOOK_EVERY_S = 5


async def show(ask: Ask) -> Response[Any]:
    """All that ask now."""
    found = await requests.pending(ask.services.db, ask.person.mobile, ask.now)
    stays = bool(ask.query("stay"))
    return render.page(
        ask,
        "phone/approve.html",
        title=ask.t["approve.title"],
        requests=found,
        stays=stays,
        more={} if stays else {"Refresh": f"{LOOK_EVERY_S}; url={APPROVE}"},
        agent_name=agent_name,
    )


async def show_one(ask: Ask) -> Response[Any]:
    """One of them: where it is from, and three numbers."""
    found = await requests.pending(ask.services.db, ask.person.mobile, ask.now, ask.id("sign_in"))
    if not found:
        raise Refused(["request_over"])
    if ask.session.device_id is None:
        raise Refused(["not_this_device"])
    return render.page(
        ask, "phone/approve_one.html", title=ask.t["approve.one"], request=found[0], agent_name=agent_name
    )


async def answer(ask: Ask) -> Response[Any]:
    """The number that was chosen, or that it is somebody else."""
    typed = ask.form.get("number", "")
    number = int(typed) if len(typed) == 2 and typed.isascii() and typed.isdigit() else None
    approved = await answer_request(ask.services, ask.session, ask.id("sign_in"), number)
    done = "approved" if approved else ("wrong_number" if number is not None else "not_me")
    return render.redirect(APPROVE, done=done)


ROUTES: list[Route] = [
    Route("GET", "/app/approve", show, Door.PERSON),
    Route("GET", "/app/approve/{sign_in}", show_one, Door.PERSON, fresh=True),
    Route("POST", "/app/approve/{sign_in}", answer, Door.PERSON, fresh=True),
]
