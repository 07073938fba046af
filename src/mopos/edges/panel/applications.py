"""The merchant's side of an application for a gateway: the draft, what became of it, and the talk with operators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litestar import Response

from mopos.actions import apply_for_gateway as acts
from mopos.actions.apply_for_gateway import Merchant
from mopos.base.errors import Refused
from mopos.base.hosts import unicode_host
from mopos.base.ids import with_check_digit
from mopos.domain.accounts.model import Allow
from mopos.domain.applications import store
from mopos.domain.applications.model import Application, read_wish
from mopos.domain.applications.states import OPEN_TO_MERCHANT, Event, State, Who, moves_of
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route

# How a state is coloured: whose turn it is, and how it ended.
TONES: dict[State, str] = {
    State.DRAFT: "open",
    State.SUBMITTED: "wait",
    State.MORE_INFO: "care",
    State.APPROVED: "good",
    State.REJECTED: "bad",
    State.SUSPENDED: "bad",
    State.CLOSED: "ended",
}


async def listed(ask: Ask) -> Response[Any]:
    """All applications of the account."""
    found = await store.of_account(ask.services.db, ask.account_id)
    title = ask.t["applications.title"]
    return render.page(ask, "panel/applications.html", title=title, found=found, root=_root(ask), tones=TONES)


async def blank(ask: Ask) -> Response[Any]:
    """A form for a new one."""
    return _new_page(ask)


async def start(ask: Ask) -> Response[Any]:
    """Keep a new draft, and send it at once where that is wanted."""
    try:
        wish = read_wish(ask.form)
        application_id = await acts.start(ask.services, ask.account_id, wish, _who(ask))
    except Refused as refused:
        return _new_page(ask, refused, ask.form)
    url = f"{_root(ask)}/{with_check_digit(application_id)}"
    if ask.form.get("do") != "submit":
        return render.redirect(url, done="saved")
    application = await store.find(ask.services.db, application_id, ask.account_id)
    if application is None:
        raise NotFound
    try:
        await acts.submit(ask.services, application, wish, _who(ask))
    except Refused as refused:
        return await _page(ask, application, refused, ask.form)
    return render.redirect(url, done="application_submitted")


async def show(ask: Ask) -> Response[Any]:
    """One application, with everything that happened to it."""
    return await _page(ask, await _application(ask))


async def change(ask: Ask) -> Response[Any]:
    """Keep what was written, or (`do` is `submit`) send it."""
    application = await _application(ask)
    try:
        wish = read_wish(ask.form)
        if ask.form.get("do") == "submit":
            await acts.submit(ask.services, application, wish, _who(ask))
            return render.redirect(_url(ask, application), done="application_submitted")
        await acts.save(ask.services, application, wish)
    except Refused as refused:
        return await _page(ask, application, refused, ask.form)
    return render.redirect(_url(ask, application), done="saved")


async def take_back(ask: Ask) -> Response[Any]:
    """It becomes a draft again."""
    application = await _application(ask)
    try:
        await acts.take_back(ask.services, application, _who(ask))
    except Refused as refused:
        return await _page(ask, application, refused)
    return render.redirect(_url(ask, application), done="application_taken_back")


async def close(ask: Ask) -> Response[Any]:
    """It is wanted no more; with `sure` only, as it cannot be undone."""
    application = await _application(ask)
    if application.gateway_id is not None:
        # A gateway that sells is closed on its own page, which wants a fresh second factor.
        number = with_check_digit(application.gateway_id)
        return render.redirect(f"{ask.panel}/gateways/{number}/close")
    try:
        ask.must_be_sure()
        await acts.close(ask.services, application, _who(ask))
    except Refused as refused:
        return await _page(ask, application, refused, ask.form)
    return render.redirect(_url(ask, application), done="application_closed")


async def write(ask: Ask) -> Response[Any]:
    """A message to the operators."""
    application = await _application(ask)
    try:
        await acts.write(ask.services, application, ask.form.get("text", ""), _who(ask))
    except Refused as refused:
        return await _page(ask, application, refused, ask.form)
    return render.redirect(f"{_url(ask, application)}?done=message_sent#messages")


async def _application(ask: Ask) -> Application:
    found = await store.find(ask.services.db, ask.number("application"), ask.account_id)
    if found is None:
        raise NotFound
    return found


def _new_page(ask: Ask, refused: Refused | None = None, values: Mapping[str, str] | None = None) -> Response[Any]:
    return render.page(
        ask,
        "panel/application_new.html",
        status=refused.status if refused else 200,
        title=ask.t["applications.new"],
        root=_root(ask),
        problems=render.problems_of(refused, ask.t) if refused else {},
        values=values or {},
    )


async def _page(
    ask: Ask, application: Application, refused: Refused | None = None, values: Mapping[str, str] | None = None
) -> Response[Any]:
    if refused:
        application = await store.find(ask.services.db, application.id, ask.account_id) or application
    events = moves_of(application.state, Who.MERCHANT)
    history = await store.history(ask.services.db, application.id)
    asked = [step.reason for step in history if step.event is Event.MORE_WANTED]
    return render.page(
        ask,
        "panel/application.html",
        status=refused.status if refused else 200,
        title=f"{ask.t['applications.one']} {application.number}",
        application=application,
        site=unicode_host(application.site),
        profile=await store.profile(ask.services.db, ask.account_id),
        url=_url(ask, application),
        panel=ask.panel,
        tone=TONES[application.state],
        is_open=application.state in OPEN_TO_MERCHANT,
        may_take_back=Event.TAKEN_BACK in events,
        may_close=Event.CLOSED in events and application.gateway_id is None,
        asked=asked[-1] if asked and application.state is State.MORE_INFO else "",
        history=history,
        messages=await store.messages(ask.services.db, application.id),
        problems=render.problems_of(refused, ask.t) if refused else {},
        values=values or {},
    )


def _who(ask: Ask) -> Merchant:
    return Merchant(ask.person.id, ask.ip)


def _root(ask: Ask) -> str:
    return f"{ask.panel}/applications"


def _url(ask: Ask, application: Application) -> str:
    return f"{_root(ask)}/{application.number}"


_AT = "/panel/{account}/applications"
_ONE = f"{_AT}/{{application}}"
ROUTES: list[Route] = [
    Route("GET", _AT, listed, Allow.APPLY),
    Route("GET", f"{_AT}/new", blank, Allow.APPLY),
    Route("POST", _AT, start, Allow.APPLY),
    Route("GET", _ONE, show, Allow.APPLY),
    Route("POST", _ONE, change, Allow.APPLY),
    Route("POST", f"{_ONE}/take-back", take_back, Allow.APPLY),
    Route("POST", f"{_ONE}/close", close, Allow.APPLY),
    Route("POST", f"{_ONE}/messages", write, Allow.APPLY),
]
