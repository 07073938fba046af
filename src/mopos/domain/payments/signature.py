"""`Sig`, the form's own seal: HMAC-SHA256 over its fields, for shops that want nobody to change them on the way.

The guide's form is unsigned and passes through the buyer's browser. A gateway that has a signing key may send `Sig`
beside the six fields, and may insist on it. `docs/reference/payment-form.md` tells shops how it is made; the samples in
`examples/` are run by the tests.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping

from mopos.base.secret import Secret, same

SIGNED_FIELDS = ("ID", "Res", "Amnt", "Nam", "Dsc", "RedirectURL")
# A browser posts every line break of a hidden field as CR LF, whatever the page had. One blank for each, so that a
# shop signs what it knows, and no field can reach into the next one.
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_HEX = re.compile(r"[0-9A-Fa-f]{64}")


def new_sig_key() -> Secret:
    """A signing key: 256 random bits in hexadecimal digits. The HMAC's key are these 64 characters themselves."""
    return Secret(secrets.token_hex(32))


def signed_text(fields: Mapping[str, str]) -> str:
    """What is signed: the six fields exactly as posted, in the guide's order, one line each; an absent one is empty."""
    return "\n".join(_LINE_BREAK.sub(" ", fields.get(name, "")) for name in SIGNED_FIELDS)


def sign(key: Secret, text: str) -> str:
    """The `Sig` of a text, as a shop makes it."""
    return hmac.digest(key.reveal().encode(), text.encode(), hashlib.sha256).hex()


def is_right(sig: str, key: Secret, text: str) -> bool:
    """Whether `sig` belongs to this text: 64 hexadecimal digits in either case, compared in constant time."""
    if not _HEX.fullmatch(sig):
        return False
    return same(bytes.fromhex(sig), hmac.digest(key.reveal().encode(), text.encode(), hashlib.sha256))
