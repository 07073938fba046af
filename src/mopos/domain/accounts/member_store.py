"""The SQL of members and invitations. Each change looks again, by itself, whether who asks for it may still do so."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from mopos.base.db import Database
from mopos.domain.accounts.members import (
    INVITATION_LIFE,
    INVITATIONS_A_DAY_MAX,
    INVITATIONS_OPEN_MAX,
    INVITATIONS_TO_ONE_A_DAY_MAX,
    MANAGERS,
    MEMBERS_MAX,
    Invitation,
    Member,
)
from mopos.domain.accounts.model import Role

_INVITATION = """
    select i.id, i.account_id, a.name, i.mobile, i.role, p.name, p.mobile, i.created_at, i.expires_at
    from invitation i join account a on a.id = i.account_id join person p on p.id = i.invited_by
"""


class By(NamedTuple):
    """Who makes a change, in which account, from where, and when."""

    account_id: int
    person_id: int
    ip: str
    now: datetime

    def with_(self, **more: Any) -> dict[str, Any]:
        """The parameters of a statement."""
        return {"managers": [str(role) for role in MANAGERS], **self._asdict(), **more}


class Invited(NamedTuple):
    """What became of an invitation that was asked for; all false: who asked may not (any more)."""

    done: bool
    is_member: bool
    is_invited: bool
    too_many: bool


async def members(db: Database, account_id: int) -> list[Member]:
    """All members, the owner first."""
    rows = await db.all(
        """
        select p.id, p.name, p.mobile, m.role, m.since from member m join person p on p.id = m.person_id
        where m.account_id = %(account_id)s order by m.role <> 'owner', m.since, p.id limit %(limit)s
        """,
        {"account_id": account_id, "limit": MEMBERS_MAX},
    )
    return [Member(person_id, name, mobile, Role(role), since) for person_id, name, mobile, role, since in rows]


async def member(db: Database, account_id: int, person_id: int) -> Member | None:
    """One member of an account."""
    row = await db.one(
        """
        select p.id, p.name, p.mobile, m.role, m.since from member m join person p on p.id = m.person_id
        where m.account_id = %(account_id)s and m.person_id = %(person_id)s
        """,
        {"account_id": account_id, "person_id": person_id},
    )
    return Member(row[0], row[1], row[2], Role(row[3]), row[4]) if row else None


async def invitations(db: Database, account_id: int) -> list[Invitation]:
    """An account's invitations without an answer, those that have run out among them."""
    rows = await db.all(
        f"""
        {_INVITATION} where i.account_id = %(account_id)s and i.ended_at is null order by i.id desc limit %(limit)s
        """,
        {"account_id": account_id, "limit": 2 * INVITATIONS_OPEN_MAX},
    )
    return [_invitation(row) for row in rows]


async def invitations_to(db: Database, mobile: str, now: datetime) -> list[Invitation]:
    """The invitations that a mobile number can answer now."""
    rows = await db.all(
        f"""
        {_INVITATION} where i.mobile = %(mobile)s and i.ended_at is null and i.expires_at > %(now)s
        order by i.id desc limit %(limit)s
        """,
        {"mobile": mobile, "now": now, "limit": INVITATIONS_OPEN_MAX},
    )
    return [_invitation(row) for row in rows]


async def invite(db: Database, by: By, *, mobile: str, role: Role, text: str) -> Invited:
    """Invite a number, whoever's it is, and write to it. One that has run out is renewed."""
    row = await db.one(
        """
        with me as (
            select from member
            where account_id = %(account_id)s and person_id = %(person_id)s and role = any(%(managers)s)
        ),
        state as (
            select
                exists (
                    select from member m join person p on p.id = m.person_id
                    where m.account_id = %(account_id)s and p.mobile = %(mobile)s
                ) as is_member,
                exists (
                    select from invitation
                    where account_id = %(account_id)s and mobile = %(mobile)s and ended_at is null
                        and expires_at > %(now)s
                ) as is_invited,
                (select count(*) from member where account_id = %(account_id)s) >= %(members_max)s
                or (
                    select count(*) filter (where ended_at is null and expires_at > %(now)s) >= %(open_max)s
                        or count(*) filter (where created_at > %(now)s - interval '1 day') >= %(a_day_max)s
                    from invitation where account_id = %(account_id)s
                )
                or (
                    select count(*) from invitation
                    where mobile = %(mobile)s and created_at > %(now)s - interval '1 day'
                ) >= %(to_one_max)s as too_many
        ),
        made as (
            insert into invitation (account_id, mobile, role, invited_by, created_at, expires_at)
            select %(account_id)s, %(mobile)s, %(role)s, %(person_id)s, %(now)s, %(now)s + %(life)s
            from me, state where not (is_member or is_invited or too_many)
            on conflict (account_id, mobile) where ended_at is null do update
            set role = excluded.role, invited_by = excluded.invited_by, created_at = excluded.created_at,
                expires_at = excluded.expires_at
            where invitation.expires_at <= excluded.created_at
            returning id
        ),
        noted as (
            insert into activity (account_id, person_id, at, act, subject, data, ip)
            select %(account_id)s, %(person_id)s, %(now)s, 'member_invited', %(mobile)s,
                jsonb_build_object('role', 'role.' || %(role)s::text), %(ip)s
            from made
        ),
        told as (
            insert into message (mobile, template, text, created_at, next_try_at)
            select %(mobile)s, 'invitation', %(text)s, %(now)s, %(now)s from made
        )
        select exists (select from made), is_member, is_invited, too_many from state
        """,
        by.with_(
            mobile=mobile,
            role=role,
            text=text,
            life=INVITATION_LIFE,
            members_max=MEMBERS_MAX,
            open_max=INVITATIONS_OPEN_MAX,
            a_day_max=INVITATIONS_A_DAY_MAX,
            to_one_max=INVITATIONS_TO_ONE_A_DAY_MAX,
        ),
    )
    return Invited(*row) if row else Invited(False, False, False, False)


async def withdraw(db: Database, by: By, invitation_id: int) -> bool:
    """Take an invitation back. False: it is none of this account's, or was answered."""
    row = await db.one(
        """
        with ended as (
            update invitation set ended_at = %(now)s, ended_as = 'withdrawn'
            where id = %(invitation_id)s and account_id = %(account_id)s and ended_at is null
            returning mobile
        )
        insert into activity (account_id, person_id, at, act, subject, ip)
        select %(account_id)s, %(person_id)s, %(now)s, 'invitation_withdrawn', mobile, %(ip)s from ended returning 1
        """,
        by.with_(invitation_id=invitation_id),
    )
    return row is not None


async def accept(db: Database, by: By, invitation: Invitation, *, told: list[str], text: str) -> bool:
    """Become a member. False: the invitation is not open any more."""
    row = await db.one(
        """
        with ended as (
            update invitation set ended_at = %(now)s, ended_as = 'accepted'
            where id = %(invitation_id)s and mobile = %(mobile)s and ended_at is null and expires_at > %(now)s
            returning account_id, role
        ),
        joined as (
            insert into member (account_id, person_id, role, since)
            select account_id, %(person_id)s, role, %(now)s from ended
            on conflict do nothing returning account_id, role
        ),
        noted as (
            insert into activity (account_id, person_id, at, act, subject, data, ip)
            select account_id, %(person_id)s, %(now)s, 'member_joined', %(mobile)s,
                jsonb_build_object('role', 'role.' || role), %(ip)s
            from joined
        ),
        told as (
            insert into message (mobile, template, text, created_at, next_try_at)
            select mobile, 'member_joined', %(text)s, %(now)s, %(now)s
            from joined, unnest(%(told)s::text[]) as mobile
        )
        select 1 from ended
        """,
        by.with_(invitation_id=invitation.id, mobile=invitation.mobile, told=told, text=text),
    )
    return row is not None


async def decline(db: Database, by: By, invitation: Invitation) -> bool:
    """Say no. False: the invitation is not open any more."""
    row = await db.one(
        """
        with ended as (
            update invitation set ended_at = %(now)s, ended_as = 'declined'
            where id = %(invitation_id)s and mobile = %(mobile)s and ended_at is null returning account_id
        )
        insert into activity (account_id, at, act, subject)
        select account_id, %(now)s, 'invitation_declined', %(mobile)s from ended returning 1
        """,
        by.with_(invitation_id=invitation.id, mobile=invitation.mobile),
    )
    return row is not None


async def change_role(db: Database, by: By, member: Member, role: Role, *, told: list[str], text: str) -> bool:
    """Give a member another role. False: the member was changed or removed meanwhile, or who asks was."""
    row = await db.one(
        """
        with changed as (
            update member set role = %(role)s
            where account_id = %(account_id)s and person_id = %(member_id)s and role = %(before)s
                and role <> 'owner' and person_id <> %(person_id)s
                and exists (
                    select from member me
                    where me.account_id = %(account_id)s and me.person_id = %(person_id)s
                        and me.role = any(%(managers)s)
                )
            returning 1
        ),
        noted as (
            insert into activity (account_id, person_id, at, act, subject, data, ip)
            select %(account_id)s, %(person_id)s, %(now)s, 'member_role_changed', %(mobile)s,
                jsonb_build_object('before', 'role.' || %(before)s::text, 'role', 'role.' || %(role)s::text), %(ip)s
            from changed
        ),
        told as (
            insert into message (mobile, template, text, created_at, next_try_at)
            select mobile, 'member_role_changed', %(text)s, %(now)s, %(now)s
            from changed, unnest(%(told)s::text[]) as mobile
        )
        select 1 from changed
        """,
        by.with_(member_id=member.person_id, mobile=member.mobile, before=member.role, role=role, told=told, text=text),
    )
    return row is not None


async def remove(db: Database, by: By, member: Member, *, told: list[str], text: str) -> bool:
    """Remove a member, and take back what he had invited; from the next request on he is nobody here. False: the
    member was changed or removed meanwhile, or who asks was."""
    row = await db.one(
        """
        with gone as (
            delete from member
            where account_id = %(account_id)s and person_id = %(member_id)s and role = %(before)s
                and role <> 'owner' and person_id <> %(person_id)s
                and exists (
                    select from member me
                    where me.account_id = %(account_id)s and me.person_id = %(person_id)s
                        and me.role = any(%(managers)s)
                )
            returning 1
        ),
        withdrawn as (
            update invitation set ended_at = %(now)s, ended_as = 'withdrawn'
            where account_id = %(account_id)s and invited_by = %(member_id)s and ended_at is null
                and exists (select from gone)
        ),
        noted as (
            insert into activity (account_id, person_id, at, act, subject, data, ip)
            select %(account_id)s, %(person_id)s, %(now)s, 'member_removed', %(mobile)s,
                jsonb_build_object('role', 'role.' || %(before)s::text), %(ip)s
            from gone
        ),
        told as (
            insert into message (mobile, template, text, created_at, next_try_at)
            select mobile, 'member_removed', %(text)s, %(now)s, %(now)s
            from gone, unnest(%(told)s::text[]) as mobile
        )
        select 1 from gone
        """,
        by.with_(member_id=member.person_id, mobile=member.mobile, before=member.role, told=told, text=text),
    )
    return row is not None


async def leave(db: Database, by: By, *, mobile: str, told: list[str], text: str) -> bool:
    """Leave an account. False: the owner cannot, or one was no member any more."""
    row = await db.one(
        """
        with gone as (
            delete from member
            where account_id = %(account_id)s and person_id = %(person_id)s and role <> 'owner' returning role
        ),
        noted as (
            insert into activity (account_id, person_id, at, act, subject, data, ip)
            select %(account_id)s, %(person_id)s, %(now)s, 'member_left', %(mobile)s,
                jsonb_build_object('role', 'role.' || role), %(ip)s
            from gone
        ),
        told as (
            insert into message (mobile, template, text, created_at, next_try_at)
            select mobile, 'member_left', %(text)s, %(now)s, %(now)s
            from gone, unnest(%(told)s::text[]) as mobile
        )
        select 1 from gone
        """,
        by.with_(mobile=mobile, told=told, text=text),
    )
    return row is not None


async def hand_over(db: Database, by: By, member: Member, *, told: list[str], text: str) -> bool:
    """The owner becomes an admin, the member the owner. False: one of the two is not what he was."""
    row = await db.one(
        """
        with wanted as (
            select person_id from member
            where account_id = %(account_id)s and person_id = %(member_id)s and person_id <> %(person_id)s for update
        ),
        stepped_down as (
            update member set role = 'admin'
            where account_id = %(account_id)s and person_id = %(person_id)s and role = 'owner'
                and exists (select from wanted)
            returning account_id
        ),
        stepped_up as (
            update member m set role = 'owner' from stepped_down s
            where m.account_id = s.account_id and m.person_id = %(member_id)s returning m.account_id
        ),
        noted as (
            insert into activity (account_id, person_id, at, act, subject, ip)
            select account_id, %(person_id)s, %(now)s, 'account_handed_over', %(mobile)s, %(ip)s from stepped_up
        ),
        told as (
            insert into message (mobile, template, text, created_at, next_try_at)
            select mobile, 'account_handed_over', %(text)s, %(now)s, %(now)s
            from stepped_up, unnest(%(told)s::text[]) as mobile
        )
        select 1 from stepped_up
        """,
        by.with_(member_id=member.person_id, mobile=member.mobile, told=told, text=text),
    )
    return row is not None


def _invitation(row: tuple[Any, ...]) -> Invitation:
    id_, account_id, name, mobile, role, *rest = row
    return Invitation(id_, account_id, name, mobile, Role(role), *rest)
