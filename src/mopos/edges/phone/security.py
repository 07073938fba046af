"""A person's own security: devices, authenticator, recovery codes, sessions. What weakens it asks for a fresh proof."""

from __future__ import annotations

from typing import Any

from litestar import Response

from mopos.actions import manage_devices, second_factor
from mopos.base.errors import Refused
from mopos.domain.people import devices, factors, sessions
from mopos.domain.people.devices import Device
from mopos.domain.people.model import agent_name, is_phone
from mopos.edges.phone.entering import HOME, agent, coming_in
from mopos.edges.phone.second import RECOVERY, new_passkey_options, set_up_page
from mopos.edges.web import passkeys, render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.front import safe_next
from mopos.edges.web.passkeys import Whose
from mopos.edges.web.routes import Door, Route

SECURITY = "/app/security"


async def show(ask: Ask) -> Response[Any]:
    """Everything at a glance; each change has a page of its own."""
    db = ask.services.db
    return render.page(
        ask,
        "phone/security.html",
        title=ask.t["security.title"],
        devices=await devices.devices_of(db, ask.person.id),
        factors=await factors.factors_of(db, ask.person.id),
        sessions=await sessions.open_ones(db, ask.person.id, ask.session.token_hash, ask.now),
        passkeys_offered=passkeys.offered(ask),
        agent_name=agent_name,
    )


# --- devices ----------------------------------------------------------------------------------------------------------


async def show_device(ask: Ask) -> Response[Any]:
    """One device: its name, and taking it away."""
    return _device_page(ask, await _device(ask))


def _device_page(ask: Ask, device: Device, refused: Refused | None = None) -> Response[Any]:
    return render.page(
        ask,
        "phone/device.html",
        status=refused.status if refused else 200,
        title=ask.t["device.title"],
        device=device,
        values=ask.form,
        problems=render.problems_of(refused, ask.t) if refused else {},
    )


async def _device(ask: Ask) -> Device:
    wanted = ask.id("device")
    for device in await devices.devices_of(ask.services.db, ask.person.id):
        if device.id == wanted:
            return device
    raise NotFound


async def rename_device(ask: Ask) -> Response[Any]:
    """Another name."""
    device = await _device(ask)
    try:
        await manage_devices.rename_device(ask.services, ask.person.id, device.id, ask.form.get("name", ""))
    except Refused as refused:
        return _device_page(ask, device, refused)
    return render.redirect(SECURITY, done="saved")


async def revoke_device(ask: Ask) -> Response[Any]:
    """Its passkey is worth nothing any more, and its sessions end: maybe this one."""
    device = await _device(ask)
    try:
        if not await manage_devices.revoke_device(ask.services, ask.person.id, device.id):
            raise NotFound
    except Refused as refused:
        return _device_page(ask, device, refused)
    return render.redirect(SECURITY, done="revoked")


async def show_new_device(ask: Ask) -> Response[Any]:
    """Where this device is added."""
    return render.page(
        ask,
        "phone/new_device.html",
        title=ask.t["device.new"],
        passkeys_offered=passkeys.offered(ask),
        name=agent_name(agent(ask)),
    )


async def new_device_options(ask: Ask) -> Response[Any]:
    """For its passkey."""
    return await new_passkey_options(ask)


async def add_device(ask: Ask) -> Response[Any]:
    """This device is one of the person's from now on."""

    async def work() -> str:
        name = manage_devices.device_name(ask.form.get("name", ""), agent_name(agent(ask)) or ask.t["device.unnamed"])
        made = await passkeys.finish_create(ask, Whose(person_id=ask.person.id))
        new = coming_in(ask, step_up_of=ask.session)
        await second_factor.add_device(
            ask.services,
            ask.session,
            **made._asdict(),
            name=name,
            is_phone=is_phone(agent(ask)),
            entry=new.entry,
        )
        new.done(ask)
        return f"{SECURITY}?done=device_added"

    return await passkeys.as_json(ask, work())


# --- authenticator ----------------------------------------------------------------------------------------------------


async def show_totp(ask: Ask) -> Response[Any]:
    """Turn it on, or off."""
    return await _totp_page(ask)


async def _totp_page(ask: Ask, refused: Refused | None = None) -> Response[Any]:
    found = await factors.factors_of(ask.services.db, ask.person.id)
    if not found.totp:
        return set_up_page(ask, "phone/totp.html", refused)
    return render.page(
        ask,
        "phone/totp_off.html",
        status=refused.status if refused else 200,
        title=ask.t["totp.off"],
        problems=render.problems_of(refused, ask.t) if refused else {},
    )


async def set_totp(ask: Ask) -> Response[Any]:
    """It shows the right code: it is on."""
    new = coming_in(ask, step_up_of=ask.session)
    try:
        await second_factor.set_up_totp(ask.services, ask.session, ask.form.get("code", ""), new.entry)
    except Refused as refused:
        return await _totp_page(ask, refused)
    new.done(ask)
    return render.redirect(SECURITY, done="totp_on")


async def drop_totp(ask: Ask) -> Response[Any]:
    """It is off, unless it was the last factor."""
    try:
        await manage_devices.drop_totp(ask.services, ask.person.id)
    except Refused as refused:
        return await _totp_page(ask, refused)
    return render.redirect(SECURITY, done="totp_off")


# --- recovery codes, sessions -----------------------------------------------------------------------------------------


async def show_recovery(ask: Ask) -> Response[Any]:
    """What they are for; they themselves are shown once, when they are made."""
    return render.page(
        ask,
        "phone/recovery.html",
        title=ask.t["recovery.title"],
        left=(await factors.factors_of(ask.services.db, ask.person.id)).recovery_codes,
        codes=[],
        next_path=safe_next(ask, ""),
    )


async def renew_recovery(ask: Ask) -> Response[Any]:
    """New ones, on the answer itself: no address shows them again."""
    made = await second_factor.renew_recovery_codes(ask.services, ask.person.id)
    return render.page(
        ask,
        "phone/recovery.html",
        title=ask.t["recovery.title"],
        left=len(made),
        codes=made,
        next_path=safe_next(ask, HOME),
    )


async def sign_out_elsewhere(ask: Ask) -> Response[Any]:
    """Out of everywhere but here. Asks for nothing: it takes access away, and may be urgent."""
    await manage_devices.sign_out_elsewhere(ask.services, ask.person.id, ask.session.token_hash)
    return render.redirect(SECURITY, done="signed_out_elsewhere")


ROUTES: list[Route] = [
    Route("GET", "/app/security", show, Door.PERSON),
    Route("GET", "/app/security/devices/new", show_new_device, Door.PERSON, fresh=True),
    Route("POST", "/app/security/devices/new/options", new_device_options, Door.PERSON, fresh=True),
    Route("POST", "/app/security/devices/new", add_device, Door.PERSON, fresh=True),
    Route("GET", "/app/security/devices/{device}", show_device, Door.PERSON, fresh=True),
    Route("POST", "/app/security/devices/{device}/name", rename_device, Door.PERSON, fresh=True),
    Route("POST", "/app/security/devices/{device}/revoke", revoke_device, Door.PERSON, fresh=True),
    Route("GET", "/app/security/totp", show_totp, Door.PERSON, fresh=True),
    Route("POST", "/app/security/totp", set_totp, Door.PERSON, fresh=True),
    Route("POST", "/app/security/totp/off", drop_totp, Door.PERSON, fresh=True),
    Route("GET", RECOVERY, show_recovery, Door.PERSON, fresh=True),
    Route("POST", RECOVERY, renew_recovery, Door.PERSON, fresh=True),
    Route("POST", "/app/security/sign-out-elsewhere", sign_out_elsewhere, Door.PERSON),
]
