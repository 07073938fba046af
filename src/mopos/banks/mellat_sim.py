"""The other side of Behpardakht Mellat: its SOAP service, as strict as its WSDL, and the door of its payment page.

It is spoken to over HTTP only, and knows nothing of the gateway but its terminal, user, password and registered domain.
What it shares with other simulated banks is in `sim/`. Where the guide leaves an answer open, it is said here which one
is taken.
"""

from __future__ import annotations

import hmac
import random
import re
import string
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple
from xml.sax.saxutils import escape

from litestar import Response, get, post
from lxml import etree

from mopos.banks.sim import page
from mopos.banks.sim.book import Book, Code, Order, Stage
from mopos.banks.sim.cards import Fault
from mopos.banks.sim.service import instead, spoil
from mopos.banks.sim.state import AnyRequest, Face, Running, Simulator, Terminal, running
from mopos.base.text import harmless
from mopos.base.xml import UnreadableXml, parse

NAMESPACE = "http://interfaces.core.sw.bps.com/"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"

LONG_MAX = 2**63 - 1
ADDITIONAL_DATA_LENGTH_MAX = 1_000
# The guide has no such bound; a browser does.
CALLBACK_LENGTH_MAX = 2_048
# Every date of a Gregorian calendar is later; one that is not is a Jalali one.
YEAR_MIN = 2_000

# http or https, a plain host, no name and password before it: its origin goes into a header of the page as it is.
_CALLBACK = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?#][!-~]*)?")
_LONG = re.compile(r"[+-]?[0-9]{1,19}")
_PAYER = re.compile(r"[0-9]{1,30}")
_DATE, _TIME = re.compile(r"[0-9]{8}"), re.compile(r"[0-9]{6}")

# --- the calls --------------------------------------------------------------------------------------------------------


class _Member(NamedTuple):
    """One member of a call. Longs must be there; strings need not (`minOccurs=0`)."""

    name: str
    is_long: bool = False


_WHO = (_Member("terminalId", is_long=True), _Member("userName"), _Member("userPassword"))
_ABOUT_A_SALE = (
    *_WHO,
    _Member("orderId", is_long=True),
    _Member("saleOrderId", is_long=True),
    _Member("saleReferenceId", is_long=True),
)
# In the order of the WSDL.
MEMBERS: dict[str, tuple[_Member, ...]] = {
    "bpPayRequest": (
        *_WHO,
        _Member("orderId", is_long=True),
        _Member("amount", is_long=True),
        *map(_Member, ("localDate", "localTime", "additionalData", "callBackUrl", "payerId")),
        *map(_Member, ("mobileNo", "encPan", "panHiddenMode", "cartItem", "enc")),
    ),
    "bpVerifyRequest": _ABOUT_A_SALE,
    "bpSettleRequest": _ABOUT_A_SALE,
    "bpInquiryRequest": _ABOUT_A_SALE,
    "bpReversalRequest": _ABOUT_A_SALE,
}
FAULT_NAMES = {
    "bpVerifyRequest": "verify",
    "bpSettleRequest": "settle",
    "bpInquiryRequest": "inquire",
    "bpReversalRequest": "reverse",
}


class _Call(NamedTuple):
    """A call that is what the WSDL describes."""

    operation: str
    longs: Mapping[str, int]
    texts: Mapping[str, str]


class _NoCall(Exception):
    """What is answered with a SOAP fault, with its text."""


def _read_call(body: bytes) -> _Call:
    """Raises `_NoCall`."""
    try:
        root = parse(body)
    except UnreadableXml:
        raise _NoCall("Error reading XMLStreamReader.") from None
    bodies = root.findall(f"{{{SOAP}}}Body") if root.tag == f"{{{SOAP}}}Envelope" else []
    if len(bodies) != 1 or len(bodies[0]) != 1:
        raise _NoCall("Error reading SOAP envelope.")
    call = bodies[0][0]
    name = etree.QName(call)
    if name.namespace != NAMESPACE or name.localname not in MEMBERS:
        raise _NoCall(f"Message part {call.tag} was not recognized.  (Does it exist in service WSDL?)")
    said = _in_order(call, MEMBERS[name.localname])
    longs = {one.name: _long(said[one.name]) for one in MEMBERS[name.localname] if one.is_long}
    texts = {one.name: said.get(one.name, "") for one in MEMBERS[name.localname] if not one.is_long}
    return _Call(name.localname, longs, texts)


def _in_order(call: etree._Element, members: Sequence[_Member]) -> dict[str, str]:
    """The members as they were sent: unqualified, in the WSDL's order, none unknown, none twice, no long missing."""
    said: dict[str, str] = {}
    expected = list(members)
    for child in call:
        while expected and expected[0].name != child.tag and not expected[0].is_long:
            expected.pop(0)
        if not expected or expected[0].name != child.tag or len(child):
            name = etree.QName(child)
            raise _NoCall(f'Unmarshalling Error: unexpected element (uri:"{name.namespace or ""}", {name.localname})')
        said[expected.pop(0).name] = child.text or ""
    missing = [one.name for one in expected if one.is_long]
    if missing:
        raise _NoCall(f"Unmarshalling Error: missing element {missing[0]}")
    return said


def _long(text: str) -> int:
    """An `xsd:long`."""
    number = text.strip(" \t\r\n")
    if not _LONG.fullmatch(number) or abs(int(number)) > LONG_MAX:
        raise _NoCall(f'Unmarshalling Error: For input string: "{number[:40]}" ')
    return int(number)


# --- the service ------------------------------------------------------------------------------------------------------


@post("/pgwchannel/services/pgw", status_code=200)
async def serve(request: AnyRequest) -> Response[bytes]:
    """All operations: the element in the envelope's body says which."""
    bank = running(request)
    try:
        call = _read_call(await request.body())
    except _NoCall as fault:
        return _fault(str(fault))
    terminal = bank.terminals.get(str(call.longs["terminalId"]))
    if terminal is None:
        return _say(call, "21")
    if not _is_known(terminal, call):
        return _say(call, "24")
    if call.operation == "bpPayRequest":
        return await _open(bank, terminal, call)
    return await _about_a_sale(bank, terminal, call)


def _is_known(terminal: Terminal, call: _Call) -> bool:
    pairs = ((terminal.user, call.texts["userName"]), (terminal.password, call.texts["userPassword"]))
    return all(hmac.compare_digest(right.encode(), given.encode()) for right, given in pairs)


async def _open(bank: Running, terminal: Terminal, call: _Call) -> Response[bytes]:
    fault = bank.next_fault(None, "open")
    if spoiled := await instead(bank, fault):
        return spoiled
    wrong = SYSTEM_ERROR if fault is Fault.REFUSED else _what_is_wrong(terminal, call)
    if wrong:
        return _say(call, wrong)
    opened = bank.book.open(
        terminal.number,
        str(call.longs["orderId"]),
        call.longs["amount"],
        call.texts["callBackUrl"],
        return_by_get=False,
        description=harmless(call.texts["additionalData"]),
    )
    if isinstance(opened, Code):
        return _say(call, "25" if opened is Code.AMOUNT_INVALID else "41")
    # The guide's own example has a blank after the comma.
    return await spoil(bank, fault, _say(call, f"0, {opened.token}"))


def _what_is_wrong(terminal: Terminal, call: _Call) -> str:
    """The code that a new order is refused with; empty: none."""
    if not _is_a_moment(call.texts["localDate"], call.texts["localTime"]):
        return "35"
    if call.longs["orderId"] <= 0 or len(call.texts["additionalData"]) > ADDITIONAL_DATA_LENGTH_MAX:
        return "32"
    if not _PAYER.fullmatch(call.texts["payerId"]):
        return "417"
    return "" if _leads_to(terminal, call.texts["callBackUrl"]) else "62"


def _is_a_moment(date: str, time: str) -> bool:
    """`YYYYMMDD` of the Gregorian calendar, and `HHMMSS` with a two-digit hour."""
    if _DATE.fullmatch(date) and _TIME.fullmatch(time):
        with suppress(ValueError):
            return datetime.strptime(date + time, "%Y%m%d%H%M%S").year >= YEAR_MIN  # noqa: DTZ007 - only looked at
    return False


def _leads_to(terminal: Terminal, url: str) -> bool:
    """Whether an address lies in the domain that the merchant has registered."""
    if not _CALLBACK.fullmatch(url) or len(url) > CALLBACK_LENGTH_MAX:
        return False
    return terminal.returns_to(url)


# --- what is asked about a sale ---------------------------------------------------------------------------------------

SYSTEM_ERROR = "34"

_ENDED = {Stage.GIVEN_BACK: "48", Stage.REVERSED: "48"}

# What each call says of a sale, by its stage; `0` also does it. Open in the guide, and taken so: verify of a settled
# sale says that it was verified (43), and settle or reversal of one that was not verified miss the verify (44).
ANSWERS: dict[str, dict[Stage, str]] = {
    "bpVerifyRequest": {Stage.TAKEN: "0", Stage.VERIFIED: "43", Stage.SETTLED: "43", **_ENDED},
    "bpSettleRequest": {Stage.TAKEN: "44", Stage.VERIFIED: "0", Stage.SETTLED: "45", **_ENDED},
    "bpInquiryRequest": {Stage.TAKEN: "0", Stage.VERIFIED: "43", Stage.SETTLED: "45", **_ENDED},
    "bpReversalRequest": {Stage.TAKEN: "44", Stage.VERIFIED: "0", Stage.SETTLED: "45", **_ENDED},
}


async def _about_a_sale(bank: Running, terminal: Terminal, call: _Call) -> Response[bytes]:
    """Verify, settle, inquiry and reversal. `orderId`, the number of the question, may be any."""
    order = bank.book.find_by_ref(terminal.number, str(call.longs["saleReferenceId"]))
    if order is None or order.number != str(call.longs["saleOrderId"]):
        return _say(call, "42")
    fault = bank.next_fault(order, FAULT_NAMES[call.operation])
    if spoiled := await instead(bank, fault):
        return spoiled
    code = ANSWERS[call.operation][order.stage]
    if fault is Fault.REFUSED:
        # Settled is a no to a reversal only: too late. To the other calls it would be a yes.
        code = "45" if call.operation == "bpReversalRequest" else SYSTEM_ERROR
    elif code == "0":
        code = _DO[call.operation](bank.book, order)
    return await spoil(bank, fault, _say(call, code))


def _verify(book: Book, order: Order) -> str:
    book.verify(order)
    return "0"


def _settle(book: Book, order: Order) -> str:
    book.settle(order)
    return "0"


def _inquire(book: Book, order: Order) -> str:
    return "0"


def _reverse(book: Book, order: Order) -> str:
    # What comes too late finds a sale that is settled: the book has seen to it.
    return "0" if book.reverse(order) == Code.DONE else "45"


_DO: dict[str, Callable[[Book, Order], str]] = {
    "bpVerifyRequest": _verify,
    "bpSettleRequest": _settle,
    "bpInquiryRequest": _inquire,
    "bpReversalRequest": _reverse,
}


# --- answers ----------------------------------------------------------------------------------------------------------


def _say(call: _Call, said: str) -> Response[bytes]:
    name = f"ns2:{call.operation}Response"
    return _soap(f'<{name} xmlns:ns2="{NAMESPACE}"><return>{escape(said)}</return></{name}>', 200)


def _fault(why: str) -> Response[bytes]:
    text = f"<faultcode>soap:Client</faultcode><faultstring>{escape(why)}</faultstring>"
    return _soap(f"<soap:Fault>{text}</soap:Fault>", 500)


def _soap(body: str, status: int) -> Response[bytes]:
    whole = f'<soap:Envelope xmlns:soap="{SOAP}"><soap:Body>{body}</soap:Body></soap:Envelope>'
    return Response(whole.encode(), status_code=status, media_type="text/xml")


# --- the buyer --------------------------------------------------------------------------------------------------------


@post("/pgwchannel/startpay.mellat", status_code=200)
async def come_in(request: AnyRequest) -> Response[bytes]:
    """The buyer comes from the gateway. Name and value of `RefId` are case-sensitive."""
    return page.enter(request, (await page.read_fields(request)).get("RefId", ""))


@get("/pgwchannel/startpay.mellat")
async def typed_in(request: AnyRequest) -> Response[bytes]:
    """Somebody typed the address, or a shop sent the buyer by a link: neither gets in."""
    return page.no_payment(request)


# The bank's own numbers for what the switch and the book say.
RES_CODES: dict[int, str] = {
    51: "12",
    54: "18",
    55: "13",
    56: "11",
    57: "114",
    61: "19",
    75: "14",
    91: "112",
    Code.CANCELLED: "17",
    Code.SESSION_EXPIRED: "415",
    Code.REVERSED: "48",
    Code.GIVEN_BACK: "48",
}


def _return_fields(order: Order) -> dict[str, str]:
    fields = {
        "RefId": order.token,
        "ResCode": "0" if order.is_paid else RES_CODES.get(order.end_code, SYSTEM_ERROR),
        "SaleOrderId": order.number,
        "SaleReferenceId": order.ref if order.is_paid else "",
        "CardHolderPan": order.pan,
    }
    return fields | {"FinalAmount": str(int(order.taken or 0))} if order.is_paid else fields


def _forged_returns(order: Order, ref: str) -> Sequence[dict[str, str]]:
    forged = _return_fields(order)
    return (
        forged | {"ResCode": "0", "SaleReferenceId": ref, "FinalAmount": str(int(order.amount))},
        forged | {"ResCode": "12", "SaleReferenceId": ""},
    )


# --- the bank ---------------------------------------------------------------------------------------------------------

_LETTERS = string.ascii_letters + string.digits


def _draw_ref_id(chance: random.Random) -> str:
    return "".join(chance.choice(_LETTERS) for _ in range(20))


TERMINAL = Terminal(number="2234567", user="mopos", password="mellat-password")  # noqa: S106 - it opens nothing else

SIM = Simulator(
    face=Face(
        "به‌پرداخت ملت (شبیه‌ساز)",
        "Behpardakht Mellat (simulator)",
        _return_fields,
        _forged_returns,
        asks_referer=True,
        stars=5,
        tells_amount=False,
    ),
    doors=(serve, come_in, typed_in),
    terminal=TERMINAL,
    credentials={"terminal": TERMINAL.number, "user": TERMINAL.user, "password": TERMINAL.password},
    draw_token=_draw_ref_id,
    # As long as the guide's samples, and shorter than a card number.
    draw_ref=lambda chance: str(chance.randrange(10**11, 10**12)),
    session_s=900.0,
    give_back_s=1_200.0,
    reverse_s=10_800.0,
    # By the guide 1.39, 180 minutes after verify. (By 1.29, what nobody settles is never paid to the merchant.)
    settles_itself=True,
)
