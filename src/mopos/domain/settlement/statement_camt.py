"""CAMT.053, the account statement of ISO 20022: versions 001.02 and 001.08, read element by element.

Files are of any length: an entry is forgotten when it has been read. No DOCTYPE, no entities, no network. Booked
entries only; amounts in `IRR`, whole; opening and closing balance (`OPBD`, `CLBD`) must agree with the entries between
them. An entry that books several transfers at once and tells each one's amount is read as these transfers.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, BinaryIO, NamedTuple

from lxml import etree

from mopos.base.iban import is_iban, read_iban
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

NAMESPACES = tuple(f"urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}" for version in ("02", "08"))
CURRENCY = "IRR"
_OPENING, _CLOSING = ("OPBD", "PRCD"), ("CLBD",)
_SIGNS = {"CRDT": 1, "DBIT": -1}
_TOLD = ("Acct", "FrToDt", "Bal", "Ntry", "Stmt")
# What a row is named by when it is refused.
_SHOWN_MAX = 60


class _Amount(NamedTuple):
    rial: int
    problem: str = ""
    value: str = ""


class _Statement:
    """What is known so far of one `Stmt`."""

    def __init__(self) -> None:
        self.iban = ""
        self.from_on: date | None = None
        self.to_on: date | None = None
        self.opening: int | None = None
        self.closing: int | None = None
        self.sums = Sums()


def read_camt053(source: BinaryIO) -> Iterator[Read]:
    """The lines of a document, then its summary. Several `Stmt` of one account follow one another. Raises
    `Unreadable`."""
    try:
        yield from _Reader().read(source)
    except etree.LxmlError as error:
        raise Unreadable("statement_unreadable") from error


class _Reader:
    def __init__(self) -> None:
        self._repeats = Repeats()
        self._row = 0
        self._all = Sums()
        self._first: _Statement | None = None
        self._now = _Statement()

    def read(self, source: BinaryIO) -> Iterator[Read]:
        context = etree.iterparse(
            source,
            events=("start", "end"),
            tag=["{*}Document", *(f"{{*}}{name}" for name in _TOLD)],
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        begun = False
        for event, element in context:
            if event == "start":
                if not begun:
                    _check_root(element)
                    begun = True
                elif _name(element) == "Stmt":
                    self._now = _Statement()
                continue
            yield from self._ended(element)
        if self._first is None:
            raise Unreadable("statement_unreadable")
        yield self._summary()

    def _ended(self, element: etree._Element) -> Iterator[Read]:
        name, parent = _name(element), element.getparent()
        inside = _name(parent) if parent is not None else ""
        if name == "Stmt":
            yield from self._end()
        elif inside != "Stmt":
            return
        elif name == "Acct":
            self._now.iban = read_iban(_text(element, "Id", "IBAN") or _text(element, "Id", "Othr", "Id"))
        elif name == "FrToDt":
            self._now.from_on = read_date(_text(element, "FrDtTm"))
            self._now.to_on = read_date(_text(element, "ToDtTm"))
        elif name == "Bal":
            yield from self._balance(element)
        elif name == "Ntry":
            self._row += 1
            yield from self._entry(element)
            _forget(element)

    def _balance(self, element: etree._Element) -> Iterator[Read]:
        kind = _text(element, "Tp", "CdOrPrtry", "Cd")
        if kind not in _OPENING + _CLOSING:
            return
        amount = _amount(element)
        if amount.problem:
            yield BadRow(0, amount.problem, f"{kind} {amount.value}")
        elif kind in _CLOSING:
            self._now.closing = amount.rial
        elif self._now.opening is None or kind == "OPBD":
            self._now.opening = amount.rial

    def _entry(self, element: etree._Element) -> Iterator[Read]:
        status = _text(element, "Sts", "Cd") or _text(element, "Sts")
        if status in ("PDNG", "INFO", "FUTR"):
            return  # not on the account (yet)
        if status != "BOOK":
            yield BadRow(self._row, "status", status[:_SHOWN_MAX])
            return
        amount, on = _amount(element), _date(element, "BookgDt") or _date(element, "ValDt")
        if amount.problem:
            yield BadRow(self._row, amount.problem, amount.value)
        elif amount.rial == 0:
            yield BadRow(self._row, "amount", "0")
        elif on is None:
            yield BadRow(self._row, "date", " ".join((_text(element, "BookgDt") or "").split())[:_SHOWN_MAX])
        else:
            yield from self._lines(element, on, amount.rial)

    def _lines(self, element: etree._Element, on: date, rial: int) -> Iterator[Read]:
        own = clean_ref(_text(element, "AcctSvcrRef") or _text(element, "NtryRef"))
        said = clean_text(_text(element, "NtryRef"), _text(element, "AddtlNtryInf"))
        details = list(element.iterfind("{*}NtryDtls/{*}TxDtls"))
        parts = [_part(one) for one in details]
        if len(details) < 2 or any(part is None for part in parts):
            refs = [ref for one in details[:1] for ref in _refs(one)]
            texts = [text for one in details for text in (*_refs(one), *_words(one))]
            yield self._line(own or next(iter(refs), ""), on, rial, clean_text(*texts, said))
            return
        told = sum(part for part in parts if part is not None)
        if told != abs(rial):
            yield BadRow(self._row, "details", f"{told} / {abs(rial)}")
            return
        for number, (one, part) in enumerate(zip(details, parts, strict=True), 1):
            refs = _refs(one)
            ref = next(iter(refs), "") or (f"{own}/{number}" if own else "")
            signed = (part or 0) * (1 if rial > 0 else -1)
            yield self._line(ref, on, signed, clean_text(*refs, *_words(one), own, said))

    def _line(self, ref: str, on: date, rial: int, text: str) -> Read:
        if not ref:
            return BadRow(self._row, "ref", text[:_SHOWN_MAX])
        self._now.sums.add(on, rial)
        self._all.add(on, rial)
        return Line(self._row, self._repeats.numbered(ref, on, rial), on, rial, text)

    def _end(self) -> Iterator[Read]:
        """A `Stmt` is read: does it add up, and is it of the account that the others are of?"""
        now = self._now
        if not is_iban(now.iban):
            raise Unreadable("statement_iban_missing")
        if self._first is not None and now.iban != self._first.iban:
            raise Unreadable("statement_accounts")
        if now.opening is None or now.closing is None:
            raise Unreadable("statement_balance_missing")
        if now.opening + now.sums.net != now.closing:
            yield BadRow(0, "balance", f"{now.opening} + {now.sums.net} / {now.closing}")
        if self._first is None:
            self._first = now
        elif self._first.closing != now.opening:
            yield BadRow(0, "balance", f"{self._first.closing} / {now.opening}")
        self._first.closing, self._first.to_on = now.closing, now.to_on or self._first.to_on

    def _summary(self) -> Summary:
        first, sums = self._first or self._now, self._all
        return Summary(
            iban=first.iban,
            lines=sums.lines,
            credits=sums.credits,
            debits=sums.debits,
            from_on=first.from_on or sums.first,
            to_on=first.to_on or sums.last,
            opening=first.opening,
            closing=first.closing,
        )


def _check_root(element: etree._Element) -> None:
    docinfo = element.getroottree().docinfo
    if docinfo.internalDTD is not None or docinfo.doctype:
        raise Unreadable("statement_unreadable")
    if _name(element) != "Document" or etree.QName(element).namespace not in NAMESPACES:
        raise Unreadable("statement_unreadable")


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _text(element: etree._Element, *path: str) -> str:
    found = element.find("/".join(f"{{*}}{name}" for name in path))
    return (found.text or "").strip() if found is not None else ""


def _amount(element: etree._Element) -> _Amount:
    found = element.find("{*}Amt")
    text = (found.text or "").strip() if found is not None else ""
    rial = read_rial(text)
    if found is None or rial is None:
        return _Amount(0, "amount", text[:_SHOWN_MAX])
    currency = found.get("Ccy", "")
    if currency != CURRENCY:
        return _Amount(0, "currency", currency[:_SHOWN_MAX])
    sign = _SIGNS.get(_text(element, "CdtDbtInd"))
    return _Amount(rial * sign) if sign else _Amount(0, "direction", _text(element, "CdtDbtInd")[:_SHOWN_MAX])


def _date(element: etree._Element, name: str) -> date | None:
    return read_date(_text(element, name, "Dt") or _text(element, name, "DtTm"))


def _part(details: etree._Element) -> int | None:
    """The amount of one transfer of several; None: it is not told."""
    found = details.find("{*}Amt")
    if found is None:
        found = details.find("{*}AmtDtls/{*}TxAmt/{*}Amt")
    if found is None or found.get("Ccy", "") != CURRENCY:
        return None
    return read_rial(found.text or "")


def _refs(details: etree._Element) -> list[str]:
    names = ("AcctSvcrRef", "EndToEndId", "TxId", "InstrId")
    found = [clean_ref(_text(details, "Refs", name)) for name in names]
    return [ref for ref in found if ref and ref not in ("NOTPROVIDED", "EMPTY")]


def _words(details: etree._Element) -> list[str]:
    return [
        *(found.text or "" for found in details.iterfind("{*}RmtInf/{*}Ustrd")),
        _text(details, "AddtlTxInf"),
    ]


def _forget(element: etree._Element) -> None:
    """Free what has been read, with all that stands before it."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]
