"""The simulated Zarinpal: payments that the bank verifies by itself, and what it does not simulate."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.banks import process
from tests.banks.process import Process

from mopos.banks.sim.buyer import Form, pay_at_bank

BY_HAND, BY_ITSELF = "1344b5d4-0048-41e8-94db-005056a205be", "1344b5d4-0048-41e8-94db-005056a205bf"
TERMINALS = [{"number": BY_HAND}, {"number": BY_ITSELF, "verifies_itself": True}]
AMOUNT = 250_010

_numbers = itertools.count(900_001)


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    """Start a bank; it is stopped after the test."""
    with ExitStack() as running:

        def begin(**options: Any) -> Process:
            one = process.start("zarinpal", TERMINALS, **options)
            running.callback(lambda: one.is_up and one.stop())
            return one

        yield begin


async def ask(client: httpx2.AsyncClient, bank: Process, call: str, **fields: Any) -> dict[str, Any]:
    """What the bank says: its data, or else its errors."""
    said = (await client.post(f"{bank.url}/pg/v4/payment/{call}.json", json=fields)).json()
    answer: dict[str, Any] = said["data"] or said["errors"]
    return answer


async def opened(
    client: httpx2.AsyncClient, bank: Process, merchant: str, metadata: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """The number of a payment, and what the bank says when it is asked to open it."""
    number = str(next(_numbers))
    asked = {"merchant_id": merchant, "amount": AMOUNT, "description": "x", "callback_url": "http://127.0.0.1:9/r"}
    return number, await ask(client, bank, "request", **asked, metadata={"order_id": number, **metadata})


async def whats(client: httpx2.AsyncClient, bank: Process, merchant: str, number: str) -> list[str]:
    shown = (await client.get(f"{bank.url}/book", params={"order": number, "terminal": merchant})).json()
    return [str(entry["what"]) for entry in shown["entries"]]


@pytest.mark.parametrize(
    ("merchant", "metadata", "by_itself"),
    [
        (BY_HAND, {}, False),
        (BY_HAND, {"auto_verify": False}, False),
        (BY_HAND, {"auto_verify": True}, True),
        (BY_ITSELF, {}, True),
        (BY_ITSELF, {"auto_verify": True}, True),
        (BY_ITSELF, {"auto_verify": False}, False),
    ],
)
async def test_who_verifies_is_said_by_the_payment_and_else_by_the_panel(
    start: Callable[..., Process],
    client: httpx2.AsyncClient,
    tmp_path: Path,
    merchant: str,
    metadata: dict[str, Any],
    by_itself: bool,
) -> None:
    book = str(tmp_path / "book.jsonl")
    bank = start(book_path=book)
    number, told = await opened(client, bank, merchant, metadata)
    # What was wished for is known after a restart, too.
    assert bank.stop() == ""
    bank = start(book_path=book)
    way = Form("GET", f"{bank.url}/pg/StartPay/{told['authority']}", {}, "http://127.0.0.1:9/")
    assert await pay_at_bank(client, way) is not None
    expected = ["opened", "taken", "verified"] if by_itself else ["opened", "taken"]
    assert await whats(client, bank, merchant, number) == expected
    about = {"merchant_id": merchant, "authority": told["authority"]}
    assert (await ask(client, bank, "inquiry", **about))["status"] == ("VERIFIED" if by_itself else "PAID")
    # After the time in which nobody verified: the one is kept, the other has gone back.
    bank.move_clock(1_800)
    verified = await ask(client, bank, "verify", **about, amount=AMOUNT)
    assert (verified["code"], verified.get("order_id")) == ((101, number) if by_itself else (-51, None))


async def test_a_card_that_alone_may_pay_is_not_simulated(
    start: Callable[..., Process], client: httpx2.AsyncClient
) -> None:
    bank = start()
    number, told = await opened(client, bank, BY_HAND, {"card_pan": "6037990000000014"})
    assert (told["code"], [list(one) for one in told["validations"]]) == (-9, [["card_pan"]])
    assert await whats(client, bank, BY_HAND, number) == []
    assert (await opened(client, bank, BY_HAND, {"card_pan": "", "mobile": "09120000000"}))[1]["code"] == 100
