"""The SQL of profiles and bank accounts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from mopos.base.db import Database
from mopos.domain.accounts.profile import Account, BankAccount, Kind, Profile

# Whoever looks for the numbers of other people would change it again and again; who moves his account does it once.
IBAN_CHANGES_MAX = 5
IBAN_CHANGES_IN = timedelta(days=1)
# Each question costs money at the service: who presses twice gets one answer. And who could ask all day about one
# number with every national id would find out whose it is.
ASK_AGAIN_AFTER = timedelta(seconds=30)
ANSWERS_MAX = 10
ANSWERS_IN = timedelta(days=1)


class Asked(NamedTuple):
    """What an inquiry is about. Its answer counts only as long as both are unchanged."""

    iban: str
    national_id: str


async def find(db: Database, account_id: int) -> Account:
    """An account. Raises `LookupError` for none."""
    row = await db.one(
        """
        select kind, name, national_id, enamad, tax_code, address, iban, iban_checked_at, iban_matches, iban_owner,
            created_at
        from account where id = %(id)s
        """,
        {"id": account_id},
    )
    if row is None:
        raise LookupError(account_id)
    profile = Profile(Kind(row[0]), *row[1:6])
    return Account(account_id, profile, BankAccount(*row[6:10]), row[10])


async def save(db: Database, account_id: int, profile: Profile, *, person_id: int, ip: str, now: datetime) -> bool:
    """Keep a profile. Another national id takes back what was known about the bank account. False: nothing changed."""
    row = await db.one(
        """
        with before as (select * from account where id = %(id)s for update),
        difference as (
            select array_remove(array[
                case when kind <> %(kind)s then 'profile.kind' end,
                case when name <> %(name)s then 'profile.name' end,
                case when national_id <> %(national_id)s then 'profile.national_id' end,
                case when enamad <> %(enamad)s then 'profile.enamad' end,
                case when tax_code <> %(tax_code)s then 'profile.tax_code' end,
                case when address <> %(address)s then 'profile.address' end
            ], null) as fields, national_id <> %(national_id)s as other_id
            from before
        ),
        changed as (
            update account a set kind = %(kind)s, name = %(name)s, national_id = %(national_id)s, enamad = %(enamad)s,
                tax_code = %(tax_code)s, address = %(address)s,
                iban_checked_at = case when d.other_id then null else a.iban_checked_at end,
                iban_matches = case when d.other_id then null else a.iban_matches end,
                iban_owner = case when d.other_id then '' else a.iban_owner end
            from difference d where a.id = %(id)s and d.fields <> '{}' returning a.id, d.fields
        )
        insert into activity (account_id, person_id, at, act, data, ip)
        select id, %(person_id)s, %(now)s, 'profile_changed', jsonb_build_object('fields', fields), %(ip)s from changed
        returning 1
        """,
        {"id": account_id, "person_id": person_id, "ip": ip, "now": now, **profile._asdict()},
    )
    return row is not None


async def save_iban(
    db: Database,
    account_id: int,
    iban: str,
    *,
    shown: str,
    told: list[str],
    text: str,
    person_id: int,
    ip: str,
    now: datetime,
) -> bool | None:
    """Keep another IBAN, of which nothing is known yet, and tell. `shown`: as the activity log names it. False: it was
    this one already. None: it was changed too often."""
    row = await db.one(
        """
        with before as (select id, iban from account where id = %(id)s for update),
        recent as (
            select count(*) as n from activity
            where account_id = %(id)s and act = 'iban_changed' and at > %(now)s - %(changes_in)s
        ),
        changed as (
            update account a set iban = %(iban)s, iban_checked_at = null, iban_matches = null, iban_owner = '',
                iban_asked_at = null
            from before b, recent r where a.id = b.id and b.iban <> %(iban)s and r.n < %(changes_max)s
            returning a.id
        ),
        noted as (
            insert into activity (account_id, person_id, at, act, subject, ip)
            select id, %(person_id)s, %(now)s, 'iban_changed', %(shown)s, %(ip)s from changed
        ),
        told as (
            insert into message (mobile, template, text, created_at, next_try_at)
            select mobile, 'iban_changed', %(text)s, %(now)s, %(now)s
            from changed, unnest(%(told)s::text[]) as mobile
        )
        select exists (select from changed), b.iban = %(iban)s from before b
        """,
        {
            "id": account_id,
            "iban": iban,
            "shown": shown,
            "told": told,
            "text": text,
            "person_id": person_id,
            "ip": ip,
            "now": now,
            "changes_max": IBAN_CHANGES_MAX,
            "changes_in": IBAN_CHANGES_IN,
        },
    )
    if row is None:
        raise LookupError(account_id)
    changed, same = row
    return True if changed else False if same else None


async def claim_check(db: Database, account_id: int, now: datetime) -> Asked | None:
    """Take it upon oneself to ask whose the bank account is. None: nothing to ask about, or it was asked just now, or
    too often today."""
    row = await db.one(
        """
        update account set iban_asked_at = %(now)s
        where id = %(id)s and iban <> '' and national_id <> ''
            and (iban_asked_at is null or iban_asked_at <= %(now)s - %(again_after)s)
            and (
                select count(*) from activity
                where account_id = %(id)s and act = 'iban_checked' and at > %(now)s - %(answers_in)s
            ) < %(answers_max)s
        returning iban, national_id
        """,
        {
            "id": account_id,
            "now": now,
            "again_after": ASK_AGAIN_AFTER,
            "answers_in": ANSWERS_IN,
            "answers_max": ANSWERS_MAX,
        },
    )
    return Asked(*row) if row else None


async def record_check(
    db: Database, account_id: int, asked: Asked, *, matches: bool | None, owner: str, now: datetime
) -> bool:
    """Keep what the bank said. False: the profile was changed meanwhile, and the answer is about something else."""
    row = await db.one(
        """
        with changed as (
            update account set iban_checked_at = %(now)s, iban_matches = %(matches)s, iban_owner = %(owner)s
            where id = %(id)s and iban = %(iban)s and national_id = %(national_id)s returning id
        )
        insert into activity (account_id, at, act, data)
        select id, %(now)s, 'iban_checked',
            jsonb_build_object('answer', case when %(matches)s then 'iban_standing.matches'
                when %(matches)s is null then 'iban_standing.unclear'
                when %(owner)s = '' then 'iban_standing.missing' else 'iban_standing.other' end)
        from changed returning 1
        """,
        {"id": account_id, "now": now, "matches": matches, "owner": owner, **asked._asdict()},
    )
    return row is not None
