"""An account's gateways: their numbers and state, and what is set at them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from litestar import Response

from mopos.actions import apply_for_gateway, set_gateway
from mopos.actions.apply_for_gateway import Merchant
from mopos.actions.manage_credentials import Holder
from mopos.base.errors import Refused
from mopos.base.hosts import unicode_host
from mopos.base.ids import with_check_digit
from mopos.domain.accounts import gateways
from mopos.domain.accounts.gateways import Gateway
from mopos.domain.accounts.model import Allow
from mopos.domain.applications import store as applications
from mopos.domain.settlement import fee_store
from mopos.edges.panel import gateway_keys
from mopos.edges.panel.applications import TONES
from mopos.edges.panel.gateway_page import holder, own_gateway, root_of
from mopos.edges.web import fee_words, render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.fee_words import Asked
from mopos.edges.web.routes import Route

STATE_TONES = {"open": "good", "suspended": "bad", "closed": "ended"}


async def listed(ask: Ask) -> Response[Any]:
    """All gateways, and for those who apply the applications that are not gateways yet."""
    asked = await applications.of_account(ask.services.db, ask.account_id) if ask.may(Allow.APPLY) else []
    return render.page(
        ask,
        "panel/gateways.html",
        title=ask.t["menu.gateways"],
        found=await gateways.of_account(ask.services.db, ask.account_id),
        asked=[one for one in asked if one.gateway_id is None],
        root=ask.panel,
        tones=STATE_TONES,
        application_tones=TONES,
        unicode_host=unicode_host,
    )


async def show(ask: Ask) -> Response[Any]:
    """One gateway."""
    return await _page(ask, await own_gateway(ask))


async def add_domain(ask: Ask) -> Response[Any]:
    return await _set(ask, lambda own, who: set_gateway.add_domain(ask.services, own, who, ask.form.get("domain", "")))


async def remove_domain(ask: Ask) -> Response[Any]:
    domain = ask.form.get("name", "")
    return await _set(ask, lambda own, who: set_gateway.remove_domain(ask.services, own, who, domain))


async def any_domain(ask: Ask) -> Response[Any]:
    """Opens and closes the way back to any address; to open it, `sure` is wanted."""
    on = ask.form.get("do") == "on"

    async def change(own: Gateway, who: Holder) -> None:
        if on:
            ask.must_be_sure()
        await set_gateway.set_any_domain(ask.services, own, who, on)

    return await _set(ask, change)


async def sources(ask: Ask) -> Response[Any]:
    text = ask.form.get("sources", "")
    return await _set(ask, lambda own, who: set_gateway.set_sources(ask.services, own, who, text))


async def hardening(ask: Ask) -> Response[Any]:
    signed_only, limit = bool(ask.form.get("signed_only")), ask.form.get("unsigned_max", "")
    return await _set(
        ask, lambda own, who: set_gateway.set_hardening(ask.services, own, who, signed_only=signed_only, limit=limit)
    )


async def closing(ask: Ask) -> Response[Any]:
    """The page before a gateway is closed for ever."""
    return await _closing_page(ask, await own_gateway(ask))


async def close(ask: Ask) -> Response[Any]:
    """Close a gateway that came of an application; with `sure` only."""
    own = await own_gateway(ask)
    application = await applications.of_gateway(ask.services.db, own.id)
    if application is None:  # made by the command line, which ends it too
        raise NotFound
    try:
        ask.must_be_sure()
        await apply_for_gateway.close(ask.services, application, Merchant(ask.person.id, ask.ip))
    except Refused as refused:
        return await _closing_page(ask, own, refused)
    return render.redirect(root_of(ask, own), done="gateway_closed")


async def _set(ask: Ask, change: Callable[[Gateway, Holder], Awaitable[None]]) -> Response[Any]:
    own = await own_gateway(ask)
    try:
        await change(own, holder(ask))
    except Refused as refused:
        return await _page(ask, own, refused, ask.form)
    return render.redirect(root_of(ask, own), done="saved")


async def _page(
    ask: Ask, own: Gateway, refused: Refused | None = None, values: Mapping[str, str] | None = None
) -> Response[Any]:
    application = await applications.of_gateway(ask.services.db, own.id)
    return render.page(
        ask,
        "panel/gateway.html",
        status=refused.status if refused else 200,
        title=f"{ask.t['gateway.one']} {with_check_digit(own.id)}",
        own=own,
        application=application,
        url=root_of(ask, own),
        panel=ask.panel,
        tone=STATE_TONES[own.state()],
        may_set=ask.may(Allow.SET_GATEWAY) and not own.closed_at,
        may_close=application is not None and ask.may(Allow.APPLY) and not own.closed_at,
        unicode_host=unicode_host,
        fee=await _fee(ask, own) if ask.may(Allow.SEE_MONEY) else None,
        problems=render.problems_of(refused, ask.t) if refused else {},
        values=values or {},
    )


async def _fee(ask: Ask, own: Gateway) -> dict[str, object]:
    """What the gateway's purchases cost now, what is announced, and the answer to `?amount=`."""
    found = await fee_store.assigned(ask.services.db, own.id)
    present, following = fee_words.now_and_next(found, ask.now, ask.lang)
    text, amount, wrong = fee_words.asked_amount(ask.query("amount"))
    answer = await fee_store.fee_of(ask.services.db, own.id, amount, ask.now) if amount is not None else None
    return {"present": present, "following": following, "asked": Asked(text, answer, wrong)}


async def _closing_page(ask: Ask, own: Gateway, refused: Refused | None = None) -> Response[Any]:
    return render.page(
        ask,
        "panel/gateway_close.html",
        status=refused.status if refused else 200,
        title=ask.t["gateway.close"],
        own=own,
        url=root_of(ask, own),
        problems=render.problems_of(refused, ask.t) if refused else {},
    )


_AT = "/panel/{account}/gateways"
_ONE = f"{_AT}/{{gateway}}"
ROUTES: list[Route] = [
    Route("GET", _AT, listed, Allow.ENTER),
    Route("GET", _ONE, show, Allow.ENTER),
    Route("POST", f"{_ONE}/domains", add_domain, Allow.SET_GATEWAY, fresh=True),
    Route("POST", f"{_ONE}/domains/remove", remove_domain, Allow.SET_GATEWAY),
    Route("POST", f"{_ONE}/any-domain", any_domain, Allow.SET_GATEWAY, fresh=True),
    Route("POST", f"{_ONE}/sources", sources, Allow.SET_GATEWAY, fresh=True),
    Route("POST", f"{_ONE}/hardening", hardening, Allow.SET_GATEWAY, fresh=True),
    Route("GET", f"{_ONE}/close", closing, Allow.APPLY, fresh=True),
    Route("POST", f"{_ONE}/close", close, Allow.APPLY, fresh=True),
    *gateway_keys.ROUTES,
]
