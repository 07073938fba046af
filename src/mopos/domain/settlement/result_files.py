"""What became of a file's orders, as a bank gives it back. Pure: bytes in, rows out.

No bank has published a sample, so two forms are read, both ours (`docs/reference/result-files.md`): a CSV with Persian
or English headings, and a status report in the manner of pain.002. Strict: nothing is guessed, every bad row is named
with its line and a code of the catalogue, and every row is in `rows`, `pending` or `bad`: nothing is lost.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from lxml import etree
from persiantools.jdatetime import JalaliDate

from mopos.base.errors import Refused
from mopos.base.iban import is_iban, read_iban
from mopos.base.money import RIAL_MAX, Rial
from mopos.base.text import harmless, latin_digits
from mopos.base.xml import UnreadableXml, parse

# A day's orders of ten thousand merchants, with their names, are some two megabytes.
FILE_BYTES_MAX = 20 * 1024 * 1024
ROWS_MAX = 100_000
# What is shown of a bad row, to find it again.
SHOWN_LENGTH_MAX = 200
TRACKING_LENGTH_MAX = 64
REASON_LENGTH_MAX = 200

SETTLED, RETURNED, PENDING = "settled", "returned", "pending"


class ResultRow(NamedTuple):
    """What became of one order. It is named by our payout's number, or by the file's number and its row there."""

    line: int
    payout_id: int | None
    message_id: str
    row: int | None
    iban: str
    amount: Rial
    outcome: str
    """`settled`, `returned` or `pending`."""
    tracking_no: str
    on: date | None
    """The day of Tehran; of a pending order there is none."""
    reason: str


class BadRow(NamedTuple):
    """A row that says nothing certain. `code` is one of the catalogue."""

    line: int
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class ResultFile:
    """A whole file. `rows` ended, `pending` did not yet, `bad` could not be read."""

    rows: list[ResultRow] = field(default_factory=list)
    pending: list[ResultRow] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)

    @property
    def orders(self) -> int:
        """How many rows the file had."""
        return len(self.rows) + len(self.pending) + len(self.bad)


def read(body: bytes) -> ResultFile:
    """Read either form; what it is shows at its beginning. Raises `Refused` for a file that cannot be read as a whole:
    `result_file_empty`, `result_file_too_large`, `result_file_unreadable`, `result_file_columns`,
    `result_file_too_many`."""
    if not body.strip():
        raise Refused(["result_file_empty"])
    if len(body) > FILE_BYTES_MAX:
        raise Refused(["result_file_too_large"])
    is_xml = body.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith(b"<")
    found = ResultFile()
    named: set[tuple[object, ...]] = set()
    for line, cells, shown in _read_xml(body) if is_xml else _read_csv(body):
        _take(found, named, line, cells, shown)
    return found


def _take(
    found: ResultFile, named: set[tuple[object, ...]], line: int, cells: Mapping[str, str] | None, shown: str
) -> None:
    if found.orders >= ROWS_MAX:
        raise Refused(["result_file_too_many"])
    try:
        row = _row(line, cells)
    except _Bad as bad:
        found.bad.append(BadRow(line, bad.code, harmless(shown)[:SHOWN_LENGTH_MAX]))
        return
    # An order may be settled in one row and returned in a later one; the same said twice is told.
    name = (row.payout_id, row.message_id, row.row, row.outcome)
    if name in named:
        found.bad.append(BadRow(line, "result_row_twice", harmless(shown)[:SHOWN_LENGTH_MAX]))
        return
    named.add(name)
    (found.pending if row.outcome == PENDING else found.rows).append(row)


# --- one row ----------------------------------------------------------------------------------------------------------

# What banks and people write for the three outcomes, folded by `_folded`.
OUTCOMES: dict[str, str] = {
    **dict.fromkeys(("settled", "paid", "done", "success", "accc", "acsc"), SETTLED),
    **dict.fromkeys(("انجام شد", "انجام شده", "تسویه شد", "تسویه شده", "واریز شد", "واریز شده", "موفق"), SETTLED),
    **dict.fromkeys(("returned", "rejected", "failed", "cancelled", "rjct", "canc"), RETURNED),
    **dict.fromkeys(("برگشت", "برگشتی", "برگشت خورد", "برگشت خورده", "رد شد", "رد شده", "ناموفق"), RETURNED),
    **dict.fromkeys(("pending", "accepted", "sent", "pdng", "acsp", "actc", "acwp"), PENDING),
    **dict.fromkeys(("در جریان", "در دست اقدام", "در انتظار", "ارسال شد", "ارسال شده"), PENDING),
}
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_GROUPED = re.compile(r"[0-9]{1,3}([,٬،][0-9]{3})+|[0-9]{1,19}")
_TRACKING = re.compile(r"[!-~]{1,64}")
_MESSAGE_ID = re.compile(r"IR[0-9]{33}")
_DATE = re.compile(r"([0-9]{4})([-/]?)([0-9]{1,2})\2([0-9]{1,2})")
# Before it a year is Jalali, from it on Gregorian: no order is of the 17th century, nor of the 18th.
_GREGORIAN_FROM = 1700


# Letters of two keyboards, the half space and the underscore, and the hamza that some write above a final he.
_FOLDED = str.maketrans("يىك\u200c_", "ییک  ", "\u0654")


class _Bad(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _row(line: int, cells: Mapping[str, str] | None) -> ResultRow:
    if cells is None:
        raise _Bad("result_row_cells")
    payout_id, message_id, row = _name(cells)
    iban = read_iban(cells.get("iban", ""))
    if not is_iban(iban):
        raise _Bad("result_iban_wrong")
    amount = _amount(cells.get("amount", ""))
    outcome = OUTCOMES.get(_folded(cells.get("outcome", "")))
    if outcome is None:
        raise _Bad("result_outcome_unknown")
    tracking_no = latin_digits(cells.get("tracking_no", "")).strip()
    if tracking_no and not _TRACKING.fullmatch(tracking_no):
        raise _Bad("result_tracking_malformed")
    if outcome == SETTLED and not tracking_no:
        raise _Bad("result_tracking_missing")
    on = None if outcome == PENDING else read_day(cells.get("date", ""))
    reason = harmless(cells.get("reason", ""))
    if len(reason) > REASON_LENGTH_MAX:
        raise _Bad("result_reason_too_long")
    return ResultRow(line, payout_id, message_id, row, iban, amount, outcome, tracking_no, on, reason)


def _name(cells: Mapping[str, str]) -> tuple[int | None, str, int | None]:
    """Our payout's number, or a file's number and a row there; both, where both are told."""
    payout_id, row = _count(cells.get("payout", "")), _count(cells.get("row", ""))
    message_id = latin_digits(cells.get("message_id", "")).strip().removesuffix(".ccti")
    if message_id and not _MESSAGE_ID.fullmatch(message_id):
        raise _Bad("result_payout_malformed")
    if payout_id is None and (not message_id or row is None):
        raise _Bad("result_payout_missing")
    return payout_id, message_id, row


def _count(text: str) -> int | None:
    digits = latin_digits(text).strip()
    if not digits or digits == "EMPTY":
        return None
    if not _NUMBER.fullmatch(digits):
        raise _Bad("result_payout_malformed")
    return int(digits)


def _amount(text: str) -> Rial:
    digits = latin_digits(text).strip()
    if not _GROUPED.fullmatch(digits):
        raise _Bad("result_amount_wrong")
    rial = int(re.sub("[,٬،]", "", digits))
    if not 0 < rial <= RIAL_MAX:
        raise _Bad("result_amount_wrong")
    return Rial(rial)


def read_day(text: str) -> date:
    """A day, Jalali or ISO, with dashes, slashes or nothing between; its year tells which. Raises a row's refusal."""
    found = _DATE.fullmatch(latin_digits(text).strip().partition("T")[0])
    if not found:
        raise _Bad("result_date_malformed")
    year, month, day = int(found[1]), int(found[3]), int(found[4])
    try:
        return date(year, month, day) if year >= _GREGORIAN_FROM else JalaliDate(year, month, day).to_gregorian()
    except ValueError:
        raise _Bad("result_date_malformed") from None


def _folded(text: str) -> str:
    return harmless(text.translate(_FOLDED)).lower()


# --- CSV --------------------------------------------------------------------------------------------------------------

# The columns, and the headings by which each is known (folded). The order is that of the reference.
COLUMNS: dict[str, tuple[str, ...]] = {
    "payout": ("payout", "payout id", "شناسه پرداخت", "شماره پرداخت", "شماره دستور"),
    "message_id": ("message id", "msgid", "file", "شناسه فایل", "شماره فایل"),
    "row": ("row", "ردیف"),
    "iban": ("iban", "sheba", "شبا", "شماره شبا"),
    "amount": ("amount", "amount rial", "مبلغ", "مبلغ ریال"),
    "outcome": ("outcome", "status", "result", "نتیجه", "وضعیت"),
    "tracking_no": ("tracking no", "tracking number", "reference", "شماره پیگیری", "شماره مرجع"),
    "date": ("date", "تاریخ"),
    "reason": ("reason", "علت", "دلیل", "علت برگشت"),
}
_NEEDED = {"iban", "amount", "outcome", "tracking_no", "date"}
_HEADINGS = {_folded(heading): column for column, headings in COLUMNS.items() for heading in headings}
_SEPARATORS = ",;\t"
_LINE_END = re.compile("\r\n|\n|\r")
# Line, cells by column (None: not as many as headings), and the row as it stands in the file.
_Rows = Iterator[tuple[int, Mapping[str, str] | None, str]]


def _read_csv(body: bytes) -> _Rows:
    separator = ""
    columns: list[str | None] = []
    # Line by line: a quotation mark that is never closed spoils its own row, and swallows no other.
    for number, line in enumerate(_LINE_END.split(_text(body)), 1):
        if not line.strip(_SEPARATORS + " \r"):
            continue
        if not columns:
            separator = max(_SEPARATORS, key=line.count)
            columns = _columns(_cells(line, separator) or [])
        else:
            yield number, _named(columns, _cells(line, separator)), line


def _cells(line: str, separator: str) -> list[str] | None:
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error:
        return None


def _text(body: bytes) -> str:
    # cp1256: what old Persian systems write in. What is neither has no headings that are known.
    codecs = ("utf-16",) if body.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig", "cp1256")
    for codec in codecs:
        try:
            return body.decode(codec)
        except UnicodeDecodeError:
            continue
    raise Refused(["result_file_unreadable"])


def _columns(cells: list[str]) -> list[str | None]:
    found = [_HEADINGS.get(_folded(cell)) for cell in cells]
    known = [column for column in found if column is not None]
    named = set(known)
    if len(named) < len(known) or named < _NEEDED or not ("payout" in named or {"message_id", "row"} <= named):
        raise Refused(["result_file_columns"])
    return found


def _named(columns: list[str | None], cells: list[str] | None) -> Mapping[str, str] | None:
    # More or fewer cells than headings: whichever cell moved, none can be believed.
    if cells is None or len(cells) != len(columns):
        return None
    return {column: cell for column, cell in zip(columns, cells, strict=True) if column is not None}


# --- XML --------------------------------------------------------------------------------------------------------------


def _read_xml(body: bytes) -> _Rows:
    """A report in the manner of pain.002, whatever its namespace: each `TxInfAndSts` is a row."""
    try:
        root = parse(body)
    except UnreadableXml:
        raise Refused(["result_file_unreadable"]) from None
    if etree.QName(root).localname != "Document" or _find(root, "CstmrPmtStsRpt") is None:
        raise Refused(["result_file_columns"])
    group = _find(root, "CstmrPmtStsRpt", "OrgnlGrpInfAndSts")
    message_id = "" if group is None else _said(group, "OrgnlMsgId")
    for row in root.iter("{*}TxInfAndSts"):
        reasons = (_said(row, "StsRsnInf", "AddtlInf"), _said(row, "StsRsnInf", "Rsn", "Cd"))
        cells = {
            "payout": _said(row, "OrgnlEndToEndId"),
            "message_id": message_id,
            "row": _said(row, "StsId"),
            "iban": _said(row, "OrgnlTxRef", "CdtrAcct", "Id", "IBAN"),
            "amount": _said(row, "OrgnlTxRef", "Amt", "InstdAmt"),
            "outcome": _said(row, "TxSts"),
            "tracking_no": _said(row, "AcctSvcrRef"),
            "date": _said(row, "OrgnlTxRef", "IntrBkSttlmDt"),
            "reason": next(filter(None, reasons), ""),
        }
        yield int(str(row.sourceline or 0)), cells, " ".join(filter(None, cells.values()))


def _find(element: etree._Element, *names: str) -> etree._Element | None:
    return element.find("/".join(f"{{*}}{name}" for name in names))


def _said(element: etree._Element, *names: str) -> str:
    found = _find(element, *names)
    return "" if found is None else (found.text or "").strip()
