"""The SQL of what is changed about operators. Each change is told in the audit log by the same statement, or is the
approval of what another operator proposed."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from psycopg.errors import RestrictViolation, UniqueViolation

from mopos.base.db import Database
from mopos.base.errors import Refused
from mopos.domain.operators.model import Post


class Approval(NamedTuple):
    """A proposal that is approved by the very statement that does what it says."""

    proposal_id: int
    operator_id: int
    note: str


_TOLD = """,
    told as (
    insert into audit_log (at, operator_id, act, subject, reason, data)
    select %(now)s, %(by)s, %(act)s, name, %(reason)s, '{}' from changed where %(proposal)s::bigint is null
    )
"""
_DONE = """
    select id, case when %(proposal)s::bigint is not null
        then approve(%(proposal)s, %(by)s, %(note)s, %(now)s) end from changed
"""


class By(NamedTuple):
    """Who changes something about an operator, and why. `operator_id` None: the command line. With an `approval` the
    proposal's own words are what the log tells."""

    operator_id: int | None
    reason: str
    approval: Approval | None = None

    def params(self) -> dict[str, object]:
        approval = self.approval
        return {
            "by": self.operator_id,
            "reason": self.reason,
            "proposal": approval.proposal_id if approval else None,
            "note": approval.note if approval else "",
        }


async def add(
    db: Database,
    *,
    name: str,
    title: str,
    post: Post,
    handle: bytes,
    password_hash: str,
    setup_until: datetime,
    by: By,
    now: datetime,
) -> int:
    """A new operator, whose password works once, to set up a real one. Raises `Refused`."""
    row = await _change(
        db,
        """
        with changed as (
            insert into operator (name, title, role, handle, password_hash, setup_until, created_at)
            values (%(name)s, %(title)s, %(role)s, %(handle)s, %(password_hash)s, %(setup_until)s, %(now)s)
            returning id, name
        )
        """,
        {
            "name": name,
            "title": title,
            "role": post,
            "handle": handle,
            "password_hash": password_hash,
            "setup_until": setup_until,
            "now": now,
            "act": "add_operator",
            **by.params(),
        },
    )
    if row is None:
        raise LookupError("an insert gave no row")
    return row


async def reset(
    db: Database, operator_id: int, *, password_hash: str, setup_until: datetime, by: By, now: datetime
) -> bool:
    """A new one-time password; passkeys, TOTP and sessions end. False: no such operator."""
    row = await _change(
        db,
        """
        with changed as (
            update operator set password_hash = %(password_hash)s, setup_until = %(setup_until)s, totp_sealed = null,
                wrong_count = 0, locked_until = null, disabled_at = null
            where id = %(id)s returning id, name
        ),
        passkeys as (
            update operator_device set revoked_at = %(now)s from changed
            where operator_id = changed.id and revoked_at is null
        ),
        signed_out as (
            update session set ended_at = %(now)s from changed where operator_id = changed.id and ended_at is null
        )
        """,
        {
            "id": operator_id,
            "password_hash": password_hash,
            "setup_until": setup_until,
            "now": now,
            "act": "reset_operator",
            **by.params(),
        },
    )
    return row is not None


async def disable(db: Database, operator_id: int, *, by: By, now: datetime) -> bool:
    """Out at once, whatever is open. The last admin stays. False: no such operator, out already, or the last admin."""
    row = await _change(
        db,
        """
        with admins as (
            select id from operator where role = 'admin' and disabled_at is null order by id for update
        ),
        changed as (
            update operator set disabled_at = %(now)s
            where id = %(id)s and disabled_at is null
                and (role <> 'admin' or exists (select from admins where admins.id <> %(id)s))
            returning id, name
        ),
        signed_out as (
            update session set ended_at = %(now)s from changed where operator_id = changed.id and ended_at is null
        )
        """,
        {"id": operator_id, "now": now, "act": "disable_operator", **by.params()},
    )
    return row is not None


async def change_post(db: Database, operator_id: int, post: Post, *, by: By, now: datetime) -> bool:
    """Another role; sessions end. The last admin stays one. False: nothing to change."""
    row = await _change(
        db,
        """
        with admins as (
            select id from operator where role = 'admin' and disabled_at is null order by id for update
        ),
        changed as (
            update operator set role = %(role)s
            where id = %(id)s and role <> %(role)s and disabled_at is null
                and (role <> 'admin' or exists (select from admins where admins.id <> %(id)s))
            returning id, name
        ),
        signed_out as (
            update session set ended_at = %(now)s from changed where operator_id = changed.id and ended_at is null
        )
        """,
        {"id": operator_id, "role": post, "now": now, "act": "change_role", **by.params()},
    )
    return row is not None


async def set_credentials(
    db: Database, operator_id: int, *, password_hash: str, totp_sealed: bytes, step: int, now: datetime
) -> bool:
    """The set-up: an own password, and TOTP with its first code used up. False: it was done, or came too late."""
    row = await _change(
        db,
        """
        with changed as (
            update operator set password_hash = %(password_hash)s, totp_sealed = %(totp_sealed)s,
                totp_last_step = %(step)s, setup_until = null, wrong_count = 0, locked_until = null
            where id = %(id)s and setup_until > %(now)s and disabled_at is null returning id, name
        )
        """,
        {
            "id": operator_id,
            "password_hash": password_hash,
            "totp_sealed": totp_sealed,
            "step": step,
            "now": now,
            "act": "set_up",
            **By(operator_id, "").params(),
        },
    )
    return row is not None


async def set_password(db: Database, operator_id: int, password_hash: str, *, but: bytes, now: datetime) -> None:
    """An operator's own new password; other sessions end."""
    await _change(
        db,
        """
        with changed as (
            update operator set password_hash = %(password_hash)s where id = %(id)s returning id, name
        ),
        signed_out as (
            update session set ended_at = %(now)s from changed
            where operator_id = changed.id and ended_at is null and token_hash <> %(but)s
        )
        """,
        {
            "id": operator_id,
            "password_hash": password_hash,
            "but": but,
            "now": now,
            "act": "change_password",
            **By(operator_id, "").params(),
        },
    )


async def set_totp(db: Database, operator_id: int, totp_sealed: bytes, step: int, now: datetime) -> None:
    """An operator's own new TOTP secret, its first code used up."""
    await _change(
        db,
        """
        with changed as (
            update operator set totp_sealed = %(totp_sealed)s, totp_last_step = %(step)s, wrong_count = 0,
                locked_until = null
            where id = %(id)s returning id, name
        )
        """,
        {
            "id": operator_id,
            "totp_sealed": totp_sealed,
            "step": step,
            "now": now,
            "act": "change_totp",
            **By(operator_id, "").params(),
        },
    )


async def _change(db: Database, changed: str, params: dict[str, object]) -> int | None:
    """Run a change with its row in the log, or with the approval of its proposal, which writes that row. Returns the
    operator's number. Raises `Refused`."""
    try:
        row = await db.one(changed + _TOLD + _DONE, params)
    except UniqueViolation as error:
        raise Refused(["operator_name_used"]) from error
    except RestrictViolation as error:
        raise Refused(["proposal_gone"]) from error
    return int(row[0]) if row else None
