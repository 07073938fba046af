"""`docs/howto/pay-with-curl.md`: the bank's half of it, run as it is written."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mopos.banks.port import Confirmed, Decline, Declined, Unverified
from mopos.banks.sim.cards import BY_SLUG

if TYPE_CHECKING:
    from tests.banks.conftest import Gateway, RunningBank

    Connect = Callable[..., AbstractAsyncContextManager[Gateway]]

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "pay-with-curl.md"


def snippet(title: str) -> str:
    """The shell block below a `<!-- tested: title -->`."""
    found = re.search(rf"<!-- tested: {title} -->\n```sh\n(.*?)```", HOWTO.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


async def run(script: str, folder: Path, **variables: str) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        ["sh", "-eu", "-c", script],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


async def test_paying_and_coming_back_with_curl(gateway: Gateway, shared_bank: RunningBank, tmp_path: Path) -> None:
    """The bank's own address stands in for the gateway's, as here only the bank is running."""
    opened, attempt = await gateway.open(return_url=f"{shared_bank.url}/pay?came=back")
    script = snippet("the buyer at the bank") + snippet("the way back")
    await run(script, tmp_path, BANK=shared_bank.url, TOKEN=opened.token)
    assert await gateway.bank.inquire(attempt) == Unverified()
    assert isinstance(await gateway.bank.verify(attempt), Confirmed)
    # The form went back whole: the page there knew the payment by its token.
    assert "پرداخت انجام شد" in (tmp_path / "invoice.html").read_text()


@pytest.mark.parametrize("slug", ["insufficient_funds", "issuer_down"])
async def test_another_card_with_curl(gateway: Gateway, shared_bank: RunningBank, tmp_path: Path, slug: str) -> None:
    opened, attempt = await gateway.open()
    card = BY_SLUG[slug]
    script = snippet("the buyer at the bank").replace(BY_SLUG["paid"].number, card.number)
    await run(script, tmp_path, BANK=shared_bank.url, TOKEN=opened.token)
    assert f'name="ResCode" value="{card.code}"' in (tmp_path / "receipt.html").read_text()
    assert await gateway.bank.inquire(attempt) == Declined(Decline(slug), str(card.code))
