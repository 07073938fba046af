"""The SQL of terminals and of the rules between them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from mopos.base.db import Database, Row
from mopos.base.money import Rial
from mopos.domain.routing.model import Rule, Terminal

# A facilitator has some dozen; who has more has made a mistake.
TERMINALS_MAX = 1_000
RULES_MAX = 10_000

_TERMINAL = """
    id, bank, name, base_url, sealed, key_name, deadlines, amount_from_rial, amount_upto_rial,
    case when isfinite(valid_from) then valid_from end, disabled_at
"""


def _terminal(row: Row) -> Terminal:
    terminal_id, bank, name, base_url, sealed, key_name, deadlines, amount_from, amount_upto, *times = row
    upto = None if amount_upto is None else Rial(amount_upto)
    return Terminal(terminal_id, bank, name, base_url, sealed, key_name, deadlines, Rial(amount_from), upto, *times)


class Routing(NamedTuple):
    """All terminals (also those that are off: what is under way there goes on), and all rules."""

    terminals: list[Terminal]
    rules: list[Rule]


class By(NamedTuple):
    """Who changes a terminal or a rule, when, and why. `operator_id` None: the command line."""

    operator_id: int | None
    reason: str
    now: datetime


# --- reading ----------------------------------------------------------------------------------------------------------


async def routing(db: Database) -> Routing:
    """What a process needs to know to send purchases anywhere."""
    terminals = await db.all(f"select {_TERMINAL} from terminal order by id limit {TERMINALS_MAX}")  # noqa: S608
    rules = await db.all(
        f"""
        select id, terminal_id, gateway_id, amount_from_rial, amount_upto_rial, priority, weight
        from routing_rule order by id limit {RULES_MAX}
        """  # noqa: S608
    )
    return Routing([_terminal(row) for row in terminals], [_rule(row) for row in rules])


def _rule(row: Row) -> Rule:
    rule_id, terminal_id, gateway_id, amount_from, amount_upto, priority, weight = row
    upto = None if amount_upto is None else Rial(amount_upto)
    return Rule(rule_id, terminal_id, gateway_id, Rial(amount_from), upto, priority, weight)


async def find(db: Database, terminal_id: int) -> Terminal | None:
    """One terminal."""
    row = await db.one(f"select {_TERMINAL} from terminal where id = %(id)s", {"id": terminal_id})  # noqa: S608
    return _terminal(row) if row else None


async def is_known(db: Database, bank: str, name: str) -> bool:
    """Whether a terminal at this bank has this name."""
    row = await db.one("select 1 from terminal where bank = %(bank)s and name = %(name)s", {"bank": bank, "name": name})
    return row is not None


# --- terminals --------------------------------------------------------------------------------------------------------
# Each change is told in the audit log by its own statement, under the terminal's name. `data` holds no credential.


class NameTaken(Exception):
    """Another terminal at this bank has the name."""


async def add(db: Database, terminal: Terminal, by: By, data: Mapping[str, Any]) -> int | None:
    """A new terminal. Returns its number; None: there are as many as a process reads. Raises `NameTaken`."""
    try:
        row = await db.one(
            """
            with made as (
                insert into terminal (bank, name, base_url, sealed, key_name, deadlines, amount_from_rial,
                    amount_upto_rial, valid_from, created_at)
                select %(bank)s, %(name)s, %(base_url)s, %(sealed)s::bytea, %(key_name)s, %(deadlines)s::jsonb,
                    %(amount_from)s::bigint, %(amount_upto)s::bigint, %(valid_from)s::timestamptz, %(now)s::timestamptz
                where (select count(*) from terminal) < %(max)s
                returning id, bank, name
            ),
            told as (
                insert into audit_log (at, operator_id, act, subject, reason, data)
                select %(now)s, %(by)s::bigint, 'add_terminal', bank || ' ' || name, %(reason)s,
                    jsonb_build_object('terminal', id) || %(data)s
                from made
            )
            select id from made
            """,
            {
                "bank": terminal.bank,
                "name": terminal.name,
                "valid_from": terminal.valid_from,
                "max": TERMINALS_MAX,
                **_settable(terminal),
                **_told(by, data),
            },
        )
    except UniqueViolation:
        raise NameTaken from None
    return int(row[0]) if row else None


async def change(db: Database, before: Terminal, after: Terminal, by: By, data: Mapping[str, Any]) -> bool:
    """Other credentials, address, times or limits. False: the terminal is not as `before` any more."""
    row = await db.one(
        """
        with changed as (
            update terminal set base_url = %(base_url)s, sealed = %(sealed)s, key_name = %(key_name)s,
                deadlines = %(deadlines)s, amount_from_rial = %(amount_from)s, amount_upto_rial = %(amount_upto)s
            where id = %(id)s and base_url = %(was_base_url)s and sealed is not distinct from %(was_sealed)s
                and deadlines = %(was_deadlines)s and amount_from_rial = %(was_amount_from)s
                and amount_upto_rial is not distinct from %(was_amount_upto)s
            returning id, bank, name
        ),
        told as (
            insert into audit_log (at, operator_id, act, subject, reason, data)
            select %(now)s, %(by)s::bigint, 'set_terminal', bank || ' ' || name, %(reason)s,
                jsonb_build_object('terminal', id) || %(data)s
            from changed
        )
        select 1 from changed
        """,
        {
            "id": before.id,
            **_settable(after),
            **{f"was_{name}": value for name, value in _settable(before).items()},
            **_told(by, data),
        },
    )
    return row is not None


async def reseal(db: Database, terminal: Terminal, key_name: str, sealed: bytes, by: By) -> bool:
    """The same credentials under another key. False: they are not those of `terminal` any more."""
    row = await db.one(
        """
        with changed as (
            update terminal set sealed = %(sealed)s, key_name = %(key_name)s
            where id = %(id)s and sealed = %(was_sealed)s returning id, bank, name
        ),
        told as (
            insert into audit_log (at, operator_id, act, subject, reason, data)
            select %(now)s, %(by)s::bigint, 'reseal_terminal', bank || ' ' || name, %(reason)s,
                jsonb_build_object('terminal', id) || %(data)s
            from changed
        )
        select 1 from changed
        """,
        {
            "id": terminal.id,
            "sealed": sealed,
            "key_name": key_name,
            "was_sealed": terminal.sealed,
            **_told(by, {"from": terminal.key_name, "to": key_name}),
        },
    )
    return row is not None


def _settable(terminal: Terminal) -> dict[str, object]:
    return {
        "base_url": terminal.base_url,
        "sealed": terminal.sealed,
        "key_name": terminal.key_name,
        "deadlines": Jsonb(dict(terminal.deadlines)),
        "amount_from": int(terminal.amount_from or 0),
        "amount_upto": None if terminal.amount_upto is None else int(terminal.amount_upto),
    }


def _told(by: By, data: Mapping[str, Any]) -> dict[str, object]:
    return {"now": by.now, "by": by.operator_id, "reason": by.reason, "data": Jsonb(dict(data))}


# --- rules ------------------------------------------------------------------------------------------------------------


class RuleThere(Exception):
    """The same purchases go to the same terminal by another rule already."""


async def gateway_exists(db: Database, gateway_id: int) -> bool:
    """Whether there is a gateway of this id."""
    return await db.one("select 1 from gateway where id = %(id)s", {"id": gateway_id}) is not None


async def add_rule(db: Database, rule: Rule, by: By, data: Mapping[str, Any]) -> int | None:
    """A new rule. Returns its number; None: there are as many as a process reads. Raises `RuleThere`."""
    try:
        row = await db.one(
            """
            with made as (
                insert into routing_rule
                    (terminal_id, gateway_id, amount_from_rial, amount_upto_rial, priority, weight, created_at)
                select %(terminal)s::bigint, %(gateway)s::bigint, %(amount_from)s::bigint, %(amount_upto)s::bigint,
                    %(priority)s::int, %(weight)s::int, %(now)s::timestamptz
                where (select count(*) from routing_rule) < %(max)s
                returning id, terminal_id
            ),
            told as (
                insert into audit_log (at, operator_id, act, subject, reason, data)
                select %(now)s, %(by)s::bigint, 'add_route', t.bank || ' ' || t.name, %(reason)s,
                    jsonb_build_object('rule', made.id, 'terminal', t.id) || %(data)s
                from made join terminal t on t.id = made.terminal_id
            )
            select id from made
            """,
            {
                "terminal": rule.terminal_id,
                "gateway": rule.gateway_id,
                "amount_from": int(rule.amount_from),
                "amount_upto": None if rule.amount_upto is None else int(rule.amount_upto),
                "priority": rule.priority,
                "weight": rule.weight,
                "max": RULES_MAX,
                **_told(by, data),
            },
        )
    except UniqueViolation:
        raise RuleThere from None
    return int(row[0]) if row else None


async def remove_rule(db: Database, rule_id: int, by: By, data: Mapping[str, Any]) -> bool:
    """A rule counts no more. False: there is none with this number."""
    row = await db.one(
        """
        with gone as (
            delete from routing_rule where id = %(id)s returning id, terminal_id
        ),
        told as (
            insert into audit_log (at, operator_id, act, subject, reason, data)
            select %(now)s, %(by)s::bigint, 'remove_route', t.bank || ' ' || t.name, %(reason)s,
                jsonb_build_object('rule', gone.id, 'terminal', t.id) || %(data)s
            from gone join terminal t on t.id = gone.terminal_id
        )
        select 1 from gone
        """,
        {"id": rule_id, **_told(by, data)},
    )
    return row is not None
