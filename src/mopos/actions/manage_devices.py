"""A person's own security: names and revocation of devices, the authenticator, signing out everywhere."""

from __future__ import annotations

from mopos.actions.services import Services
from mopos.base.errors import Refused
from mopos.base.text import harmless
from mopos.domain.people import devices, factors, sessions
from mopos.domain.people.model import NAME_LENGTH_MAX


def device_name(typed: str, otherwise: str = "") -> str:
    """A device's name as typed, or else another. Refusals: `device_name`."""
    name = harmless(typed) or otherwise
    if not name or len(name) > NAME_LENGTH_MAX:
        raise Refused(["device_name"])
    return name


async def rename_device(services: Services, person_id: int, device_id: int, typed: str) -> bool:
    """Give a device a name. False: the person has no such device. Refusals: `device_name`."""
    return await devices.rename(services.db, person_id, device_id, device_name(typed))


async def revoke_device(services: Services, person_id: int, device_id: int) -> bool:
    """Take a device's passkey away; its sessions end. False: no such device. Refusals: `factor_last`."""
    done = await devices.revoke(services.db, person_id, device_id, services.clock())
    if done is False:
        raise Refused(["factor_last"])
    return done is True


async def drop_totp(services: Services, person_id: int) -> None:
    """Turn the authenticator off. Refusals: `factor_last`."""
    if not await factors.drop_totp(services.db, person_id, services.clock()):
        raise Refused(["factor_last"])


async def sign_out_elsewhere(services: Services, person_id: int, this: bytes) -> int:
    """End all sessions but this one. Returns how many that were."""
    return await sessions.end_all(services.db, services.clock(), person_id=person_id, but=this)
