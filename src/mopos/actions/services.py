"""What an action needs from outside, handed in by the composition root."""

from __future__ import annotations

from dataclasses import dataclass

from mopos.banks.port import Bank
from mopos.base.clock import Clock
from mopos.base.config import Settings
from mopos.base.db import Database


@dataclass(frozen=True, slots=True)
class Services:
    """The database, the bank with our terminal there, the clock and the settings."""

    db: Database
    bank: Bank
    terminal_id: int
    clock: Clock
    settings: Settings
