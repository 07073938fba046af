"""Statements of the operator's bank account: CAMT.053 and CSV, read strictly and in flat memory.

Both give the same: a `Line` for each movement (plus came in, minus went out, in Rial), a `BadRow` for each row that
cannot be believed, and a `Summary` at the end. A file with a bad row is not to be imported: money that is misread is
worse than money that is not read. The shapes are told in `docs/howto/reconciliation.md`; CAMT.053 is
`statement_camt.py`, CSV is `statement_csv.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from persiantools.jdatetime import JalaliDate

from mopos.base.money import RIAL_MAX
from mopos.base.text import harmless, latin_digits

# As the column `statement_line.text` holds it.
TEXT_LENGTH_MAX = 500
# References of banks have up to 35 characters (ISO 20022 Max35Text); of their APIs up to 64.
REF_LENGTH_MAX = 100
# A year below this is a Jalali one: 1700 is far from both calendars' present.
_JALALI_BELOW = 1700

_DATE = re.compile(r"(\d{4})([-/.]?)(\d{1,2})\2(\d{1,2})(?:[T ].*)?")
_RIAL = re.compile(r"(\d{1,18})(?:\.0{1,5})?")
_SEPARATORS = re.compile(r"[\s,٬،'_]")
_WORD = re.compile(r"[0-9A-Za-z]{3,64}")


class Line(NamedTuple):
    """A movement. `row`: its place in the file, from 1."""

    row: int
    ref: str
    """The bank's own reference; a second movement of a file with the same one, day and amount has `#2` behind it."""
    on: date
    rial: int
    text: str
    """What the bank says of it, with all further references: payouts and deposits are recognised by its words."""


class BadRow(NamedTuple):
    """A row that is not believed. `why`: `date`, `amount`, `currency`, `direction`, `ref`, `balance`, `details`,
    `columns`, `status`; the sentence is `recon.row.WHY`."""

    row: int
    why: str
    value: str


class Summary(NamedTuple):
    """What a file says of itself, when all of it is read. None: it does not say."""

    iban: str
    lines: int
    credits: int
    debits: int
    from_on: date | None
    to_on: date | None
    opening: int | None
    closing: int | None


Read = Line | BadRow | Summary


class Unreadable(Exception):
    """No statement at all. `code` is one of the catalogue."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Repeats:
    """Numbers movements that are alike in reference, day and amount, so that none is taken for another's copy.

    Overlapping files give the same numbers, as banks cut their files by whole days."""

    def __init__(self) -> None:
        # Hashes only: a movement costs some sixty bytes, so that 200 MB of statement stay small.
        self._seen: set[int] = set()
        self._often: dict[int, int] = {}

    def numbered(self, ref: str, on: date, rial: int) -> str:
        """The reference, with `#2` and so on from the second time on."""
        mark = hash((ref, on.toordinal(), rial))
        if mark not in self._seen:
            self._seen.add(mark)
            return ref
        self._often[mark] = self._often.get(mark, 1) + 1
        return f"{ref}#{self._often[mark]}"


class Sums:
    """What came in and went out so far, and from when to when."""

    def __init__(self) -> None:
        self.lines = self.credits = self.debits = 0
        self.first: date | None = None
        self.last: date | None = None

    def add(self, on: date, rial: int) -> None:
        self.lines += 1
        if rial > 0:
            self.credits += rial
        else:
            self.debits -= rial
        self.first = on if self.first is None or on < self.first else self.first
        self.last = on if self.last is None or on > self.last else self.last

    @property
    def net(self) -> int:
        return self.credits - self.debits


def read_date(text: str) -> date | None:
    """A Jalali or Gregorian date, in Persian or Latin digits, with or without a time behind it. None: it is none."""
    found = _DATE.fullmatch(latin_digits(text).strip())
    if not found:
        return None
    year, month, day = int(found[1]), int(found[3]), int(found[4])
    try:
        return JalaliDate(year, month, day).to_gregorian() if year < _JALALI_BELOW else date(year, month, day)
    except ValueError:
        return None


def read_rial(text: str) -> int | None:
    """A whole number of Rial, with or without separators and zeros behind a point. None: it is none."""
    found = _RIAL.fullmatch(_SEPARATORS.sub("", latin_digits(text).replace("٫", ".")))
    return int(found[1]) if found and int(found[1]) <= RIAL_MAX else None


def clean_ref(text: str) -> str:
    """A reference without blanks around it and without what deceives."""
    return latin_digits(harmless(text))[:REF_LENGTH_MAX]


def clean_text(*parts: str) -> str:
    """What a bank says of a movement, each part once."""
    kept: dict[str, None] = {}
    for part in parts:
        text = latin_digits(harmless(part))
        if text:
            kept[text] = None
    return " | ".join(kept)[:TEXT_LENGTH_MAX]


def words_of(ref: str, text: str) -> set[str]:
    """The words by which a movement may be recognised: tracking numbers, terminals, payouts."""
    return set(_WORD.findall(f"{ref} {text}"))


def bad(rows: Iterator[Read]) -> Iterator[BadRow]:
    """Only what is wrong."""
    return (row for row in rows if isinstance(row, BadRow))
