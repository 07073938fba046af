"""The people of the demo: a merchant who owns the sample shop's gateway, and one operator of each kind.

Their passwords and TOTP secrets are kept beside the demo's data, as people keep theirs; `mopos demo-code NAME` is their
authenticator app.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pyotp

from mopos.actions import manage_operators, operator_sign_in
from mopos.actions.services import Services
from mopos.base.config import Settings
from mopos.base.db import Database
from mopos.base.ids import without_check_digit
from mopos.base.secret import Secret
from mopos.domain.operators import credentials
from mopos.domain.operators.changes import By
from mopos.domain.operators.model import Post

OWNER_MOBILE = "09121234567"
_FILE = "people.json"

Build = Callable[[Settings, Database], Services]


def make_people(settings: Settings, folder: Path, shop_id: str, build: Build) -> dict[str, str]:
    """Make them, the first time. Returns each operator's password by name."""
    path = folder / _FILE
    if not path.exists():
        made = asyncio.run(_make(settings, shop_id, build))
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(made, file)
    return {name: kept["password"] for name, kept in json.loads(path.read_text()).items()}


def code_of(folder: Path, name: str, now: datetime) -> str | None:
    """The code that a demo operator's app shows now. None: no such operator."""
    path = folder / _FILE
    kept = json.loads(path.read_text()).get(name) if path.exists() else None
    return pyotp.TOTP(kept["totp"]).at(now) if kept else None


async def _make(settings: Settings, shop_id: str, build: Build) -> dict[str, dict[str, str]]:
    async with Database(settings.database_url or "", pool_size=1, timeout_s=settings.database_timeout_s) as db:
        services = build(settings, db)
        await _give_shop_an_owner(services, without_check_digit(shop_id))
        return {str(post): await _make_operator(services, post) for post in Post}


async def _make_operator(services: Services, post: Post) -> dict[str, str]:
    by = By(None, "the demo")
    handed = await manage_operators.add_operator(
        services.db, services.clock, name=str(post), title=f"demo {post}", post=post, by=by
    )
    found = await credentials.by_name(services.db, handed.name)
    if found is None:
        raise LookupError(handed.name)
    totp, password = pyotp.random_base32(), operator_sign_in.one_time_password().reveal()
    code = pyotp.TOTP(totp).at(services.clock())
    await operator_sign_in.set_up(services, found, secret=Secret(totp), code=code, password=password, again=password)
    return {"password": password, "totp": totp}


async def _give_shop_an_owner(services: Services, gateway_id: int) -> None:
    """An account whose owner signs in with `OWNER_MOBILE`, and whose gateway the sample shop's is. Its second factor
    is set up at the first sign-in, as everybody's."""
    await services.db.one(
        """
        with p as (
            insert into person (mobile, name, handle, created_at) values (%(mobile)s, 'مریم احمدی', %(handle)s, %(now)s)
            on conflict (mobile) do update set name = person.name returning id
        ),
        a as (insert into account (name, created_at) values ('فروشگاه نمونه', %(now)s) returning id),
        m as (insert into member (account_id, person_id, role, since) select a.id, p.id, 'owner', %(now)s from a, p)
        update gateway g set account_id = a.id from a where g.id = %(gateway_id)s and g.account_id is null
        """,
        {
            "mobile": OWNER_MOBILE,
            "handle": secrets.token_bytes(32),
            "now": services.clock(),
            "gateway_id": gateway_id,
        },
    )
