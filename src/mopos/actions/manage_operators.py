"""Operators are added, reset, disabled and given another role: by the command line, or by two of them in the console.

What a proposal to add or to reset cannot hold is the one-time password: it is made when the second one approves, and
shown to him once."""

from __future__ import annotations

import secrets
from typing import NamedTuple

from mopos.actions.operator_sign_in import one_time_password
from mopos.base import password as passwords
from mopos.base.clock import Clock
from mopos.base.db import Database
from mopos.base.errors import Refused
from mopos.base.secret import Secret
from mopos.domain.operators import changes, store
from mopos.domain.operators.changes import By
from mopos.domain.operators.model import SETUP_LIFE, Operator, Post, check_name

TITLE_LENGTH_MAX = 100


class Handed(NamedTuple):
    """An operator's name with the password that works once, within a day."""

    name: str
    password: Secret


def read_post(text: str) -> Post:
    """A role by its name. Raises `Refused`."""
    try:
        return Post(text)
    except ValueError:
        raise Refused(["operator_role_unknown"]) from None


async def add_operator(db: Database, clock: Clock, *, name: str, title: str, post: Post, by: By) -> Handed:
    """A new operator. Raises `Refused`: `operator_name_malformed`, `operator_name_used`, `proposal_gone`."""
    name = check_name(name)
    now = clock()
    password = one_time_password()
    await changes.add(
        db,
        name=name,
        title=title.strip()[:TITLE_LENGTH_MAX],
        post=post,
        handle=secrets.token_bytes(32),
        password_hash=await passwords.hashed(password),
        setup_until=now + SETUP_LIFE,
        by=by,
        now=now,
    )
    return Handed(name, password)


async def reset_operator(db: Database, clock: Clock, name: str, by: By) -> Handed | None:
    """New credentials for who lost his, or whose were stolen; enabled again. None: no such operator."""
    operator_id = await store.number_of(db, name)
    if operator_id is None:
        return None
    now = clock()
    password = one_time_password()
    kept = await passwords.hashed(password)
    done = await changes.reset(db, operator_id, password_hash=kept, setup_until=now + SETUP_LIFE, by=by, now=now)
    return Handed(name, password) if done else None


async def disable_operator(db: Database, clock: Clock, operator_id: int, *, who: Operator | None, reason: str) -> None:
    """Out at once: one operator is enough to stop another. Raises `Refused`: `operator_self`, `operator_last_admin`."""
    if who is not None and who.id == operator_id:
        raise Refused(["operator_self"])
    by = By(who.id if who else None, reason)
    if not await changes.disable(db, operator_id, by=by, now=clock()):
        raise Refused(["operator_last_admin"])
