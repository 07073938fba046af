"""The second factor: showing it (to come in, or again before a sensitive act), and setting up the first one."""

from __future__ import annotations

import asyncio

from mopos.actions.services import Services
from mopos.base import recovery, totp
from mopos.base.errors import Refused
from mopos.base.secret import Secret, key_for, seal, unseal
from mopos.domain.people import devices, factors
from mopos.domain.people.factors import Claimed
from mopos.domain.people.model import Session
from mopos.domain.people.sessions import Entry


async def show_code(services: Services, session: Session, typed: str, entry: Entry) -> None:
    """An authenticator's code or a recovery code. A session with second factor starts; tries are few.

    Refusals: `factor_locked` (after five wrong ones, for a quarter of an hour), `factor_wrong`."""
    person_id = _person_id(session)
    claimed = await factors.claim_try(services.db, person_id, services.clock())
    if claimed is None:
        raise Refused(["factor_locked"])
    step = _step(services, person_id, claimed, typed)
    if step is not None:
        passed = await factors.pass_totp(
            services.db, person_id=person_id, device_id=session.device_id, step=step, entry=entry
        )
    else:
        passed = await _recover(services, session, claimed, typed, entry)
    if not passed:
        raise Refused(["factor_wrong"])


def _step(services: Services, person_id: int, claimed: Claimed, typed: str) -> int | None:
    if claimed.totp_sealed is None:
        return None
    secret = unseal(_key(services), claimed.totp_sealed, _about(person_id))
    return totp.step_of(secret, typed, services.clock(), claimed.totp_last_step)


async def _recover(services: Services, session: Session, claimed: Claimed, typed: str, entry: Entry) -> bool:
    if not recovery.looks_like_code(typed):
        return False
    code_id = await asyncio.to_thread(recovery.matching, typed, claimed.recovery)
    if code_id is None:
        return False
    return await factors.pass_recovery(
        services.db, person_id=_person_id(session), device_id=session.device_id, code_id=code_id, entry=entry
    )


def offered_secret(services: Services, session: Session) -> Secret:
    """The authenticator's secret that this session is offered; kept only when a code proves it."""
    return totp.secret_for(key_for(services.settings.rmz_key, "totp offer"), session.token_hash.hex())


async def set_up_totp(services: Services, session: Session, typed: str, entry: Entry) -> None:
    """Turn the authenticator on: as the first factor of a half-open session, or as one more.

    Refusals: `totp_wrong`, `factor_there`."""
    secret = offered_secret(services, session)
    step = totp.step_of(secret, typed, services.clock(), last_step=0)
    if step is None:
        raise Refused(["totp_wrong"])
    person_id = _person_id(session)
    done = await factors.set_totp(
        services.db,
        person_id=person_id,
        device_id=session.device_id,
        sealed=seal(_key(services), secret.reveal(), _about(person_id)),
        step=step,
        is_first=not session.second_factor,
        entry=entry,
    )
    if not done:
        raise Refused(["factor_there"])


async def add_device(
    services: Services,
    session: Session,
    *,
    credential_id: bytes,
    public_key: bytes,
    sign_count: int,
    name: str,
    is_phone: bool,
    entry: Entry,
) -> int:
    """Keep a passkey: of the phone on which somebody signs up (the recognised device), or one more. Returns its id.

    Refusals: `factor_there` while the session is half-open and there is a factor, `devices_too_many`."""
    is_first = not session.second_factor
    made = await devices.add(
        services.db,
        person_id=_person_id(session),
        credential_id=credential_id,
        public_key=public_key,
        sign_count=sign_count,
        name=name,
        is_phone=is_phone,
        is_first=is_first,
        entry=entry,
    )
    if made is None:
        raise Refused(["factor_there" if is_first else "devices_too_many"])
    return made


async def renew_recovery_codes(services: Services, person_id: int) -> list[str]:
    """Ten new recovery codes, to be shown once; all earlier ones are worth nothing."""
    made = recovery.new_codes()
    hashes = await asyncio.to_thread(lambda: [recovery.hashed(code) for code in made])
    await factors.new_recovery_codes(services.db, person_id, hashes, services.clock())
    return made


def _person_id(session: Session) -> int:
    if session.person is None:
        raise LookupError("a session of nobody")
    return session.person.id


def _key(services: Services) -> Secret:
    return key_for(services.settings.rmz_key, "totp")


def _about(person_id: int) -> str:
    return f"person {person_id} totp"
