"""The pages on which a gateway's secrets are shown, each once: the answer to the very request that made it. The same
request again makes nothing: its page was about the secret before."""

from __future__ import annotations

from typing import Any

from litestar import Response

from mopos.actions import manage_credentials as acts
from mopos.base.errors import Refused
from mopos.base.secret import Secret
from mopos.domain.accounts import gateways
from mopos.domain.accounts.gateways import Gateway
from mopos.domain.accounts.model import Allow
from mopos.edges.panel.gateway_page import holder, own_gateway, root_of
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route


async def show_rmz(ask: Ask) -> Response[Any]:
    """Fetch, rotate, revoke."""
    return _rmz_page(ask, await own_gateway(ask))


async def change_rmz(ask: Ask) -> Response[Any]:
    """`do`: fetch the first one, rotate it (with or without `at_once`), or revoke the old one."""
    own, who, mark = await own_gateway(ask), holder(ask), ask.form.get("mark", "")
    try:
        match ask.form.get("do"):
            case "fetch":
                return _shown(ask, own, "rmz", await acts.fetch_rmz(ask.services, own, who))
            case "rotate":
                at_once = ask.form.get("old") == "revoke"
                rmz = await acts.rotate_rmz(ask.services, own, who, mark=mark, at_once=at_once)
                return _shown(ask, own, "rmz", rmz)
            case "revoke":
                await acts.revoke_old_rmz(ask.services, own, who)
            case _:
                raise NotFound
    except Refused as refused:
        return _rmz_page(ask, await own_gateway(ask), refused)
    return render.redirect(f"{root_of(ask, own)}/rmz", done="rmz_revoked")


async def show_sig_key(ask: Ask) -> Response[Any]:
    """Make a signing key, or take it away."""
    return await _sig_key_page(ask, await own_gateway(ask))


async def change_sig_key(ask: Ask) -> Response[Any]:
    """`do`: make one, or remove it."""
    own, who, mark = await own_gateway(ask), holder(ask), ask.form.get("mark") or None
    if ask.form.get("do") not in ("make", "remove"):
        raise NotFound
    try:
        if ask.form.get("do") == "make":
            return _shown(ask, own, "sig_key", await acts.make_sig_key(ask.services, own, who, mark))
        await acts.remove_sig_key(ask.services, own, who, mark)
    except Refused as refused:
        return await _sig_key_page(ask, await own_gateway(ask), refused)
    return render.redirect(root_of(ask, own), done="sig_key_removed")


def _rmz_page(ask: Ask, own: Gateway, refused: Refused | None = None) -> Response[Any]:
    return render.page(
        ask,
        "panel/gateway_rmz.html",
        status=refused.status if refused else 200,
        title=ask.t["gateway.rmz"],
        own=own,
        url=root_of(ask, own),
        old_is_valid=own.old_rmz_until is not None and own.old_rmz_until > ask.now,
        grace_hours=max(1, round(ask.services.settings.rmz_grace_s / 3600)),
        problems=render.problems_of(refused, ask.t) if refused else {},
    )


async def _sig_key_page(ask: Ask, own: Gateway, refused: Refused | None = None) -> Response[Any]:
    return render.page(
        ask,
        "panel/gateway_sig_key.html",
        status=refused.status if refused else 200,
        title=ask.t["gateway.sig_key"],
        own=own,
        url=root_of(ask, own),
        mark=await gateways.sig_key_mark(ask.services.db, ask.account_id, own.id) or "",
        problems=render.problems_of(refused, ask.t) if refused else {},
    )


def _shown(ask: Ask, own: Gateway, kind: str, secret: Secret) -> Response[Any]:
    return render.page(
        ask,
        "panel/gateway_secret.html",
        title=ask.t[f"gateway.{kind}"],
        own=own,
        url=root_of(ask, own),
        kind=kind,
        secret=secret.reveal(),
    )


_ONE = "/panel/{account}/gateways/{gateway}"
ROUTES: list[Route] = [
    Route("GET", f"{_ONE}/rmz", show_rmz, Allow.HOLD_RMZ, fresh=True),
    Route("POST", f"{_ONE}/rmz", change_rmz, Allow.HOLD_RMZ, fresh=True),
    # A developer puts it into the shop: it signs forms, and reads and moves nothing.
    Route("GET", f"{_ONE}/signing-key", show_sig_key, Allow.INTEGRATE, fresh=True),
    Route("POST", f"{_ONE}/signing-key", change_sig_key, Allow.INTEGRATE, fresh=True),
]
