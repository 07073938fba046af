"""Terminals at banks and the rules by which purchases go to them, without a database and without a bank."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mopos.base.money import Rial


@dataclass(frozen=True, slots=True)
class Terminal:
    """One of our terminals, as its row tells it."""

    id: int
    bank: str
    """A kind of `banks/catalogue.py`."""
    name: str
    """What operators call it; unique at its bank."""
    base_url: str = ""
    """Where its bank is; empty: the kind's own address."""
    sealed: bytes | None = None
    """Its credentials, encrypted; None: the sandbox's, from the settings."""
    key_name: str = ""
    deadlines: Mapping[str, float] = field(default_factory=dict)
    amount_from: Rial | None = None
    amount_upto: Rial | None = None
    valid_from: datetime | None = None
    disabled_at: datetime | None = None

    def takes(self, amount: Rial, now: datetime) -> bool:
        """Whether it may be asked to take a new purchase of this amount."""
        started = self.valid_from is None or self.valid_from <= now
        return self.disabled_at is None and started and self.is_about(amount)

    def is_about(self, amount: Rial) -> bool:
        """Whether an amount lies within its limits."""
        return (self.amount_from or 0) <= amount and (self.amount_upto is None or amount <= self.amount_upto)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: these purchases may go to this terminal."""

    id: int
    terminal_id: int
    gateway_id: int | None
    """Whose purchases; None: everybody's, where no rule names the gateway."""
    amount_from: Rial
    amount_upto: Rial | None
    priority: int
    """The lowest number goes first; the next only when all of it are sick, off, or have failed."""
    weight: int
    """Its share among those of the same priority."""

    @property
    def is_general(self) -> bool:
        return self.gateway_id is None

    def is_about(self, amount: Rial) -> bool:
        return self.amount_from <= amount and (self.amount_upto is None or amount <= self.amount_upto)


Group = list[tuple[Terminal, int]]
"""Terminals of one priority, each with its weight."""


def candidates(
    terminals: Iterable[Terminal], rules: Iterable[Rule], gateway_id: int, amount: Rial, now: datetime
) -> list[Group]:
    """Who may take a purchase, by priority, the lowest number first.

    Rules that name the gateway are the only ones for it; else the general ones count. Where there are neither, all
    terminals share alike; where there are some and none is about the purchase, nobody takes it. A terminal that several
    rules send it to counts by its best priority, with the sum of the weights there."""
    able = {terminal.id: terminal for terminal in terminals if terminal.takes(amount, now)}
    rules = list(rules)
    own = [rule for rule in rules if rule.gateway_id == gateway_id] or [rule for rule in rules if rule.is_general]
    if not own:
        return [[(terminal, 1) for terminal in able.values()]] if able else []
    groups: dict[int, dict[int, int]] = {}
    for rule in own:
        if rule.terminal_id in able and rule.is_about(amount):
            weights = groups.setdefault(rule.priority, {})
            weights[rule.terminal_id] = weights.get(rule.terminal_id, 0) + rule.weight
    found: list[Group] = []
    placed: set[int] = set()
    for _, weights in sorted(groups.items()):
        group = [(able[terminal_id], weight) for terminal_id, weight in weights.items() if terminal_id not in placed]
        placed.update(weights)
        if group:
            found.append(group)
    return found
