"""Codes of an authenticator app (TOTP, RFC 6238): the secret, its picture, and which time step a code belongs to.

For people at the merchant's side and for operators alike. A code works once: who keeps the step of the last one that
was used and asks only for later ones refuses a code that was looked at over somebody's shoulder (section 5.2).
"""

from __future__ import annotations

import base64
import re
from datetime import datetime, timedelta

import pyotp
import segno

from mopos.base.secret import Secret, keyed_hash, same
from mopos.base.text import latin_digits

STEP_S = 30
DIGITS = 6
# A phone's clock may be off by half a minute; each further step would give a guesser one code more.
STEPS_AROUND = 1
# Of a million codes three are right at a time: with five tries a quarter of an hour, guessing takes years.
WRONG_MAX = 5
LOCK = timedelta(minutes=15)
# RFC 4226, section 4, R6: 160 bits.
_SECRET_BYTES = 20


def secret_for(key: Secret, about: str) -> Secret:
    """The secret to offer while TOTP is being set up, the same for the same `about` (a session): so a page that shows
    it changes nothing, and what is never confirmed is never stored."""
    return Secret(base64.b32encode(keyed_hash(key, f"totp {about}")[:_SECRET_BYTES]).decode())


def address(secret: Secret, name: str, issuer: str) -> Secret:
    """What an authenticator app reads (`otpauth://...`). As secret as the secret in it."""
    return Secret(
        pyotp.TOTP(secret.reveal(), digits=DIGITS, interval=STEP_S).provisioning_uri(name=name, issuer_name=issuer)
    )


def picture(text: Secret) -> str:
    """A QR code of it as the address of an image (`data:image/svg+xml,...`), black on white in any theme."""
    return segno.make(text.reveal(), error="m", micro=False).svg_data_uri(scale=5, border=4, light="#fff", dark="#000")


def spaced(secret: Secret) -> str:
    """The secret in groups of four, for typing."""
    return " ".join(re.findall(".{1,4}", secret.reveal()))


def step_of(secret: Secret, code: str, now: datetime, last_step: int) -> int | None:
    """The time step of a right code that was not used yet; None for every other. Digits of any keyboard are taken."""
    typed = re.sub(r"\s", "", latin_digits(code))
    if re.fullmatch(rf"[0-9]{{{DIGITS}}}", typed) is None:
        return None
    app = pyotp.TOTP(secret.reveal(), digits=DIGITS, interval=STEP_S)
    here = int(now.timestamp()) // STEP_S
    steps = range(here - STEPS_AROUND, here + STEPS_AROUND + 1)
    # All are compared, so that the time taken tells nothing.
    right = [step for step in steps if same(app.generate_otp(step).encode(), typed.encode()) and step > last_step]
    return right[0] if right else None
