"""A CSV of the operator's bank account, as accountants export it: Persian or English headings, Persian or Latin digits,
Jalali or Gregorian dates, and either one signed amount or a debit and a credit column.

Rows above the headings may name the account (`شبا` / `iban`) and its balances. Where there is a column of running
balances, every row must agree with the one before it, oldest or newest first. UTF-8 or UTF-16; commas, semicolons or
tabs. Amounts are Rial: a heading that says Toman is refused.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO, NamedTuple

from mopos.base.iban import is_iban, read_iban
from mopos.base.text import harmless, latin_digits
from mopos.domain.settlement.statements import (
    BadRow,
    Line,
    Read,
    Repeats,
    Summary,
    Sums,
    Unreadable,
    clean_ref,
    clean_text,
    read_date,
    read_rial,
)

# What columns are called, folded: Arabic letters to Persian ones, half spaces and blanks gone, small letters.
COLUMNS: dict[str, tuple[str, ...]] = {
    "date": ("date", "bookingdate", "transactiondate", "تاریخ", "تاریختراکنش", "تاریخسند", "تاریخگردش"),
    "ref": (
        *("reference", "ref", "bankref", "trackingnumber", "documentnumber", "transactionid"),
        *("شمارهپیگیری", "کدپیگیری", "شمارهسند", "شمارهمرجع", "مرجع", "شناسهتراکنش"),
    ),
    "debit": ("debit", "withdrawal", "paidout", "بدهکار", "برداشت", "مبلغبرداشت", "مبلغبدهکار"),
    "credit": ("credit", "deposit", "paidin", "بستانکار", "واریز", "مبلغواریز", "مبلغبستانکار"),
    "amount": ("amount", "مبلغ"),
    "text": ("description", "text", "details", "شرح", "توضیحات", "شرحتراکنش", "شرحسند", "بابت"),
    "balance": ("balance", "runningbalance", "مانده", "موجودی", "ماندهحساب"),
    "iban": ("iban", "account", "شبا", "شمارهشبا"),
    "more": ("endtoendid", "depositid", "payer", "counterparty", "شناسهواریز", "واریزکننده", "طرفحساب"),
}
# What rows above the headings may tell.
PREAMBLE: dict[str, tuple[str, ...]] = {
    "iban": COLUMNS["iban"],
    "opening": ("openingbalance", "opening", "ماندهاولدوره", "ماندهاول", "موجودیاول"),
    "closing": ("closingbalance", "closing", "ماندهآخردوره", "ماندهآخر", "ماندهپایاندوره", "موجودیآخر"),
    "from": ("from", "fromdate", "ازتاریخ"),
    "to": ("to", "todate", "تاتاریخ"),
}
_COLUMN = {alias: name for name, aliases in COLUMNS.items() for alias in aliases}
_TOLD = {alias: name for name, aliases in PREAMBLE.items() for alias in aliases}
# Headings stand near the top: a file whose first rows have none is no statement.
_PREAMBLE_ROWS_MAX = 40
# Nobody writes a longer text into one cell of a statement.
_CELL_MAX = 10_000
_SHOWN_MAX = 60

_FOLDED = str.maketrans({"ي": "ی", "ى": "ی", "ك": "ک", "ة": "ه", "أ": "ا", "إ": "ا", "ۀ": "ه", "ٔ": None})
_RIAL_WORD = re.compile(r"\((rials?|irr|ریال)\)|ریال$")
_JOINERS = re.compile(r"[\s\u200c\u200d_\-:.*]+")
_NEGATIVE = re.compile(r"^\((.*)\)$|^[-\u2212](.*)$|^(.*)[-\u2212]$")


class _Cell(NamedTuple):
    rial: int
    problem: str = ""
    value: str = ""


def read_csv(source: BinaryIO, iban: str = "") -> Iterator[Read]:
    """The lines of a file, then its summary. `iban`: of the account, where the file does not name it. Raises
    `Unreadable`."""
    try:
        yield from _Reader(iban).read(source)
    except (UnicodeDecodeError, csv.Error) as error:
        raise Unreadable("statement_unreadable") from error


class _Reader:
    def __init__(self, iban: str) -> None:
        self._told: dict[str, str] = {"iban": iban} if iban else {}
        self._columns: dict[str, list[int]] = {}
        self._repeats = Repeats()
        self._sums = Sums()
        self._run = _Running()

    def read(self, source: BinaryIO) -> Iterator[Read]:
        text = _open(source)
        try:
            rows = enumerate(_rows(text), 1)
            self._read_headings(rows)
            for number, cells in rows:
                if any(cell.strip() for cell in cells):
                    yield from self._row(number, cells)
            yield from self._end()
        finally:
            text.detach()

    def _read_headings(self, rows: Iterator[tuple[int, list[str]]]) -> None:
        for number, cells in rows:
            names = [_fold(cell) for cell in cells]
            if any("تومان" in name or "toman" in name for name in names):
                raise Unreadable("statement_toman")
            columns: dict[str, list[int]] = {}
            for at, name in enumerate(names):
                if name in _COLUMN:
                    columns.setdefault(_COLUMN[name], []).append(at)
            if _is_enough(columns):
                self._columns = columns
                return
            filled = [cell.strip() for cell in cells if cell.strip()]
            if len(filled) == 2 and _fold(filled[0]) in _TOLD:
                self._told.setdefault(_TOLD[_fold(filled[0])], filled[1])
            if number >= _PREAMBLE_ROWS_MAX:
                break
        raise Unreadable("statement_columns")

    def _row(self, number: int, cells: list[str]) -> Iterator[Read]:
        row = {name: [cells[at].strip() for at in places if at < len(cells)] for name, places in self._columns.items()}
        amount, on = _amount(row), read_date(_one(row, "date"))
        # Banks number transfers in several ways, and a row has at least one of them.
        refs = [ref for ref in (clean_ref(cell) for cell in row.get("ref", [])) if ref]
        problem = self._account(row)
        if problem is not None:
            yield BadRow(number, "iban", problem)
        elif amount.problem:
            yield BadRow(number, amount.problem, amount.value)
        elif on is None:
            yield BadRow(number, "date", _one(row, "date")[:_SHOWN_MAX])
        elif not refs:
            yield BadRow(number, "ref", "")
        else:
            wrong = self._run.add(_one(row, "balance"), amount.rial) if "balance" in row else None
            if wrong is not None:
                yield BadRow(number, "balance", wrong)
            self._sums.add(on, amount.rial)
            text = clean_text(*refs[1:], *row.get("text", []), *row.get("more", []))
            yield Line(number, self._repeats.numbered(refs[0], on, amount.rial), on, amount.rial, text)

    def _account(self, row: Mapping[str, list[str]]) -> str | None:
        """What is wrong with the account that a row names; None: nothing."""
        named = read_iban(_one(row, "iban"))
        if not named:
            return None
        if "iban" not in self._told:
            self._told["iban"] = named
        return None if read_iban(self._told["iban"]) == named else named[:_SHOWN_MAX]

    def _end(self) -> Iterator[Read]:
        iban = read_iban(self._told.get("iban", ""))
        if not is_iban(iban):
            raise Unreadable("statement_iban_missing")
        opening, closing = self._run.ends()
        opening = self._balance("opening", opening)
        closing = self._balance("closing", closing)
        told = opening is not None and closing is not None and not self._run.is_broken
        if told and (opening or 0) + self._sums.net != closing:
            yield BadRow(0, "balance", f"{opening} + {self._sums.net} / {closing}")
        yield Summary(
            iban=iban,
            lines=self._sums.lines,
            credits=self._sums.credits,
            debits=self._sums.debits,
            from_on=read_date(self._told.get("from", "")) or self._sums.first,
            to_on=read_date(self._told.get("to", "")) or self._sums.last,
            opening=opening,
            closing=closing,
        )

    def _balance(self, name: str, otherwise: int | None) -> int | None:
        told = self._told.get(name)
        if told is None:
            return otherwise
        cell = _signed(told)
        if cell.problem:
            raise Unreadable("statement_balance_missing")
        return cell.rial


class _Running:
    """Balances after each row, oldest first or newest first: the first two rows tell which."""

    def __init__(self) -> None:
        self._first: tuple[int, int] | None = None
        self._last: tuple[int, int] | None = None
        self._up: bool | None = None
        self.is_broken = False
        """A row was found wrong already."""

    def add(self, text: str, rial: int) -> str | None:
        """What is wrong with a row's balance; None: nothing."""
        cell = _signed(text)
        if cell.problem:
            return text[:_SHOWN_MAX]
        now, before = (cell.rial, rial), self._last
        self._last = now
        if before is None:
            self._first = now
            return None
        up = before[0] + rial == cell.rial
        down = before[0] - before[1] == cell.rial
        if self._up is None and up != down:
            self._up = up
        good = up if self._up else down if self._up is False else up or down
        if good:
            return None
        self.is_broken = True
        return f"{before[0]} / {cell.rial}"

    def ends(self) -> tuple[int | None, int | None]:
        """Opening and closing balance."""
        if self._first is None or self._last is None:
            return None, None
        first, last = (self._first, self._last) if self._up is not False else (self._last, self._first)
        return first[0] - first[1], last[0]


def _open(source: BinaryIO) -> io.TextIOWrapper:
    start = source.read(4)
    source.seek(0)
    utf16 = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return io.TextIOWrapper(source, encoding="utf-16" if utf16 else "utf-8-sig", newline="")


def _rows(text: io.TextIOWrapper) -> Iterator[list[str]]:
    """Rows by the separator that the file uses most near its top. Bounded, so that one cell cannot fill memory."""
    start = text.read(4096)
    text.seek(0)
    delimiter = max(",;\t", key=start.count)
    csv.field_size_limit(_CELL_MAX)
    yield from csv.reader(_lines(text), delimiter=delimiter)


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(_CELL_MAX * 10):
        if "\0" in line or (len(line) >= _CELL_MAX * 10 and not line.endswith("\n")):
            raise Unreadable("statement_unreadable")
        yield line


def _fold(cell: str) -> str:
    name = latin_digits(harmless(cell)).translate(_FOLDED).strip().lower()
    return _JOINERS.sub("", _RIAL_WORD.sub("", name).strip("() "))


def _is_enough(columns: Mapping[str, list[int]]) -> bool:
    return {"date", "ref"} <= columns.keys() and ("amount" in columns or {"debit", "credit"} <= columns.keys())


def _one(row: Mapping[str, list[str]], name: str) -> str:
    return next((cell for cell in row.get(name, []) if cell), "")


def _amount(row: Mapping[str, list[str]]) -> _Cell:
    """The signed amount of a row: from its one column, or from the one of two that is filled."""
    debit, credit = (_whole(_one(row, name)) for name in ("debit", "credit"))
    if "debit" not in row or "credit" not in row:
        cell = _signed(_one(row, "amount"))
        return cell if cell.problem or cell.rial else _Cell(0, "amount", "0")
    wrong = next((cell for cell in (debit, credit) if cell.problem), None)
    if wrong is not None:
        return wrong
    if bool(debit.rial) == bool(credit.rial):
        return _Cell(0, "direction", f"{debit.rial} / {credit.rial}")
    return _Cell(credit.rial - debit.rial)


def _whole(text: str) -> _Cell:
    """A cell of a debit or credit column: empty and a dash are nought."""
    text = harmless(text)
    if text in ("", "-", "\u2212", "—"):
        return _Cell(0)
    rial = read_rial(text)
    return _Cell(0, "amount", text[:_SHOWN_MAX]) if rial is None else _Cell(rial)


def _signed(text: str) -> _Cell:
    text = harmless(text)  # marks of direction stand before signs in exports of Excel
    negative = _NEGATIVE.match(text)
    found = next((part for part in negative.groups() if part is not None), "") if negative else text.lstrip("+")
    rial = read_rial(found)
    if rial is None:
        return _Cell(0, "amount", text[:_SHOWN_MAX])
    return _Cell(-rial if negative else rial)
