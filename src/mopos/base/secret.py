"""Secrets: values that print as ***, keyed hashes to keep them under, and seals for what must be read again."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


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


def key_for(key: Secret, purpose: str) -> Secret:
    """A key of its own for one purpose, so that what is made for one is of no use for another."""
    return Secret(keyed_hash(key, f"mopos {purpose}").hex())


def seal(key: Secret, text: str, about: str) -> bytes:
    """Encrypt a text that must be read again (AES-256-GCM). `about` binds it to its row, and opens it only there."""
    nonce = secrets.token_bytes(12)
    return nonce + AESGCM(_seal_key(key)).encrypt(nonce, text.encode(), about.encode())


def unseal(key: Secret, sealed: bytes, about: str) -> Secret:
    """The text again. Raises `ValueError` when the key is another one or the bytes were changed."""
    try:
        return Secret(AESGCM(_seal_key(key)).decrypt(sealed[:12], sealed[12:], about.encode()).decode())
    except InvalidTag:
        raise ValueError("this was sealed with another key, or changed") from None


def _seal_key(key: Secret) -> bytes:
    return keyed_hash(key, "mopos seal")
