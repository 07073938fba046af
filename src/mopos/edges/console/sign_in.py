"""The operators' way in, apart from the merchants': name and password, then always a passkey or a code."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import quote

from litestar import Response
from litestar.datastructures import Cookie

from mopos.actions import operator_sign_in
from mopos.actions.operator_sign_in import SETUP_TICKET_LIFE
from mopos.base import totp
from mopos.base.errors import Refused
from mopos.base.secret import Secret
from mopos.domain.operators import passkeys as stored
from mopos.domain.operators import store
from mopos.domain.operators.credentials import Credentials
from mopos.domain.operators.model import Duty, Operator
from mopos.domain.people import sessions
from mopos.edges.web import passkeys, render
from mopos.edges.web.ask import Ask
from mopos.edges.web.cookies import Jar
from mopos.edges.web.front import (
    CONSOLE_CONFIRM,
    CONSOLE_SIGN_IN,
    new_token,
    safe_next,
    sign_in_cookie,
    sign_out_cookie,
    token_hash,
)
from mopos.edges.web.passkeys import Whose
from mopos.edges.web.routes import Door, Route

HOME = "/console"
SECOND, SETUP = f"{CONSOLE_SIGN_IN}/second", f"{CONSOLE_SIGN_IN}/setup"


async def show_sign_in(ask: Ask) -> Response[Any]:
    return _sign_in_page(ask)


def _sign_in_page(ask: Ask, refused: Refused | None = None) -> Response[Any]:
    return render.page(
        ask,
        "console/sign_in.html",
        status=refused.status if refused else 200,
        title=ask.t["console.sign_in"],
        problems=render.problems_of(refused, ask.t) if refused else {},
        values={"name": ask.form.get("name", "")} if ask.form else {},
        next=safe_next(ask, HOME),
    )


async def sign_in(ask: Ask) -> Response[Any]:
    """The first step: a right password gets a ticket, not a session."""
    try:
        ticket = await operator_sign_in.enter(
            ask.services,
            name=ask.form.get("name", ""),
            password=Secret(ask.form.get("password", "")),
            ip=ask.ip,
            browser=ask.csrf,
        )
        read, _ = await operator_sign_in.read_ticket(ask.services, ticket, ask.csrf)
    except Refused as refused:
        return _sign_in_page(ask, refused)
    ask.cookies.append(_ticket_cookie(ask, ticket))
    path = SETUP if read.setting_up else SECOND
    return render.redirect(f"{path}?next={quote(safe_next(ask, HOME), safe='')}")


def _ticket_cookie(ask: Ask, ticket: str) -> Cookie:
    jar = Jar(ask.services.settings.public_url)
    life = round(SETUP_TICKET_LIFE.total_seconds()) if ticket else 0
    cookie = jar.make(f"{jar.operator}-ticket", ticket, max_age=life)
    cookie.samesite = "strict"
    return cookie


async def _ticket(ask: Ask, *, setting_up: bool) -> Credentials:
    """Whose password was right in this browser, at the step where that operator is. Raises `Refused`."""
    jar = Jar(ask.services.settings.public_url)
    given = ask.request.cookies.get(f"{jar.operator}-ticket", "")
    ticket, found = await operator_sign_in.read_ticket(ask.services, given, ask.csrf)
    if ticket.setting_up != setting_up:
        raise Refused(["operator_begin_again"])
    return found


async def show_second(ask: Ask) -> Response[Any]:
    try:
        return _second_page(ask, await _ticket(ask, setting_up=False))
    except Refused:
        return render.redirect(CONSOLE_SIGN_IN)


def _second_page(ask: Ask, found: Credentials, refused: Refused | None = None) -> Response[Any]:
    return _factor_page(ask, found.operator, ask.t["console.second"], SECOND, refused)


def _factor_page(ask: Ask, operator: Operator, title: str, action: str, refused: Refused | None) -> Response[Any]:
    """Where a second factor is shown, at the way in and once more."""
    return render.page(
        ask,
        "console/second.html",
        status=refused.status if refused else 200,
        title=title,
        problems=render.problems_of(refused, ask.t) if refused else {},
        action=action,
        name=operator.shown,
        passkeys=passkeys.offered(ask),
        next=safe_next(ask, HOME),
    )


async def second(ask: Ask) -> Response[Any]:
    """The second step by a code."""
    found = await _ticket(ask, setting_up=False)
    try:
        await operator_sign_in.check_code(ask.services, found, ask.form.get("code", ""), ask.ip)
    except Refused as refused:
        return _second_page(ask, found, refused)
    await _open_session(ask, found.operator, "code")
    return render.redirect(safe_next(ask, HOME))


async def second_options(ask: Ask) -> Response[Any]:
    found = await _ticket(ask, setting_up=False)
    return await _passkey_options(ask, found.operator)


async def second_by_passkey(ask: Ask) -> Response[Any]:
    """The second step by a passkey."""

    async def work() -> str:
        found = await _ticket(ask, setting_up=False)
        await _show_passkey(ask, found.operator)
        await _open_session(ask, found.operator, "passkey")
        return safe_next(ask, HOME)

    return await passkeys.as_json(ask, work())


async def _passkey_options(ask: Ask, operator: Operator) -> Response[Any]:
    _, has = await stored.credential_ids(ask.services.db, operator.id)
    # Without a passkey the browser is told of one that nobody has, not to offer those of others.
    return await passkeys.begin_get(ask, Whose(operator_id=operator.id), has=has or [secrets.token_bytes(32)])


async def _show_passkey(ask: Ask, operator: Operator) -> None:
    """Raises `Refused` unless the browser showed one of this operator's passkeys."""
    passkey, count = await passkeys.finish_get(
        ask, lambda credential_id: stored.find(ask.services.db, credential_id), Whose(operator_id=operator.id)
    )
    if passkey.operator_id != operator.id or not await stored.used(ask.services.db, passkey, count, ask.now):
        raise Refused(["operator_passkey_wrong"])


async def _open_session(ask: Ask, operator: Operator, factor: str, act: str = "sign_in") -> None:
    """A new session, in the place of the one before, once a second factor was shown."""
    token = new_token()
    jar = Jar(ask.services.settings.public_url)
    old = ask.request.cookies.get(jar.operator, "")
    data: dict[str, object] = {"address": ask.ip, "factor": factor}
    await store.tell(ask.services.db, operator, act, subject=operator.name, reason="", data=data, now=ask.now)
    await sessions.start(
        ask.services.db,
        token_hash=token_hash(token),
        operator_id=operator.id,
        second_factor=True,
        ip=ask.ip,
        agent=ask.request.headers.get("user-agent", ""),
        now=ask.now,
        instead_of=token_hash(old) if old else None,
        # A step-up makes no day longer than it was.
        since=ask.session.created_at if act == "confirm" else ask.now,
    )
    sign_in_cookie(ask, token)
    ask.cookies.append(_ticket_cookie(ask, ""))


# --- the first time ---------------------------------------------------------------------------------------------------


async def show_setup(ask: Ask) -> Response[Any]:
    try:
        return _setup_page(ask, await _ticket(ask, setting_up=True))
    except Refused:
        return render.redirect(CONSOLE_SIGN_IN)


def _setup_page(ask: Ask, found: Credentials, refused: Refused | None = None) -> Response[Any]:
    secret = operator_sign_in.offered_secret(ask.services, found, ask.csrf)
    address = totp.address(secret, found.operator.name, operator_sign_in.ISSUER)
    return render.page(
        ask,
        "console/setup.html",
        status=refused.status if refused else 200,
        title=ask.t["console.setup"],
        problems=render.problems_of(refused, ask.t) if refused else {},
        name=found.operator.shown,
        picture=totp.picture(address),
        secret=totp.spaced(secret),
        next=safe_next(ask, HOME),
    )


async def setup(ask: Ask) -> Response[Any]:
    """An own password and an app, and only then a session."""
    found = await _ticket(ask, setting_up=True)
    secret = operator_sign_in.offered_secret(ask.services, found, ask.csrf)
    try:
        await operator_sign_in.set_up(
            ask.services,
            found,
            secret=secret,
            code=ask.form.get("code", ""),
            password=ask.form.get("password", ""),
            again=ask.form.get("again", ""),
        )
    except Refused as refused:
        return _setup_page(ask, found, refused)
    await _open_session(ask, found.operator, "setup")
    return render.redirect(safe_next(ask, HOME), done="console_set_up")


# --- once more, for what is dangerous ---------------------------------------------------------------------------------


async def show_confirm(ask: Ask) -> Response[Any]:
    return _confirm_page(ask)


def _confirm_page(ask: Ask, refused: Refused | None = None) -> Response[Any]:
    return _factor_page(ask, ask.operator, ask.t["console.confirm"], CONSOLE_CONFIRM, refused)


async def confirm(ask: Ask) -> Response[Any]:
    try:
        await operator_sign_in.check_code(ask.services, await credentials_of(ask), ask.form.get("code", ""), ask.ip)
    except Refused as refused:
        return _confirm_page(ask, refused)
    await _open_session(ask, ask.operator, "code", "confirm")
    return render.redirect(safe_next(ask, HOME))


async def confirm_options(ask: Ask) -> Response[Any]:
    return await _passkey_options(ask, ask.operator)


async def confirm_by_passkey(ask: Ask) -> Response[Any]:
    async def work() -> str:
        await _show_passkey(ask, ask.operator)
        await _open_session(ask, ask.operator, "passkey", "confirm")
        return safe_next(ask, HOME)

    return await passkeys.as_json(ask, work())


async def credentials_of(ask: Ask) -> Credentials:
    """What the operator who is signed in is recognised by. Raises `Refused`."""
    return await operator_sign_in.present_credentials(ask.services, ask.operator.id)


async def sign_out(ask: Ask) -> Response[Any]:
    if ask.maybe_session is not None:
        await sessions.end(ask.services.db, ask.session.token_hash, ask.now)
    sign_out_cookie(ask)
    return render.redirect(CONSOLE_SIGN_IN, done="console_signed_out")


ROUTES: list[Route] = [
    Route("GET", CONSOLE_SIGN_IN, show_sign_in, Door.CONSOLE_OPEN),
    Route("POST", CONSOLE_SIGN_IN, sign_in, Door.CONSOLE_OPEN),
    Route("GET", SECOND, show_second, Door.CONSOLE_OPEN),
    Route("POST", SECOND, second, Door.CONSOLE_OPEN),
    Route("POST", f"{SECOND}/passkey-options", second_options, Door.CONSOLE_OPEN),
    Route("POST", f"{SECOND}/passkey", second_by_passkey, Door.CONSOLE_OPEN),
    Route("GET", SETUP, show_setup, Door.CONSOLE_OPEN),
    Route("POST", SETUP, setup, Door.CONSOLE_OPEN),
    Route("GET", CONSOLE_CONFIRM, show_confirm, Duty.LOOK),
    Route("POST", CONSOLE_CONFIRM, confirm, Duty.LOOK),
    Route("POST", f"{CONSOLE_CONFIRM}/passkey-options", confirm_options, Duty.LOOK),
    Route("POST", f"{CONSOLE_CONFIRM}/passkey", confirm_by_passkey, Duty.LOOK),
    Route("POST", "/console/sign-out", sign_out, Door.CONSOLE_OPEN),
]
