"""Money given back by the sandbox bank: refunds and reversals through our connector, and what its book says of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.banks.conftest import Gateway, RunningBank

from mopos.banks.port import Confirmed, Decline, Declined, GivenBack, Silent
from mopos.banks.sim.buyer import pay_at_bank
from mopos.base.money import Rial

AMOUNT = 250_000
REFUSED = Declined(Decline.OTHER, "-10")
EXCEEDS = Declined(Decline.OTHER, "-8")


async def verified(gateway: Gateway, slug: str = "paid") -> Any:
    opened, attempt = await gateway.open(AMOUNT)
    await pay_at_bank(gateway.browser, opened.redirect, slug)
    assert isinstance(await gateway.bank.verify(attempt), Confirmed)
    return attempt


async def refunds_of(gateway: Gateway, attempt: Any) -> list[tuple[str, int]]:
    entries = (await gateway.book(attempt))["entries"]
    return [(entry["refund"], entry["rial"]) for entry in entries if entry["what"] == "refunded"]


async def test_parts_until_nothing_is_left(gateway: Gateway) -> None:
    attempt = await verified(gateway)
    first = await gateway.bank.refund(attempt, "70011", Rial(100_000))
    assert isinstance(first, GivenBack)
    assert len(first.bank_ref) == 12
    assert await gateway.bank.refund(attempt, "70029", Rial(150_001)) == EXCEEDS
    assert isinstance(await gateway.bank.refund(attempt, "70037", Rial(150_000)), GivenBack)
    assert await gateway.bank.refund(attempt, "70045", Rial(1)) == EXCEEDS
    assert await refunds_of(gateway, attempt) == [("70011", 100_000), ("70037", 150_000)]


async def test_the_same_number_is_the_same_refund(gateway: Gateway) -> None:
    attempt = await verified(gateway)
    told = {await gateway.bank.refund(attempt, "1", Rial(1_000)) for _ in range(3)}
    assert len(told) == 1
    assert await refunds_of(gateway, attempt) == [("1", 1_000)]
    # With another amount it is somebody's mistake, and no answer to rely on.
    assert await gateway.bank.refund(attempt, "1", Rial(2_000)) == Silent("code_-9")


async def test_timeouts_before_and_after(gateway: Gateway) -> None:
    attempt = await verified(gateway, "refund_silent")
    assert await gateway.bank.refund(attempt, "1", Rial(5_000)) == Silent("timeout")
    assert await refunds_of(gateway, attempt) == []
    assert await gateway.bank.refund(attempt, "1", Rial(5_000)) == Silent("timeout")
    assert await refunds_of(gateway, attempt) == [("1", 5_000)]
    assert isinstance(await gateway.bank.refund(attempt, "1", Rial(5_000)), GivenBack)
    assert await refunds_of(gateway, attempt) == [("1", 5_000)]


async def test_refusals(gateway: Gateway) -> None:
    attempt = await verified(gateway, "refund_refused")
    assert await gateway.bank.refund(attempt, "1", Rial(5_000)) == REFUSED
    assert isinstance(await gateway.bank.refund(attempt, "2", Rial(5_000)), GivenBack)
    kept = await verified(gateway, "reverse_refused")
    assert await gateway.bank.reverse(kept) == Declined(Decline.OTHER, "-7")
    assert isinstance(await gateway.bank.inquire(kept), Confirmed)


async def test_a_reversal_that_is_not_answered(gateway: Gateway) -> None:
    attempt = await verified(gateway, "reverse_silent")
    assert await gateway.bank.reverse(attempt) == Silent("timeout")
    assert isinstance(await gateway.bank.inquire(attempt), Confirmed)
    assert await gateway.bank.reverse(attempt) == Silent("timeout")
    given_back = Declined(Decline.GIVEN_BACK, "-5")
    assert await gateway.bank.inquire(attempt) == given_back
    assert await gateway.bank.reverse(attempt) == given_back


async def test_never_both(gateway: Gateway) -> None:
    refunded, reversed_ = await verified(gateway), await verified(gateway)
    assert isinstance(await gateway.bank.refund(refunded, "1", Rial(1_000)), GivenBack)
    assert await gateway.bank.reverse(refunded) == EXCEEDS
    await gateway.bank.reverse(reversed_)
    assert await gateway.bank.refund(reversed_, "1", Rial(1_000)) == Declined(Decline.OTHER, "-5")


async def test_after_a_while_nothing_is_reversed(bank_with: Callable[..., RunningBank], gateway_at: Any) -> None:
    async with gateway_at(bank_with(reverse_s=0).url) as gateway:
        attempt = await verified(gateway)
        assert await gateway.bank.reverse(attempt) == Declined(Decline.OTHER, "-7")
        assert isinstance(await gateway.bank.refund(attempt, "1", Rial(AMOUNT)), GivenBack)
        totals = (await gateway.browser.get(f"{gateway.url}/book")).json()["totals"]
    assert (totals["taken"]["rial"], totals["refunded"], totals["given_back"]["rial"]) == (
        AMOUNT,
        {"count": 1, "rial": AMOUNT},
        0,
    )


async def test_the_book_survives_a_kill(bank_with: Callable[..., RunningBank], gateway_at: Any, tmp_path: Any) -> None:
    book = str(tmp_path / "book.jsonl")
    first = bank_with(book_path=book)
    async with gateway_at(first.url) as gateway:
        attempt = await verified(gateway)
        told = await gateway.bank.refund(attempt, "1", Rial(200_000))
    with first.running as process:
        process.kill()
    async with gateway_at(bank_with(book_path=book).url) as gateway:
        assert await gateway.bank.refund(attempt, "1", Rial(200_000)) == told
        assert await gateway.bank.refund(attempt, "2", Rial(50_001)) == EXCEEDS


@pytest.mark.parametrize("amount", [0, -1, 250_001])
async def test_amounts_out_of_bounds(gateway: Gateway, amount: int) -> None:
    attempt = await verified(gateway)
    assert await gateway.bank.refund(attempt, "1", Rial(amount)) == EXCEEDS
