"""What a merchant is shown of a gateway's statement: its movements by kind and one by one, and balances. Reads only,
always of one account. Amounts are Rial, seen from the merchant: plus came to him, minus went.

A statement is the gateway's `merchant_payable` in the order of its entries, which is the order of time but for some
seconds: a movement that was booked in the last second of a period may stand in the next one. Nothing stands twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from mopos.base.db import Database

# Lines on a page: what a person reads at a time.
PAGE = 50
# No entry has a higher number.
LAST = 2**62

# Entry and whether it came (+1) or went (-1) -> the kind that a merchant knows it by. In the order of a page.
KINDS: Mapping[tuple[str, int], str] = {
    ("purchase_paid", 1): "sales",
    ("purchase_paid", -1): "fees",
    ("refund_requested", -1): "refunds",
    ("refund_failed", 1): "refunds_back",
    ("refund_came_back", 1): "refunds_back",
    ("reversal_requested", -1): "reversals",
    ("reversal_requested", 1): "reversals",
    ("reversal_refused", -1): "reversals",
    ("reversal_refused", 1): "reversals",
    ("hold_placed", -1): "held",
    ("hold_released", 1): "released",
    ("payout_planned", -1): "paid_before",
    ("payout_cancelled", 1): "taken_back",
    ("payout_returned", 1): "returned",
    ("payout_came_back", 1): "returned",
    ("suspense_to_merchant", 1): "found",
    ("bank_took_back", -1): "bank_took",
}
OTHER = "corrections"
ORDER = (*dict.fromkeys(KINDS.values()), OTHER)


def kind_of(entry: str, rial: int) -> str:
    """What a movement is to a merchant."""
    return KINDS.get((entry, 1 if rial > 0 else -1), OTHER)


def entries_of(kind: str) -> list[tuple[str, int]]:
    """The entries that make a kind up; `corrections` is every one that no other kind has."""
    return [key for key, known in KINDS.items() if known == kind]


class KindSum(NamedTuple):
    """What the movements of one kind come to."""

    kind: str
    times: int
    rial: int


class Stretch(NamedTuple):
    """A part of a gateway's statement: the entries above `after`, up to `upto`."""

    account_id: int
    gateway_id: int
    after: int
    upto: int

    @property
    def params(self) -> dict[str, object]:
        return {"account": self.account_id, "gateway": self.gateway_id, "after": self.after, "upto": self.upto}


_OWN = """
    select a.id from ledger_account a join gateway g on g.id = a.owner
    where a.kind = 'merchant_payable' and a.owner = %(gateway)s and g.account_id = %(account)s
"""


async def sums(db: Database, stretch: Stretch) -> list[KindSum]:
    """What happened in a stretch, by kind, in the order in which a page tells it: one statement, whatever its size."""
    rows = await db.all(
        f"""
        select entry, 1, count(*), sum(amount_rial)::bigint from ledger_line
        where credit_id = ({_OWN}) and entry_id > %(after)s and entry_id <= %(upto)s group by entry
        union all
        select entry, -1, count(*), -sum(amount_rial)::bigint from ledger_line
        where debit_id = ({_OWN}) and entry_id > %(after)s and entry_id <= %(upto)s group by entry
        """,  # noqa: S608
        stretch.params,
    )
    found: dict[str, KindSum] = {}
    for entry, sign, times, rial in rows:
        kind = KINDS.get((entry, sign), OTHER)
        before = found.get(kind, KindSum(kind, 0, 0))
        found[kind] = KindSum(kind, before.times + times, before.rial + rial)
    return [found[kind] for kind in ORDER if kind in found]


class Movement(NamedTuple):
    """A line of the statement, with what it was for."""

    entry_id: int
    id: int
    entry: str
    rial: int
    booked_at: datetime
    purchase_id: int | None
    res: str | None
    settlement_id: int | None
    payout_id: int | None
    tracking_no: str | None
    batch_id: int | None
    reason: str | None
    """Why a deposit came back."""

    @property
    def kind(self) -> str:
        return kind_of(self.entry, self.rial)


# The index (account, entry_id) gives each side in order, from the cursor on; two short lists are put together.
_SIDE = """
    select l.entry_id, l.id, l.entry, SIGN l.amount_rial as rial, l.booked_at, l.journal_id, l.event_id
    from ledger_line l
    where l.SIDE = (OWN) and l.entry_id > %(after)s and l.entry_id <= %(upto)s and l.entry_id >= %(at_entry)s
        and (l.entry_id > %(at_entry)s or l.id > %(at_line)s)
        and (%(WANTED)s::text[] is null or l.entry = any(%(WANTED)s))
        and (%(known)s::text[] is null or l.entry <> all(%(known)s))
    order by l.entry_id, l.id limit %(limit)s
""".replace("OWN", _OWN)
_CAME = _SIDE.replace("SIGN", "").replace("SIDE", "credit_id").replace("WANTED", "came")
_WENT = _SIDE.replace("SIGN", "-").replace("SIDE", "debit_id").replace("WANTED", "went")


async def movements(
    db: Database, stretch: Stretch, *, after: tuple[int, int] = (0, 0), kind: str = "", limit: int = PAGE
) -> list[Movement]:
    """Lines of a stretch in their order, from behind a line (`entry_id`, `id`) on; of one kind, or all. May hold one
    more than a page when `limit` says so."""
    wanted = entries_of(kind)
    rows = await db.all(
        f"""
        with page as materialized (
            select * from (({_CAME}) union all ({_WENT})) sides order by entry_id, id limit %(limit)s
        )
        select page.entry_id, page.id, page.entry, page.rial, page.booked_at, p.id, p.res, s.id, o.id,
            nullif(o.tracking_no, ''), s.batch_id, nullif(o.return_reason, '')
        from page left join journal j on j.id = page.journal_id left join money_event e on e.id = page.event_id
        left join refund r on e.noun = 'refund' and r.id = e.subject_id
        left join hold h on e.noun = 'hold' and h.id = e.subject_id
        left join payout o on e.noun = 'payout' and o.id = e.subject_id
        left join settlement s
            on e.noun = 'batch' and s.batch_id = e.subject_id and s.gateway_id = %(gateway)s or s.id = o.settlement_id
        left join purchase p on p.id = coalesce(j.purchase_id, r.purchase_id, h.purchase_id)
        order by page.entry_id, page.id
        """,  # noqa: S608
        stretch.params
        | {
            "at_entry": after[0],
            "at_line": after[1],
            "came": [entry for entry, sign in wanted if sign > 0] if wanted else None,
            "went": [entry for entry, sign in wanted if sign < 0] if wanted else None,
            "known": sorted({entry for entry, _ in KINDS}) if kind == OTHER else None,
            "limit": limit,
        },
    )
    return [Movement(*row) for row in rows]


_MOVED = """
    (select coalesce(sum(amount_rial), 0) from ledger_line
        where credit_id = (OWN) and entry_id > ABOVE and entry_id <= BELOW)
    - (select coalesce(sum(amount_rial), 0) from ledger_line
        where debit_id = (OWN) and entry_id > ABOVE and entry_id <= BELOW)
""".replace("OWN", _OWN)
_MOVED_SINCE_BASE = _MOVED.replace("ABOVE", "coalesce((select upto_entry from base), 0)").replace("BELOW", "%(upto)s")
_MOVED_TO_LINE = _MOVED.replace("ABOVE", "%(after)s").replace("BELOW", "%(at_entry)s - 1")


async def balance_at(db: Database, account_id: int, gateway_id: int, upto: int) -> int:
    """The balance after an entry: that of the last settlement before it, and what moved since."""
    row = await db.one(
        f"""
        with base as materialized (
            select s.upto_entry, s.opening_rial + s.lines_rial as rial from settlement s
            where s.gateway_id = %(gateway)s and s.live and s.upto_entry <= %(upto)s
                and exists (select from gateway g where g.id = s.gateway_id and g.account_id = %(account)s)
            order by s.upto_entry desc limit 1
        )
        select (coalesce((select rial from base), 0) + {_MOVED_SINCE_BASE})::bigint
        """,  # noqa: S608
        {"account": account_id, "gateway": gateway_id, "upto": upto},
    )
    return int(row[0]) if row else 0


async def moved_to(db: Database, stretch: Stretch, line: tuple[int, int]) -> int:
    """What the lines of a stretch come to, up to and with one line: for the running balance of a page that begins
    behind it."""
    row = await db.one(
        f"""
        select ({_MOVED_TO_LINE} + coalesce((
            select sum(case when l.credit_id = own.id then l.amount_rial else -l.amount_rial end)
            from ({_OWN}) own join ledger_line l on l.entry_id = %(at_entry)s
                and (l.credit_id = own.id or l.debit_id = own.id)
            where l.id <= %(at_line)s and l.entry_id > %(after)s and l.entry_id <= %(upto)s
        ), 0))::bigint
        """,  # noqa: S608
        stretch.params | {"at_entry": line[0], "at_line": line[1]},
    )
    return int(row[0]) if row else 0


class Period(NamedTuple):
    """A stretch by its time, with what it opens and closes with."""

    stretch: Stretch
    opening: int
    came: int
    went: int
    """Not negative."""
    closing: int
    """Counted by itself, from another settlement: the check of the three others."""
    times: int

    @property
    def difference(self) -> int:
        """0, or the books are wrong."""
        return self.opening + self.came - self.went - self.closing


async def period(db: Database, account_id: int, gateway_id: int, since: datetime, until: datetime) -> Period:
    """A gateway's statement from one moment to before another."""
    row = await db.one(
        "select last_entry_before(%(since)s), last_entry_before(%(until)s)", {"since": since, "until": until}
    )
    after, upto = (int(row[0]), int(row[1])) if row else (0, 0)
    stretch = Stretch(account_id, gateway_id, after, max(after, upto))
    opening = await balance_at(db, account_id, gateway_id, stretch.after)
    row = await db.one(
        f"""
        select coalesce(sum(came.rial), 0)::bigint, coalesce(sum(went.rial), 0)::bigint,
            coalesce(sum(came.times), 0)::bigint + coalesce(sum(went.times), 0)::bigint
        from (
            select sum(amount_rial) as rial, count(*) as times from ledger_line
            where credit_id = ({_OWN}) and entry_id > %(after)s and entry_id <= %(upto)s
        ) came, (
            select sum(amount_rial) as rial, count(*) as times from ledger_line
            where debit_id = ({_OWN}) and entry_id > %(after)s and entry_id <= %(upto)s
        ) went
        """,  # noqa: S608
        stretch.params,
    )
    came, went, times = (int(number) for number in row) if row else (0, 0, 0)
    closing = await balance_at(db, account_id, gateway_id, stretch.upto)
    return Period(stretch, opening, came, went, closing, times)


def running(opening: int, lines: Sequence[Movement]) -> list[tuple[Movement, int]]:
    """Each line with the balance after it."""
    told = []
    balance = opening
    for line in lines:
        balance += line.rial
        told.append((line, balance))
    return told
