"""Passkeys (WebAuthn level 3): the two ceremonies, making one and showing one, for people and for operators.

A page has a form of `web/passkey.html`; `static/passkey.js` asks its options address, lets the browser act, and posts
the answer. Between the two the challenge waits in the database, for this browser and for this person only. A handler
is three lines: `begin_*` for the options, `finish_*` for the answer, `as_json` around what follows.

User verification (finger, face, PIN) is always required, so a passkey is two factors at once; passkeys are
discoverable, so that signing in needs no number.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec
import webauthn
from cryptography.exceptions import UnsupportedAlgorithm
from litestar import Response
from webauthn.helpers import generate_challenge, parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialCreationOptions,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRequestOptions,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from mopos.base.errors import Refused
from mopos.base.ids import unguessable
from mopos.domain.people import ceremonies
from mopos.edges.web import render
from mopos.edges.web.ask import Ask

# What the browser shows beside the name.
RP_NAME = "MoPos"
_TIMEOUT_MS = round(ceremonies.LIFE.total_seconds() * 1000)
# A credential's id is at most 1023 bytes (WebAuthn, section 4), its answer a few kilobytes.
_ANSWER_LENGTH_MAX = 16 * 1024
# What the library raises for bytes that no authenticator made: its own, and what its parsers stumble over.
_UNREADABLE = (
    *(WebAuthnException, UnsupportedAlgorithm, struct.error),
    *(ValueError, TypeError, LookupError, AttributeError, OverflowError),
)


class Stored(Protocol):
    """A passkey as it was kept."""

    @property
    def public_key(self) -> bytes: ...
    @property
    def sign_count(self) -> int: ...
    @property
    def handle(self) -> bytes: ...


S = TypeVar("S", bound=Stored)


class Made(NamedTuple):
    """A new passkey, to be kept."""

    credential_id: bytes
    public_key: bytes
    sign_count: int


@dataclass(frozen=True, slots=True)
class Whose:
    """Whom a ceremony is for: a person or an operator; neither: whoever shows a passkey."""

    person_id: int | None = None
    operator_id: int | None = None


NOBODY_YET = Whose()


def rp_id(public_url: str) -> str | None:
    """The name to which passkeys are bound: the public address's host. None where browsers offer no passkeys: at an IP
    address, and without TLS anywhere but on localhost (WebAuthn, section 5.1.3; secure contexts)."""
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    try:
        ip_address(host)
    except ValueError:
        local = host == "localhost" or host.endswith(".localhost")
        return host if host and (parts.scheme == "https" or local) else None
    return None


def offered(ask: Ask) -> bool:
    """Whether pages should offer passkeys at all."""
    return rp_id(ask.services.settings.public_url) is not None


async def begin_create(
    ask: Ask, whose: Whose, *, handle: bytes, name: str, shown: str, has: Sequence[bytes]
) -> Response[Any]:
    """Options for a new passkey. `handle`: the random user handle of its owner; `has`: the credential ids he has."""
    options = webauthn.generate_registration_options(
        rp_id=_rp_id(ask),
        rp_name=RP_NAME,
        user_id=handle,
        user_name=name,
        user_display_name=shown,
        challenge=generate_challenge(),
        timeout=_TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            require_resident_key=True,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=credential_id) for credential_id in has],
    )
    return await _begin(ask, whose, "create", options)


async def begin_get(ask: Ask, whose: Whose = NOBODY_YET, *, has: Sequence[bytes] = ()) -> Response[Any]:
    """Options for showing a passkey; without `has` the browser offers all that it knows for this site."""
    options = webauthn.generate_authentication_options(
        rp_id=_rp_id(ask),
        challenge=generate_challenge(),
        timeout=_TIMEOUT_MS,
        allow_credentials=[PublicKeyCredentialDescriptor(id=credential_id) for credential_id in has] or None,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return await _begin(ask, whose, "get", options)


async def finish_create(ask: Ask, whose: Whose) -> Made:
    """Read the browser's answer. Raises `Refused` (`passkey_refused`)."""
    challenge = await _challenge(ask, whose, "create")
    try:
        made = webauthn.verify_registration_response(
            credential=_credential(ask),
            expected_challenge=challenge,
            expected_rp_id=_rp_id(ask),
            expected_origin=ask.services.settings.public_url,
            require_user_verification=True,
        )
    except _UNREADABLE as error:
        raise Refused(["passkey_refused"]) from error
    return Made(made.credential_id, made.credential_public_key, made.sign_count)


async def finish_get(
    ask: Ask, find: Callable[[bytes], Awaitable[S | None]], whose: Whose = NOBODY_YET
) -> tuple[S, int]:
    """Read the browser's answer: the passkey that `find` knew by its credential id, and its new sign count.

    Raises `Refused`: `passkey_unknown` for one that nobody has (any more), else `passkey_refused`. A count that does
    not grow means a copied authenticator, and is refused too."""
    challenge = await _challenge(ask, whose, "get")
    try:
        shown = parse_authentication_credential_json(_credential(ask))
        stored = await find(shown.raw_id)
        if stored is None:
            raise Refused(["passkey_unknown"])
        if shown.response.user_handle and shown.response.user_handle != stored.handle:
            raise Refused(["passkey_refused"])
        verified = webauthn.verify_authentication_response(
            credential=shown,
            expected_challenge=challenge,
            expected_rp_id=_rp_id(ask),
            expected_origin=ask.services.settings.public_url,
            credential_public_key=stored.public_key,
            credential_current_sign_count=stored.sign_count,
            require_user_verification=True,
        )
    except _UNREADABLE as error:
        raise Refused(["passkey_refused"]) from error
    return stored, verified.new_sign_count


async def as_json(ask: Ask, work: Awaitable[str]) -> Response[Any]:
    """Answer our script: where to go on, or the sentence that says why not."""
    try:
        return render.json({"go": await work})
    except Refused as refused:
        return render.json({"problem": render.sentence(ask, refused.problems[0].code)}, refused.status)


async def _begin(
    ask: Ask, whose: Whose, act: str, options: PublicKeyCredentialCreationOptions | PublicKeyCredentialRequestOptions
) -> Response[Any]:
    ref = unguessable()
    await ceremonies.begin(
        ask.services.db,
        id_hash=_id_hash(ask, ref),
        kind=_kind(ask, act),
        challenge=options.challenge,
        now=ask.now,
        person_id=whose.person_id,
        operator_id=whose.operator_id,
    )
    return render.json({"ceremony": ref, "publicKey": msgspec.json.decode(webauthn.options_to_json(options))})


async def _challenge(ask: Ask, whose: Whose, act: str) -> bytes:
    challenge = await ceremonies.take(
        ask.services.db,
        id_hash=_id_hash(ask, ask.form.get("ceremony", "")),
        kind=_kind(ask, act),
        now=ask.now,
        person_id=whose.person_id,
        operator_id=whose.operator_id,
    )
    if challenge is None:
        raise Refused(["passkey_refused"])
    return challenge


def _credential(ask: Ask) -> str:
    text = ask.form.get("credential", "")
    if len(text) > _ANSWER_LENGTH_MAX:
        raise Refused(["passkey_refused"])
    return text


def _kind(ask: Ask, act: str) -> str:
    # The area is part of it: a challenge of the console is worth nothing elsewhere.
    return f"{ask.area}.{act}"


def _id_hash(ask: Ask, ref: str) -> bytes:
    # `csrf` stands for this browser and its session: nobody else can answer.
    return hashlib.sha256(f"{ref} {ask.csrf}".encode()).digest()


def _rp_id(ask: Ask) -> str:
    found = rp_id(ask.services.settings.public_url)
    if found is None:
        raise Refused(["passkey_refused"])
    return found
