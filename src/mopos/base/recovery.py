"""Recovery codes: for the day on which phone and authenticator are gone. Ten, shown once, each works once."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mopos.base.text import latin_digits

COUNT = 10
# Nothing that is misread on paper: no 0 O 1 l I. 31 letters, so ten of them are 49 random bits.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_LENGTH = 10
# The codes are random, so the least that OWASP's Password Storage sheet asks for is plenty: 19 MiB, two passes.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def new_codes() -> list[str]:
    """`abcde-fghjk`, ten of them."""
    codes = ("".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)) for _ in range(COUNT))
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def looks_like_code(text: str) -> bool:
    """Whether it has a recovery code's form, so that hashing it makes sense."""
    return re.fullmatch(rf"[{_ALPHABET}]{{{_LENGTH}}}", _bare(text)) is not None


def hashed(code: str) -> str:
    """argon2id. Slow on purpose (20 ms): call it beside the event loop (`asyncio.to_thread`)."""
    return _HASHER.hash(_bare(code))


def matching(code: str, hashes: Iterable[tuple[int, str]]) -> int | None:
    """The id of the hash that belongs to a code, of pairs (id, hash); None for no one. Slow, as `hashed`."""
    typed = _bare(code)
    for key, kept in hashes:
        try:
            if _HASHER.verify(kept, typed):
                return key
        except (VerificationError, InvalidHashError):
            continue
    return None


def _bare(text: str) -> str:
    return re.sub(r"[\s\-]", "", latin_digits(text)).lower()
