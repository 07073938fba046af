"""The rules by which purchases go to terminals, as operators of the command line manage them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from mopos.actions.manage_terminals import find
from mopos.actions.read_terminal import TerminalRefused, read_limits
from mopos.actions.services import Services
from mopos.actions.set_fees import read_gateway
from mopos.base.clock import Clock
from mopos.base.db import Database
from mopos.base.ids import with_check_digit
from mopos.base.money import Rial
from mopos.domain.operators.model import check_reason
from mopos.domain.payments.model import AMNT_RIAL_MAX, AMNT_RIAL_MIN
from mopos.domain.routing import store
from mopos.domain.routing.model import Group, Rule, Terminal, candidates
from mopos.domain.routing.store import By

# As the table's own: the lowest priority goes first.
PRIORITY = 100
PRIORITY_MAX = WEIGHT_MAX = 1_000


async def add_rule(
    db: Database,
    clock: Clock,
    terminal_id: int,
    *,
    merchant: str | None,
    least: str | None,
    most: str | None,
    priority: int,
    weight: int,
    operator_id: int | None,
    reason: str,
) -> tuple[Rule, Terminal]:
    """Let purchases go to a terminal: those of one merchant (a number with check digit), or of everybody for whom no
    rule is of the merchant's own. Raises `TerminalRefused`; `Refused`: the reason, or `fee_gateway_unknown`."""
    by = By(operator_id, check_reason(reason), clock())
    terminal = await find(db, terminal_id)
    gateway_id = await _gateway(db, merchant) if merchant is not None else None
    amount_from, amount_upto = read_limits(least, most, (Rial(0), None))
    if not (1 <= priority <= PRIORITY_MAX and 1 <= weight <= WEIGHT_MAX):
        raise TerminalRefused(f"priority and weight are 1 to {PRIORITY_MAX:,}")
    rule = Rule(0, terminal_id, gateway_id, amount_from, amount_upto, priority, weight)
    _refuse_beyond(rule, terminal)
    try:
        made = await store.add_rule(db, rule, by, _facts(rule))
    except store.RuleThere:
        raise TerminalRefused(f"such purchases go to terminal {terminal_id} by another rule already") from None
    if made is None:
        raise TerminalRefused(f"there are {store.RULES_MAX:,} rules already; a process reads no more")
    return replace(rule, id=made), terminal


async def _gateway(db: Database, number: str) -> int:
    gateway_id = read_gateway(number)
    if not await store.gateway_exists(db, gateway_id):
        raise TerminalRefused("there is no gateway with this number; see mopos account list")
    return gateway_id


def _refuse_beyond(rule: Rule, terminal: Terminal) -> None:
    """A rule that could never send anything: the terminal takes no such amounts."""
    over = terminal.amount_upto is not None and rule.amount_from > terminal.amount_upto
    if over or (rule.amount_upto is not None and rule.amount_upto < (terminal.amount_from or 0)):
        raise TerminalRefused(f"terminal {terminal.id} takes no such amounts: it takes {amounts_of(terminal)}")


async def remove_rule(db: Database, clock: Clock, rule_id: int, *, operator_id: int | None, reason: str) -> Rule:
    """A rule counts no more. Raises `TerminalRefused`: there is none; `Refused`: the reason."""
    by = By(operator_id, check_reason(reason), clock())
    rule = next((one for one in (await store.routing(db)).rules if one.id == rule_id), None)
    if rule is None or not await store.remove_rule(db, rule_id, by, _facts(rule)):
        raise TerminalRefused(f"there is no rule {rule_id}; see mopos route list")
    return rule


def _facts(rule: Rule) -> dict[str, Any]:
    """What the audit log tells of a rule."""
    return {
        "gateway": None if rule.gateway_id is None else with_check_digit(rule.gateway_id),
        "amount_from_rial": int(rule.amount_from),
        "amount_upto_rial": None if rule.amount_upto is None else int(rule.amount_upto),
        "priority": rule.priority,
        "weight": rule.weight,
    }


@dataclass(frozen=True, slots=True)
class Routes:
    """All terminals and rules, and in which unit each terminal's bank is spoken to."""

    terminals: Sequence[Terminal]
    rules: Sequence[Rule]
    unit_rial: Mapping[int, int] = field(default_factory=dict)
    """Of those that can say whole multiples only: 10 where a terminal speaks Toman."""

    def able(self, amount: int) -> list[Terminal]:
        """Those that can say an amount at all."""
        return [one for one in self.terminals if amount % self.unit_rial.get(one.id, 1) == 0]


async def routes(services: Services) -> Routes:
    """As this installation has them. A terminal whose credentials cannot be read is taken for one of plain Rial."""
    found = await store.routing(services.db)
    await services.terminals.refresh(services.db)
    units = {number: live.bank.facts.unit_rial for number, live in services.terminals.all.items()}
    return Routes(found.terminals, found.rules, {number: unit for number, unit in units.items() if unit != 1})


def where_to(routes: Routes, gateway_id: int, amount: Rial, now: datetime) -> list[Group]:
    """Who may take one purchase, in order, whatever their health."""
    return candidates(routes.able(amount), routes.rules, gateway_id, amount, now)


class Gap(NamedTuple):
    """Amounts for which no terminal can be chosen."""

    gateway_id: int | None
    """Whose purchases; None: those of everybody without rules of their own."""
    amount_from: Rial
    amount_upto: Rial
    whole: bool = True
    """False: only those amounts that are no whole Toman."""


def all_gaps(routes: Routes, now: datetime) -> list[Gap]:
    """What would find no terminal; and what would as soon as it is no whole Toman, where that is more."""
    whole = gaps(routes.terminals, routes.rules, now)
    odd = gaps(routes.able(1), routes.rules, now)
    return [*whole, *(gap._replace(whole=False) for gap in odd if gap not in whole)]


def gaps(terminals: Sequence[Terminal], rules: Sequence[Rule], now: datetime) -> list[Gap]:
    """What would find no terminal, by the engine's own choice: for each gateway that a rule names, and for the others.
    The choice can only change where a bound of a rule or a terminal lies, so each stretch is tried at its beginning."""
    bounded: list[Terminal | Rule] = [*terminals, *rules]
    bounds = [(one.amount_from or Rial(0), one.amount_upto) for one in bounded]
    begins = {least for least, _ in bounds} | {most + Rial(1) for _, most in bounds if most is not None}
    starts = sorted({AMNT_RIAL_MIN, *(one for one in begins if AMNT_RIAL_MIN < one <= AMNT_RIAL_MAX)})
    ends = [*(start - Rial(1) for start in starts[1:]), AMNT_RIAL_MAX]
    found: list[Gap] = []
    for gateway_id in (None, *sorted({rule.gateway_id for rule in rules if rule.gateway_id is not None})):
        for start, end in zip(starts, ends, strict=True):
            if candidates(terminals, rules, _NOBODY if gateway_id is None else gateway_id, start, now):
                continue
            last = found[-1] if found else None
            if last is not None and last.gateway_id == gateway_id and last.amount_upto + Rial(1) == start:
                found[-1] = last._replace(amount_upto=end)
            else:
                found.append(Gap(gateway_id, start, end))
    return found


# No gateway has this id: what holds for it holds for everybody without rules of their own.
_NOBODY = 0


def amounts_of(bounds: Rule | Terminal) -> str:
    """`from 500,000 to 50,000,000 Rial`, or where one bound is missing or both are."""
    least, most = bounds.amount_from or Rial(0), bounds.amount_upto
    if most is None:
        return f"from {least:,} Rial on" if least else "of any amount"
    return f"from {least:,} to {most:,} Rial" if least else f"up to {most:,} Rial"
