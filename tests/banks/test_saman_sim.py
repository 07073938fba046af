"""The simulated Saman Kish: how a buyer's way back is told, and what it does when it is told to say no."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.banks import process
from tests.banks.process import Process

from mopos.banks.sim.buyer import Form, NoForm, enter, read_form
from mopos.banks.sim.cards import CARDS

RETURN = "https://pay.example.ir/pay/return/canary"
OURS, FOREIGN = "https://pay.example.ir/", "https://evil.example/"
CARD = {"card": CARDS[0].number, "cvv2": "123", "month": "12", "year": "10", "password": "12345"}


@pytest.fixture
def book(tmp_path: Path) -> str:
    return str(tmp_path / "book.jsonl")


@pytest.fixture
def bank(book: str) -> Iterator[Process]:
    one = start(book)
    yield one
    if one.is_up:
        one.stop()


def start(book: str) -> Process:
    return process.start("saman", [{"number": "2015", "domain": "example.ir"}], book_path=book)


async def opened(client: httpx2.AsyncClient, bank: Process) -> str:
    asked: dict[str, Any] = {
        "action": "token",
        "TerminalId": "2015",
        "Amount": 250_000,
        "ResNum": "50001",
        "RedirectUrl": RETURN,
    }
    told = (await client.post(f"{bank.url}/onlinepg/onlinepg", json=asked)).json()
    assert told["status"] == 1, told
    return str(told["token"])


def way(bank: Process, token: str, by_get: str, referer: str = OURS) -> Form:
    return Form("POST", f"{bank.url}/OnlinePG/OnlinePG", {"Token": token, "GetMethod": by_get}, referer)


async def way_back(client: httpx2.AsyncClient, bank: Process, token: str) -> str:
    """By which method a buyer goes back who pays on the page that he has open."""
    receipt = await Form("POST", f"{bank.url}/pay/card", {"Token": token}).send(client, **CARD)
    back = read_form(receipt.text, str(receipt.url), id="return")
    assert back.fields["State"] == "OK"
    return back.method


@pytest.mark.parametrize(("first", "again", "method"), [("true", "", "GET"), ("", "true", "POST")])
async def test_how_a_buyer_goes_back_is_said_once(
    bank: Process, client: httpx2.AsyncClient, first: str, again: str, method: str
) -> None:
    token = await opened(client, bank)
    for by_get in (first, again):
        assert (await enter(client, way(bank, token, by_get))).status_code == 200
    assert await way_back(client, bank, token) == method


async def test_who_is_sent_away_does_not_change_the_way_back(bank: Process, client: httpx2.AsyncClient) -> None:
    token = await opened(client, bank)
    assert (await enter(client, way(bank, token, "true", FOREIGN))).status_code == 404
    with pytest.raises(NoForm):
        await way_back(client, bank, token)
    page = await client.get(f"{bank.url}/OnlinePG/SendToken", params={"token": token}, headers={"Referer": OURS})
    assert page.status_code == 200
    assert await way_back(client, bank, token) == "POST"


async def test_a_bank_that_is_started_again_knows_how_a_buyer_goes_back(
    bank: Process, client: httpx2.AsyncClient, book: str
) -> None:
    token = await opened(client, bank)
    assert (await enter(client, way(bank, token, "true"))).status_code == 200
    bank.running.kill()
    bank.running.communicate()
    again = start(book)
    try:
        assert await way_back(client, again, token) == "GET"
    finally:
        assert again.stop() == ""
