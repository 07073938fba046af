"""The SQL of fee plans and of who has which. Rows are only ever added; each addition tells the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from mopos.base.db import Database, Row
from mopos.base.errors import Refused
from mopos.base.money import Rial
from mopos.domain.settlement.fees import Assigned, Bearer, Bracket, Plan, Quote, Rounding, Version, quote_of

# A facilitator has a few; a page shows them all.
PLANS_MAX = 500
# Of gateways with a plan, on its page.
GATEWAYS_MAX = 200
# What ever held for one gateway.
TERMS_MAX = 500


class By(NamedTuple):
    """Who changes a fee, when, and why. `operator_id` None: the command line."""

    operator_id: int | None
    reason: str
    now: datetime


async def add_plan(db: Database, name: str, bearer: Bearer, version: Version, by: By) -> int:
    """A new plan with its first version. Returns its number. Raises `Refused`."""
    try:
        row = await db.one(
            """
            with plan as (
                insert into fee_plan (name, bearer, created_at) values (%(name)s, %(bearer)s, %(now)s) returning id
            ),
            rows as (
                insert into fee_bracket
                    (plan_id, valid_from, above_rial, ppm, fixed_rial, floor_rial, cap_rial, rounding)
                select plan.id, %(valid_from)s, b.* from plan, unnest(%(above)s::bigint[], %(ppm)s::int[],
                    %(fixed)s::bigint[], %(floor)s::bigint[], %(cap)s::bigint[], %(rounding)s::text[]) b
            ),
            told as (
                insert into audit_log (at, operator_id, act, subject, reason, data)
                select %(now)s, %(by)s, 'add_fee_plan', 'fee_plan ' || id, %(reason)s, %(data)s from plan
            )
            select id from plan
            """,
            {"name": name, "bearer": bearer, **_columns(version), **_told(by, name, version)},
        )
    except UniqueViolation:
        raise Refused(["fee_plan_name_used"]) from None
    if row is None:
        raise LookupError("an insert gave no row")
    return int(row[0])


async def add_version(db: Database, plan: Plan, version: Version, by: By) -> None:
    """A new version of a plan. Raises `Refused`: another one begins at the same moment."""
    try:
        await db.one(
            """
            with rows as (
                insert into fee_bracket
                    (plan_id, valid_from, above_rial, ppm, fixed_rial, floor_rial, cap_rial, rounding)
                select %(id)s, %(valid_from)s, b.* from unnest(%(above)s::bigint[], %(ppm)s::int[],
                    %(fixed)s::bigint[], %(floor)s::bigint[], %(cap)s::bigint[], %(rounding)s::text[]) b
            )
            insert into audit_log (at, operator_id, act, subject, reason, data)
            values (%(now)s, %(by)s, 'add_fee_version', 'fee_plan ' || %(id)s::bigint, %(reason)s, %(data)s)
            """,
            {"id": plan.id, **_columns(version), **_told(by, plan.name, version)},
        )
    except UniqueViolation:
        raise Refused(["fee_from_used"]) from None


def _columns(version: Version) -> dict[str, object]:
    rows = version.brackets
    return {
        "valid_from": version.valid_from,
        "above": [one.above_rial for one in rows],
        "ppm": [one.ppm for one in rows],
        "fixed": [one.fixed_rial for one in rows],
        "floor": [one.floor_rial for one in rows],
        "cap": [one.cap_rial for one in rows],
        "rounding": [str(one.rounding) for one in rows],
    }


def _told(by: By, name: str, version: Version) -> dict[str, object]:
    data = {
        "name": name,
        "bearer": version.bearer,
        "from": version.valid_from.isoformat(),
        "rounding": version.brackets[0].rounding,
        "brackets": [str(one) for one in version.brackets],
    }
    return {"now": by.now, "by": by.operator_id, "reason": by.reason, "data": Jsonb(data)}


async def assign(db: Database, gateway_id: int, plan: Plan | None, valid_from: datetime, subject: str, by: By) -> bool:
    """A gateway has a plan from a moment on; None: no fee. False: no such gateway. Raises `Refused`: something else
    begins at the same moment."""
    data = {"plan": plan.name if plan else None, "plan_id": plan.id if plan else None, "from": valid_from.isoformat()}
    try:
        row = await db.one(
            """
            with given as (
                insert into gateway_fee (gateway_id, valid_from, plan_id)
                select id, %(valid_from)s, %(plan_id)s::bigint from gateway where id = %(gateway_id)s
                returning gateway_id
            ),
            told as (
                insert into audit_log (at, operator_id, act, subject, reason, data)
                select %(now)s, %(by)s, 'assign_fee', %(subject)s, %(reason)s, %(data)s from given
            )
            select gateway_id from given
            """,
            {
                "gateway_id": gateway_id,
                "valid_from": valid_from,
                "plan_id": plan.id if plan else None,
                "subject": subject,
                "now": by.now,
                "by": by.operator_id,
                "reason": by.reason,
                "data": Jsonb(data),
            },
        )
    except UniqueViolation:
        raise Refused(["fee_from_used"]) from None
    return row is not None


# --- reading ----------------------------------------------------------------------------------------------------------

_PLAN = """
    select p.id, p.name, p.bearer, b.valid_from, b.above_rial, b.ppm, b.fixed_rial, b.floor_rial, b.cap_rial, b.rounding
    from fee_plan p join fee_bracket b on b.plan_id = p.id
"""


def _plans(rows: Sequence[Row]) -> list[Plan]:
    """Rows in order of plan, version and bracket."""
    found = []
    for (plan_id, name, bearer), of_plan in groupby(rows, key=lambda row: row[:3]):
        versions = tuple(
            Version(valid_from, Bearer(bearer), tuple(_bracket(row) for row in of_version))
            for valid_from, of_version in groupby(of_plan, key=lambda row: row[3])
        )
        found.append(Plan(plan_id, name, Bearer(bearer), versions))
    return found


def _bracket(row: Row) -> Bracket:
    above, ppm, fixed, floor, cap, rounding = row[4:]
    return Bracket(above, ppm, fixed, floor, cap, Rounding(rounding))


async def plans(db: Database) -> list[Plan]:
    """All plans with all their versions, by name."""
    rows = await db.all(
        f"{_PLAN} where p.id in (select id from fee_plan order by id limit %(limit)s) "  # noqa: S608
        "order by p.name, b.valid_from, b.above_rial",
        {"limit": PLANS_MAX},
    )
    return _plans(rows)


async def plan(db: Database, plan_id: int) -> Plan | None:
    """One plan."""
    rows = await db.all(
        f"{_PLAN} where p.id = %(id)s order by b.valid_from, b.above_rial",
        {"id": plan_id},
    )
    return next(iter(_plans(rows)), None)


async def plan_named(db: Database, name: str) -> Plan | None:
    """The same by its name, or by its number as text."""
    rows = await db.all(
        f"{_PLAN} where p.name = %(name)s or p.id::text = %(name)s "
        "order by p.name <> %(name)s, p.id, b.valid_from, b.above_rial",
        {"name": name},
    )
    return next(iter(_plans(rows)), None)


async def assigned(db: Database, gateway_id: int) -> list[Assigned]:
    """Which plans a gateway had, has and is to have, in order."""
    rows = await db.all(
        """
        select valid_from, plan_id from gateway_fee where gateway_id = %(id)s order by valid_from desc limit %(limit)s
        """,
        {"id": gateway_id, "limit": TERMS_MAX},
    )
    brackets = await db.all(
        f"{_PLAN} where p.id = any(%(ids)s) order by p.id, b.valid_from, b.above_rial",
        {"ids": sorted({plan_id for _, plan_id in rows if plan_id is not None})},
    )
    by_id = {one.id: one for one in _plans(brackets)}
    return [Assigned(valid_from, by_id.get(plan_id)) for valid_from, plan_id in reversed(rows)]


class Holder(NamedTuple):
    """A gateway on a plan's page, with what it has from a moment on."""

    gateway_id: int
    name: str
    account_id: int | None
    account_name: str
    since: datetime
    plan_id: int | None


async def holders(db: Database, plan_id: int | None, now: datetime) -> list[Holder]:
    """The gateways that have a plan now, and those that are to have it; None: those that have any, or are to."""
    rows = await db.all(
        """
        with present as (
            select distinct on (gateway_id) gateway_id, valid_from, plan_id from gateway_fee
            where valid_from <= %(now)s order by gateway_id, valid_from desc
        )
        select g.id, g.name, g.account_id, coalesce(a.name, ''), f.valid_from, f.plan_id
        from (
            select * from present union all
            select gateway_id, valid_from, plan_id from gateway_fee where valid_from > %(now)s
        ) f join gateway g on g.id = f.gateway_id left join account a on a.id = g.account_id
        where f.plan_id is not null and (%(plan)s::bigint is null or f.plan_id = %(plan)s)
        order by f.valid_from desc, g.id limit %(limit)s
        """,
        {"plan": plan_id, "now": now, "limit": GATEWAYS_MAX + 1},
    )
    return [Holder(*row) for row in rows]


async def counts(db: Database, now: datetime) -> dict[int, int]:
    """How many gateways have each plan now."""
    rows = await db.all(
        """
        select plan_id, count(*) from (
            select distinct on (gateway_id) plan_id from gateway_fee
            where valid_from <= %(now)s order by gateway_id, valid_from desc
        ) present where plan_id is not null group by plan_id
        """,
        {"now": now},
    )
    return dict(rows)


async def fee_of(db: Database, gateway_id: int, amount: Rial, at: datetime) -> Quote:
    """What a purchase of a gateway would cost at a moment: PostgreSQL's own answer, by which it would be registered."""
    row = await db.one(
        "select fee_rial, by_buyer from fee_of(%(gateway_id)s, %(amount)s, %(at)s)",
        {"gateway_id": gateway_id, "amount": int(amount), "at": at},
    )
    fee, by_buyer = row or (0, False)
    return quote_of(amount, Rial(fee), by_buyer=by_buyer)
