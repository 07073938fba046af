"""A kind of bank, as data: what our terminal there needs, what its answer codes mean, and how a connector is made.

Each bank's file ends with its `KIND`; `catalogue.py` lists them; `docs/reference/banks.md` is made from them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from mopos.banks.port import Bank, Decline, Facts, Returned
from mopos.banks.wire import Transcript
from mopos.base.secret import Secret


class Means(StrEnum):
    """What an answer code says of the call that it answers."""

    DONE = "done"
    ALREADY = "already"
    """It was done before: a yes for the order that it is bound to, and for no other."""
    NOT_YET = "not_yet"
    """The buyer has not paid so far."""
    NO = "no"
    """It was not done and will not be."""
    UNSURE = "unsure"
    """No answer that settles anything: the truth is to be asked for again."""


class AnswerCode(NamedTuple):
    """One row of a bank's table of answer codes, in the bank's meaning and ours."""

    code: str
    means: Means
    fa: str
    en: str
    decline: Decline | None = None
    """For `NO`: why, in the words that all banks share."""


def by_code(codes: Iterable[AnswerCode]) -> dict[str, AnswerCode]:
    """A bank's table, to be looked up. Raises `ValueError` when a code stands twice."""
    table: dict[str, AnswerCode] = {}
    for row in codes:
        if row.code in table:
            raise ValueError(f"code {row.code} stands twice")
        table[row.code] = row
    return table


class CredentialField(NamedTuple):
    """One thing that a bank has told us about our terminal."""

    name: str
    pattern: str
    """What the whole value looks like."""
    fa: str
    en: str
    secret: bool = False
    """Asked for without an echo, never shown again."""


class CredentialsWrong(Exception):
    """Credentials that cannot be those of a terminal. Names the fields, never a value."""

    def __init__(self, kind: str, problems: Mapping[str, str]) -> None:
        super().__init__(f"{kind}: " + "; ".join(f"{name} {what}" for name, what in problems.items()))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Access:
    """How one terminal at a bank is reached."""

    base_url: str
    credentials: Mapping[str, Secret]
    """By the names of the kind's fields."""
    facts: Facts
    deadline_s: float = 10.0
    """The longest that one call may take, all of it; then it is silence."""
    on_call: Callable[[Transcript], None] | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of bank."""

    facts: Facts
    base_url: str
    """Where the real one is."""
    fields: tuple[CredentialField, ...]
    codes: tuple[AnswerCode, ...]
    make: Callable[[Access], Bank]
    read_return: Callable[[Mapping[str, str]], Returned] | None = None
    """Reads what a browser brought back from whichever terminal, where that needs no credentials: as its connector does
    it, for a terminal whose credentials cannot be read just now."""
    notes: tuple[str, ...] = ()
    """For the reference: what is peculiar, and what is not certain."""

    @property
    def name(self) -> str:
        return self.facts.name

    def check(self, credentials: Mapping[str, str]) -> dict[str, Secret]:
        """The credentials, complete and well formed. Raises `CredentialsWrong`."""
        fields = {field.name: field for field in self.fields}
        problems = {name: "is not asked for" for name in credentials if name not in fields}
        for name, field in fields.items():
            if not credentials.get(name):
                problems[name] = "is missing"
            elif not re.fullmatch(field.pattern, credentials[name]):
                problems[name] = "is malformed"
        if problems:
            raise CredentialsWrong(self.name, problems)
        return {name: Secret(credentials[name]) for name in fields}

    def facts_with(self, deadlines: Mapping[str, float]) -> Facts:
        """The facts, where a contract has other times: `session`, `verify_deadline`, `reverse_within`, in seconds."""
        times = {name: timedelta(seconds=seconds) for name, seconds in deadlines.items()}
        return replace(
            self.facts,
            session=times.get("session", self.facts.session),
            verify_deadline=times.get("verify_deadline", self.facts.verify_deadline),
            reverse_within=times.get("reverse_within", self.facts.reverse_within),
        )
