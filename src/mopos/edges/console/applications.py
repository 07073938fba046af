"""The operators' side of applications: the queue, oldest first, and one application with everything to decide upon."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from litestar import Response

from mopos.actions import decide_application as acts
from mopos.base.errors import Refused
from mopos.base.hosts import unicode_host
from mopos.base.ids import with_check_digit
from mopos.domain.applications import store
from mopos.domain.applications.model import Application, read_reason
from mopos.domain.applications.states import Event, State, Who, moves_of
from mopos.domain.operators import proposals
from mopos.domain.operators.model import Act, Duty
from mopos.edges.panel.applications import TONES
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route

# The states that an operator looks at: first what waits for operators.
STATES = (
    State.SUBMITTED,
    State.MORE_INFO,
    State.APPROVED,
    State.SUSPENDED,
    State.REJECTED,
    State.CLOSED,
)
_WAITING = frozenset({State.SUBMITTED, State.MORE_INFO})


async def queue(ask: Ask) -> Response[Any]:
    """Applications in one state: those that wait with the oldest first, the others with the latest first."""
    wanted = ask.query("state")
    state = next((one for one in STATES if one == wanted), State.SUBMITTED)
    found = await _found(ask, state)
    shown = found[: store.PAGE]
    last = shown[-1].application if len(found) > len(shown) else None
    return render.page(
        ask,
        "console/applications.html",
        title=ask.t["menu.applications"],
        state=state,
        tabs=[(one, ask.here(state=one, after=None)) for one in STATES],
        found=shown,
        tones=TONES,
        unicode_host=unicode_host,
        waiting=await store.count_waiting(ask.services.db),
        older=ask.here(after=_after(last)) if last else None,
    )


async def _found(ask: Ask, state: State) -> list[store.Queued]:
    at, _, last = ask.query("after").partition("_")
    try:
        after = (datetime.fromisoformat(at), int(last)) if last else None
    except ValueError:
        raise NotFound from None
    if state in _WAITING:
        return await store.queue(ask.services.reports, state, after)
    return await store.in_state(ask.services.reports, state, after[1] if after else None)


def _after(last: Application) -> str:
    return f"{(last.submitted_at or last.created_at).isoformat()}_{last.id}"


async def show(ask: Ask) -> Response[Any]:
    """One application."""
    return await _page(ask, await _application(ask))


async def decide(ask: Ask) -> Response[Any]:
    """`event`: what an operator decides, with the `reason` that the merchant reads."""
    application = await _application(ask)
    event = next((one for one in acts.DECISIONS - {Event.MORE_WANTED} if one == ask.form.get("event")), None)
    if event is None:
        raise NotFound
    return await _decide(ask, application, event)


async def ask_more(ask: Ask) -> Response[Any]:
    """The merchant is to say more."""
    return await _decide(ask, await _application(ask), Event.MORE_WANTED)


async def _decide(ask: Ask, application: Application, event: Event) -> Response[Any]:
    try:
        await acts.decide(
            ask.services, application, event, ask.form.get("reason", ""), operator_id=ask.operator.id, ip=ask.ip
        )
    except Refused as refused:
        return await _page(ask, application, refused, ask.form)
    return render.redirect(_url(application), done=f"application_{event}")


async def propose(ask: Ask) -> Response[Any]:
    """Suspending a gateway with money pending: another operator approves it."""
    application = await _application(ask)
    if application.state is not State.APPROVED or application.gateway_id is None:
        return await _page(ask, application, Refused(["application_moved"]), ask.form)
    try:
        await proposals.propose(
            ask.services.db,
            ask.operator,
            Act.SUSPEND_GATEWAY,
            subject=f"gateway {with_check_digit(application.gateway_id)}",
            data={"application": application.id, "account": application.account_id},
            reason=read_reason(ask.form.get("reason", "")),
            now=ask.now,
        )
    except Refused as refused:
        return await _page(ask, application, refused, ask.form)
    return render.redirect("/console/proposals", done="suspension_proposed")


async def answer(ask: Ask) -> Response[Any]:
    """A message to the merchant."""
    application = await _application(ask)
    try:
        await acts.answer(ask.services, application, ask.form.get("text", ""), operator_id=ask.operator.id, ip=ask.ip)
    except Refused as refused:
        return await _page(ask, application, refused, ask.form)
    return render.redirect(f"{_url(application)}?done=message_sent#messages")


async def _application(ask: Ask) -> Application:
    found = await store.find(ask.services.db, ask.number("application"))
    # A draft is the merchant's own business until it is sent.
    if found is None or found.state is State.DRAFT:
        raise NotFound
    return found


async def _page(
    ask: Ask, application: Application, refused: Refused | None = None, values: Mapping[str, str] | None = None
) -> Response[Any]:
    if refused:
        application = await store.find(ask.services.db, application.id) or application
    db = ask.services.db
    by_two = await acts.needs_two(ask.services, application)
    events = [event for event in moves_of(application.state, Who.OPERATOR) if event in acts.DECISIONS]
    return render.page(
        ask,
        "console/application.html",
        status=refused.status if refused else 200,
        title=f"{ask.t['applications.one']} {application.number}",
        application=application,
        site=unicode_host(application.site),
        account=await store.account_facts(db, application.account_id),
        url=_url(application),
        tone=TONES[application.state],
        may_ask=Event.MORE_WANTED in events and ask.may(Duty.ANSWER),
        events=[e for e in events if e is not Event.MORE_WANTED and not (by_two and e in acts.STOPS)],
        by_two=by_two,
        history=await store.history(db, application.id),
        messages=await store.messages(db, application.id),
        problems=render.problems_of(refused, ask.t) if refused else {},
        values=values or {},
    )


def _url(application: Application) -> str:
    return f"/console/applications/{application.number}"


_ONE = "/console/applications/{application}"
ROUTES: list[Route] = [
    Route("GET", "/console/applications", queue, Duty.LOOK),
    Route("GET", _ONE, show, Duty.LOOK),
    Route("POST", f"{_ONE}/messages", answer, Duty.ANSWER),
    Route("POST", f"{_ONE}/more", ask_more, Duty.ANSWER),
    Route("POST", f"{_ONE}/decision", decide, Duty.DECIDE, fresh=True),
    Route("POST", f"{_ONE}/proposal", propose, Duty.DECIDE, fresh=True),
]
