"""Passwords of operators: argon2id, checked in the same time whether there is one or not, few at once."""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from mopos.base.secret import Secret

# The library's defaults are RFC 9106's second choice (section 4): 64 MiB, three passes.
_HASHER = PasswordHasher()
# Each takes 64 MiB and two cores' attention: more at once would let strangers take the payments' memory.
_AT_ONCE = 2
# What a password for nobody is compared with, so that the time taken tells nothing. Nobody knows what it is of.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$CkoDzAOFChrcYh68/jKdew$Po/O1j4yeM/bSOkFsJYXVEx105Dl7aAITadTeN++CUk"

_gates: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}


async def hashed(password: Secret) -> str:
    """What is kept of a password."""
    async with _gate():
        return await asyncio.to_thread(_HASHER.hash, password.reveal())


async def matches(password: Secret, kept: str | None) -> bool:
    """Whether it is the password of which `kept` is kept. None: nobody; it takes as long and is wrong."""
    async with _gate():
        right = await asyncio.to_thread(_verify, kept or _NOBODY, password.reveal())
    return right and bool(kept)


def _verify(kept: str, password: str) -> bool:
    try:
        return _HASHER.verify(kept, password)
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        return False


def _gate() -> asyncio.Semaphore:
    loop = asyncio.get_running_loop()
    if loop not in _gates:
        _gates.clear()  # of loops that are gone: there is one at a time
        _gates[loop] = asyncio.Semaphore(_AT_ONCE)
    return _gates[loop]
