"""What stands in an exported file: its columns in the reader's language, as CSV or XLSX. Flat memory in both."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import xlsxwriter

from mopos.actions.export_purchases import Sheet
from mopos.actions.export_sources import StatementRow
from mopos.base.clock import TEHRAN, jalali, jalali_day
from mopos.base.ids import with_check_digit
from mopos.domain.reports.exports import Export
from mopos.edges.i18n.lang import Lang
from mopos.edges.i18n.texts import TEXTS

# What Excel, LibreOffice and Google Sheets take for the beginning of a formula, also in full width; a tab or a line
# break before it changes nothing (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# Excel's own bound, with the headings in it.
SHEET_ROWS_MAX = 1_048_576

Value = str | int | datetime | None


class Column(NamedTuple):
    """A column: its heading's key, what stands in it, and how wide it is, in characters."""

    key: str
    value: Callable[[Any, Mapping[str, str]], Value]
    width: int


def _local(moment: datetime | None) -> datetime | None:
    return moment.astimezone(TEHRAN).replace(microsecond=0) if moment else None


def _jalali(moment: datetime | None) -> str:
    return jalali(moment) if moment else ""


def _jalali_day(day: date | None) -> str:
    return jalali_day(day) if day else ""


def _what(row: StatementRow, t: Mapping[str, str]) -> str:
    return t[f"moved.{row.movement.kind}"] if row.movement else t[f"statement.{row.kind}"]


def _came(row: StatementRow) -> int | None:
    return row.movement.rial if row.movement and row.movement.rial > 0 else None


def _went(row: StatementRow) -> int | None:
    return -row.movement.rial if row.movement and row.movement.rial < 0 else None


def _number(purchase_id: int | None) -> str:
    return with_check_digit(purchase_id) if purchase_id else ""


def _note(row: StatementRow, t: Mapping[str, str]) -> str:
    """Of the check: the sum in words, so that the columns of money hold movements only and can be summed."""
    if row.kind != "check":
        return (row.movement and row.movement.reason) or ""
    period = row.period
    return (
        f"{t['statement.opening']} {period.opening} + {t['statement.came']} {period.came} - {t['statement.went']} "
        f"{period.went} = {t['statement.closing']} {period.closing}"
    )


_PURCHASES: tuple[Column, ...] = (
    Column("column.number", lambda line, t: with_check_digit(line.id), 16),
    Column("column.res", lambda line, t: line.res, 20),
    Column("column.gateway", lambda line, t: line.gateway_name, 20),
    Column("column.state", lambda line, t: t[f"stand.{line.state}"], 14),
    Column("column.amount", lambda line, t: line.amount_rial, 16),
    Column("column.nam", lambda line, t: line.nam, 24),
    Column("column.dsc", lambda line, t: line.dsc, 40),
    Column("column.registered", lambda line, t: _jalali(line.registered_at), 20),
    Column("column.registered_iso", lambda line, t: _local(line.registered_at), 20),
    Column("column.paid", lambda line, t: _jalali(line.paid_at), 20),
    Column("column.paid_iso", lambda line, t: _local(line.paid_at), 20),
    Column("column.acknowledged", lambda line, t: _jalali(line.acknowledged_at), 20),
    Column("column.ref", lambda line, t: line.bank_ref or "", 18),
    Column("column.trace", lambda line, t: line.trace, 12),
    Column("column.card", lambda line, t: line.masked_pan, 20),
    Column("column.decline", lambda line, t: t[f"decline.{line.decline}"] if line.decline else "", 30),
    Column("column.attempts", lambda line, t: line.attempt_count, 8),
    Column("column.ip", lambda line, t: str(line.buyer_ip), 18),
    # Of what brought no money no fee was taken: an empty cell, so that the columns can be summed.
    Column("column.fee", lambda line, t: line.merchant_fee_rial if line.is_counted else None, 14),
    Column("column.given_back", lambda line, t: line.refunded_rial if line.is_counted else None, 16),
    Column("column.net", lambda line, t: line.net_rial if line.is_counted else None, 16),
    Column("column.dat_tasvie", lambda line, t: _jalali_day(line.settled_on), 14),
    Column("column.settled_iso", lambda line, t: line.settled_on.isoformat() if line.settled_on else "", 14),
    Column("column.no_tasvie", lambda line, t: line.tracking_no or "", 24),
    Column("column.expected", lambda line, t: _jalali_day(line.expected_on), 14),
)
_STATEMENT: tuple[Column, ...] = (
    Column("statement.column.gateway", lambda row, t: row.gateway_name, 20),
    Column("statement.column.gateway_number", lambda row, t: with_check_digit(row.gateway_id), 14),
    Column("statement.column.at", lambda row, t: _jalali(row.at), 20),
    Column("statement.column.at_iso", lambda row, t: _local(row.at), 20),
    Column("statement.column.what", _what, 30),
    Column("statement.column.came", lambda row, t: _came(row), 18),
    Column("statement.column.went", lambda row, t: _went(row), 18),
    Column("statement.column.balance", lambda row, t: row.balance_rial, 18),
    Column("statement.column.purchase", lambda row, t: _number(row.movement and row.movement.purchase_id), 16),
    Column("statement.column.res", lambda row, t: (row.movement and row.movement.res) or "", 20),
    Column("statement.column.deposit", lambda row, t: str((row.movement and row.movement.payout_id) or ""), 12),
    Column("statement.column.tracking", lambda row, t: (row.movement and row.movement.tracking_no) or "", 24),
    Column("statement.column.entry", lambda row, t: str(row.movement.entry_id) if row.movement else "", 14),
    Column("statement.column.note", _note, 40),
)
# By what stands in the file: the sheet's name and its columns.
_KINDS: Mapping[str, tuple[str, tuple[Column, ...]]] = {
    "purchases": ("column.sheet", _PURCHASES),
    "statement": ("statement.sheet", _STATEMENT),
}


def new_sheet(export: Export, path: Path) -> Sheet:
    """The empty file of an export, with its headings."""
    lang = Lang(export.lang)
    kind = CsvSheet if export.format == "csv" else XlsxSheet
    return kind(path, lang, *_KINDS[export.kind])


def harmless_cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula: an apostrophe stands before what could be one."""
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_FORMULA) else text


class CsvSheet:
    """UTF-8 with a byte order mark, as Excel wants it; CRLF (RFC 4180)."""

    def __init__(
        self, path: Path, lang: Lang, name: str = "column.sheet", columns: Sequence[Column] = _PURCHASES
    ) -> None:
        self._t, self._columns = TEXTS[lang], columns
        self._file = path.open("w", encoding="utf-8-sig", newline="")
        self._rows = csv.writer(self._file)
        self._rows.writerow([self._t[column.key] for column in columns])

    def add(self, lines: Sequence[Any]) -> None:
        self._rows.writerows([[self._cell(column.value(line, self._t)) for column in self._columns] for line in lines])

    def close(self) -> None:
        self._file.close()

    @staticmethod
    def _cell(value: Value) -> str | int:
        if isinstance(value, datetime):
            return value.isoformat()
        return harmless_cell(value) if isinstance(value, str) else value if value is not None else ""


class XlsxSheet:
    """Numbers as numbers, times as times, everything else as text: no formula and no link is ever made of it."""

    def __init__(
        self,
        path: Path,
        lang: Lang,
        name: str = "column.sheet",
        columns: Sequence[Column] = _PURCHASES,
        rows_max: int = SHEET_ROWS_MAX,
    ) -> None:
        self._t, self._lang, self._name, self._columns, self._rows_max = TEXTS[lang], lang, name, columns, rows_max
        options = {
            "constant_memory": True,
            "tmpdir": str(path.parent),
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "remove_timezone": True,
        }
        self._book = xlsxwriter.Workbook(str(path), options)
        self._bold = self._book.add_format({"bold": True})
        self._time = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._money = self._book.add_format({"num_format": "#,##0"})
        self._sheets = 0
        self._begin()

    def _begin(self) -> None:
        self._sheets += 1
        name = self._t[self._name]
        self._sheet: Any = self._book.add_worksheet(name if self._sheets == 1 else f"{name} {self._sheets}")
        if self._lang is Lang.FA:
            self._sheet.right_to_left()
        self._sheet.freeze_panes(1, 0)
        for number, column in enumerate(self._columns):
            self._sheet.set_column(number, number, column.width)
            self._sheet.write_string(0, number, self._t[column.key], self._bold)
        self._row = 1

    def add(self, lines: Sequence[Any]) -> None:
        for line in lines:
            if self._row >= self._rows_max:
                self._begin()
            for number, column in enumerate(self._columns):
                self._write(number, column.value(line, self._t))
            self._row += 1

    def _write(self, number: int, value: Value) -> None:
        if isinstance(value, datetime):
            self._sheet.write_datetime(self._row, number, value, self._time)
        elif isinstance(value, int):
            self._sheet.write_number(self._row, number, value, self._money)
        elif value:
            self._sheet.write_string(self._row, number, value)

    def close(self) -> None:
        self._book.close()
