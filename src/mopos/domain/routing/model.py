"""Terminals at banks and the rules by which purchases go to them, without a database and without a bank."""

from __future__ import annotations

from collections.abc import Mapping
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
        within = (self.amount_from or 0) <= amount and (self.amount_upto is None or amount <= self.amount_upto)
        return self.disabled_at is None and started and within


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

    def is_about(self, gateway_id: int, amount: Rial) -> bool:
        within = self.amount_from <= amount and (self.amount_upto is None or amount <= self.amount_upto)
        return within and self.gateway_id in (None, gateway_id)
