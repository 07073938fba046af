"""The SQL of people as operators see them, and of what operators do for who has lost his phone or had it stolen.

Whatever is done is told to the members of each account that the person is a member of (`activity`) and in the audit
log, by the same statement."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from psycopg.errors import RestrictViolation

from mopos.base.db import Database
from mopos.base.errors import Refused
from mopos.domain.operators.changes import Approval
from mopos.domain.operators.model import Operator, about_person

# Sign-ins on the page of a person: enough to see the one that was not his.
SIGN_INS_SHOWN = 20
# Memberships on it. Nobody has this many but who was invited for mischief.
MEMBERSHIPS_SHOWN = 200


class Somebody(NamedTuple):
    """A person as the console shows one."""

    id: int
    mobile: str
    name: str
    created_at: datetime
    barred_at: datetime | None


class Belonging(NamedTuple):
    """An account that a person is a member of."""

    account_id: int
    account: str
    role: str
    since: datetime


class SignIn(NamedTuple):
    """A session from its beginning. `second_factor`: false for who has shown the SMS's code only."""

    at: datetime
    seen_at: datetime
    ip: str
    agent: str
    device: str
    second_factor: bool
    ended_at: datetime | None


async def find(db: Database, person_id: int) -> Somebody | None:
    """A person by number."""
    row = await db.one(
        "select id, mobile, name, created_at, barred_at from person where id = %(id)s", {"id": person_id}
    )
    return Somebody(*row) if row else None


async def with_mobile(db: Database, mobile: str) -> Somebody | None:
    """The person who has a mobile number, also one who is no member of anything."""
    row = await db.one(
        "select id, mobile, name, created_at, barred_at from person where mobile = %(mobile)s", {"mobile": mobile}
    )
    return Somebody(*row) if row else None


async def belongings(db: Database, person_id: int) -> list[Belonging]:
    """The accounts that a person is a member of, the oldest membership first."""
    rows = await db.all(
        """
        select a.id, a.name, m.role, m.since from member m join account a on a.id = m.account_id
        where m.person_id = %(id)s order by m.since, a.id limit %(limit)s
        """,
        {"id": person_id, "limit": MEMBERSHIPS_SHOWN},
    )
    return [Belonging(*row) for row in rows]


async def sign_ins(db: Database, person_id: int) -> list[SignIn]:
    """The last times that a person came in. A session that took another one's place, when the second factor was shown
    again, is the same time."""
    rows = await db.all(
        """
        select * from (
            select distinct on (s.created_at) s.created_at, s.seen_at, host(s.ip), s.agent, coalesce(d.name, ''),
                s.second_factor, s.ended_at
            from session s left join device d on d.id = s.device_id
            where s.person_id = %(id)s order by s.created_at desc, s.seen_at desc
        ) last limit %(limit)s
        """,
        {"id": person_id, "limit": SIGN_INS_SHOWN},
    )
    return [SignIn(*row) for row in rows]


# --- what operators do ------------------------------------------------------------------------------------------------

# After a CTE `changed (id, mobile)` of at most one row: the person is out everywhere, computers that wait for the
# phone's yes are sent away, and the members of his accounts can read who did it.
_OUT = """
    signed_out as (
        update session set ended_at = %(now)s from changed
        where person_id = changed.id and ended_at is null returning 1
    ),
    sent_away as (
        update sign_in_request r set used_at = %(now)s, expires_at = least(r.expires_at, %(now)s) from changed
        where r.mobile = changed.mobile and r.used_at is null
    ),
    noted as (
        insert into activity (account_id, operator_id, at, act, subject)
        select m.account_id, %(operator)s, %(now)s, %(activity)s, changed.mobile
        from changed join member m on m.person_id = changed.id
    )
"""
# The row of an act that one operator is enough for.
_TOLD = """
    insert into audit_log (at, operator_id, act, subject, reason, data)
    select %(now)s, %(operator)s, %(act)s, %(subject)s, %(reason)s,
        jsonb_build_object('sessions', (select count(*) from signed_out))
    from changed returning id
"""


async def sign_out(db: Database, person_id: int, *, operator: Operator, reason: str, now: datetime) -> bool:
    """Out everywhere; he may come in again at once. False: no such person."""
    row = await db.one(
        f"""
        with changed as (select id, mobile from person where id = %(id)s for update),
        {_OUT}
        {_TOLD}
        """,  # noqa: S608
        _params("sign_out_person", person_id, operator, reason, now),
    )
    return row is not None


async def bar(db: Database, person_id: int, *, operator: Operator, reason: str, now: datetime) -> bool:
    """Out everywhere, and in by no way until the bar is lifted. False: he was barred already."""
    row = await db.one(
        f"""
        with changed as (
            update person set barred_at = %(now)s where id = %(id)s and barred_at is null returning id, mobile
        ),
        {_OUT}
        {_TOLD}
        """,  # noqa: S608
        _params("bar_person", person_id, operator, reason, now),
    )
    return row is not None


async def lift_bar(db: Database, person_id: int, *, operator: Operator, reason: str, now: datetime) -> bool:
    """He may come in again. A session that began in the very moment of the bar, which that statement did not see and
    the bar held back, ends here. False: he is not barred."""
    row = await db.one(
        f"""
        with changed as (
            update person set barred_at = null where id = %(id)s and barred_at is not null returning id, mobile
        ),
        {_OUT}
        {_TOLD}
        """,  # noqa: S608
        _params("lift_bar", person_id, operator, reason, now),
    )
    return row is not None


def _params(act: str, person_id: int, operator: Operator, reason: str, now: datetime) -> dict[str, object]:
    return {
        "act": act,
        "activity": f"{act}_by_operator",
        "id": person_id,
        "subject": about_person(person_id),
        "operator": operator.id,
        "reason": reason,
        "now": now,
    }


async def reset(
    db: Database, person_id: int, *, text: str, owners_text: str, approval: Approval, now: datetime
) -> bool:
    """Whatever a person was recognised by is worth nothing any more, and he is out everywhere: who next comes in by a
    code to his number sets up a second factor anew. Told by SMS to him and to the owners of his accounts. Approves the
    proposal by the same statement. False: no such person. Raises `Refused` (`proposal_gone`).

    A bar stays. Who may be attacked is barred first: then no session and no passkey is made in the very moment of this,
    which the statement would not see."""
    try:
        row = await db.one(
            f"""
            with changed as (
                update person
                set totp_sealed = null, totp_last_step = 0, wrong_count = 0, locked_until = null
                where id = %(id)s returning id, mobile
            ),
            passkeys as (
                update device set revoked_at = %(now)s from changed
                where person_id = changed.id and revoked_at is null
            ),
            recovery as (delete from recovery_code using changed where person_id = changed.id),
            {_OUT},
            told as (
                insert into message (mobile, template, text, created_at, next_try_at)
                select mobile, 'person_reset', %(text)s, %(now)s, %(now)s from changed
                union all
                select distinct p.mobile, 'member_reset', %(owners_text)s, %(now)s::timestamptz, %(now)s::timestamptz
                from changed join member m on m.person_id = changed.id
                join member o on o.account_id = m.account_id and o.role = 'owner' and o.person_id <> changed.id
                join person p on p.id = o.person_id
            )
            select approve(%(proposal)s, %(operator)s, %(note)s, %(now)s) from changed
            """,  # noqa: S608
            {
                "id": person_id,
                "activity": "reset_person_by_operator",
                "text": text,
                "owners_text": owners_text,
                "proposal": approval.proposal_id,
                "operator": approval.operator_id,
                "note": approval.note,
                "now": now,
            },
        )
    except RestrictViolation as error:
        raise Refused(["proposal_gone"]) from error
    return row is not None
