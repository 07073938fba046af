"""Operators among themselves: who there is, and by two: added, given another role, given new credentials. One is enough
to put another one out at once."""

from __future__ import annotations

from typing import Any

from litestar import Response

from mopos.actions.manage_operators import TITLE_LENGTH_MAX, disable_operator, read_post
from mopos.base.errors import Refused
from mopos.domain.operators import proposals, store
from mopos.domain.operators.model import Act, Duty, Post, check_name, check_reason
from mopos.domain.operators.store import Listed
from mopos.edges.console import show
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route

_OPERATOR = "/console/operators/{operator}"


async def show_operators(ask: Ask) -> Response[Any]:
    return await _list(ask)


async def _list(ask: Ask, refused: Refused | None = None) -> Response[Any]:
    return show.page(
        ask,
        "console/operators.html",
        refused,
        title=ask.t["console.operators"],
        operators=await store.everybody(ask.services.db),
        roles=render.choices(list(Post), "console.role", ask.lang),
    )


async def add(ask: Ask) -> Response[Any]:
    """Propose a new operator; the second one who approves gets the one-time password."""
    try:
        name = await _new_name(ask)
        data = {"title": show.form(ask, "title")[:TITLE_LENGTH_MAX], "role": read_post(ask.form.get("role", ""))}
        reason = check_reason(show.form(ask, "reason"))
        number = await _propose(ask, Act.ADD_OPERATOR, name, data, reason)
    except Refused as refused:
        return await _list(ask, refused)
    return render.redirect(f"/console/proposals/{number}", done="console_proposed")


async def _new_name(ask: Ask) -> str:
    name = check_name(show.form(ask, "name"))
    if await store.number_of(ask.services.db, name) is not None:
        raise Refused(["operator_name_used"])
    return name


async def _propose(ask: Ask, act: Act, subject: str, data: dict[str, Any], reason: str) -> int:
    return await proposals.propose(
        ask.services.db, ask.operator, act, subject=subject, data=data, reason=reason, now=ask.now
    )


async def show_operator(ask: Ask) -> Response[Any]:
    return await _page(ask, await _found(ask))


async def _page(ask: Ask, one: Listed, refused: Refused | None = None) -> Response[Any]:
    return show.page(
        ask,
        "console/operator.html",
        refused,
        title=one.shown,
        one=one,
        roles=render.choices([post for post in Post if post is not one.post], "console.role", ask.lang),
        waiting=await proposals.about(ask.services.db, one.name, ask.now),
    )


async def _found(ask: Ask) -> Listed:
    found = await store.listed(ask.services.db, ask.id("operator"))
    if found is None:
        raise NotFound
    return found


async def change_role(ask: Ask) -> Response[Any]:
    """Propose another role."""
    one = await _found(ask)
    try:
        post = read_post(ask.form.get("role", ""))
        number = await _propose(ask, Act.CHANGE_ROLE, one.name, {"role": post}, check_reason(show.form(ask, "reason")))
    except Refused as refused:
        return await _page(ask, one, refused)
    return render.redirect(f"/console/proposals/{number}", done="console_proposed")


async def reset(ask: Ask) -> Response[Any]:
    """Propose new credentials."""
    one = await _found(ask)
    try:
        number = await _propose(ask, Act.RESET_OPERATOR, one.name, {}, check_reason(show.form(ask, "reason")))
    except Refused as refused:
        return await _page(ask, one, refused)
    return render.redirect(f"/console/proposals/{number}", done="console_proposed")


async def disable(ask: Ask) -> Response[Any]:
    """Out at once."""
    one = await _found(ask)
    try:
        reason = check_reason(show.form(ask, "reason"))
        await disable_operator(ask.services.db, ask.services.clock, one.id, who=ask.operator, reason=reason)
    except Refused as refused:
        return await _page(ask, one, refused)
    return render.redirect(f"/console/operators/{one.id}", done="console_disabled")


ROUTES: list[Route] = [
    Route("GET", "/console/operators", show_operators, Duty.MANAGE_OPERATORS, fresh=True),
    Route("POST", "/console/operators", add, Duty.MANAGE_OPERATORS, fresh=True),
    Route("GET", _OPERATOR, show_operator, Duty.MANAGE_OPERATORS, fresh=True),
    Route("POST", f"{_OPERATOR}/role", change_role, Duty.MANAGE_OPERATORS, fresh=True),
    Route("POST", f"{_OPERATOR}/reset", reset, Duty.MANAGE_OPERATORS, fresh=True),
    Route("POST", f"{_OPERATOR}/disable", disable, Duty.MANAGE_OPERATORS, fresh=True),
]
