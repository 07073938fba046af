"""The group Paya file (`.ccti`): orders to the central bank, as a bank's site takes them. Pure bytes.

No bank has published it. It is read off six independent generators (`docs/howto/add-a-bank-profile.md`): an XML in
the manner of pain.001 with Jalali dates, and each bank's differences are a `Profile`, a row of `PROFILES`. Amounts are
whole Rial. The same payouts and the same header give the same bytes, always: a file is not kept, it is written again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from persiantools.jdatetime import JalaliDate, JalaliDateTime

from mopos.base.clock import TEHRAN
from mopos.base.money import Rial
from mopos.base.text import harmless, latin_digits

MEDIA_TYPE = "application/xml"
SUFFIX = ".ccti"
# MsgId has 35 characters: the payer's IBAN and a serial number (all six generators).
IBAN_LENGTH = 26
SERIAL_DIGITS = 9
SERIAL_MAX = 10**SERIAL_DIGITS - 1
# The BIC of the central bank stands there, whatever the payer's bank (all six generators).
CENTRAL_BANK_BIC = "BMJIIRTHXXX"
# What stands where there is nothing to say (all six generators).
EMPTY = "EMPTY"
# As long as pain.001 allows them: Max140Text.
TEXT_LENGTH_MAX = 140
# Rows that are joined before they are handed on: some hundred kilobytes, however many there are.
_CHUNK_ROWS = 500

# The forms that banks' systems hold as one letter each: an Arabic keyboard's and a Persian one's.
_FOLDED = str.maketrans({"ي": "ی", "ى": "ی", "ك": "ک", "ة": "ه"})
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class DepositId(StrEnum):
    """What becomes of a deposit identifier (شناسهٔ واریز), where the receiver's account wants one."""

    INSTRUCTION = "instruction"
    """In `InstrId`; `EndToEndId` stays `EMPTY`."""
    BOTH = "both"
    """In `InstrId` and again in `EndToEndId` (the sample of Mehr Iran)."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How one bank wants the file. Where two generators disagree, there is a field here."""

    name: str
    title_fa: str
    title_en: str
    source: str
    """Where this profile was read off."""
    namespace: str = ""
    """Of `Document`; empty: none."""
    currency_on_method: bool = False
    """`Ccy="IRR"` on `PmtMtd`, which ISO's schema does not know."""
    receiver_id: bool = False
    """The receiver's national id in `Cdtr/Id/PrvtId/Othr/Id`."""
    remittance: bool = False
    """A description in `RmtInf/Ustrd`. A bank that does not know the element may refuse the file."""
    standalone: bool = False
    """`standalone="yes"` in the declaration."""
    deposit_id: DepositId = DepositId.INSTRUCTION
    moment_of_execution: bool = False
    """`ReqdExctnDt` with the time of day."""
    bic: str = CENTRAL_BANK_BIC


_PAIN_001 = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.03"
_PAIN_002 = "urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"

PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            name="mehr_iran",
            title_fa="قرض‌الحسنه مهر ایران",
            title_en="Mehr Iran",
            source="a tool made from this bank's own sample",
            currency_on_method=True,
            receiver_id=True,
            standalone=True,
            deposit_id=DepositId.BOTH,
        ),
        Profile(
            name="melli",
            title_fa="ملی ایران",
            title_en="Melli",
            source="desktop tools (Pascal, Qt) with this bank's paper form",
            namespace=_PAIN_001,
            remittance=True,
        ),
        Profile(
            name="standard",
            title_fa="pain.001 با ارز روی روش پرداخت",
            title_en="pain.001 with a currency on the method",
            source="the PHP library nikapps/iran-bank-batch-payment",
            namespace=_PAIN_001,
            currency_on_method=True,
            moment_of_execution=True,
        ),
        Profile(
            name="pain002",
            title_fa="pain.002 با کد ملی گیرنده",
            title_en="pain.002 with the receiver's national id",
            source="a payroll converter and a fund's back end: an odd name for an order, and in use",
            namespace=_PAIN_002,
            currency_on_method=True,
            receiver_id=True,
            standalone=True,
        ),
    )
}


class Header(NamedTuple):
    """What a file says of itself. Count and sum come first in it, so whoever writes it knows them beforehand."""

    message_id: str
    created_at: datetime
    payer_iban: str
    payer_name: str
    orders: int
    total: Rial


class Transfer(NamedTuple):
    """One order of a file. Its place in the file is its row number there, from 1."""

    iban: str
    name: str
    amount: Rial
    national_id: str = ""
    description: str = ""
    deposit_id: str = ""


class Paper(NamedTuple):
    """What the signed paper form that goes with a file says (Bank Melli wants one)."""

    file_name: str
    orders: int
    total: Rial
    length_bytes: int


class HeaderDiffers(ValueError):
    """The orders are not as many, or do not come to as much, as the header says."""


def message_id(payer_iban: str, serial: int) -> str:
    """The file's own number: 35 characters. Raises `ValueError`."""
    if len(payer_iban) != IBAN_LENGTH or not 1 <= serial <= SERIAL_MAX:
        raise ValueError("a file is numbered by its payer's IBAN and at most nine digits")
    return f"{payer_iban}{serial:0{SERIAL_DIGITS}}"


def file_name(number: str) -> str:
    """What the file must be called: its number, and `.ccti`."""
    return number + SUFFIX


def paper(number: str, orders: int, total: Rial, length_bytes: int) -> Paper:
    """The facts of the paper form."""
    return Paper(file_name(number), orders, total, length_bytes)


def write(profile: Profile, header: Header, transfers: Iterable[Transfer]) -> bytes:
    """The file. Raises `HeaderDiffers`, and `ValueError` for an order that no bank takes."""
    return b"".join(chunks(profile, header, transfers))


def chunks(profile: Profile, header: Header, transfers: Iterable[Transfer]) -> Iterator[bytes]:
    """The same piece by piece, in flat memory. Raises the same, `HeaderDiffers` before the last piece."""
    yield _beginning(profile, header).encode()
    rows: list[str] = []
    count, total = 0, Rial(0)
    for one in transfers:
        count, total = count + 1, total + one.amount
        rows.append(_row(profile, one))
        if len(rows) == _CHUNK_ROWS:
            yield "".join(rows).encode()
            rows = []
    if (count, total) != (header.orders, header.total):
        raise HeaderDiffers(f"{count} orders of {total!r}, the header says {header.orders} of {header.total!r}")
    yield ("".join(rows) + _END).encode()


_END = "</PmtInf></CstmrCdtTrfInitn></Document>\n"


def _beginning(profile: Profile, header: Header) -> str:
    standalone = ' standalone="yes"' if profile.standalone else ""
    namespace = f' xmlns="{profile.namespace}"' if profile.namespace else ""
    currency = ' Ccy="IRR"' if profile.currency_on_method else ""
    counted = f"<NbOfTxs>{header.orders}</NbOfTxs><CtrlSum>{int(header.total)}</CtrlSum>"
    payer = f"<Nm>{said(header.payer_name)}</Nm>"
    execution = jalali_moment(header.created_at) if profile.moment_of_execution else jalali_day(_day(header.created_at))
    return (
        f'<?xml version="1.0" encoding="UTF-8"{standalone}?>\n'
        f"<Document{namespace}><CstmrCdtTrfInitn>"
        f"<GrpHdr><MsgId>{said(header.message_id)}</MsgId><CreDtTm>{jalali_moment(header.created_at)}</CreDtTm>"
        f"{counted}<InitgPty>{payer}</InitgPty></GrpHdr>\n"
        f"<PmtInf><PmtInfId>1</PmtInfId><PmtMtd{currency}>TRF</PmtMtd>{counted}<ReqdExctnDt>{execution}</ReqdExctnDt>"
        f"<Dbtr>{payer}</Dbtr><DbtrAcct><Id><IBAN>{said(header.payer_iban)}</IBAN></Id></DbtrAcct>"
        f"<DbtrAgt><FinInstnId><BIC>{profile.bic}</BIC></FinInstnId></DbtrAgt>\n"
    )


def _row(profile: Profile, one: Transfer) -> str:
    if one.amount <= 0:
        raise ValueError("an order is of one Rial or more")
    deposit = said(one.deposit_id) or EMPTY
    end_to_end = deposit if profile.deposit_id is DepositId.BOTH else EMPTY
    identity = ""
    if profile.receiver_id:
        national_id = said(one.national_id) or EMPTY
        identity = f"<Id><PrvtId><Othr><Id>{national_id}</Id></Othr></PrvtId></Id>"
    description = said(one.description) if profile.remittance else ""
    remittance = f"<RmtInf><Ustrd>{description}</Ustrd></RmtInf>" if description else ""
    return (
        f"<CdtTrfTxInf><PmtId><InstrId>{deposit}</InstrId><EndToEndId>{end_to_end}</EndToEndId></PmtId>"
        f'<Amt><InstdAmt Ccy="IRR">{int(one.amount)}</InstdAmt></Amt>'
        f"<Cdtr><Nm>{said(one.name)}</Nm>{identity}</Cdtr>"
        f"<CdtrAcct><Id><IBAN>{said(one.iban)}</IBAN></Id></CdtrAcct>{remittance}</CdtTrfTxInf>\n"
    )


def said(text: str) -> str:
    """A text as it stands in the file: one line, no control or direction marks, Persian letters, Latin digits, bounded,
    escaped."""
    plain = latin_digits(harmless(text).translate(_FOLDED))
    return plain[:TEXT_LENGTH_MAX].strip().translate(_ESCAPED)


def jalali_moment(moment: datetime) -> str:
    """`1405-09-04T08:30:00`: Tehran's time."""
    return str(JalaliDateTime.to_jalali(moment.astimezone(TEHRAN)).strftime("%Y-%m-%dT%H:%M:%S", locale="en"))


def jalali_day(day: date) -> str:
    """`1405-09-04`."""
    return str(JalaliDate.to_jalali(day).strftime("%Y-%m-%d", locale="en"))


def _day(moment: datetime) -> date:
    return moment.astimezone(TEHRAN).date()
