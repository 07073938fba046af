"""Operators: THE table of who may do what in the console, and which acts need two of them."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Post(StrEnum):
    """An operator's role."""

    SUPPORT = "support"
    RISK = "risk"
    FINANCE = "finance"
    ADMIN = "admin"


class Duty(StrEnum):
    """What a page or an act of the console needs."""

    LOOK = "look"
    """Accounts, purchases, queues, the log: every operator."""
    ANSWER = "answer"
    """Write to merchants on their applications."""
    DECIDE = "decide"
    """Approve, reject, suspend and close gateways."""
    ASK_BANK = "ask_bank"
    CORRECT = "correct"
    """Force a purchase's state: always by two."""
    SWITCH = "switch"
    """Terminals on and off."""
    RUN_JOBS = "run_jobs"
    MANAGE_OPERATORS = "manage_operators"


DUTIES: dict[Post, frozenset[Duty]] = {
    Post.SUPPORT: frozenset({Duty.LOOK, Duty.ANSWER, Duty.ASK_BANK}),
    Post.RISK: frozenset({Duty.LOOK, Duty.ANSWER, Duty.DECIDE, Duty.ASK_BANK, Duty.SWITCH}),
    Post.FINANCE: frozenset({Duty.LOOK, Duty.ASK_BANK, Duty.CORRECT}),
    Post.ADMIN: frozenset(Duty),
}


class Operator(NamedTuple):
    """An operator who is signed in."""

    id: int
    name: str
    title: str
    post: Post

    def may(self, duty: Duty) -> bool:
        return duty in DUTIES[self.post]
