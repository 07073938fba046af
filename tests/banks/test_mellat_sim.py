"""The simulated Behpardakht Mellat: a sale that nobody settles, and what it does when it is told to say no."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.banks import contract
from tests.banks.contract import AMOUNT, Gateway, gateway_at
from tests.banks.process import Process

from mopos.banks.mellat import KIND
from mopos.banks.mellat_sim import SIM
from mopos.banks.port import Attempt, Confirmed, Decline, Declined

VERIFY, SETTLE, INQUIRE = "bpVerifyRequest", "bpSettleRequest", "bpInquiryRequest"
REVERSE = "bpReversalRequest"
HOURS_3 = 10_800


@pytest.fixture
def process() -> Iterator[Process]:
    one = contract.start_own("mellat")
    yield one
    one.stop()


@pytest.fixture
async def gateway(process: Process) -> AsyncIterator[Gateway]:
    async with gateway_at(KIND, SIM, process.url, process=process) as one:
        yield one


async def says(gateway: Gateway, operation: str, attempt: Attempt) -> str:
    """What the bank says to one call about a sale."""
    members = (
        ("terminalId", SIM.terminal.number),
        ("userName", SIM.terminal.user),
        ("userPassword", SIM.terminal.password),
        ("orderId", "7"),
        ("saleOrderId", attempt.number),
        ("saleReferenceId", attempt.bank_ref),
    )
    said = "".join(f"<{name}>{text}</{name}>" for name, text in members)
    answer = await gateway.browser.post(
        f"{gateway.url}/pgwchannel/services/pgw",
        content=f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><p:{operation} '
        f'xmlns:p="http://interfaces.core.sw.bps.com/">{said}</p:{operation}></s:Body></s:Envelope>',
    )
    return str(re.findall("<return>(.*)</return>", answer.text)[0])


async def test_it_settles_by_itself_what_was_verified_three_hours_ago(gateway: Gateway, process: Process) -> None:
    attempt, _ = await gateway.paid()
    # Verified late: the three hours count from there.
    process.move_clock(1_190)
    assert await says(gateway, VERIFY, attempt) == "0"
    process.move_clock(HOURS_3 - 30)
    assert await says(gateway, INQUIRE, attempt) == "43"
    process.move_clock(30)
    for operation, code in ((REVERSE, "45"), (INQUIRE, "45"), (SETTLE, "45"), (VERIFY, "43"), (REVERSE, "45")):
        assert await says(gateway, operation, attempt) == code, operation
    book = await gateway.book(attempt)
    assert (book.stage, book.whats) == ("settled", ["opened", "taken", "verified", "settled"])
    assert book.rial("settled") == [AMOUNT]


async def test_within_three_hours_of_verify_it_reverses(gateway: Gateway, process: Process) -> None:
    attempt, _ = await gateway.paid()
    process.move_clock(1_190)
    assert await says(gateway, VERIFY, attempt) == "0"
    process.move_clock(HOURS_3 - 30)
    assert await gateway.bank.reverse(attempt) == Declined(Decline.GIVEN_BACK, "0")
    process.move_clock(60)
    assert await says(gateway, INQUIRE, attempt) == "48"


async def test_what_it_has_settled_by_itself_is_a_yes(gateway: Gateway, process: Process) -> None:
    attempt, _ = await gateway.paid()
    assert await says(gateway, VERIFY, attempt) == "0"
    process.move_clock(HOURS_3)
    answer = await gateway.ask(attempt)
    assert isinstance(answer, Confirmed)
    assert (answer.amount, answer.bank_ref) == (AMOUNT, attempt.bank_ref)
