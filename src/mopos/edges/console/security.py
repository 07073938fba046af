"""An operator's own security: passkeys, the app with codes, the password, where he is signed in."""

from __future__ import annotations

from typing import Any

from litestar import Response

from mopos.actions import operator_sign_in
from mopos.base import totp
from mopos.base.errors import Refused
from mopos.base.secret import Secret
from mopos.domain.operators import credentials
from mopos.domain.operators import passkeys as stored
from mopos.domain.operators.credentials import Credentials
from mopos.domain.operators.model import Duty
from mopos.domain.people import sessions
from mopos.domain.people.model import CONSOLE_IDLE
from mopos.edges.console import show
from mopos.edges.console.sign_in import credentials_of
from mopos.edges.web import passkeys, render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.passkeys import Whose
from mopos.edges.web.routes import Route

_SECURITY = "/console/security"
PASSKEY_NAME_LENGTH_MAX = 100


async def show_security(ask: Ask) -> Response[Any]:
    return await _page(ask)


async def _page(ask: Ask, refused: Refused | None = None) -> Response[Any]:
    found = await credentials_of(ask)
    secret = _offered(ask, found)
    return show.page(
        ask,
        "console/security.html",
        refused,
        title=ask.t["console.security"],
        mine=await stored.of(ask.services.db, ask.operator.id),
        offered=passkeys.offered(ask),
        picture=totp.picture(totp.address(secret, found.operator.name, operator_sign_in.ISSUER)),
        secret=totp.spaced(secret),
        sessions=await credentials.open_sessions(ask.services.db, ask.operator.id, used_since=ask.now - CONSOLE_IDLE),
        here=ask.session.token_hash,
    )


def _offered(ask: Ask, found: Credentials) -> Secret:
    # Bound to what the app has now, so that a new one is offered each time that it was changed.
    return operator_sign_in.offered_secret(ask.services, found, f"{ask.csrf} {bytes(found.totp_sealed or b'').hex()}")


async def change_password(ask: Ask) -> Response[Any]:
    try:
        await operator_sign_in.change_password(
            ask.services,
            await credentials_of(ask),
            old=Secret(ask.form.get("old", "")),
            password=ask.form.get("password", ""),
            again=ask.form.get("again", ""),
            session=ask.session.token_hash,
        )
    except Refused as refused:
        return await _page(ask, refused)
    return render.redirect(_SECURITY, done="console_password_changed")


async def change_totp(ask: Ask) -> Response[Any]:
    found = await credentials_of(ask)
    try:
        await operator_sign_in.change_totp(
            ask.services, found, secret=_offered(ask, found), code=ask.form.get("code", "")
        )
    except Refused as refused:
        return await _page(ask, refused)
    return render.redirect(_SECURITY, done="console_totp_changed")


async def passkey_options(ask: Ask) -> Response[Any]:
    handle, has = await stored.credential_ids(ask.services.db, ask.operator.id)
    return await passkeys.begin_create(
        ask,
        Whose(operator_id=ask.operator.id),
        handle=handle,
        name=ask.operator.name,
        shown=ask.operator.shown,
        has=has,
    )


async def add_passkey(ask: Ask) -> Response[Any]:
    async def work() -> str:
        made = await passkeys.finish_create(ask, Whose(operator_id=ask.operator.id))
        await stored.add(
            ask.services.db,
            ask.operator.id,
            credential_id=made.credential_id,
            public_key=made.public_key,
            sign_count=made.sign_count,
            name=show.form(ask, "name")[:PASSKEY_NAME_LENGTH_MAX] or "passkey",
            now=ask.now,
        )
        return f"{_SECURITY}?done=console_passkey_added"

    return await passkeys.as_json(ask, work())


async def remove_passkey(ask: Ask) -> Response[Any]:
    if not await stored.remove(ask.services.db, ask.operator.id, ask.id("passkey"), ask.now):
        raise NotFound
    return render.redirect(_SECURITY, done="console_passkey_removed")


async def end_sessions(ask: Ask) -> Response[Any]:
    """Signed out everywhere but here."""
    await sessions.end_all(ask.services.db, ask.now, operator_id=ask.operator.id, but=ask.session.token_hash)
    return render.redirect(_SECURITY, done="console_sessions_ended")


ROUTES: list[Route] = [
    Route("GET", _SECURITY, show_security, Duty.LOOK, fresh=True),
    Route("POST", f"{_SECURITY}/password", change_password, Duty.LOOK, fresh=True),
    Route("POST", f"{_SECURITY}/totp", change_totp, Duty.LOOK, fresh=True),
    Route("POST", f"{_SECURITY}/passkey-options", passkey_options, Duty.LOOK, fresh=True),
    Route("POST", f"{_SECURITY}/passkeys", add_passkey, Duty.LOOK, fresh=True),
    Route("POST", f"{_SECURITY}/passkeys/{{passkey}}/remove", remove_passkey, Duty.LOOK, fresh=True),
    Route("POST", f"{_SECURITY}/sessions/end", end_sessions, Duty.LOOK),
]
