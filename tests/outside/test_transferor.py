"""The client of a payout service in Jibit's form, against the simulated central bank over real HTTP."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx2
import msgspec
import pytest
from litestar import Litestar, Request, Response, get, post

from mopos.banks.wire import Transcript
from mopos.base.iban import with_check_digits
from mopos.base.money import Rial
from mopos.base.secret import Secret
from mopos.outside.central_bank_book import FATES, Fate
from mopos.outside.central_bank_sim import DEFAULT_KEY, DEFAULT_SECRET, PREFIX, build, serving
from mopos.outside.payouts import Accepted, Order, Pending, Refused, Returned, Settled, Silent, Unknown
from mopos.outside.transferor import ORDERS_MAX, Transferor, redact

# Tuesday, 3 Azar 1405, 10:00 in Tehran.
START = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
DEADLINE_S = 0.4


class Hand:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


class Pair:
    """A running bank, and our client of it."""

    def __init__(self, url: str, clock: Hand, bank: Transferor, client: httpx2.AsyncClient, calls: list[Transcript]):
        self.url, self.clock, self.bank, self.client, self.calls = url, clock, bank, client, calls

    async def faults(self, *faults: dict[str, Any]) -> None:
        await self.client.post("/faults", json=list(faults))

    async def orders(self) -> list[dict[str, Any]]:
        return (await self.client.get("/orders")).json()


@asynccontextmanager
async def pair(key: str = DEFAULT_KEY, app: Litestar | None = None, prefix: str = PREFIX):
    clock, calls = Hand(), []
    served = app or build(clock, deadline_s=DEADLINE_S)
    async with serving(served) as url, httpx2.AsyncClient(base_url=url, trust_env=False, timeout=10) as client:
        bank = Transferor(
            url + prefix,
            Secret(key),
            Secret(DEFAULT_SECRET),
            deadline_s=DEADLINE_S,
            clock=clock,
            on_call=calls.append,
        )
        try:
            yield Pair(url, clock, bank, client, calls)
        finally:
            await bank.aclose()


def order(number: int = 20001, fate: Fate | None = None, **changed: Any) -> Order:
    ending = next((digits for digits, one in FATES.items() if one is fate), "0001")
    facts = {
        "payout_id": number,
        "iban": with_check_digits(f"012{number:015}{ending}"),
        "name": "شرکت نمونه آزمون",
        "amount": Rial(1_250_000),
        "channel": "paya",
    }
    return Order(**facts | changed)


async def test_from_order_to_settled():
    async with pair() as both:
        many = [order(number) for number in range(1, 60)]
        assert await both.bank.submit(many) == [Accepted()] * 59
        assert await both.bank.ask(many[0]) == Pending()
        both.clock.now += timedelta(hours=3)
        settled = await both.bank.ask(many[0])
        assert isinstance(settled, Settled)
        assert settled.on == date(2026, 11, 24)
        assert len(settled.tracking_no) == 20
        assert await both.bank.ask(order(999)) == Unknown()
        (first, *_) = await both.orders()
        assert (first["iban"], first["rial"], first["name"]) == (many[0].iban, 1_250_000, "شرکت نمونه آزمون")
        # One token for all of it.
        assert [call.path for call in both.calls].count("/tokens/generate") == 1


async def test_satna_goes_another_way():
    async with pair() as both:
        large = order(amount=Rial(3_000_000_000), channel="satna")
        assert await both.bank.submit([large]) == [Accepted()]
        both.clock.now += timedelta(hours=5)
        settled = await both.bank.ask(large)
        assert isinstance(settled, Settled)
        assert len(settled.tracking_no) == 16


async def test_a_return_before_and_a_return_after():
    async with pair() as both:
        before, after = order(1, Fate.RETURNED), order(2, Fate.CAME_BACK)
        await both.bank.submit([before, after])
        both.clock.now += timedelta(hours=10)
        returned = await both.bank.ask(before)
        assert isinstance(returned, Returned)
        assert returned.reason.startswith("AC04")
        assert isinstance(await both.bank.ask(after), Settled)
        both.clock.now += timedelta(days=6)
        assert isinstance(await both.bank.ask(after), Returned)


async def test_handing_over_twice_is_taken_once():
    async with pair() as both:
        many = [order(number) for number in range(1, 6)]
        assert await both.bank.submit(many[:3]) == [Accepted()] * 3
        assert await both.bank.submit(many) == [Accepted()] * 5
        assert await both.bank.submit(many[:1]) == [Accepted()]
        assert len(await both.orders()) == 5


async def test_a_number_that_somebody_else_has_used_is_no_yes():
    """Two installations with one account there: "it exists already" is about another order."""
    async with pair() as both:
        await both.bank.submit([order(1)])
        for other in (order(1, amount=Rial(9)), order(1, iban=order(2).iban)):
            assert await both.bank.submit([other]) == [Silent("order_differs")]
            assert await both.bank.ask(other) == Silent("order_differs")


async def test_each_is_answered_for_itself():
    async with pair() as both:
        many = [
            order(1),
            order(2, Fate.REFUSED),
            order(3, iban=order(3).iban[:-1] + "9"),
            order(4, amount=Rial(2_000_000_001)),
        ]
        assert await both.bank.submit(many) == [
            Accepted(),
            Refused("transfers.0.destination.blocked"),
            Refused("transfers.0.destination.not_valid"),
            Refused("transfers.0.amount.max_exceeded"),
        ]
        assert len(await both.orders()) == 1


@pytest.mark.parametrize(("fate", "taken"), [(Fate.SILENT_AFTER, 1), (Fate.SILENT_BEFORE, 0), (Fate.GARBAGE, 1)])
async def test_silence_is_no_answer_and_the_second_time_is_safe(fate, taken):
    async with pair() as both:
        one = order(7, fate)
        (answer,) = await both.bank.submit([one])
        assert isinstance(answer, Silent)
        await asyncio.sleep(DEADLINE_S)
        assert len(await both.orders()) == taken
        assert await both.bank.submit([one]) == [Accepted()]
        assert len(await both.orders()) == 1


@pytest.mark.parametrize("what", ["silent", "garbage", "error"])
@pytest.mark.parametrize("call", ["tokens", "transfers", "ask"])
async def test_faults_of_the_line_are_silence(call, what):
    async with pair() as both:
        await both.faults({"call": call, "what": what})
        (answer,) = await both.bank.submit([order()])
        assert isinstance(answer, Silent) is (call != "ask")
        found = await both.bank.ask(order())
        assert isinstance(found, Silent) is (call == "ask")


async def test_a_slow_answer_is_an_answer():
    async with pair() as both:
        await both.faults({"call": "transfers", "what": "slow"})
        assert await both.bank.submit([order()]) == [Accepted()]


async def test_tokens_are_renewed():
    async with pair() as both:
        await both.bank.submit([order(1)])
        both.clock.now += timedelta(hours=23, minutes=1)
        await both.bank.ask(order(1))
        paths = [call.path for call in both.calls]
        assert (paths.count("/tokens/generate"), paths.count("/tokens/refresh")) == (1, 1)
        # The service forgets: a restart, or its own decision. Many notice at once, and one renews.
        app_state = both.calls
        app_state.clear()
        both.clock.now += timedelta(minutes=1)
        await forget_tokens(both)
        found = await asyncio.gather(*(both.bank.ask(order(1)) for _ in range(20)))
        assert all(isinstance(answer, Settled) for answer in found)
        assert [call.path for call in both.calls].count("/tokens/generate") == 1


async def forget_tokens(both: Pair) -> None:
    """By the clock: every token is older than a day, and ours was just renewed, so it is made to look spent."""
    both.bank._holding = (
        None
        if both.bank._holding is None
        else both.bank._holding.__class__(Secret("spent"), Secret(""), both.bank._holding.until)
    )


async def test_a_wrong_key_is_silence():
    async with pair(key="wrong") as both:
        assert await both.bank.submit([order()]) == [Silent("http_403")]
        assert await both.bank.ask(order()) == Silent("http_403")


async def test_nobody_there_is_silence():
    bank = Transferor("http://127.0.0.1:9", Secret("k"), Secret("s"), deadline_s=1, clock=Hand())
    try:
        assert await bank.submit([order(1), order(2)]) == [Silent("not_connected")] * 2
        assert await bank.ask(order()) == Silent("not_connected")
        assert await bank.submit([]) == []
        with pytest.raises(ValueError):
            await bank.submit([order(number) for number in range(ORDERS_MAX + 1)])
    finally:
        await bank.aclose()


def scripted(posted: Any = None, asked: Any = None, status: int = 200) -> Litestar:
    """A service that says what it is told to say."""

    @post("/tokens/generate", status_code=200)
    async def generate() -> dict[str, str]:
        return {"accessToken": "a", "refreshToken": "r"}

    @post("/transfers", status_code=200)
    async def take(request: Request[Any, Any, Any]) -> Response[bytes]:
        await request.body()
        return Response(msgspec.json.encode(posted), status_code=status, media_type="application/json")

    @get("/transfers")
    async def tell() -> Response[bytes]:
        return Response(msgspec.json.encode(asked), status_code=status, media_type="application/json")

    return Litestar([generate, take, tell], openapi_config=None, logging_config=None)


def told(**changed: Any) -> dict[str, Any]:
    one = order()
    facts = {
        "transferID": str(one.payout_id),
        "destination": one.iban,
        "amount": int(one.amount),
        "currency": "RIALS",
        "state": "TRANSFERRED",
        "bankTransferID": "77",
        "modifiedAt": "2026-11-23T21:00:00Z",
    }
    return {"transfers": [facts | changed]}


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        # 21:00 in UTC is the next day in Tehran.
        (told(), Settled("77", date(2026, 11, 24))),
        (told(modifiedAt=None), Settled("77", date(2026, 11, 24))),
        (told(modifiedAt="yesterday"), Settled("77", date(2026, 11, 24))),
        (told(bankTransferID=None), Pending()),
        (told(bankTransferID=" "), Pending()),
        (told(state="INITIALIZED"), Pending()),
        (told(state="IN_PROGRESS"), Pending()),
        (told(state="CANCELLING"), Pending()),
        (told(state="CANCELLED"), Returned("CANCELLED", date(2026, 11, 24))),
        (told(state="FAILED", failReason="حساب بسته"), Returned("حساب بسته", date(2026, 11, 24))),
        (told(state="MANUALLY_FAILED"), Returned("MANUALLY_FAILED", date(2026, 11, 24))),
        (told(state="TELEPORTED"), Silent("state_unknown")),
        (told(currency="TOMAN"), Silent("order_differs")),
        (told(amount=125_000), Silent("order_differs")),
        (told(transferID="20002"), Silent("order_differs")),
        (told(amount="1250000"), Silent("garbage")),
        ({"transfers": []}, Unknown()),
        ({"transfers": told()["transfers"] * 2}, Silent("garbage")),
        ({}, Silent("garbage")),
        ({"errors": [{"code": "transfer.not_found"}]}, Unknown()),
        ({"errors": [{"code": "server.busy"}]}, Silent("server.busy")),
    ],
)
async def test_what_an_order_s_state_means(asked, answer):
    async with pair(app=scripted(asked=asked), prefix="") as both:
        assert await both.bank.ask(order()) == answer


@pytest.mark.parametrize(
    ("posted", "status", "answer"),
    [
        ({"submittedCount": 1}, 200, Accepted()),
        ({"submittedCount": 0}, 200, Silent("not_submitted")),
        ({"submittedCount": 2}, 200, Silent("not_submitted")),
        ({}, 200, Silent("not_submitted")),
        # Only what is about the order itself is a final no.
        (
            {"errors": [{"code": "transfers.0.source_bank.not_supported"}]},
            400,
            Refused("transfers.0.source_bank.not_supported"),
        ),
        ({"errors": [{"code": "balance.not_enough"}]}, 400, Silent("balance.not_enough")),
        ({"errors": [{"code": "transfer.already_exists"}]}, 400, Silent("garbage")),
        ({"errors": [{"code": "<script>"}]}, 400, Silent("not_submitted")),
        ({"errors": [{"code": "client.blocked"}]}, 403, Silent("http_403")),
        ({"errors": [{"code": "transfers.0.destination.not_valid"}]}, 500, Silent("http_500")),
    ],
)
async def test_what_an_answer_to_an_order_means(posted, status, answer):
    async with pair(app=scripted(posted=posted, asked={}, status=status), prefix="") as both:
        assert await both.bank.submit([order()]) == [answer]


async def test_transcripts_hold_no_secret_name_or_account():
    async with pair() as both:
        await both.bank.submit([order(1), order(2, Fate.REFUSED)])
        await both.bank.ask(order(1))
        written = " ".join(f"{call.request} {call.answer} {call.about}" for call in both.calls)
        for secret in (DEFAULT_KEY, DEFAULT_SECRET, "Bearer", "نمونه", order(1).iban, order(1).iban[-10:]):
            assert secret not in written
        for shown in ("transferID=1 amount=1250000", "submittedCount=1", "state=IN", "code=transfers.0.destination"):
            assert shown in written
        assert all(call.about == "" or call.about.startswith("payout ") for call in both.calls)
        assert not [call for call in both.calls if len(call.request) > 2_000]


def test_redaction_of_what_is_none_of_it():
    assert redact(b"") == ""
    assert redact(b"[1]") == "(3 bytes that are no answer)"
    assert redact(b'{"transfers": 7, "errors": {"code": 1}, "state": "x y"}') == "state=***"
