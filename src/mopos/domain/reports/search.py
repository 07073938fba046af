"""Lists and searches of purchases, newest first, as fast at ten million purchases as at ten thousand.

A search walks candidates in the order of their numbers and looks at each: the candidates come from the index that
leaves the fewest (`_driver`), everything else is a condition. One page looks at no more than `SCAN_MAX` candidates;
when that is not enough to fill it, it says how far it came, and the next page goes on from there. So no filter, however
seldom it holds, can make the database work longer than any other.

Purchases are found by words, amounts and cards once the worker has written them to `purchase_word`: after seconds.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from mopos.base.db import Database
from mopos.domain.reports.model import WORDS_MAX, Filter
from mopos.domain.reports.statements import COUNT, NEWER, OLDER, PREPARE

PAGE = 50
# A few milliseconds of PostgreSQL's time. A page that holds less than it could has looked at this many.
SCAN_MAX = 5_000
# Most filters that are set in earnest hold for one purchase in five or more.
_SCAN_FIRST = 5
# A little more than it takes on average, so that mostly the second look is the last one.
_SURELY = 1.3
# A list says "more than 1,000" rather than count on.
COUNTED_MAX = 1_000
# Numbers are given in the order of time but for the difference of clocks and the longest statement (seconds).
_SLACK = timedelta(minutes=1)
_ID_MAX = 2**62


class Line(NamedTuple):
    """A purchase in a list, with its latest attempt."""

    id: int
    gateway_id: int
    gateway_name: str
    account_id: int | None
    res: str
    amount_rial: int
    nam: str
    dsc: str
    state: str
    registered_at: datetime
    paid_at: datetime | None
    late: bool
    acknowledged_at: datetime | None
    buyer_ip: Any
    attempt_count: int
    bank_ref: str | None
    trace: str
    masked_pan: str
    decline: str | None
    bank_code: str
    refund_rial: int = 0
    """What all refunds that have not failed come to."""
    refunded_rial: int = 0
    """What of it has been given back for certain."""
    fee_rial: int = 0
    """The operator's fee, fixed when it was registered."""
    fee_by_buyer: bool = False
    settled_on: date | None = None
    """The day on which its money reached the merchant (`DatTasvie`)."""
    tracking_no: str | None = None
    """The central bank's number of that deposit (`NoTasvie`)."""
    payout_id: int | None = None
    held: bool = False
    """Whether an operator keeps its money back."""
    expected_on: date | None = None
    """A forecast, of what is paid and not settled; `actions/expect_settlement.py` makes it."""

    @property
    def is_counted(self) -> bool:
        """Whether it brought its merchant money, so that fee and net mean something."""
        return self.state == "PAID"

    @property
    def merchant_fee_rial(self) -> int:
        """What of the fee the merchant bore."""
        return 0 if self.fee_by_buyer else self.fee_rial

    @property
    def net_rial(self) -> int:
        """What it brings the merchant: after the fee, and what was given back for certain."""
        return self.amount_rial - self.merchant_fee_rial - self.refunded_rial


class Page(NamedTuple):
    """A part of a list, newest first."""

    lines: list[Line]
    older: int | None
    """Give it as `before` to go on; None: there is nothing older."""
    newer: int | None
    """Give it as `after` to go back; None: this is the newest part."""
    whole: bool
    """False: the page holds less than it could because it looked at as many candidates as one page may."""


async def newest(
    db: Database, wanted: Filter, before: int | None = None, limit: int = PAGE, *, after: int | None = None
) -> Page:
    """Purchases of all merchants, for operators."""
    return await page(db, None, wanted, before=before, after=after, limit=limit)


async def page(
    db: Database,
    gateways: list[int] | None,
    wanted: Filter,
    *,
    before: int | None = None,
    after: int | None = None,
    limit: int = PAGE,
) -> Page:
    """Purchases of some gateways (None: of all) that a filter wants; older than `before`, or newer than `after`."""
    search = await prepare(db, gateways, wanted)
    return await search.page(db, before=before, after=after, limit=limit)


async def oldest(db: Database, gateways: list[int]) -> int:
    """The first purchase of some gateways; 0 when there is none."""
    row = await db.one(
        """
        select coalesce(min(first.id), 0) from unnest(%(gateways)s::bigint[]) g
        cross join lateral (select p.id from purchase p where p.gateway_id = g order by p.id limit 1) first
        """,
        {"gateways": gateways},
    )
    return int(row[0]) if row else 0


class Search(NamedTuple):
    """A filter made ready: by which index its candidates are found, and the values of all conditions."""

    driver: str
    exact: bool
    """Whether every candidate is wanted, so that there is nothing to look at."""
    values: dict[str, Any]

    async def page(
        self, db: Database, *, before: int | None = None, after: int | None = None, limit: int = PAGE
    ) -> Page:
        """The part of the list older than `before` (None: the newest), or newer than `after`."""
        values = dict(self.values)
        values["high"] = values["high"] if before is None else min(values["high"], before - 1)
        values["low"] = values["low"] if after is None else max(values["low"], after + 1)
        statement = (OLDER if after is None else NEWER)[self.driver]
        return _page(
            await _walk(db, statement, values, exact=self.exact, limit=limit, forward=after is not None), before, after
        )

    async def count_some(self, db: Database) -> int | None:
        """How many purchases there are, counted up to one more than `COUNTED_MAX`; None where counting is not cheap."""
        if not self.exact:
            return None
        row = await db.one(COUNT[self.driver], self.values | {"scan": COUNTED_MAX + 1})
        return int(row[0]) if row else 0


async def prepare(db: Database, gateways: list[int] | None, wanted: Filter) -> Search:
    """Choose how to search: the words' spelling and rarest one, the numbers of the first and last day, the index."""
    low, high = 0, _ID_MAX
    words: list[str] = []
    if wanted.text or wanted.since or wanted.until:
        row = await db.one(
            PREPARE,
            {
                "gateways": gateways,
                "text": wanted.text,
                "words_max": WORDS_MAX,
                "since": wanted.since and wanted.since - _SLACK,
                "until": wanted.until and wanted.until + _SLACK,
            },
        )
        low, high, words = row or (low, high, words)
    if wanted.text and not words:
        # Only signs, such as "---": no purchase has such a word.
        high = -1
    driver, exact = _driver(wanted, words)
    if gateways is None and driver == "newest":
        driver = "newest_of_all"
    return Search(driver, exact, _values(gateways, wanted, driver, words, low, high))


def _driver(wanted: Filter, words: list[str]) -> tuple[str, bool]:
    """The index with the fewest candidates, and whether they need no further look."""
    open_states = {"REGISTERED", "AT_BANK", "VERIFYING", "REVERSING"}
    ways: list[tuple[str, bool]] = [
        ("number", wanted.number is not None),
        ("res", wanted.res != ""),
        ("ref", wanted.ref != ""),
        ("watch", bool(wanted.states) and {*wanted.states} <= {"UNKNOWN", "CONFLICTED"}),
        ("open", bool(wanted.states) and {*wanted.states} <= open_states | {"UNKNOWN"}),
        ("card", wanted.card != ""),
        ("late", wanted.late),
        ("word", bool(words)),
        ("unacknowledged", wanted.acknowledged is False),
        ("amount", wanted.amount_min is not None and wanted.amount_min == wanted.amount_max),
        ("amounts", wanted.amount_min is not None or wanted.amount_max is not None),
    ]
    conditions = [
        *(way for way, is_so in ways if is_so and way not in ("watch", "open", "amounts")),
        *(["amounts"] if wanted.amount_min != wanted.amount_max else []),
        *(["states"] if wanted.states else []),
        *(["days"] if wanted.since or wanted.until else []),
        *(["res_start"] if wanted.res_start else []),
        *(["acknowledged"] if wanted.acknowledged else []),
        *(["words"] if len(words) > 1 else []),
    ]
    driver = next((way for way, is_so in ways if is_so), "newest")
    return driver, conditions in ([], [driver]) and driver not in ("amounts", "late")


def _values(
    gateways: list[int] | None, wanted: Filter, driver: str, words: list[str], low: int, high: int
) -> dict[str, Any]:
    return {
        "gateways": gateways,
        "low": low,
        "high": high,
        "number": wanted.number,
        "res": wanted.res or None,
        "res_start": wanted.res_start or None,
        "ref": wanted.ref or None,
        "amount_min": wanted.amount_min and int(wanted.amount_min),
        "amount_max": wanted.amount_max and int(wanted.amount_max),
        "amount_word": f"={int(wanted.amount_min or 0)}",
        "classes": classes(wanted.amount_min, wanted.amount_max),
        "states": list(wanted.states) or None,
        "since": wanted.since,
        "until": wanted.until,
        "card": f"{wanted.card[:-4]}%{wanted.card[-4:]}" if wanted.card else None,
        "card_word": f"#{wanted.card}",
        "acknowledged": wanted.acknowledged,
        "late": wanted.late or None,
        "word": words[0] if words else "",
        # The word that the candidates have needs no second look.
        "words": (words[1:] if driver == "word" else words) or None,
    }


def classes(least: int | None, most: int | None) -> list[str]:
    """The classes (`amount_class` in SQL) that amounts of a range belong to. No amount has more than 18 digits."""
    low, high = max(1, least or 0), most if most is not None else 10**18 - 1
    found = []
    for power in range(18):
        for digit in range(1, 10):
            first = digit * 10**power
            if first <= high and first + 10**power > low:
                found.append(f"${digit}e{power}")
    return found


class _Walk(NamedTuple):
    """What was found on the way: lines in the order of walking, whether they fill the page, how far it was looked."""

    lines: list[Line]
    limit: int
    edge: int
    more: bool
    """Whether there are candidates that were not looked at."""


async def _walk(
    db: Database, statement: str, values: dict[str, Any], *, exact: bool, limit: int, forward: bool
) -> _Walk:
    """Look at candidates, a few first, then as many as will fill the page if it goes on like that, but no more than
    `SCAN_MAX` in all."""
    lines: list[Line] = []
    looked = 0
    scan = limit + 1 if exact else min(_SCAN_FIRST * limit, SCAN_MAX)
    while True:
        rows = await db.all(statement, values | {"scan": scan, "limit": limit + 1 - len(lines)})
        seen, edge = rows[0][:2]
        # A part without any purchase is one row of nulls behind what the statement looked at.
        lines += [Line(*row[2:]) for row in rows if row[2] is not None]
        looked += scan
        if seen < scan or len(lines) > limit or looked >= SCAN_MAX:
            return _Walk(lines, limit, edge, seen == scan)
        values |= {"low": edge + 1} if forward else {"high": edge - 1}
        wanted = _SURELY * (limit + 1 - len(lines)) * looked / max(1, len(lines))
        scan = round(min(max(wanted, _SCAN_FIRST * limit), SCAN_MAX - looked))


def _page(walk: _Walk, before: int | None, after: int | None) -> Page:
    full = len(walk.lines) > walk.limit
    lines = walk.lines[: walk.limit]
    going_on = lines[-1].id if full else walk.edge if walk.more else None
    whole = full or not walk.more
    if after is not None:
        older = lines[0].id if lines else after + 1
        return Page(lines[::-1], older, going_on, whole)
    newer = None if before is None else lines[0].id if lines else before - 1
    return Page(lines, going_on, newer, whole)
