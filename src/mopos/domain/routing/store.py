"""The SQL of terminals and of the rules between them."""

from __future__ import annotations

from typing import NamedTuple

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
