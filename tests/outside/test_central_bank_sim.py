"""The simulated central bank: files, cycles and calendar, results, statements, what goes wrong, and its memory."""

import io
import os
import re
import subprocess
import sys
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from tests.stack import wait_for

from mopos.base.iban import with_check_digits
from mopos.base.money import Rial
from mopos.domain.settlement import result_files
from mopos.domain.settlement.calendar import Calendar, Closure
from mopos.domain.settlement.ccti import PROFILES, Header, Transfer, file_name, message_id, write
from mopos.domain.settlement.statement_camt import read_camt053
from mopos.domain.settlement.statement_csv import read_csv
from mopos.domain.settlement.statements import BadRow, Line, Summary
from mopos.edges.demo.check import free_ports
from mopos.outside.central_bank_book import FATES, Fate
from mopos.outside.central_bank_sim import build, serving

PAYER = "IR750560000000001000000001"
# Tuesday, 3 Azar 1405, 10:00 in Tehran: between the cycles of 09:45 and 12:45.
START = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)


class Hand:
    """A clock that stands still until it is moved."""

    def __init__(self, now=START):
        self.now = now

    def __call__(self):
        return self.now

    def tehran(self, day: int, hour: int, minute: int = 0) -> None:
        """To a moment of November 2026."""
        self.now = datetime(2026, 11, day, hour, minute, tzinfo=UTC) - timedelta(hours=3, minutes=30)


def iban(number: int = 1, fate: Fate | None = None) -> str:
    ending = next((digits for digits, one in FATES.items() if one is fate), "0001")
    return with_check_digits(f"012{number:015}{ending}")


def ccti(*orders: tuple[str, int], serial: int = 1, at=START, profile: str = "melli") -> tuple[str, bytes]:
    transfers = [
        Transfer(to, "علی رضایی", Rial(rial), description=f"تسویه {20_000 + n}")
        for n, (to, rial) in enumerate(orders, 1)
    ]
    number = message_id(PAYER, serial)
    header = Header(number, at, PAYER, "موپوز", len(transfers), Rial(sum(rial for _, rial in orders)))
    return number, write(PROFILES[profile], header, transfers)


@asynccontextmanager
async def bank(clock=None, calendar=None, **options):
    app = build(clock or Hand(), calendar, deadline_s=0.2, **options)
    async with serving(app) as url, httpx2.AsyncClient(base_url=url, trust_env=False, timeout=10) as client:
        yield client


async def results(client, number: str, query: str = "") -> result_files.ResultFile:
    answer = await client.get(f"/files/{number}/results{query}")
    assert answer.status_code == 200
    return result_files.read(answer.content)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("query", ["", "?lang=en", "?format=xml"])
async def test_a_file_is_carried_in_the_next_cycle(profile, query):
    """Our writer and its reader share no code; its results are read by our reader."""
    clock = Hand()
    async with bank(clock) as client:
        number, body = ccti((iban(1), 1_250_000), (iban(2), 7), profile=profile)
        taken = await client.post(f"/files?name={file_name(number)}", content=body)
        assert taken.json() == {"id": number, "orders": 2, "accepted": 2, "refused": []}
        clock.tehran(24, 12, 44)
        found = await results(client, number, query)
        assert (len(found.pending), found.rows, found.bad) == (2, [], [])
        clock.tehran(24, 12, 45)
        found = await results(client, number, query)
        assert found.bad == []
        assert [(row.message_id, row.row, row.amount, row.outcome) for row in found.rows] == [
            (number, 1, 1_250_000, "settled"),
            (number, 2, 7, "settled"),
        ]
        assert {row.on for row in found.rows} == {date(2026, 11, 24)}
        assert len({row.tracking_no for row in found.rows}) == 2
        assert all(len(row.tracking_no) == 20 and row.tracking_no.isdigit() for row in found.rows)


async def test_fridays_holidays_and_closures_wait():
    """Thursday evening after the last cycle: Friday is closed, and Saturday by an announced closure."""
    clock = Hand()
    clock.tehran(26, 19)
    calendar = Calendar([Closure(date(2026, 11, 28), None, closed=True, reason="آلودگی هوا")])
    async with bank(clock, calendar) as client:
        number, body = ccti((iban(), 5))
        await client.post("/files", content=body)
        for day in (27, 28):
            clock.tehran(day, 23, 59)
            assert len((await results(client, number)).pending) == 1
        clock.tehran(29, 3, 45)
        assert [row.on for row in (await results(client, number)).rows] == [date(2026, 11, 29)]


async def test_satna_is_carried_until_half_past_two_and_not_on_thursdays():
    clock = Hand()
    async with bank(clock) as client:
        number, body = ccti((iban(), 3_000_000_000))
        await client.post("/files?channel=satna", content=body)
        clock.tehran(24, 14, 30)
        (row,) = (await results(client, number)).rows
        assert len(row.tracking_no) == 16
        clock.tehran(25, 14, 31)
        number, body = ccti((iban(), 3_000_000_000), serial=2)
        await client.post("/files?channel=satna", content=body)
        clock.tehran(28, 14, 29)
        assert len((await results(client, number)).pending) == 1
        clock.tehran(28, 14, 30)
        assert [row.on for row in (await results(client, number)).rows] == [date(2026, 11, 28)]


async def test_rows_that_are_refused():
    wrong = iban()[:-1] + "9"
    async with bank() as client:
        number, body = ccti((iban(1), 5), (iban(2), 2_000_000_001), (iban(3, Fate.REFUSED), 5), (iban(4), 6))
        body = body.replace(iban(4).encode(), wrong.encode())
        answer = (await client.post("/files", content=body)).json()
        assert answer["accepted"] == 1
        assert answer["refused"] == [
            {"row": 2, "code": "AM02"},
            {"row": 3, "code": "AC04"},
            {"row": 4, "code": "AC01"},
        ]
        found = await results(client, number)
        assert [(row.row, row.reason[:4], row.tracking_no) for row in found.rows] == [(2, "AM02", ""), (3, "AC04", "")]
        # What is no Sheba is named by its line: our reader believes none.
        assert [bad.code for bad in found.bad] == ["result_iban_wrong"]


async def test_files_that_are_refused():
    number, body = ccti((iban(), 5))
    other_account = body.replace(PAYER.encode(), iban(7).encode())
    cases = [
        (b"<a/>", "", "paya", 422),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + body[body.index(b"<Document") :], "", "paya", 422),
        (body.replace(b"<CtrlSum>5", b"<CtrlSum>6", 1), "", "paya", 422),
        (body.replace(b"<NbOfTxs>1", b"<NbOfTxs>2"), "", "paya", 422),
        (body.replace(number.encode(), number[:-1].encode()), "", "paya", 422),
        (body.replace(b"1405-09-03T", b"2026-11-24T"), "", "paya", 422),
        (body.replace(b"BMJIIRTHXXX", b"MELIIRTHXXX"), "", "paya", 422),
        (body, "another.ccti", "paya", 422),
        (body, "", "pol", 404),
        (body, "", "paya", 200),
        (body, "", "paya", 409),
        (other_account, "", "paya", 422),
    ]
    async with bank() as client:
        for content, name, channel, status in cases:
            answer = await client.post("/files", params={"name": name, "channel": channel}, content=content)
            assert answer.status_code == status, answer.text
        assert (await client.get(f"/files/{number[:-1]}9/results")).status_code == 404
        assert [file["id"] for file in (await client.get("/files")).json()] == [number]


async def test_fates_of_orders():
    clock = Hand()
    fates = [Fate.RETURNED, Fate.CAME_BACK, Fate.NEVER, Fate.SLOW]
    async with bank(clock) as client:
        number, body = ccti(*((iban(n, fate), 100 + n) for n, fate in enumerate(fates)))
        await client.post("/files", content=body)
        history = []
        for day in range(24, 31):
            clock.tehran(day, 23, 50)
            found = await results(client, number)
            history.append({fates[row.row - 1]: row for row in found.rows})
            assert fates[2] not in history[-1]
        tuesday, wednesday, thursday, *_, last = history
        assert {fate: row.outcome for fate, row in tuesday.items()} == {
            Fate.RETURNED: "returned",
            Fate.CAME_BACK: "settled",
        }
        assert Fate.SLOW not in wednesday
        assert thursday[Fate.SLOW].on == date(2026, 11, 26)
        assert last[Fate.CAME_BACK].outcome == "returned"
        assert date(2026, 11, 25) <= last[Fate.CAME_BACK].on <= date(2026, 11, 28)
        assert last[Fate.RETURNED].tracking_no == ""


async def test_the_same_seed_lets_the_same_orders_come_back():
    async def came_back(seed: int) -> list[tuple[int, date]]:
        clock = Hand()
        async with bank(clock, seed=seed, return_ppm=300_000) as client:
            number, body = ccti(*((iban(n), 1000 + n) for n in range(100)))
            await client.post("/files", content=body)
            clock.tehran(30, 23)
            return [(row.row, row.on) for row in (await results(client, number)).rows if row.outcome == "returned"]

    first = await came_back(1)
    assert 15 < len(first) < 45
    assert await came_back(1) == first
    assert await came_back(2) != first


def lines_of(reader, body: bytes) -> tuple[list[Line], Summary]:
    read = list(reader(io.BytesIO(body)))
    assert [one for one in read if isinstance(one, BadRow)] == []
    return [one for one in read if isinstance(one, Line)], read[-1]


async def test_statements_tie_out():
    """Both forms, read by our own readers: the same movements, and balances that agree."""
    clock = Hand()
    async with bank(clock) as client:
        for day, rial in ((23, 9_000_000), (24, 4_000_000)):
            said = {"amount": rial, "date": f"2026-11-{day}", "terminal": "10000001", "reference": f"S{day}"}
            assert (await client.post("/deposits", json=said)).json() == {"taken": 1}
            assert (await client.post("/deposits", json=[said])).json() == {"taken": 0}
        await client.post("/deposits", json={"amount": -5_000, "date": "2026-11-24", "text": "کارمزد"})
        assert (await client.post("/deposits", json={"amount": 0})).status_code == 400
        _, body = ccti((iban(1), 1_000_000), (iban(2, Fate.CAME_BACK), 2_000_000), (iban(3, Fate.RETURNED), 3_000_000))
        await client.post("/files", content=body)
        clock.tehran(30, 23)
        whole = {}
        for form, reader in (("camt053", read_camt053), ("csv", read_csv)):
            answer = await client.get("/statement", params={"format": form})
            lines, summary = lines_of(reader, answer.content)
            assert (summary.iban, summary.opening, summary.closing) == (PAYER, 0, 13_000_000 - 5_000 - 1_000_000)
            assert sorted(line.rial for line in lines) == [
                *(-2_000_000, -1_000_000, -5_000, 2_000_000, 4_000_000, 9_000_000),
            ]
            assert len({line.ref for line in lines}) == 6
            whole[form] = {(line.ref, line.on, line.rial) for line in lines}
        assert whole["camt053"] == whole["csv"]
        told = {"from": "2026-11-24", "to": "2026-11-24", "format": "camt053"}
        lines, summary = lines_of(read_camt053, (await client.get("/statement", params=told)).content)
        assert (summary.opening, summary.closing) == (9_000_000, 9_995_000)
        assert all(line.on == date(2026, 11, 24) for line in lines)
        assert any("تسویه 20001" in line.text for line in lines)
        assert (await client.get("/statement?from=yesterday")).status_code == 400


async def test_a_book_is_found_again(tmp_path):
    clock, path = Hand(), tmp_path / "book.jsonl"
    _, body = ccti((iban(1), 5), (iban(2, Fate.CAME_BACK), 6))
    async with bank(clock, book_path=path) as client:
        await client.post("/files", content=body)
        await client.post("/deposits", json={"amount": 50, "reference": "S1"})
        clock.tehran(24, 13)
        before = [(await client.get(address)).content for address in ("/orders", "/statement?format=csv")]
    with path.open("ab") as book:
        book.write(b'{"deposit":{"on":"2026-11-24","ri')
    async with bank(clock, book_path=path) as client:
        assert [(await client.get(address)).content for address in ("/orders", "/statement?format=csv")] == before
        assert (await client.post("/files", content=body)).status_code == 409
        assert (await client.post("/deposits", json={"amount": 50, "reference": "S1"})).json() == {"taken": 0}


async def test_its_page_and_the_form_on_it():
    clock = Hand()
    async with bank(clock) as client:
        assert "هنوز چیزی نیست" in (await client.get("/")).text
        number, body = ccti((iban(1), 1_234_567), (iban(2, Fate.RETURNED), 5))
        name = file_name(number)
        answer = await client.post("/files", data={"channel": "paya"}, files={"file": (name, body, "application/xml")})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/?said={number}")
        again = await client.post("/files", data={"channel": "paya"}, files={"file": (name, body, "application/xml")})
        assert "before" in again.headers["location"]
        clock.tehran(24, 19)
        page = (await client.get("/?said=<b>")).text
        for said in ("۱٬۲۳۴٬۵۶۷", "تسویه شد", "برگشت خورد", number, "&lt;b&gt;"):
            assert said in page
        assert "<b>" not in page


@pytest.mark.parametrize(
    ("what", "when"), [("silent", "before"), ("slow", "after"), ("garbage", "after"), ("error", "before")]
)
async def test_faults_of_the_line(what, when):
    async with bank() as client:
        fault = {"call": "files", "what": what, "when": when}
        assert (await client.post("/faults", json=[fault])).status_code == 200
        number, body = ccti((iban(1), 5))
        answer = await client.post("/files", content=body)
        good = answer.status_code == 200 and answer.content.endswith(b"}")
        assert good is (what == "slow")
        files = [file["id"] for file in (await client.get("/files")).json()]
        assert files == ([number] if when == "after" else [])
        assert (await client.post("/faults", json={"call": 1})).status_code == 400


def test_the_page_on_payouts_names_each_fate():
    howto = (Path(__file__).parents[2] / "docs/howto/try-payouts.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (\d{4}) \|", howto, re.MULTILINE) == list(FATES)


def test_it_is_a_process_of_its_own(tmp_path):
    port = free_ports()[0]
    command = [sys.executable, "-m", "mopos", "central-bank-sim", f"--port={port}", f"--book={tmp_path / 'book'}"]
    process = subprocess.Popen(command, env=os.environ)
    try:
        wait_for(f"http://127.0.0.1:{port}/healthz")
        page = httpx2.get(f"http://127.0.0.1:{port}/", trust_env=False)
        assert "بانک مرکزی آزمایشی" in page.text
    finally:
        process.terminate()
        assert process.wait(20) in (0, -15)
