"""The sandbox bank's report of a day, and our reading of it: pages, signature, days that are not over, faults."""

import hmac
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

import pytest
from litestar.testing import TestClient

from mopos.banks.sandbox_report import PAGE_LINES
from mopos.banks.sandbox_sim import SIM
from mopos.banks.sim.cards import BY_SLUG
from mopos.banks.sim.service import create_app
from mopos.banks.sim.state import Terminal

DAY = date(2026, 11, 24)


class Hand:
    now = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Hand()


@pytest.fixture
def bank(clock):
    with TestClient(create_app(SIM, clock=clock, seed=1, terminals=(Terminal(commission_ppm=1_000),))) as client:
        yield client


def sell(bank, numbers, *, verified=True):
    book = bank.app.state.bank.book
    for number in numbers:
        order = book.open("10000001", str(number), 10_000, "http://x/", return_by_get=False, description="")
        book.take(order, BY_SLUG["paid"], "603799******0014")
        if verified:
            book.verify(order)


def ask(bank, key="sandbox-key", **query):
    asked = {"after": "", "day": DAY.isoformat(), "terminal": "10000001"} | query
    signed = f"/api/report\n{urlencode(sorted(asked.items()))}".encode()
    signature = hmac.digest(key.encode(), signed, "sha256").hex()
    return bank.get("/api/report", params=asked, headers={"X-Signature": signature})


def test_a_day_is_told_page_by_page_once_it_is_over(bank, clock):
    sell(bank, range(PAGE_LINES + 5))
    sell(bank, [9_999], verified=False)
    assert ask(bank).json() == {"code": 1, "terminal": "10000001", "day": "2026-11-24"}
    clock.now += timedelta(days=1)
    found, after = [], ""
    while True:
        page = ask(bank, after=after).json()
        assert len(page["lines"]) <= PAGE_LINES
        found += page["lines"]
        after = page.get("next", "")
        if not after:
            break
    # Money that nobody verified went back, and was never the merchant's: it is in no report.
    assert [line["order"] for line in found] == [str(number) for number in range(PAGE_LINES + 5)]
    assert {(line["kind"], line["amount"]) for line in found} == {("purchase", 10_000)}
    assert page["commission"] == (PAGE_LINES + 5) * 10
    assert ask(bank, day="2026-11-23").json()["code"] == 0


def test_who_does_not_sign_learns_nothing(bank, clock):
    sell(bank, [1])
    clock.now += timedelta(days=1)
    assert ask(bank, key="other").status_code == 401
    assert ask(bank, terminal="10000002").json() == {"code": -105, "terminal": "", "day": ""}
    assert ask(bank, day="yesterday").json()["code"] == 30
    assert ask(bank, after="-1").json()["code"] == 30


def test_reversals_and_refunds_are_told_with_their_references(bank, clock):
    sell(bank, [1, 2])
    book = bank.app.state.bank.book
    book.reverse(book.find("10000001", "1"))
    refund = book.refund(book.find("10000001", "2"), "77", 4_000)
    clock.now += timedelta(days=1)
    lines = [(line["kind"], line["order"], line["amount"]) for line in ask(bank).json()["lines"]]
    assert lines == [
        ("purchase", "1", 10_000),
        ("purchase", "2", 10_000),
        ("reversal", "1", 10_000),
        ("refund", "2", 4_000),
    ]
    assert ask(bank).json()["lines"][-1]["ref"] == refund.ref


@pytest.mark.parametrize(
    ("fault", "amounts"), [("missing", []), ("doubled", [10_000, 10_000]), ("amount", [1_000]), (None, [10_000])]
)
def test_an_order_can_be_misreported(bank, clock, fault, amounts):
    sell(bank, [1])
    clock.now += timedelta(days=1)
    assert bank.post("/book/misreport", json={"order": "1", "fault": fault}).status_code == 200
    assert [line["amount"] for line in ask(bank).json().get("lines", [])] == amounts
    assert bank.post("/book/misreport", json={"order": "1", "fault": "x"}).status_code == 400
