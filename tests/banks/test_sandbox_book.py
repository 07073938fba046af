"""The rules of the sandbox bank, with a clock in the hand."""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from mopos.banks.sandbox_sim import SIM
from mopos.banks.sim import service
from mopos.banks.sim.book import Book, Code, Order, Stage, WrongBook
from mopos.banks.sim.cards import BY_SLUG
from mopos.banks.sim.state import Terminal
from mopos.base.money import Rial

PAN = "603799******0014"
PAID = BY_SLUG["paid"]


class HandClock:
    """A clock that goes only when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def new_book(clock: HandClock, **options: Any) -> Book:
    given = {"give_back": timedelta(minutes=30), "session": timedelta(minutes=15), "otp_life": timedelta(minutes=2)}
    return Book(**{"clock": clock, "seed": 1, **given, **options})


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def book(clock: HandClock) -> Book:
    return new_book(clock)


def opened(book: Book, number: str = "1001", amount: int = 250_000) -> Order:
    order = book.open("10000001", number, amount, "http://shop/", return_by_get=False, description="")
    assert isinstance(order, Order)
    return order


def taken(book: Book, number: str = "1001") -> Order:
    order = opened(book, number)
    book.take(order, PAID, PAN)
    return order


STAGES: dict[str, Callable[[Book, Order], object]] = {
    "open": lambda book, order: None,
    "taken": lambda book, order: book.take(order, PAID, PAN),
    "verified": lambda book, order: (book.take(order, PAID, PAN), book.verify(order)),
    "refused": lambda book, order: book.refuse(order, 51),
    "given_back": lambda book, order: (book.take(order, PAID, PAN), book.clock.pass_(1800), book.give_back_due()),  # type: ignore[attr-defined]
    "reversed": lambda book, order: (book.take(order, PAID, PAN), book.reverse(order)),
}


@pytest.mark.parametrize(
    ("stage", "verify", "inquire", "reverse"),
    [
        ("open", Code.NOT_PAID_YET, Code.NOT_PAID_YET, Code.NOT_PAID_YET),
        ("taken", Code.DONE, Code.WAITS_FOR_VERIFY, Code.DONE),
        ("verified", Code.ALREADY_VERIFIED, Code.DONE, Code.DONE),
        ("refused", 51, 51, 51),
        ("given_back", Code.GIVEN_BACK, Code.GIVEN_BACK, Code.GIVEN_BACK),
        ("reversed", Code.REVERSED, Code.REVERSED, Code.REVERSED),
    ],
)
def test_what_each_stage_answers(stage: str, verify: int, inquire: int, reverse: int) -> None:
    for call, code in (("verify", verify), ("inquire", inquire), ("reverse", reverse)):
        book = new_book(HandClock())
        order = opened(book)
        STAGES[stage](book, order)
        assert order.stage == stage
        assert getattr(book, call)(order) == code


def test_an_order_number_is_used_once_and_for_ever(book: Book, clock: HandClock) -> None:
    opened(book)
    clock.pass_(10**6)
    again = book.open("10000001", "1001", 250_000, "http://shop/", return_by_get=False, description="")
    assert again is Code.ORDER_USED


def test_the_session_ends_to_the_second(book: Book, clock: HandClock) -> None:
    order = opened(book)
    clock.pass_(15 * 60 - 1)
    assert book.find_by_token(order.token) is order
    assert order.stage is Stage.OPEN
    clock.pass_(1)
    book.find_by_token(order.token)
    assert (order.stage, order.code) == (Stage.REFUSED, Code.SESSION_EXPIRED)


def test_giving_back_happens_by_itself_and_in_order(book: Book, clock: HandClock) -> None:
    first = taken(book, "1")
    verified = taken(book, "2")
    clock.pass_(60)
    later = taken(book, "3")
    book.verify(verified)
    clock.pass_(30 * 60 - 60)
    book.give_back_due()
    assert [order.stage for order in (first, verified, later)] == [Stage.GIVEN_BACK, Stage.VERIFIED, Stage.TAKEN]
    clock.pass_(60)
    book.give_back_due()
    assert later.stage is Stage.GIVEN_BACK
    assert book.totals["taken"].rial == book.totals["verified"].rial + book.totals["given_back"].rial == 750_000


def test_the_time_to_reverse_counts_from_the_payment_however_late_it_was_verified(clock: HandClock) -> None:
    book = new_book(clock, give_back=timedelta(hours=1), reverse_within=timedelta(hours=3))
    in_time, late = taken(book, "1"), taken(book, "2")
    clock.pass_(3_599)
    for order in (in_time, late):
        assert book.verify(order) == Code.DONE
    clock.pass_(7_200)
    assert book.reverse(in_time) == Code.DONE
    clock.pass_(1)
    assert book.reverse(late) == Code.TOO_LATE_TO_REVERSE
    assert late.stage is Stage.VERIFIED


def test_a_late_verify_finds_the_money_given_back_without_any_timer(book: Book, clock: HandClock) -> None:
    order = taken(book)
    clock.pass_(30 * 60)
    assert book.find("10000001", "1001") is order
    assert book.verify(order) == Code.GIVEN_BACK
    assert [entry.what for entry in book.lines_of("10000001", "1001")] == ["opened", "taken", "given_back"]


def test_the_dynamic_password_is_good_once_and_not_for_long(book: Book, clock: HandClock) -> None:
    order = opened(book)
    first, second = book.new_otp(order), book.new_otp(order)
    assert not book.use_otp(order, first)
    assert book.use_otp(order, second)
    assert not book.use_otp(order, second)
    assert not book.use_otp(order, "")
    third = book.new_otp(order)
    clock.pass_(120)
    assert not book.use_otp(order, third)


def test_the_seed_gives_the_same_numbers_again() -> None:
    def numbers(seed: int | None) -> tuple[str, str, str]:
        book = new_book(HandClock(), seed=seed)
        order = taken(book)
        return order.token, order.ref, book.new_otp(order)

    assert numbers(7) == numbers(7) != numbers(8)
    assert numbers(None) != numbers(None)


def test_the_book_is_found_again(clock: HandClock, tmp_path: Path) -> None:
    path = tmp_path / "book.jsonl"
    book = new_book(clock, path=path)
    waiting, verified, refused = taken(book, "1"), taken(book, "2"), opened(book, "3")
    still_open = opened(book, "4")
    book.verify(verified)
    book.refuse(refused, Code.CANCELLED)
    book.close()

    again = new_book(clock, path=path)
    assert again.entries == book.entries
    assert again.totals == book.totals
    found = {number: again.find("10000001", number) for number in "1234"}
    assert [order.stage for order in found.values() if order] == ["taken", "verified", "refused", "open"]
    assert [order.token for order in found.values() if order] == [
        order.token for order in (waiting, verified, refused, still_open)
    ]
    assert found["2"] is not None
    assert (found["2"].ref, found["2"].amount, found["2"].taken) == (verified.ref, Rial(250_000), Rial(250_000))
    # With the same seed, nothing that was given out before is given out again.
    assert opened(again, "5").token not in {order.token for order in (waiting, verified, refused, still_open)}
    clock.pass_(30 * 60)
    again.give_back_due()
    assert found["1"] is not None
    assert found["1"].stage is Stage.GIVEN_BACK
    again.close()


def test_a_line_that_was_cut_off_by_a_kill_never_happened(clock: HandClock, tmp_path: Path) -> None:
    path = tmp_path / "book.jsonl"
    book = new_book(clock, path=path)
    taken(book, "1")
    book.close()
    whole = path.read_bytes()
    for cut in (1, 40, len(whole.splitlines()[1])):
        path.write_bytes(whole[:-cut])
        again = new_book(clock, path=path)
        assert [entry.what for entry in again.entries] == ["opened"]
        order = again.find("10000001", "1")
        assert order is not None
        again.take(order, PAID, PAN)
        again.close()
        third = new_book(clock, path=path)
        assert [entry.what for entry in third.entries] == ["opened", "taken"]
        third.close()


@contextlib.contextmanager
def disk_full_after(size: int) -> Iterator[None]:
    """Files end at `size` bytes, as on a full disk: a line that crosses it is written in part."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


MOVES: dict[str, Callable[[Book, Order], object]] = {
    "open": lambda book, order: opened(book, "2"),
    "take": lambda book, order: book.take(order, PAID, PAN),
    "refuse": lambda book, order: book.refuse(order, 51),
    "verify": lambda book, order: book.verify(order),
    "settle": lambda book, order: book.settle(order),
    "reverse": lambda book, order: book.reverse(order),
    "refund": lambda book, order: book.refund(order, "81", 1_000),
    "give_back": lambda book, order: (book.clock.pass_(1800), book.give_back_due()),  # type: ignore[attr-defined]
}
BEFORE = {"take": "open", "refuse": "open", "verify": "taken", "give_back": "taken"}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("left", [0, 1, 40])
def test_what_a_full_disk_does_not_take_did_not_happen(clock: HandClock, tmp_path: Path, move: str, left: int) -> None:
    path = tmp_path / "book.jsonl"
    book = new_book(clock, path=path)
    order = opened(book)
    STAGES[BEFORE.get(move, "verified")](book, order)
    kept, stood = path.read_bytes(), repr(order)
    with disk_full_after(len(kept) + left), pytest.raises(OSError, match=r"large|space"):
        MOVES[move](book, order)
    assert (path.read_bytes(), repr(order), len(book.entries)) == (kept, stood, len(kept.splitlines()))
    assert book.find("10000001", "2") is None
    # Once there is room, the same is done, and found again.
    MOVES[move](book, order)
    book.close()
    again = new_book(clock, path=path)
    assert again.entries == book.entries
    assert len(again.entries) == len(kept.splitlines()) + 1
    again.close()


def test_the_book_of_another_terminal_is_refused_at_once(clock: HandClock, tmp_path: Path) -> None:
    path = tmp_path / "book.jsonl"
    book = new_book(clock, path=path)
    taken(book)
    book.close()
    kept = path.read_bytes()
    with pytest.raises(WrongBook) as refused:
        service.create_app(SIM, book_path=path, terminals=(Terminal(number="10000002"), Terminal(number="10000003")))
    told = f"{path} is the book of terminal 10000001; this bank knows 10000002, 10000003"
    assert (str(refused.value), path.read_bytes()) == (told, kept)
    # With that terminal among others it is known again.
    both = (Terminal(number="10000002"), Terminal(number="10000001"))
    with TestClient(service.create_app(SIM, clock=clock, book_path=path, terminals=both)) as client:
        shown = client.get("/book", params={"order": "1001", "terminal": "10000001"}).json()
    assert shown["stage"] == "taken"


# As books were written before orders kept their unit, and buyers their coming.
OLD_BOOK = b"""\
{"entry":{"seq":1,"at":"2026-11-24T08:30:00Z","what":"opened","order":"1001","terminal":"10000001"},"opening":\
{"number":"1001","terminal":"10000001","token":"t","amount":250000,"return_url":"http://shop/","return_by_get":false,\
"description":""}}
{"entry":{"seq":2,"at":"2026-11-24T08:30:00Z","what":"taken","order":"1001","terminal":"10000001","rial":250000,\
"ref":"415342474710","trace":"228113","pan":"603799******0014","card":"paid"}}
"""


def test_an_old_book_is_read(clock: HandClock, tmp_path: Path) -> None:
    path = tmp_path / "book.jsonl"
    path.write_bytes(OLD_BOOK)
    book = new_book(clock, path=path, terminals=["10000001"])
    order = book.find("10000001", "1001")
    assert order is not None
    assert (order.stage, order.unit_rial, order.entered) == (Stage.TAKEN, 1, False)
    assert book.verify(order) == Code.DONE
    book.close()


@pytest.mark.parametrize("cut", ["", "{", '{"entry":', '{"coming":{"number":"1', '{"entry":{"seq":3,"at"'])
def test_half_a_line_at_the_end_is_cut_away(clock: HandClock, tmp_path: Path, cut: str) -> None:
    path = tmp_path / "book.jsonl"
    for before in (b"", OLD_BOOK):
        path.write_bytes(before + cut.encode())
        new_book(clock, path=path).close()
        assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (b"GIF89a", "end"),
        (b"\x00\xff\n", "line 1"),
        (b"{}\n", "line 1"),
        (b'{"seq":1,"what":"order"}\n', "line 1"),
        (b'{"settings":{}}', "end"),
        (b'{"entry":{"seq":1,"at":"2026-11-24T08:30:00Z","what":"taken","order":"1","terminal":"1"}}\n', "line 1"),
        (b'{"entry":{"seq":1,"at":"yesterday"}}\n', "line 1"),
        (b'{"coming":{"number":"1","terminal":"1"}}\n{"ent', "line 1"),
    ],
)
def test_a_file_that_is_no_book_is_refused_and_left_as_it_is(tmp_path: Path, text: bytes, where: str) -> None:
    path = tmp_path / "book.jsonl"
    path.write_bytes(text)
    with pytest.raises(WrongBook) as refused:
        new_book(HandClock(), path=path)
    told = f"{path} is no book of a simulated bank: see its {where}"
    assert (str(refused.value), path.read_bytes()) == (told, text)


def test_the_book_is_for_its_owner_only(clock: HandClock, tmp_path: Path) -> None:
    path = tmp_path / "book.jsonl"
    new_book(clock, path=path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_purchase_costs_the_same_however_many_there_were(clock: HandClock) -> None:
    book = new_book(clock)

    def cost(numbers: range) -> float:
        started = time.process_time()
        for number in numbers:
            order = taken(book, str(number))
            book.find("10000001", str(number))
            book.verify(order)
            book.give_back_due()
        return time.process_time() - started

    # The quickest of five stretches each: what else the machine does in one of them does not count.
    costs = [cost(range(begin, begin + 1_000)) for begin in range(0, 25_000, 1_000)]
    assert min(costs[-5:]) < 3 * min(costs[:5]) + 0.02
