"""Signing in and signing up: one page, three ways. The first time with a number makes the account."""

from __future__ import annotations

import hashlib
from typing import Any

from litestar import Response

from mopos.actions import sign_in as actions
from mopos.base.errors import Refused
from mopos.domain.people import codes, devices, requests
from mopos.domain.people.model import shown_mobile
from mopos.edges.phone.entering import HOME, agent, coming_in, host, onward
from mopos.edges.web import passkeys, render
from mopos.edges.web.ask import Ask
from mopos.edges.web.front import SECOND, SIGN_IN, safe_next, sign_out_cookie
from mopos.edges.web.routes import Door, Route

CODE, PHONE = "/sign-in/code", "/sign-in/phone"
# How often a waiting computer looks whether the phone has answered.
LOOK_EVERY_S = 3


async def show(ask: Ask) -> Response[Any]:
    """The way in. Who is in already goes on."""
    if ask.maybe_session is not None and ask.maybe_session.second_factor:
        return render.redirect(safe_next(ask, HOME))
    return _page(ask)


def _page(ask: Ask, refused: Refused | None = None) -> Response[Any]:
    return render.page(
        ask,
        "phone/sign_in.html",
        status=refused.status if refused else 200,
        title=ask.t["sign_in.title"],
        passkeys_offered=passkeys.offered(ask),
        next_path=safe_next(ask, ""),
        values=ask.form,
        problems=render.problems_of(refused, ask.t) if refused else {},
    )


async def start(ask: Ask) -> Response[Any]:
    """A number was typed: send a code to it, or let this computer wait for its phone."""
    try:
        if ask.form.get("by") == "phone":
            return await _ask_phone(ask)
        await actions.send_code(
            ask.services, typed_mobile=ask.form.get("mobile", ""), binding=ask.visit, ip=ask.ip, host=host(ask)
        )
    except Refused as refused:
        return _page(ask, refused)
    return render.redirect(onward(CODE, safe_next(ask, "")))


async def _ask_phone(ask: Ask) -> Response[Any]:
    ref = actions.new_browser_ref()
    await actions.ask_phone(
        ask.services,
        typed_mobile=ask.form.get("mobile", ""),
        browser_hash=_browser_hash(ask, ref),
        ip=ask.ip,
        agent=agent(ask),
    )
    return render.redirect(onward(f"{PHONE}/{ref}", safe_next(ask, "")))


def _browser_hash(ask: Ask, ref: str) -> bytes:
    # Address and browser together: neither a copied address nor a copied cookie takes up the approval.
    return hashlib.sha256(f"{ref} {ask.visit}".encode()).digest()


async def show_code(ask: Ask) -> Response[Any]:
    """Where the code of the message is typed."""
    return await _code_page(ask)


async def _code_page(ask: Ask, refused: Refused | None = None) -> Response[Any]:
    waiting = await codes.waiting(ask.services.db, ask.visit)
    if waiting is None:
        return render.redirect(onward(SIGN_IN, safe_next(ask, "")))
    if refused is None and not waiting.is_open(ask.now):
        refused = Refused(["otp_over"])
    return render.page(
        ask,
        "phone/code.html",
        status=refused.status if refused and ask.request.method == "POST" else 200,
        title=ask.t["code.title"],
        mobile=waiting.mobile,
        shown=shown_mobile(waiting.mobile),
        is_open=waiting.is_open(ask.now),
        next_path=safe_next(ask, ""),
        problems=render.problems_of(refused, ask.t) if refused else {},
    )


async def try_code(ask: Ask) -> Response[Any]:
    """A right code lets in as far as the second factor."""
    new = coming_in(ask)
    try:
        await actions.enter_with_code(
            ask.services, typed_code=ask.form.get("code", ""), binding=ask.visit, entry=new.entry
        )
    except Refused as refused:
        if refused.problems[0].code == "person_barred":
            return _barred_page(ask, refused)
        return await _code_page(ask, refused)
    new.done(ask)
    return render.redirect(onward(SECOND, safe_next(ask, "")))


def _barred_page(ask: Ask, refused: Refused) -> Response[Any]:
    return render.page(ask, "phone/barred.html", status=refused.status, title=ask.t["web.error.person_barred"])


async def passkey_options(ask: Ask) -> Response[Any]:
    """For any passkey that the browser knows."""
    return await passkeys.begin_get(ask)


async def by_passkey(ask: Ask) -> Response[Any]:
    """A passkey is both factors: in at once, with no number typed."""

    async def work() -> str:
        passkey, count = await passkeys.finish_get(ask, lambda shown: devices.find(ask.services.db, shown))
        new = coming_in(ask)
        await actions.enter_with_passkey(ask.services, passkey=passkey, sign_count=count, entry=new.entry)
        new.done(ask)
        return safe_next(ask, HOME)

    return await passkeys.as_json(ask, work())


async def wait(ask: Ask) -> Response[Any]:
    """The computer shows its number and looks again and again."""
    found = await requests.shown(ask.services.db, _browser_hash(ask, ask.part("ref")))
    if found is None:
        return render.redirect(onward(SIGN_IN, safe_next(ask, "")))
    state = found.state(ask.now)
    return render.page(
        ask,
        "phone/wait.html",
        title=ask.t[f"wait.{state}"],
        state=state,
        number=found.number,
        more={"Refresh": f"{LOOK_EVERY_S}"} if state == "waiting" else {},
        next_path=safe_next(ask, ""),
    )


async def take_up(ask: Ask) -> Response[Any]:
    """The phone said yes: this browser is in, once."""
    new = coming_in(ask)
    await actions.enter_with_approval(ask.services, browser_hash=_browser_hash(ask, ask.part("ref")), entry=new.entry)
    new.done(ask)
    return render.redirect(safe_next(ask, HOME))


async def sign_out(ask: Ask) -> Response[Any]:
    """Out of this browser."""
    if ask.maybe_session is not None:
        await actions.sign_out(ask.services, ask.maybe_session.token_hash)
    sign_out_cookie(ask)
    return render.redirect(SIGN_IN, done="signed_out")


ROUTES: list[Route] = [
    Route("GET", "/sign-in", show, Door.OPEN),
    Route("POST", "/sign-in", start, Door.OPEN),
    Route("GET", "/sign-up", show, Door.OPEN),
    Route("GET", "/sign-in/code", show_code, Door.OPEN),
    Route("POST", "/sign-in/code", try_code, Door.OPEN),
    Route("POST", "/sign-in/passkey/options", passkey_options, Door.OPEN),
    Route("POST", "/sign-in/passkey", by_passkey, Door.OPEN),
    Route("GET", "/sign-in/phone/{ref}", wait, Door.OPEN),
    Route("POST", "/sign-in/phone/{ref}", take_up, Door.OPEN),
    Route("POST", "/sign-out", sign_out, Door.OPEN),
]
