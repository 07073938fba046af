"""The simulated Behpardakht Mellat is as strict as its WSDL and its guide, to whoever speaks to it: a shop that speaks
SOAP by hand, a buyer who comes by another way, and our connector. It runs in a process of its own."""

from __future__ import annotations

import asyncio
import itertools
import re
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import pytest
from tests.banks import process
from tests.banks.process import Process

from mopos.banks.asking import after_return, ask
from mopos.banks.kind import Access
from mopos.banks.mellat import FACTS, KIND, Mellat
from mopos.banks.mellat_sim import SIM
from mopos.banks.port import (
    Accepted,
    Attempt,
    Confirmed,
    Decline,
    Declined,
    Opened,
    Order,
    Pending,
    Redirect,
    Silent,
    Unverified,
)
from mopos.banks.sim.buyer import Form, cancel_at_bank, pay_at_bank
from mopos.base.clock import TEHRAN
from mopos.base.money import Rial

FILES = Path(__file__).parents[1] / "wire" / "mellat"
NAMESPACE = "http://interfaces.core.sw.bps.com/"
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
SERVICE = "/pgwchannel/services/pgw"
PAGE = "/pgwchannel/startpay.mellat"
SHOP = "https://pay.example.ir"
AMOUNT = 250_001

PAY, VERIFY, SETTLE = "bpPayRequest", "bpVerifyRequest", "bpSettleRequest"
INQUIRE, REVERSE = "bpInquiryRequest", "bpReversalRequest"
ASKING = [VERIFY, SETTLE, INQUIRE, REVERSE]
Members = list[tuple[str, str]]

_numbers = itertools.count(80_001)


def start(domain: str = "", **options: Any) -> Process:
    one = asdict(replace(SIM.terminal, domain=domain))
    other = asdict(replace(SIM.terminal, number="2234568", password="other-password"))
    return process.start("mellat", [one, other], **{"deadline_s": 1.0, **options})


def stop(bank: Process) -> None:
    assert bank.stop() == ""


@pytest.fixture(scope="module")
def shared() -> Iterator[str]:
    """One bank for all tests that need no other settings."""
    bank = start(domain="example.ir")
    yield bank.url
    stop(bank)


@pytest.fixture
def bank_with() -> Iterator[Callable[..., str]]:
    """Start a bank with other settings; it is stopped after the test."""
    with ExitStack() as running:

        def begin(**options: Any) -> str:
            bank = start(**options)
            running.callback(stop, bank)
            return bank.url

        yield begin


def browser() -> httpx2.AsyncClient:
    # It never speaks TLS here, and to load the machine's certificates takes longer than most of these tests.
    return httpx2.AsyncClient(trust_env=False, timeout=20, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


@dataclass
class Shop:
    """A shop that speaks SOAP by hand, and its buyer."""

    url: str
    client: httpx2.AsyncClient

    async def send(self, body: str | bytes) -> tuple[int, str]:
        """Status, and what the envelope says: the `return`, or the text of the fault."""
        answer = await self.client.post(
            self.url + SERVICE,
            content=body if isinstance(body, bytes) else body.encode(),
            headers={"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'},
        )
        assert answer.headers["content-type"] == "text/xml; charset=utf-8"
        fault = re.search(r"<faultcode>soap:Client</faultcode><faultstring>(.*)</faultstring>", answer.text)
        said = fault or re.search(r"<return>(.*)</return>", answer.text)
        assert said is not None, answer.text
        assert bool(fault) is (answer.status_code == 500)
        return answer.status_code, said[1].replace("&quot;", '"')

    async def say(self, operation: str, members: Members) -> str:
        status, said = await self.send(envelope(operation, members))
        assert status == 200, said
        return said

    async def fault(self, body: str | bytes) -> str:
        status, said = await self.send(body)
        assert status == 500, said
        return said

    async def open(self, number: str = "", **changes: str) -> str:
        """A new order's RefId."""
        code, _, ref_id = (await self.say(PAY, pay(number, **changes))).partition(", ")
        assert code == "0"
        return ref_id

    async def paid(self, number: str, card: str = "paid") -> dict[str, str]:
        """Open an order and pay it: what the browser takes back."""
        back = await pay_at_bank(self.client, self.way(await self.open(number)), card)
        assert back is not None
        return dict(back.fields)

    def way(self, ref_id: str, referer: str = f"{SHOP}/") -> Form:
        return Form("POST", self.url + PAGE, {"RefId": ref_id}, referer)

    async def ask(self, operation: str, number: str, ref: str) -> str:
        return await self.say(operation, about(number, ref))

    async def stage(self, number: str) -> str | None:
        shown = (await self.client.get(f"{self.url}/book", params={"order": number})).json()
        stage: str | None = shown["stage"]
        return stage


@pytest.fixture
async def shop(shared: str) -> AsyncIterator[Shop]:
    async with browser() as client:
        yield Shop(shared, client)


@pytest.fixture
async def bank(shared: str) -> AsyncIterator[Mellat]:
    """Our connector."""
    one = connector(shared)
    yield one
    await one.aclose()


def connector(url: str, **changes: str) -> Mellat:
    known = {"terminal": "2234567", "user": "mopos", "password": "mellat-password"}
    return Mellat(Access(url, KIND.check(known | changes), FACTS, 10.0))


WHO: Members = [("terminalId", "2234567"), ("userName", "mopos"), ("userPassword", "mellat-password")]


def pay(number: str = "", **changes: str) -> Members:
    now = datetime.now(TEHRAN)
    members = [
        *WHO,
        ("orderId", number or str(next(_numbers))),
        ("amount", str(AMOUNT)),
        ("localDate", f"{now:%Y%m%d}"),
        ("localTime", f"{now:%H%M%S}"),
        ("additionalData", ""),
        ("callBackUrl", f"{SHOP}/return"),
        ("payerId", "0"),
    ]
    return [(name, changes.get(name, text)) for name, text in members]


def about(number: str = "1", ref: str = "1", order_id: str = "7") -> Members:
    return [*WHO, ("orderId", order_id), ("saleOrderId", number), ("saleReferenceId", ref)]


def envelope(operation: str, members: Members, *, prefix: str = "", namespace: str = NAMESPACE) -> str:
    inside = "".join(f"<{prefix}{name}>{text}</{prefix}{name}>" for name, text in members)
    call = f'<b:{operation} xmlns:b="{namespace}">{inside}</b:{operation}>'
    return f'<s:Envelope xmlns:s="{ENVELOPE}"><s:Body>{call}</s:Body></s:Envelope>'


# --- the shape of a call ----------------------------------------------------------------------------------------------


async def test_what_is_on_file_is_what_the_simulator_says(bank_with: Callable[..., str]) -> None:
    """The messages are those of the guide, and neither side has a say in them."""
    url = bank_with(domain="example.ir")

    def kept(name: str) -> tuple[bytes, bytes]:
        text = (FILES / f"{name}.http").read_text(encoding="utf-8").split("\n", 1)[1]
        asked, _, answer = text.partition("# ---- the bank's answer\n")
        return asked.split("\n\n", 1)[1].strip().encode(), answer.split("\n\n", 1)[-1].strip().encode()

    async with browser() as client:
        shop = Shop(url, client)
        refs = {"Qw7rHn2pXcE5M8xXb1Zt": "", "173928461052": "0"}

        async def says(name: str) -> None:
            asked, answer = kept(name)
            for on_file, now in refs.items():
                asked, answer = (text.replace(on_file.encode(), now.encode()) for text in (asked, answer))
            heard = await client.post(url + SERVICE, content=asked, headers={"Content-Type": "text/xml"})
            assert heard.content == answer, name
            assert heard.status_code == (500 if name == "fault" else 200)

        await says("verify-unknown")
        await says("fault")
        opened = await client.post(url + SERVICE, content=kept("pay")[0], headers={"Content-Type": "text/xml"})
        ref_id = re.findall(r"<return>0, ([0-9A-Za-z]{20})</return>", opened.text)[0]
        assert opened.content == kept("pay")[1].replace(b"Qw7rHn2pXcE5M8xXb1Zt", ref_id.encode())
        back = await pay_at_bank(client, shop.way(ref_id))
        assert back is not None
        on_file = dict(parse_qsl(kept("return-paid")[0].decode(), keep_blank_values=True))
        ref = back.fields["SaleReferenceId"]
        assert list(back.fields.items()) == list((on_file | {"RefId": ref_id, "SaleReferenceId": ref}).items())
        refs["173928461052"] = ref
        for name in ("inquiry", "verify", "verify-repeated", "settle", "settle-repeated"):
            await says(name)
        await says("inquiry-settled")
        await says("reversal-late")


@pytest.mark.parametrize("operation", [PAY, *ASKING])
async def test_members_are_in_order_unqualified_known_and_whole(shop: Shop, operation: str) -> None:
    number = str(next(_numbers))
    members = pay(number) if operation == PAY else about()
    longs = {"terminalId", "orderId", "amount", "saleOrderId", "saleReferenceId"}
    wrong: list[Members] = [
        [],
        members[::-1],
        *([*members[:at], members[at + 1], members[at], *members[at + 2 :]] for at in range(len(members) - 1)),
        *([*members[:at], members[at], *members[at:]] for at in range(len(members))),
        [*members, ("unknown", "1")],
        [("unknown", "1"), *members],
        [(name.lower(), text) for name, text in members],
        *([one for one in members if one[0] != name] for name, _ in members if name in longs),
        [(name, f"<x>{text}</x>") for name, text in members],
    ]
    for one in wrong:
        assert (await shop.fault(envelope(operation, one))).startswith("Unmarshalling Error: "), one
    assert (await shop.fault(envelope(operation, members, prefix="b:"))).startswith(
        f'Unmarshalling Error: unexpected element (uri:"{NAMESPACE}"'
    )
    assert await shop.stage(number) is None
    # The same members as they should be.
    assert (await shop.say(operation, members)).startswith("0, " if operation == PAY else "42")


async def test_optional_members_come_last_and_strings_may_be_missing(shop: Shop) -> None:
    more = [("mobileNo", "989120000000"), ("cartItem", "x"), ("enc", "")]
    assert (await shop.say(PAY, [*pay(), *more])).startswith("0, ")
    without = [one for one in pay() if one[0] != "additionalData"]
    assert (await shop.say(PAY, without)).startswith("0, ")
    await shop.fault(envelope(PAY, [*pay(), *more[::-1]]))
    assert await shop.say(VERIFY, [one for one in about() if one[0] != "userPassword"]) == "24"


@pytest.mark.parametrize("text", ["", " ", "x", "1.0", "1e3", "۱۲", "0x10", "9223372036854775808", "1 2", "--1"])
async def test_a_long_is_a_number(shop: Shop, text: str) -> None:
    for operation, members in ((PAY, pay()), *((operation, about()) for operation in ASKING)):
        for name in ("terminalId", "orderId", "amount", "saleOrderId", "saleReferenceId"):
            if name in dict(members):
                changed = [(one, text if one == name else said) for one, said in members]
                fault = await shop.fault(envelope(operation, changed))
                assert fault == f'Unmarshalling Error: For input string: "{text.strip()}" '
    assert await shop.say(VERIFY, about(" +1\n")) == "42"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "terminalId=2234567",
        '{"terminalId":2234567}',
        envelope(VERIFY, about())[:-1],
        "<!DOCTYPE x>" + envelope(VERIFY, about()),
        '<!DOCTYPE x [<!ENTITY e "1">]>' + envelope(VERIFY, about("&e;")),
        f'<s:Envelope xmlns:s="{ENVELOPE}"><s:Body><{VERIFY}/></s:Body></s:Envelope>',
        envelope(VERIFY, about(), namespace="http://interfaces.core.sw.bps.com"),
        envelope("bpverifyrequest", about()),
        envelope("bpRefundRequest", about()),
        envelope(VERIFY, about()).replace(ENVELOPE, "http://www.w3.org/2003/05/soap-envelope"),
        envelope(VERIFY, about()).replace("s:Body", "s:Header"),
        envelope(VERIFY, about()).replace("<s:Body>", "<s:Body><x/>"),
        f'<s:Envelope xmlns:s="{ENVELOPE}"><s:Body/></s:Envelope>',
        f'<b:{VERIFY} xmlns:b="{NAMESPACE}"/>',
    ],
)
async def test_what_is_no_call_is_a_fault(shop: Shop, body: str) -> None:
    assert await shop.fault(body)


# --- who asks, and for what -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"userPassword": "wrong"}, "24"),
        ({"userPassword": ""}, "24"),
        ({"userPassword": "other-password"}, "24"),
        ({"userName": "MoPos"}, "24"),
        ({"terminalId": "2234569"}, "21"),
        ({"terminalId": "0"}, "21"),
    ],
)
async def test_who_is_not_known(shop: Shop, change: dict[str, str], code: str) -> None:
    for operation, members in ((PAY, pay()), *((operation, about()) for operation in ASKING)):
        changed = [(name, change.get(name, text)) for name, text in members]
        assert await shop.say(operation, changed) == code
        assert await shop.stage(dict(members)["orderId"]) is None


async def test_our_connector_proves_its_credentials(shared: str, bank: Mellat) -> None:
    assert await bank.probe() == Accepted()
    for change, code in (({"password": "wrong"}, "24"), ({"user": "wrong"}, "24"), ({"terminal": "9"}, "21")):
        other = connector(shared, **change)
        no = Declined(Decline.NOT_ACCEPTED, code)
        assert await other.probe() == no
        assert await other.open(Order(str(next(_numbers)), Rial(AMOUNT), f"{SHOP}/return")) == no
        # Of a sale that says nothing.
        attempt = Attempt("80001", Rial(AMOUNT), "x", "173928461052")
        for verb in (other.verify, other.inquire, other.reverse):
            assert await verb(attempt) == Silent(f"code_{code}")
        await other.aclose()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": "0"}, "25"),
        ({"amount": "999"}, "25"),
        ({"amount": "-250001"}, "25"),
        ({"amount": "9223372036854775807"}, "25"),
        ({"orderId": "0"}, "32"),
        ({"orderId": "-80001"}, "32"),
        ({"localDate": "14050904"}, "35"),
        ({"localDate": "2026-11-25"}, "35"),
        ({"localDate": "20261131"}, "35"),
        ({"localDate": "۲۰۲۶۱۱۲۵"}, "35"),
        ({"localDate": ""}, "35"),
        ({"localTime": "83409"}, "35"),
        ({"localTime": "243409"}, "35"),
        ({"localTime": "08:34:09"}, "35"),
        ({"additionalData": "ک" * 1_001}, "32"),
        ({"payerId": "someone"}, "417"),
        ({"callBackUrl": ""}, "62"),
        ({"callBackUrl": "https://example.com/return"}, "62"),
        ({"callBackUrl": "https://notexample.ir/return"}, "62"),
        ({"callBackUrl": "https://example.ir.evil.com/return"}, "62"),
        ({"callBackUrl": "https://evil.com/?example.ir"}, "62"),
        ({"callBackUrl": "https://example.ir@evil.com/"}, "62"),
        ({"callBackUrl": "javascript:alert(1)//example.ir"}, "62"),
    ],
)
async def test_an_order_that_is_refused(shop: Shop, change: dict[str, str], code: str) -> None:
    members = pay(**change)
    assert await shop.say(PAY, members) == code
    assert await shop.stage(dict(members)["orderId"]) is None


async def test_an_order_number_is_used_once(shop: Shop, bank: Mellat) -> None:
    number = str(next(_numbers))
    ref_id = await shop.open(number)
    assert await shop.say(PAY, pay(number)) == "41"
    assert await shop.say(PAY, pay(number, amount="5000")) == "41"
    # It may be used at the other terminal, whose order it is not.
    assert (await shop.say(PAY, pay(number, terminalId="2234568", userPassword="other-password"))).startswith("0, ")
    assert await bank.open(Order(number, Rial(AMOUNT), f"{SHOP}/return")) == Silent("code_41")
    assert re.fullmatch(r"[0-9A-Za-z]{20}", ref_id)


@pytest.mark.parametrize("host", ["https://example.ir/r", "https://a.b.example.ir:8443/r?x=1", "http://pay.example.ir"])
async def test_the_registered_domain_and_what_lies_in_it(shop: Shop, host: str) -> None:
    assert await shop.open(callBackUrl=host)


# --- the buyer --------------------------------------------------------------------------------------------------------


async def no_entry(shop: Shop, way: Form) -> bool:
    page = await way.send(shop.client)
    return page.status_code == 404 and 'name="card"' not in page.text


async def test_only_who_comes_from_the_shop_with_its_form_gets_in(shop: Shop) -> None:
    number = str(next(_numbers))
    ref_id = await shop.open(number)
    assert await no_entry(shop, shop.way(ref_id, referer=""))
    assert await no_entry(shop, shop.way(ref_id, referer="https://evil.com/"))
    assert await no_entry(shop, shop.way(ref_id, referer="https://evil.com/pay.example.ir"))
    assert await no_entry(shop, shop.way(ref_id, referer="https://notexample.ir/"))
    assert await no_entry(shop, Form("GET", shop.url + PAGE, {"RefId": ref_id}, f"{SHOP}/"))
    for name in ("refid", "RefID", "REFID", "Token"):
        assert await no_entry(shop, replace(shop.way(ref_id), fields={name: ref_id}))
    for value in ("", ref_id.swapcase(), f" {ref_id}", ref_id[:-1], "x" * 20):
        assert await no_entry(shop, shop.way(value))
    assert await shop.stage(number) == "open"
    assert await no_entry(shop, Form("POST", f"{shop.url}/pay/shown", {"Token": ref_id}, f"{SHOP}/"))
    assert not await no_entry(shop, shop.way(ref_id))


async def test_what_a_buyer_brings_back(shop: Shop) -> None:
    number = str(next(_numbers))
    fields = await shop.paid(number)
    assert list(fields) == ["RefId", "ResCode", "SaleOrderId", "SaleReferenceId", "CardHolderPan", "FinalAmount"]
    assert fields["ResCode"] == "0"
    assert fields["SaleOrderId"] == number
    assert re.fullmatch(r"[1-9][0-9]{11,14}", fields["SaleReferenceId"])
    assert fields["CardHolderPan"] == "603799*****0014"
    assert fields["FinalAmount"] == str(AMOUNT)


CARDS = {
    "insufficient_funds": "12",
    "wrong_pin": "13",
    "expired_card": "18",
    "wrong_card": "11",
    "not_permitted": "114",
    "issuer_down": "112",
    "limit_exceeded": "19",
}


@pytest.mark.parametrize("card", CARDS)
async def test_the_banks_own_codes_of_refusing_cards(shop: Shop, card: str) -> None:
    fields = await shop.paid(str(next(_numbers)), card)
    assert list(fields) == ["RefId", "ResCode", "SaleOrderId", "SaleReferenceId", "CardHolderPan"]
    assert (fields["ResCode"], fields["SaleReferenceId"]) == (CARDS[card], "")


async def test_verify_of_a_cancelled_sale_is_a_fault_to_a_shop_and_no_question_to_us(shop: Shop, bank: Mellat) -> None:
    number = str(next(_numbers))
    ref_id = await shop.open(number)
    back = await cancel_at_bank(shop.client, shop.way(ref_id))
    assert back is not None
    assert back.fields == {
        "RefId": ref_id,
        "ResCode": "17",
        "SaleOrderId": number,
        "SaleReferenceId": "",
        "CardHolderPan": "",
    }
    for operation in ASKING:
        fault = await shop.fault(envelope(operation, about(number, back.fields["SaleReferenceId"])))
        assert fault == 'Unmarshalling Error: For input string: "" '
    returned = bank.read_return(back.fields)
    attempt = Attempt(number, Rial(AMOUNT), ref_id, returned.bank_ref)
    assert await after_return(bank, attempt, returned) == Declined(Decline.CANCELLED, "17")


async def test_the_page_closes(bank_with: Callable[..., str]) -> None:
    url = bank_with(session_s=0.2)
    async with browser() as client:
        shop = Shop(url, client)
        number = str(next(_numbers))
        ref_id = await shop.open(number)
        await asyncio.sleep(0.3)
        page = await shop.way(ref_id).send(client)
        assert 'name="ResCode" value="415"' in page.text
        assert await shop.stage(number) == "refused"


# --- what is asked about a sale ---------------------------------------------------------------------------------------

STEPS = [
    "settle 44, reversal 44, inquiry 0, verify 0, inquiry 43, verify 43, settle 0, verify 43, settle 45, inquiry 45, "
    "reversal 45, inquiry 45",
    "verify 0, reversal 0, reversal 48, verify 48, settle 48, inquiry 48",
]
CALLS = {"verify": VERIFY, "settle": SETTLE, "inquiry": INQUIRE, "reversal": REVERSE}


@pytest.mark.parametrize("steps", STEPS, ids=["settled", "reversed"])
async def test_one_step_after_another(shop: Shop, steps: str) -> None:
    number = str(next(_numbers))
    ref = (await shop.paid(number))["SaleReferenceId"]
    said = [f"{step.split()[0]} {await shop.ask(CALLS[step.split()[0]], number, ref)}" for step in steps.split(", ")]
    assert said == steps.split(", ")


async def test_what_nobody_verifies_is_given_back(bank_with: Callable[..., str]) -> None:
    url = bank_with(give_back_s=0.2)
    async with browser() as client:
        shop, bank = Shop(url, client), connector(url)
        number = str(next(_numbers))
        fields = await shop.paid(number)
        await asyncio.sleep(0.3)
        for operation in ASKING:
            assert await shop.ask(operation, number, fields["SaleReferenceId"]) == "48"
        attempt = Attempt(number, Rial(AMOUNT), fields["RefId"], fields["SaleReferenceId"])
        for verb in (bank.verify, bank.inquire, bank.reverse):
            assert await verb(attempt) == Declined(Decline.GIVEN_BACK, "48")
        await bank.aclose()


async def test_a_reversal_comes_in_time_or_not_at_all(bank_with: Callable[..., str]) -> None:
    url = bank_with(reverse_s=0.2)
    async with browser() as client:
        shop = Shop(url, client)
        number = str(next(_numbers))
        ref = (await shop.paid(number))["SaleReferenceId"]
        assert await shop.ask(VERIFY, number, ref) == "0"
        await asyncio.sleep(0.3)
        assert await shop.ask(REVERSE, number, ref) == "45"
        assert await shop.stage(number) == "settled"


async def test_attack_03_a_reference_pays_the_order_that_it_is_of_and_no_other(shop: Shop, bank: Mellat) -> None:
    paid, other = str(next(_numbers)), str(next(_numbers))
    fields = await shop.paid(paid)
    ref = fields["SaleReferenceId"]
    ref_id = await shop.open(other)
    for operation in ASKING:
        assert await shop.ask(operation, other, ref) == "42"
        assert await shop.ask(operation, paid, str(int(ref) + 1)) == "42"
        assert await shop.ask(operation, paid, "-" + ref) == "42"
        theirs = [("terminalId", "2234568"), ("userName", "mopos"), ("userPassword", "other-password")]
        assert await shop.say(operation, [*theirs, *about(paid, ref)[3:]]) == "42"
    # The buyer of the other order brings the reference of the paid one.
    forged = fields | {"RefId": ref_id, "SaleOrderId": other}
    returned = bank.read_return(forged)
    attempt = Attempt(other, Rial(AMOUNT), ref_id, returned.bank_ref)
    assert await after_return(bank, attempt, returned) == Pending()
    assert await bank.inquire(attempt) == Pending()
    assert await bank.reverse(attempt) == Silent("code_42")
    assert (await shop.stage(paid), await shop.stage(other)) == ("taken", "open")


async def test_one_payment_from_order_to_settlement(shop: Shop, bank: Mellat) -> None:
    number = str(next(_numbers))
    order = Order(number, Rial(AMOUNT), f"{SHOP}/pay/return/x", "کفش‌های <b>ورزشی</b>")
    opened = await bank.open(order)
    assert isinstance(opened, Opened)
    assert opened.redirect == Redirect("POST", shop.url + PAGE, {"RefId": opened.token})
    entered = await shop.way(opened.token).send(shop.client)
    assert "کفش‌های &lt;b&gt;ورزشی&lt;/b&gt;" in entered.text
    back = await pay_at_bank(shop.client, shop.way(opened.token))
    assert back is not None
    assert (back.method, back.url) == ("POST", f"{SHOP}/pay/return/x")
    returned = bank.read_return(back.fields)
    attempt = Attempt(number, Rial(AMOUNT), opened.token, returned.bank_ref, returned.masked_pan)
    assert await bank.inquire(attempt) == Unverified()
    yes = Confirmed(Rial(AMOUNT), number, back.fields["SaleReferenceId"], "", "603799*****0014")
    assert await bank.verify(attempt) == yes
    assert await shop.stage(number) == "settled"
    assert await bank.verify(attempt) == await bank.inquire(attempt) == await ask(bank, attempt) == yes
    assert await bank.reverse(attempt) == Declined(Decline.OTHER, "45")
    assert await shop.stage(number) == "settled"


async def test_what_was_verified_and_not_settled_is_settled_when_it_is_asked_again(shop: Shop, bank: Mellat) -> None:
    number = str(next(_numbers))
    fields = await shop.paid(number)
    attempt = Attempt(number, Rial(AMOUNT), fields["RefId"], fields["SaleReferenceId"])
    await shop.client.post(f"{shop.url}/faults", json={"call": "settle", "faults": ["error", "garbage"]})
    assert await bank.verify(attempt) == Silent("http_500")
    assert await shop.stage(number) == "verified"
    assert await bank.inquire(attempt) == Unverified()
    assert await ask(bank, attempt) == Silent("garbage")
    assert await shop.stage(number) == "settled"
    assert await ask(bank, attempt) == Confirmed(Rial(AMOUNT), number, fields["SaleReferenceId"])
    shown = (await shop.client.get(f"{shop.url}/book", params={"order": number})).json()
    assert [entry["what"] for entry in shown["entries"]] == ["opened", "taken", "verified", "settled"]
