"""What every inquiry service can be asked about a bank account. A service is one file beside this one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose an IBAN is, in the bank's words; `matches`: whether it belongs to the national id that was asked about.
    None: the service cannot tell, a person compares the name."""

    name: str
    """Empty: there is an owner, and no name was told."""
    matches: bool | None


@dataclass(frozen=True, slots=True)
class NoSuchAccount:
    """The bank knows no such account, or it is closed."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Nobody knows: an operator checks by hand, or one asks again later."""

    why: str


class IbanInquiry(Protocol):
    """Tells whose an IBAN (Sheba) is. Never raises for what a service or a network does."""

    async def owner_of(self, iban: str, national_id: str) -> Owner | NoSuchAccount | NoAnswer:
        """Ask about `IR` and 24 digits, and a national id (10 digits) or legal id (11)."""
