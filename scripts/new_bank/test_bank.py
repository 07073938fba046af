"""Newbank on the wire: what our connector makes of what the bank really says. What all banks promise is tested in
`test_contract.py`; here stands what is peculiar to this one."""

# ruff: noqa: S101, S105 - a test, once it is written

# Change: a file of `tests/wire/newbank/` for each answer that you have seen, and a row for each code.

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.banks.contract import gateway_at, http, read_request, server

from mopos.banks import newbank, newbank_sim
from mopos.banks.port import Attempt, Confirmed, Decline, Returned, Silent
from mopos.base.money import Rial

FILES = Path(__file__).parents[1] / "wire" / "newbank"
TOKEN = "5b1f0c9d3e7a48628f40d1c6e2b97a35"
ATTEMPT = Attempt("70000123", Rial(1_250_000), TOKEN)


async def verified(answer: bytes) -> object:
    """What `verify` makes of an answer."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(http(answer))

    async with server(say) as url, gateway_at(newbank.KIND, newbank_sim.SIM, url) as gateway:
        return await gateway.bank.verify(ATTEMPT)


async def test_a_yes() -> None:
    assert await verified((FILES / "verify.json").read_bytes()) == Confirmed(
        Rial(1_250_000), "70000123", "274817209341", "508217", "603799******0014"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [(b"70000123", b"70000124"), (b"1250000", b"-1"), (b"1250000", b'"1250000"'), (b"274817209341", b"")],
    ids=["another order", "no amount", "a text", "no reference"],
)
async def test_a_yes_that_is_not_whole_is_silence(one: bytes, other: bytes) -> None:
    answer = (FILES / "verify.json").read_bytes()
    assert one in answer
    assert await verified(answer.replace(one, other)) == Silent("garbage")


async def test_a_return() -> None:
    fields = {"token": TOKEN, "order": "70000123", "status": "NOK", "code": "51", "ref": "", "card": ""}
    async with gateway_at(newbank.KIND, newbank_sim.SIM, "http://127.0.0.1:9") as gateway:
        assert gateway.bank.read_return(fields) == Returned(
            False, None, "", "70000123", TOKEN, Decline.INSUFFICIENT_FUNDS, "51"
        )
