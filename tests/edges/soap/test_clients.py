"""Real SOAP clients read our WSDL and call PayRep: PHP's SoapClient, Node's `soap`, and zeep, over real HTTP.

The journeys have the same clients call the whole gateway; here are the texts, numbers and faults that it seldom has.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CLIENTS = {
    "php": ["php", str(ROOT / "examples/php/payrep.php")],
    "node": ["node", str(ROOT / "examples/node/payrep.mjs")],
    "zeep": [sys.executable, str(ROOT / "examples/python/payrep.py")],
}
HARD = "<b>&amp;</b> ]]> \"'\u200c é 𐎠 پایان"
PAID = {
    "Nam": "مریم می‌خواهد",
    "Dsc": "کتابِ «سووشون»، ۲ جلد",
    "Amnt": 9_007_199_254_740_991,
    "Dat": "1403/12/30 23:59:59",
    "Err": 0,
    "DatTasvie": "1404/01/05",
    "NoTasvie": "140401050001",
    "IP": "2001:db8::1",
}
UNPAID = {
    "Nam": "مریم می‌خواهد",
    "Dsc": "کتابِ «سووشون»، ۲ جلد",
    "Amnt": 1_250_000,
    "Err": 2,
    "ErrDsc": "پرداخت نشده است",
    "IP": "192.0.2.1",
}
UNKNOWN = {"Amnt": 0, "Err": 91, "ErrDsc": "چنین خریدی نیست"}

pytestmark = [
    pytest.mark.parametrize("client", CLIENTS),
    pytest.mark.parametrize("version", ["1.1", "1.2"]),
]


@pytest.fixture(scope="module")
def wsdl() -> Iterator[str]:
    """The address of the WSDL of a service in a process of its own."""
    server = [sys.executable, str(Path(__file__).parent / "served.py")]
    with subprocess.Popen(server, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"{process.stdout.readline().strip()}/WebServiceMoPos.asmx?WSDL"
        finally:
            process.terminate()


def call(client: str, version: str, wsdl: str, res: str, rmz: str = "s3cret") -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [*CLIENTS[client], res, version],
            env=os.environ | {"MOPOS_WSDL": wsdl, "MOPOS_ID": "1000017", "MOPOS_RMZ": rmz},
            cwd=ROOT / "tests" / "clients",  # Node looks for its packages here
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except FileNotFoundError as error:
        pytest.fail(f"{error.filename} is missing: scripts/install-test-tools installs it")


def pay_rep(*asked: str) -> dict[str, str | int]:
    """The fields as a shop gets them; what is null, absent or empty in its language is left out."""
    done = call(*asked)
    hint = "if something is missing, scripts/install-test-tools installs it"
    assert done.returncode == 0, f"{hint}: {done.stdout}{done.stderr}"
    fields = json.loads(done.stdout.splitlines()[-1])
    return {name: value for name, value in fields.items() if value not in (None, "", {})}


@pytest.mark.parametrize(
    ("res", "expected"),
    [("paid", PAID), ("unpaid", UNPAID), ("خرید-۱ & <۲>", PAID), ("nobody", UNKNOWN)],
    ids=["paid", "unpaid", "paid, its Res in Persian with markup", "unknown"],
)
def test_a_purchase(wsdl, client, version, res, expected):
    assert pay_rep(client, version, wsdl, res) == expected


def test_a_wrong_password(wsdl, client, version):
    assert pay_rep(client, version, wsdl, "paid", "wrong")["Err"] == 90


def test_text_that_is_hard_to_carry(wsdl, client, version):
    answer = pay_rep(client, version, wsdl, "hard")
    assert (answer["Nam"], answer["ErrDsc"]) == (HARD, HARD)
    assert answer["Dsc"] == "bell and null go", "what XML cannot carry is left out"


def test_a_failure_of_ours_is_a_fault_that_tells_nothing(wsdl, client, version):
    done = call(client, version, wsdl, "throw")
    assert done.returncode != 0
    assert "Server was unable to process request" in done.stdout + done.stderr
    assert "must not be told" not in done.stdout + done.stderr
