"""Secrets: values that print as ***, and the keyed hashes under which they are kept."""

from __future__ import annotations

import hashlib
import hmac
import secrets


class Secret:
    """A text that shows itself only to who asks for it by name (`reveal`). It prints, logs and pickles as ***."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return (Secret, ("***",))


def new_rmz() -> Secret:
    """A gateway's special password: 160 random bits, letters and digits only, so that any old shop can carry it."""
    alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"  # nothing that is misread: no 0 O 1 l I
    return Secret("".join(secrets.choice(alphabet) for _ in range(28)))


def keyed_hash(key: Secret, text: str) -> bytes:
    """HMAC-SHA256. What is kept of an `Rmz`: without the key, a stolen table tells nothing and can check nothing."""
    return hmac.digest(key.reveal().encode(), text.encode(), hashlib.sha256)


def same(one: bytes, other: bytes) -> bool:
    """Compare in a time that tells nothing about where two values differ."""
    return hmac.compare_digest(one, other)
