"""Real SOAP clients, from the WSDL alone: PHP's SoapClient, Node's `soap` and zeep call PayRep of the running demo."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from mopos.banks.sim.buyer import pay_at_bank, read_form
from mopos.edges.demo.run import Demo

ROOT = Path(__file__).parents[2]
CLIENTS = {
    "php": ["php", str(ROOT / "examples/php/payrep.php")],
    "node": ["node", str(ROOT / "examples/node/payrep.mjs")],
    "zeep": [sys.executable, str(ROOT / "examples/python/payrep.py")],
}
NAME, FOR_WHAT = "مریم می‌خواهد & <b>", "کتابِ «سووشون»، ۲ جلد"
AMOUNT = 1_250_000


@pytest.fixture(scope="module")
def shopped(demo) -> Demo:
    asyncio.run(_buy(demo))
    return demo


async def _buy(demo: Demo) -> None:
    """A purchase that is paid, and one whose buyer stands before the bank's page."""
    form = {"ID": demo.id, "Amnt": str(AMOUNT), "Nam": NAME, "Dsc": FOR_WHAT, "RedirectURL": f"{demo.shop}/return"}
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        for res in ("خرید-۱", "unpaid"):
            page = await client.post(f"{demo.gateway}/Payment.aspx", data=form | {"Res": res})
            if res != "unpaid":
                way_back = await pay_at_bank(client, read_form(page.text, str(page.url), having="Token"))
                assert way_back is not None
                await way_back.send(client)


def pay_rep(demo: Demo, client: str, res: str, version: str, rmz: str | None = None) -> dict:
    address = f"{demo.gateway}/WebServiceMoPos.asmx?WSDL"
    done = subprocess.run(
        [*CLIENTS[client], res, version],
        cwd=ROOT / "tests" / "clients",
        env=os.environ | {"MOPOS_WSDL": address, "MOPOS_ID": demo.id, "MOPOS_RMZ": rmz or demo.rmz.reveal()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{client} (scripts/install-test-tools installs it): {done.stdout}{done.stderr}"
    fields = json.loads(done.stdout.splitlines()[-1])
    # Some clients name what was absent as null, some leave it out.
    return {name: value for name, value in fields.items() if value is not None and name != "attributes"}


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_paid_purchase(shopped, client, version):
    answer = pay_rep(shopped, client, "خرید-۱", version)
    assert (int(answer["Err"]), int(answer["Amnt"])) == (0, AMOUNT)
    assert (answer["Nam"], answer["Dsc"], answer["IP"]) == (NAME, FOR_WHAT, "127.0.0.1")
    assert answer.get("ErrDsc") in (None, "", {})
    year = answer["Dat"][:5]
    assert year.startswith("1")
    assert year.endswith("/"), "a Jalali date such as 1405/09/03 15:42:15"


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@pytest.mark.parametrize("client", CLIENTS)
def test_an_unpaid_purchase(shopped, client, version):
    answer = pay_rep(shopped, client, "unpaid", version)
    assert (int(answer["Err"]), int(answer["Amnt"])) == (2, AMOUNT)
    assert "Dat" not in answer


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@pytest.mark.parametrize("client", CLIENTS)
def test_an_unknown_purchase_and_a_wrong_password(shopped, client, version):
    assert int(pay_rep(shopped, client, "nobody", version)["Err"]) == 91
    wrong = pay_rep(shopped, client, "خرید-۱", version, rmz="wrong")
    assert (int(wrong["Err"]), int(wrong["Amnt"]), "Nam" in wrong) == (90, 0, False)
