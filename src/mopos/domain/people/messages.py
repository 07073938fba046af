"""SMS to send: rows that are written with the change that they tell of, and sent by the worker.

Whoever changes something puts a row into `message` in the same statement (mobile, template, text, created_at,
next_try_at = now): then no change goes untold, and nothing is told that did not happen. One-time codes are never kept
here. Texts are Persian, as the phones' owners are; `TEXTS` holds those about people themselves.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from mopos.base.db import Database

# Messages taken at a time, and how long they are ours: more than so many calls can take, one after the other.
BATCH = 20
LEASE = timedelta(minutes=5)
# 1, 2, 4, 8 ... minutes: about two hours in all. Later the message would only puzzle.
TRIES_MAX = 7
FIRST_WAIT = timedelta(minutes=1)

_END = "\nاگر کار شما نبود، همین حالا در بخش امنیت از همه‌جا خارج شوید و با پشتیبانی تماس بگیرید."
TEXTS: dict[str, str] = {
    "person.device": "موپوز: دستگاه تازه‌ای برای ورود به حساب شما افزوده شد." + _END,
    "person.device_gone": "موپوز: یکی از دستگاه‌های ورود به حساب شما برداشته شد." + _END,
    "person.totp": "موپوز: ورود با برنامهٔ رمزساز برای حساب شما فعال شد." + _END,
    "person.totp_gone": "موپوز: ورود با برنامهٔ رمزساز برای حساب شما غیرفعال شد." + _END,
    "person.recovery": "موپوز: با یک کد بازیابی وارد حساب شما شدند." + _END,
    "person.recovery_new": "موپوز: کدهای بازیابی تازه‌ای برای حساب شما ساخته شد." + _END,
}


class Due(NamedTuple):
    """A message that is to be sent now."""

    id: int
    mobile: str
    text: str
    tries: int


def noted(template: str) -> dict[str, str]:
    """Parameters for `NOTED`."""
    return {"template": template, "text": TEXTS[template]}


# For statements that change something of a person: after a CTE `told (person_id)`.
NOTED = """
    noted as (
        insert into message (mobile, template, text, created_at, next_try_at)
        select p.mobile, %(template)s, %(text)s, %(now)s, %(now)s from person p join told on told.person_id = p.id
    )
"""


async def claim(db: Database, now: datetime) -> list[Due]:
    """Messages that are due, for us alone as long as the lease lasts; a worker that dies gives them back by that."""
    rows = await db.all(
        """
        with due as (
            select id from message where next_try_at <= %(now)s order by next_try_at limit %(batch)s
            for update skip locked
        )
        update message m set next_try_at = %(now)s + %(lease)s, tries = m.tries + 1 from due where m.id = due.id
        returning m.id, m.mobile, m.text, m.tries
        """,
        {"now": now, "batch": BATCH, "lease": LEASE},
    )
    return [Due(*row) for row in rows]


async def record_sent(db: Database, message_id: int, provider_id: str, now: datetime) -> None:
    """The provider has taken it."""
    await db.one(
        """
        update message set sent_at = %(now)s, next_try_at = null, provider_id = %(provider_id)s, failure = ''
        where id = %(id)s
        """,
        {"id": message_id, "provider_id": provider_id[:100], "now": now},
    )


async def record_not_sent(db: Database, message_id: int, why: str, next_try_at: datetime | None) -> None:
    """It was not taken; None: and is not tried again."""
    await db.one(
        "update message set next_try_at = %(next_try_at)s, failure = %(why)s where id = %(id)s",
        {"id": message_id, "why": why[:100], "next_try_at": next_try_at},
    )


def next_try(tries: int, now: datetime) -> datetime | None:
    """When a message that failed for the `tries`-th time is tried again; None: never."""
    return now + FIRST_WAIT * 2 ** (tries - 1) if tries < TRIES_MAX else None
