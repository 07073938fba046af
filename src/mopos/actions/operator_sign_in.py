"""An operator signs in: name and password, then always a passkey or a code; there is no session before that.

Between the two steps the browser holds a ticket, sealed under the installation's key: it says whose password was right,
is good for minutes, in that browser only, and opens nothing by itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from mopos.actions.services import Services
from mopos.base import password as passwords
from mopos.base import totp
from mopos.base.errors import Refused
from mopos.base.secret import Secret, key_for, keyed_hash, seal, unseal
from mopos.domain.operators import changes, credentials
from mopos.domain.operators.credentials import Credentials
from mopos.domain.operators.model import ADDRESS_TRIES_MAX, TRIES_MAX, check_password

# Long enough to find the phone.
TICKET_LIFE = timedelta(minutes=5)
# Setting up takes longer: an app is installed, a password thought of.
SETUP_TICKET_LIFE = timedelta(minutes=20)
ISSUER = "MoPos console"


class Ticket(NamedTuple):
    """Whose password was right."""

    operator_id: int
    setting_up: bool


async def enter(services: Services, *, name: str, password: Secret, ip: str, browser: str) -> str:
    """The first step. Returns a ticket for `browser` (any text that only it has). Raises `Refused`: `operator_wrong`,
    or `operator_locked` after too many tries; both say and cost the same whether the name exists or not."""
    name = name.strip().lower()
    now = services.clock()
    key = key_for(services.settings.rmz_key, "operator tries")
    by_name, by_address = keyed_hash(key, f"{name} {ip}"), keyed_hash(key, ip)
    tries, of_address = await credentials.count_try(services.db, [by_name, by_address], now)
    if tries > TRIES_MAX or of_address > ADDRESS_TRIES_MAX:
        raise Refused(["operator_locked"])
    found = await credentials.by_name(services.db, name)
    right = await passwords.matches(password, found.password_hash if found else None)
    if found is None or not right or not _may_enter(found, now):
        raise Refused(["operator_wrong"])
    await credentials.forget_tries(services.db, by_name)
    return _write_ticket(services, found, browser, now)


def _may_enter(found: Credentials, now: datetime) -> bool:
    return not found.disabled and (found.setup_until is None or found.setup_until > now)


async def read_ticket(services: Services, ticket: str, browser: str) -> tuple[Ticket, Credentials]:
    """Whose ticket it is, as that operator stands now. Raises `Refused` (`operator_begin_again`)."""
    now = services.clock()
    try:
        sealed = base64.urlsafe_b64decode(ticket.encode())
        said = json.loads(unseal(services.settings.rmz_key, sealed, _about(browser)).reveal())
    except ValueError:
        raise Refused(["operator_begin_again"]) from None
    found = await credentials.by_id(services.db, said["operator"])
    fresh = now.timestamp() < said["until"]
    if found is None or not fresh or not _may_enter(found, now) or said["password"] != _trace(found):
        raise Refused(["operator_begin_again"])
    return Ticket(found.operator.id, found.setup_until is not None), found


def _write_ticket(services: Services, found: Credentials, browser: str, now: datetime) -> str:
    life = SETUP_TICKET_LIFE if found.setup_until else TICKET_LIFE
    said = {"operator": found.operator.id, "until": (now + life).timestamp(), "password": _trace(found)}
    return base64.urlsafe_b64encode(seal(services.settings.rmz_key, json.dumps(said), _about(browser))).decode()


def _about(browser: str) -> str:
    return f"operator ticket {browser}"


def _trace(found: Credentials) -> str:
    """A changed password makes tickets for the old one useless."""
    return hashlib.sha256(found.password_hash.encode()).hexdigest()[:16]


async def present_credentials(services: Services, operator_id: int) -> Credentials:
    """What an operator who is signed in is recognised by. Raises `Refused` (`operator_begin_again`)."""
    found = await credentials.by_id(services.db, operator_id)
    if found is None:
        raise Refused(["operator_begin_again"])
    return found


async def check_code(services: Services, found: Credentials, code: str, ip: str) -> None:
    """A code of the operator's app; it works once. Raises `Refused` (`operator_code_wrong`)."""
    now = services.clock()
    locked = found.locked_until is not None and found.locked_until > now
    step = None
    if found.totp_sealed is not None and not locked:
        step = totp.step_of(totp_secret(services, found), code, now, 0)
    if step is None or not await credentials.use_totp_step(services.db, found.operator.id, step, now):
        await credentials.wrong_code(services.db, found.operator.id, ip, now)
        raise Refused(["operator_code_wrong"])


def totp_secret(services: Services, found: Credentials) -> Secret:
    """The secret that an operator's app has."""
    return unseal(services.settings.rmz_key, bytes(found.totp_sealed or b""), _totp_about(found.operator.id))


def offered_secret(services: Services, found: Credentials, about: str) -> Secret:
    """The secret that is offered while TOTP is being set up; nothing is kept of it until a code of it was right."""
    key = key_for(services.settings.rmz_key, "operator totp")
    return totp.secret_for(key, f"{found.operator.id} {about} {_trace(found)}")


async def set_up(
    services: Services, found: Credentials, *, secret: Secret, code: str, password: str, again: str
) -> None:
    """The first sign-in: an own password instead of the one-time one, and an app whose code is right. Raises
    `Refused`."""
    _check_new_password(found, password, again)
    now = services.clock()
    step = totp.step_of(secret, code, now, 0)
    if step is None:
        raise Refused(["operator_code_wrong"])
    done = await changes.set_credentials(
        services.db,
        found.operator.id,
        password_hash=await passwords.hashed(Secret(password)),
        totp_sealed=_sealed(services, found, secret),
        step=step,
        now=now,
    )
    if not done:
        raise Refused(["operator_begin_again"])


async def change_password(
    services: Services, found: Credentials, *, old: Secret, password: str, again: str, session: bytes
) -> None:
    """An operator's own new password; his other sessions end. Raises `Refused`."""
    _check_new_password(found, password, again)
    if not await passwords.matches(old, found.password_hash):
        raise Refused(["password_wrong"])
    kept = await passwords.hashed(Secret(password))
    await changes.set_password(services.db, found.operator.id, kept, but=session, now=services.clock())


async def change_totp(services: Services, found: Credentials, *, secret: Secret, code: str) -> None:
    """Another app, or the same on another phone. Raises `Refused` (`operator_code_wrong`)."""
    now = services.clock()
    step = totp.step_of(secret, code, now, 0)
    if step is None:
        raise Refused(["operator_code_wrong"])
    await changes.set_totp(services.db, found.operator.id, _sealed(services, found, secret), step, now)


def _check_new_password(found: Credentials, password: str, again: str) -> None:
    check_password(password, found.operator.name)
    if password != again:
        raise Refused(["password_differs"])


def _sealed(services: Services, found: Credentials, secret: Secret) -> bytes:
    return seal(services.settings.rmz_key, secret.reveal(), _totp_about(found.operator.id))


def _totp_about(operator_id: int) -> str:
    return f"operator totp {operator_id}"


def one_time_password() -> Secret:
    """For a new operator, or one whose credentials were reset: 100 random bits, easy to read out."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    letters = "".join(secrets.choice(alphabet) for _ in range(20))
    return Secret("-".join(letters[at : at + 5] for at in range(0, 20, 5)))
