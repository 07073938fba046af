"""What the simulated central bank reads and writes: group Paya files, results of them, statements of the account.

It shares no code with the gateway's writer of such files: what one of the two gets wrong, the other one refuses.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple
from xml.sax.saxutils import escape

from lxml import etree
from persiantools.jdatetime import JalaliDate

from mopos.base.clock import TEHRAN
from mopos.base.xml import UnreadableXml, parse
from mopos.domain.settlement.channels import Channel
from mopos.outside.central_bank_book import REASONS, Movement, Order, Wish

_MESSAGE_ID = re.compile(r"(IR[0-9]{24})[0-9]{9}")
_JALALI_MOMENT = re.compile(r"1[34][0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]")
_WHOLE = re.compile(r"[0-9]{1,19}")
BIC = "BMJIIRTHXXX"


class Wrong(Exception):
    """A file that is refused as a whole, with the reason in words."""


class Handed(NamedTuple):
    """A file that can be taken: its number, the account that pays, its orders."""

    id: str
    payer: str
    rial: int
    wishes: list[Wish]


def read_ccti(body: bytes, channel: Channel, name: str = "") -> Handed:
    """Read a group file. `name`: as it was uploaded. Raises `Wrong`."""
    try:
        root = parse(body)
    except UnreadableXml:
        raise Wrong("no XML, or with a DOCTYPE") from None
    group, block = _find(root, "CstmrCdtTrfInitn/GrpHdr"), _find(root, "CstmrCdtTrfInitn/PmtInf")
    if group is None or block is None:
        raise Wrong("no GrpHdr or PmtInf")
    number = _said(group, "MsgId")
    parts = _MESSAGE_ID.fullmatch(number)
    payer = _said(block, "DbtrAcct/Id/IBAN")
    if parts is None or parts[1] != payer:
        raise Wrong("MsgId is not the payer's IBAN and nine digits")
    if name and name != f"{number}.ccti":
        raise Wrong("the file's name is not its MsgId")
    if not _JALALI_MOMENT.fullmatch(_said(group, "CreDtTm")):
        raise Wrong("CreDtTm is no Jalali moment")
    if _said(block, "DbtrAgt/FinInstnId/BIC") != BIC or _said(block, "PmtMtd") != "TRF":
        raise Wrong("BIC or PmtMtd")
    wishes = [_wish(number, place, row, channel) for place, row in enumerate(block.iterfind("{*}CdtTrfTxInf"), 1)]
    total = sum(wish.rial for wish in wishes)
    for header in (group, block):
        if (_said(header, "NbOfTxs"), _said(header, "CtrlSum")) != (str(len(wishes)), str(total)):
            raise Wrong("NbOfTxs or CtrlSum differ from the rows")
    if not wishes:
        raise Wrong("no order")
    return Handed(number, payer, total, wishes)


def _wish(number: str, place: int, row: etree._Element, channel: Channel) -> Wish:
    amount = _find(row, "Amt/InstdAmt")
    text = (amount.text or "") if amount is not None else ""
    return Wish(
        own_id=f"{number}/{place}",
        file=number,
        row=place,
        iban=_said(row, "CdtrAcct/Id/IBAN"),
        name=_said(row, "Cdtr/Nm"),
        rial=int(text) if _WHOLE.fullmatch(text) else 0,
        channel=channel,
        currency=str(amount.get("Ccy", "")) if amount is not None else "",
        text=_said(row, "RmtInf/Ustrd"),
    )


def _find(element: etree._Element, path: str) -> etree._Element | None:
    return element.find("/".join(f"{{*}}{name}" for name in path.split("/")))


def _said(element: etree._Element, path: str) -> str:
    found = _find(element, path)
    return "" if found is None else found.text or ""


# --- results ----------------------------------------------------------------------------------------------------------

_OUTCOMES = {
    "refused": ("برگشت خورد", "returned", "RJCT"),
    "returned": ("برگشت خورد", "returned", "RJCT"),
    "came_back": ("برگشت خورد", "returned", "RJCT"),
    "settled": ("تسویه شد", "settled", "ACSC"),
    "waiting": ("در جریان", "pending", "ACSP"),
}
_PERSIAN = ("شناسهٔ فایل", "ردیف", "شبا", "مبلغ", "نتیجه", "شمارهٔ پیگیری", "تاریخ", "علت")
_ENGLISH = ("message_id", "row", "iban", "amount", "outcome", "tracking_no", "date", "reason")


def results_csv(orders: Sequence[Order], now: datetime, *, persian: bool = True) -> bytes:
    """What became of a file's orders, as an accountant opens it."""
    out = io.StringIO()
    out.write("\ufeff")
    rows = csv.writer(out, lineterminator="\r\n")
    rows.writerow(_PERSIAN if persian else _ENGLISH)
    for order in orders:
        state, day = order.state(now), order.ended_on(now)
        shown = "" if day is None else (jalali_day(day) if persian else day.isoformat())
        reason = order.reason(now)
        rows.writerow(
            (
                *(order.file, order.row, order.iban, order.rial, _OUTCOMES[state][0 if persian else 1]),
                *(order.tracking_no if state in ("settled", "came_back") else "", shown),
                f"{reason} {REASONS[reason]}" if reason else "",
            )
        )
    return out.getvalue().encode()


def results_xml(file: str, orders: Sequence[Order], now: datetime) -> bytes:
    """The same as a status report in the manner of pain.002."""
    rows = "".join(_status(order, now) for order in orders)
    total = sum(order.rial for order in orders)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"><CstmrPmtStsRpt>'
        f"<GrpHdr><MsgId>R{file[2:30]}</MsgId><CreDtTm>{now.astimezone(TEHRAN):%Y-%m-%dT%H:%M:%S}</CreDtTm></GrpHdr>\n"
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{file}</OrgnlMsgId><OrgnlMsgNmId>pain.001</OrgnlMsgNmId>"
        f"<OrgnlNbOfTxs>{len(orders)}</OrgnlNbOfTxs><OrgnlCtrlSum>{total}</OrgnlCtrlSum></OrgnlGrpInfAndSts>\n"
        f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>1</OrgnlPmtInfId>\n{rows}</OrgnlPmtInfAndSts>"
        "</CstmrPmtStsRpt></Document>\n"
    ).encode()


def _status(order: Order, now: datetime) -> str:
    state, day, reason = order.state(now), order.ended_on(now), order.reason(now)
    why = f"<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn><AddtlInf>{REASONS[reason]}</AddtlInf></StsRsnInf>" if reason else ""
    number = f"<AcctSvcrRef>{order.tracking_no}</AcctSvcrRef>" if state in ("settled", "came_back") else ""
    settled = f"<IntrBkSttlmDt>{day.isoformat()}</IntrBkSttlmDt>" if day else ""
    return (
        f"<TxInfAndSts><StsId>{order.row}</StsId><OrgnlEndToEndId>EMPTY</OrgnlEndToEndId>"
        f"<TxSts>{_OUTCOMES[state][2]}</TxSts>{why}{number}<OrgnlTxRef>"
        f'<Amt><InstdAmt Ccy="IRR">{order.rial}</InstdAmt></Amt>{settled}'
        f"<CdtrAcct><Id><IBAN>{escape(order.iban)}</IBAN></Id></CdtrAcct></OrgnlTxRef></TxInfAndSts>\n"
    )


# --- statements -------------------------------------------------------------------------------------------------------


class Statement(NamedTuple):
    """The account's movements of some days of Tehran, with the balances around them."""

    account: str
    first: date
    last: date
    opening: int
    lines: list[Movement]

    @property
    def closing(self) -> int:
        return self.opening + sum(line.rial for line in self.lines)


def statement(account: str, movements: Iterable[Movement], first: date, last: date) -> Statement:
    """Cut a statement out of all movements."""
    opening, lines = 0, []
    for one in movements:
        if one.on < first:
            opening += one.rial
        elif one.on <= last:
            lines.append(one)
    return Statement(account, first, last, opening, lines)


def statement_csv(found: Statement) -> bytes:
    """As banks' sites export it: debit and credit columns, Jalali dates, a running balance."""
    out = io.StringIO()
    out.write("\ufeff")
    rows = csv.writer(out, lineterminator="\r\n")
    rows.writerow(("شبا", found.account))
    rows.writerow(("مانده اول دوره", found.opening))
    rows.writerow(("مانده آخر دوره", found.closing))
    rows.writerow(("از تاریخ", jalali_day(found.first)))
    rows.writerow(("تا تاریخ", jalali_day(found.last)))
    rows.writerow(("تاریخ", "شماره پیگیری", "برداشت", "واریز", "مانده", "شرح"))
    balance = found.opening
    for line in found.lines:
        balance += line.rial
        out_, in_ = (-line.rial, "") if line.rial < 0 else ("", line.rial)
        text = f"{line.text} {line.own_id}".strip()
        rows.writerow((jalali_day(line.on), line.reference, out_, in_, balance, text))
    return out.getvalue().encode()


def statement_camt(found: Statement, now: datetime) -> bytes:
    """CAMT.053 (camt.053.001.02): opening and closing balance, each movement booked. Dates are Gregorian."""
    entries = "".join(_entry(line) for line in found.lines)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt>'
        f"<GrpHdr><MsgId>S{now:%Y%m%d%H%M%S}</MsgId><CreDtTm>{now.astimezone(TEHRAN).isoformat()}</CreDtTm></GrpHdr>\n"
        f"<Stmt><Id>{found.first:%Y%m%d}-{found.last:%Y%m%d}</Id>"
        f"<CreDtTm>{now.astimezone(TEHRAN).isoformat()}</CreDtTm>"
        f"<FrToDt><FrDtTm>{found.first.isoformat()}T00:00:00+03:30</FrDtTm>"
        f"<ToDtTm>{found.last.isoformat()}T23:59:59+03:30</ToDtTm></FrToDt>"
        f"<Acct><Id><IBAN>{found.account}</IBAN></Id><Ccy>IRR</Ccy></Acct>\n"
        f"{_balance('OPBD', found.opening, found.first)}{_balance('CLBD', found.closing, found.last)}"
        f"{entries}</Stmt></BkToCstmrStmt></Document>\n"
    ).encode()


def _balance(kind: str, rial: int, day: date) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>{_amount(rial)}"
        f"<Dt><Dt>{day.isoformat()}</Dt></Dt></Bal>\n"
    )


def _amount(rial: int) -> str:
    return f'<Amt Ccy="IRR">{abs(rial)}</Amt><CdtDbtInd>{"CRDT" if rial >= 0 else "DBIT"}</CdtDbtInd>'


def _entry(line: Movement) -> str:
    own = f"<EndToEndId>{escape(line.own_id)}</EndToEndId>" if line.own_id else ""
    return (
        f"<Ntry>{_amount(line.rial)}<Sts>BOOK</Sts><BookgDt><Dt>{line.on.isoformat()}</Dt></BookgDt>"
        f"<ValDt><Dt>{line.on.isoformat()}</Dt></ValDt><AcctSvcrRef>{escape(line.reference)}</AcctSvcrRef>"
        f"<NtryDtls><TxDtls><Refs><AcctSvcrRef>{escape(line.reference)}</AcctSvcrRef>{own}</Refs>"
        f"<RmtInf><Ustrd>{escape(line.text)}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n"
    )


def jalali_day(day: date) -> str:
    """`1405/09/04`."""
    return str(JalaliDate.to_jalali(day).strftime("%Y/%m/%d", locale="en"))
