"""The second factor: to come in, to set up the first one, and again before a sensitive act (`/confirm`)."""

from __future__ import annotations

from typing import Any

from litestar import Response

from mopos.actions import second_factor as actions
from mopos.actions import sign_in
from mopos.base import totp
from mopos.base.errors import Refused
from mopos.domain.people import devices, factors
from mopos.domain.people.devices import Passkey
from mopos.domain.people.model import agent_name
from mopos.edges.phone.entering import HOME, agent, coming_in, onward
from mopos.edges.web import passkeys, render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.front import CONFIRM, safe_next
from mopos.edges.web.passkeys import RP_NAME, Whose
from mopos.edges.web.routes import Door, Route

RECOVERY = "/app/recovery"


async def show(ask: Ask) -> Response[Any]:
    """Ask for the second factor; where there is none yet, offer to set one up."""
    if ask.session.second_factor:
        return render.redirect(safe_next(ask, HOME))
    return await _page(ask)


async def _page(ask: Ask, refused: Refused | None = None) -> Response[Any]:
    found = await factors.factors_of(ask.services.db, ask.person.id)
    if not found.any:
        return set_up_page(ask, "phone/set_up.html", refused)
    return render.page(
        ask,
        "phone/second.html",
        status=refused.status if refused else 200,
        title=ask.t["second.title"],
        sentence=ask.t["second.sentence"],
        factors=found,
        passkeys_offered=passkeys.offered(ask),
        code_action="/sign-in/second",
        options="/sign-in/passkey/options",
        answer="/sign-in/passkey",
        next_path=safe_next(ask, ""),
        problems=render.problems_of(refused, ask.t) if refused else {},
    )


def set_up_page(ask: Ask, template: str, refused: Refused | None = None) -> Response[Any]:
    """A page on which an authenticator can be set up: its secret as a picture and as text."""
    secret = actions.offered_secret(ask.services, ask.session)
    return render.page(
        ask,
        template,
        status=refused.status if refused else 200,
        title=ask.t["set_up.title"],
        passkeys_offered=passkeys.offered(ask),
        picture=totp.picture(totp.address(secret, ask.person.mobile, RP_NAME)),
        secret=totp.spaced(secret),
        next_path=safe_next(ask, ""),
        problems=render.problems_of(refused, ask.t) if refused else {},
    )


async def show_code(ask: Ask) -> Response[Any]:
    """An authenticator's or a recovery code: in."""
    new = coming_in(ask)
    try:
        await actions.show_code(ask.services, ask.session, ask.form.get("code", ""), new.entry)
    except Refused as refused:
        return await _page(ask, refused)
    new.done(ask)
    return render.redirect(safe_next(ask, HOME))


async def set_up_totp(ask: Ask) -> Response[Any]:
    """The authenticator shows the right code: it is the first factor, and lets in."""
    new = coming_in(ask)
    try:
        await actions.set_up_totp(ask.services, _half(ask), ask.form.get("code", ""), new.entry)
    except Refused as refused:
        return await _page(ask, refused)
    new.done(ask)
    return render.redirect(onward(RECOVERY, safe_next(ask, "")))


async def passkey_options(ask: Ask) -> Response[Any]:
    """For the passkey of the phone on which somebody signs up."""
    return await new_passkey_options(ask)


async def new_passkey_options(ask: Ask) -> Response[Any]:
    """For one more passkey of the person who asks."""
    person = ask.person
    return await passkeys.begin_create(
        ask,
        Whose(person_id=person.id),
        handle=await devices.handle_of(ask.services.db, person.id),
        name=person.mobile,
        shown=person.name or person.mobile,
        has=await devices.credential_ids(ask.services.db, person.id),
    )


async def first_passkey(ask: Ask) -> Response[Any]:
    """This phone becomes the recognised device, and is let in."""

    async def work() -> str:
        session = _half(ask)
        made = await passkeys.finish_create(ask, Whose(person_id=ask.person.id))
        new = coming_in(ask)
        name = agent_name(agent(ask)) or ask.t["security.this_phone"]
        await actions.add_device(ask.services, session, **made._asdict(), name=name, is_phone=True, entry=new.entry)
        new.done(ask)
        return onward(RECOVERY, safe_next(ask, ""))

    return await passkeys.as_json(ask, work())


def _half(ask: Ask) -> Any:
    # Who is in already adds factors on the security page, where the last minutes' proof is asked for.
    if ask.session.second_factor:
        raise NotFound
    return ask.session


async def show_confirm(ask: Ask) -> Response[Any]:
    """Ask for the second factor again."""
    return await _confirm_page(ask)


async def _confirm_page(ask: Ask, refused: Refused | None = None) -> Response[Any]:
    return render.page(
        ask,
        "phone/second.html",
        status=refused.status if refused else 200,
        title=ask.t["confirm.title"],
        sentence=ask.t["confirm.sentence"],
        factors=await factors.factors_of(ask.services.db, ask.person.id),
        passkeys_offered=passkeys.offered(ask),
        code_action=CONFIRM,
        options="/confirm/passkey/options",
        answer="/confirm/passkey",
        next_path=safe_next(ask, ""),
        problems=render.problems_of(refused, ask.t) if refused else {},
    )


async def confirm_code(ask: Ask) -> Response[Any]:
    """A code makes the session fresh again, under a new token."""
    new = coming_in(ask, step_up_of=ask.session)
    try:
        await actions.show_code(ask.services, ask.session, ask.form.get("code", ""), new.entry)
    except Refused as refused:
        return await _confirm_page(ask, refused)
    new.done(ask)
    return render.redirect(safe_next(ask, HOME))


async def confirm_options(ask: Ask) -> Response[Any]:
    """For one of the person's own passkeys."""
    has = await devices.credential_ids(ask.services.db, ask.person.id)
    return await passkeys.begin_get(ask, Whose(person_id=ask.person.id), has=has)


async def confirm_passkey(ask: Ask) -> Response[Any]:
    """A passkey makes the session fresh again, under a new token."""

    async def own(credential_id: bytes) -> Passkey | None:
        found = await devices.find(ask.services.db, credential_id)
        return found if found and found.person_id == ask.person.id else None

    async def work() -> str:
        passkey, count = await passkeys.finish_get(ask, own, Whose(person_id=ask.person.id))
        new = coming_in(ask, step_up_of=ask.session)
        await sign_in.enter_with_passkey(ask.services, passkey=passkey, sign_count=count, entry=new.entry)
        new.done(ask)
        return safe_next(ask, HOME)

    return await passkeys.as_json(ask, work())


ROUTES: list[Route] = [
    Route("GET", "/sign-in/second", show, Door.HALF),
    Route("POST", "/sign-in/second", show_code, Door.HALF),
    Route("POST", "/sign-in/second/totp", set_up_totp, Door.HALF),
    Route("POST", "/sign-in/second/passkey/options", passkey_options, Door.HALF),
    Route("POST", "/sign-in/second/passkey", first_passkey, Door.HALF),
    Route("GET", "/confirm", show_confirm, Door.PERSON),
    Route("POST", "/confirm", confirm_code, Door.PERSON),
    Route("POST", "/confirm/passkey/options", confirm_options, Door.PERSON),
    Route("POST", "/confirm/passkey", confirm_passkey, Door.PERSON),
]
