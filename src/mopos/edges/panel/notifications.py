"""Which members get a text message of what, at /panel/{account}/notifications."""

from __future__ import annotations

from typing import Any

from litestar import Response

from mopos.domain.accounts import notify
from mopos.domain.accounts.model import Allow, Role
from mopos.domain.accounts.notify import ALWAYS, Event
from mopos.edges.web import render
from mopos.edges.web.ask import Ask
from mopos.edges.web.routes import Route

_NOTIFICATIONS = "/panel/{account}/notifications"


async def _show(ask: Ask) -> Response[Any]:
    return render.page(
        ask,
        "panel/notifications.html",
        title=ask.t["notify.title"],
        choice=await notify.choice(ask.services.db, ask.account_id),
        always=ALWAYS,
        roles=list(Role),
    )


async def _save(ask: Ask) -> Response[Any]:
    # A box that is not ticked is not sent: an event without any is one of which nobody wants to hear.
    chosen = {event: [role for role in Role if role in ask.several.get(event, [])] for event in Event}
    await notify.choose(ask.services.db, ask.account_id, chosen, person_id=ask.person.id, ip=ask.ip, now=ask.now)
    return render.redirect(f"{ask.panel}/notifications", done="saved")


ROUTES: list[Route] = [
    Route("GET", _NOTIFICATIONS, _show, Allow.MANAGE_MEMBERS),
    Route("POST", _NOTIFICATIONS, _save, Allow.MANAGE_MEMBERS, fresh=True),
]
