"""The SQL of exceptions: what reconciliation found, what became of it, and who closed it how.

An exception is written, and ends, in one statement with its event and the entry that goes with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from mopos.base.db import Database, Row
from mopos.domain.settlement.matching import Kind

PAGE = 50
SOURCES = ("psp", "statement", "payout")
KINDS = tuple(kind for kind in Kind if kind is not Kind.MATCHED)
# A difference older than this is on nobody's desk: the overview warns of it.
OLD_AFTER = timedelta(days=1)
# More open exceptions than this are counted as "so many, and more".
COUNT_MAX = 1_000


class New(NamedTuple):
    """A difference that was found. `key` names it within its source, the same in every run."""

    source: str
    kind: str
    key: str
    day: date
    amount_rial: int
    """What it is about: the difference, or the movement that stands alone. Signed as theirs less ours."""
    ours: Mapping[str, Any]
    theirs: Mapping[str, Any]
    purchase_id: int | None = None
    payout_id: int | None = None
    terminal_id: int | None = None
    psp_line_id: int | None = None
    statement_line_id: int | None = None


class Found(NamedTuple):
    """An exception as it is kept."""

    id: int
    source: str
    kind: str
    key: str
    day: date
    amount_rial: int
    ours: Mapping[str, Any]
    theirs: Mapping[str, Any]
    purchase_id: int | None
    payout_id: int | None
    terminal_id: int | None
    terminal: str
    psp_line_id: int | None
    statement_line_id: int | None
    state: str
    last_event: str
    version: int
    found_at: datetime
    closed_at: datetime | None
    gateway_id: int | None
    """Whose purchase it is about."""
    purchase_state: str | None
    line_state: str | None
    line_rial: int | None

    @property
    def is_open(self) -> bool:
        return self.state == "OPEN"

    @property
    def in_suspense(self) -> bool:
        """Whether money of it lies in suspense."""
        return self.line_state == "SUSPENSE"


_FOUND = """
    select x.id, x.source, x.kind, x.key, x.day, x.amount_rial, x.ours, x.theirs, x.purchase_id, x.payout_id,
        x.terminal_id, coalesce(t.bank || ' ' || t.name, ''), x.psp_line_id, x.statement_line_id, x.state, x.last_event,
        x.version, x.found_at, x.closed_at, p.gateway_id, p.state, l.state, l.amount_rial
    from recon_exception x left join terminal t on t.id = x.terminal_id left join purchase p on p.id = x.purchase_id
    left join statement_line l on l.id = x.statement_line_id
"""


def _found(row: Row) -> Found:
    return Found(*row)


# What was closed by an operator stays closed while both sides say what they said then.
_ADDED = """
    added as (
        insert into recon_exception (source, kind, key, day, amount_rial, ours, theirs, purchase_id, payout_id,
            terminal_id, psp_line_id, statement_line_id, state, last_event, found_at)
        select %(source)s, %(kind)s, %(key)s, %(day)s, %(amount)s, %(ours)s, %(theirs)s, %(purchase)s, %(payout)s,
            %(terminal)s, %(psp_line)s, %(statement_line)s, 'OPEN', 'found', %(now)s
        where not exists (
            select from recon_exception x where x.source = %(source)s and x.kind = %(kind)s and x.key = %(key)s
                and x.last_event = 'closed' and x.amount_rial = %(amount)s and x.ours = %(ours)s::jsonb
                and x.theirs = %(theirs)s::jsonb
        )
        on conflict (source, kind, key) where state = 'OPEN' do nothing
        returning id
    ),
    event as (
        insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at, data)
        select 'exception', id, 1, 'found', '', 'OPEN', 'worker', %(now)s,
            jsonb_build_object('source', %(source)s::text, 'kind', %(kind)s::text, 'rial', %(amount)s::bigint)
        from added returning id, subject_id
    )
"""


async def add(db: Database, new: New, now: datetime) -> int | None:
    """Write an exception. None: it is open already, or an operator has closed the very same one."""
    row = await db.one(f"with {_ADDED} select subject_id from event", new_params(new, now))  # noqa: S608
    return int(row[0]) if row else None


def new_params(new: New, now: datetime) -> dict[str, Any]:
    """An exception as parameters of a statement that holds `ADDED`."""
    return {
        "source": new.source,
        "kind": str(new.kind),
        "key": new.key,
        "day": new.day,
        "amount": new.amount_rial,
        "ours": Jsonb(dict(new.ours)),
        "theirs": Jsonb(dict(new.theirs)),
        "purchase": new.purchase_id,
        "payout": new.payout_id,
        "terminal": new.terminal_id,
        "psp_line": new.psp_line_id,
        "statement_line": new.statement_line_id,
        "now": now,
    }


ADDED = _ADDED


async def vanish(db: Database, exception_ids: Sequence[int], now: datetime) -> int:
    """The other side came to say the same. Returns how many were still open."""
    rows = await db.all(
        """
        with ended as (
            update recon_exception set state = 'CLOSED', last_event = 'vanished', version = version + 1,
                closed_at = %(now)s
            where id = any (%(ids)s) and state = 'OPEN' returning id, version
        )
        insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at)
        select 'exception', id, version, 'vanished', 'OPEN', 'CLOSED', 'worker', %(now)s from ended returning id
        """,
        {"ids": list(exception_ids), "now": now},
    )
    return len(rows)


async def open_of_day(db: Database, terminal_id: int, day: date) -> dict[tuple[str, str], int]:
    """The open exceptions of a terminal's day: kind and key to number."""
    rows = await db.all(
        """
        select kind, key, id from recon_exception
        where state = 'OPEN' and source = 'psp' and terminal_id = %(terminal)s and day = %(day)s
        """,
        {"terminal": terminal_id, "day": day},
    )
    return {(row[0], row[1]): row[2] for row in rows}


class Closing(NamedTuple):
    """An operator's act on an exception: its entries, where money moves, and its reason."""

    act: str
    reason: str
    bookings: Sequence[Mapping[str, Any]]
    """Two at most, as parameters of `book`."""
    effective_at: datetime
    deposit: Mapping[str, Any] | None
    """Of a PSP's day that the exception's statement line pays after all: `day`, `net`, `commission`."""
    data: Mapping[str, Any]


async def close(db: Database, found: Found, closing: Closing, *, operator_id: int, now: datetime) -> bool:
    """Close an exception by an act. Its statement line leaves suspense with it. False: it is no longer open, or has
    changed. Raises what the books refuse (`ledger_floor`), and `UniqueViolation` for a day that is paid already."""
    calls = [book_call("event.id", prefix) for prefix, _ in zip(("a_", "b_"), closing.bookings, strict=False)]
    deposit = closing.deposit or {"day": None, "net": None, "commission": None}
    row = await db.one(
        f"""
        with ended as (
            update recon_exception x set state = 'CLOSED', last_event = 'closed', version = version + 1,
                closed_at = %(now)s
            where id = %(id)s and version = %(version)s and state = 'OPEN'
                and (%(line_state)s::text is null or exists (
                    select from statement_line l where l.id = x.statement_line_id and l.state = %(line_state)s))
            returning id, version, statement_line_id, terminal_id
        ),
        event as (
            insert into money_event
                (noun, subject_id, version, event, from_state, to_state, actor, operator_id, at, reason, data)
            select 'exception', id, version, 'closed', 'OPEN', 'CLOSED', 'operator', %(operator)s, %(now)s, %(reason)s,
                %(data)s from ended
            returning id, subject_id
        ),
        line as (
            update statement_line l set state = 'CLOSED', matched_as = %(act)s from ended
            where l.id = ended.statement_line_id and l.state = 'SUSPENSE'
        ),
        deposit as (
            insert into psp_deposit (terminal_id, day, statement_line_id, net_rial, commission_rial)
            select terminal_id, %(deposit_day)s::date, statement_line_id, %(deposit_net)s::bigint,
                %(deposit_commission)s::bigint
            from ended where %(deposit_day)s::date is not null
        ),
        told as (
            insert into audit_log (at, operator_id, act, subject, reason, data)
            select %(now)s, %(operator)s, 'close_exception', 'exception ' || subject_id, %(reason)s, %(data)s from event
        )
        select event.id, {", ".join(calls) or "null"} from event
        """,  # noqa: S608
        {
            "id": found.id,
            "version": found.version,
            "line_state": found.line_state if found.in_suspense else None,
            "operator": operator_id,
            "reason": closing.reason,
            "act": closing.act,
            "data": Jsonb({"act": closing.act} | dict(closing.data)),
            "now": now,
            "effective": closing.effective_at,
            "deposit_day": deposit["day"],
            "deposit_net": deposit["net"],
            "deposit_commission": deposit["commission"],
        }
        | {
            name: value
            for prefix, one in zip(("a_", "b_"), closing.bookings, strict=False)
            for name, value in booking_params(prefix, one).items()
        },
    )
    return row is not None


# --- entries --------------------------------------------------------------------------------------------------------

_PARTS = ("entry", "debit_kinds", "debit_owners", "credit_kinds", "credit_owners", "amounts")


def book_call(event: str, prefix: str) -> str:
    """A call of `book` for an event of a statement, whose parameters have names of their own. No value is in it."""
    casts = ("", "::text[]", "::bigint[]", "::text[]", "::bigint[]", "::bigint[]")
    entry, *arrays = (f"%({prefix}{name})s{cast}" for name, cast in zip(_PARTS, casts, strict=True))
    return f"book({event}, {entry}, %(now)s, %(effective)s, {', '.join(arrays)})"


def booking_params(prefix: str, booking: Mapping[str, Any] | None) -> dict[str, Any]:
    """The parameters of such a call."""
    return {f"{prefix}{name}": value for name, value in (booking or {}).items()}


# --- reads -----------------------------------------------------------------------------------------------------------


async def find(db: Database, exception_id: int) -> Found | None:
    """One exception."""
    row = await db.one(f"{_FOUND} where x.id = %(id)s", {"id": exception_id})
    return _found(row) if row else None


async def page(
    db: Database, *, is_open: bool, source: str = "", kind: str = "", day: date | None = None, after: int = 0
) -> list[Found]:
    """A page and one more: what is open the oldest first, what is closed the newest first."""
    order = (
        "x.state = 'OPEN' and x.id > %(after)s"
        if is_open
        else "x.state = 'CLOSED' and (%(after)s = 0 or x.id < %(after)s)"
    )
    rows = await db.all(
        f"""
        {_FOUND}
        where {order} and (%(source)s = '' or x.source = %(source)s) and (%(kind)s = '' or x.kind = %(kind)s)
            and (%(day)s::date is null or x.day = %(day)s)
        order by x.id {"" if is_open else "desc"} limit %(limit)s
        """,
        {"source": source, "kind": kind, "day": day, "after": after, "limit": PAGE + 1},
    )
    return [_found(row) for row in rows]


async def has_gateway(db: Database, gateway_id: int) -> bool:
    """Whether there is such a gateway."""
    return await db.one("select 1 from gateway where id = %(id)s", {"id": gateway_id}) is not None


class Event(NamedTuple):
    """What happened to an exception, and which entry it wrote."""

    event: str
    at: datetime
    operator: str
    reason: str
    data: Mapping[str, Any]
    entry: str
    entry_id: int | None
    amount_rial: int | None


async def events(db: Database, exception_id: int) -> list[Event]:
    """All of it, the first first."""
    rows = await db.all(
        """
        select e.event, e.at, coalesce(nullif(o.title, ''), o.name, ''), e.reason, e.data, coalesce(l.entry, ''),
            l.entry_id, l.amount_rial
        from money_event e left join operator o on o.id = e.operator_id left join ledger_line l on l.event_id = e.id
        where e.noun = 'exception' and e.subject_id = %(id)s order by e.version, l.id
        """,
        {"id": exception_id},
    )
    return [Event(*row) for row in rows]


class Waiting(NamedTuple):
    """The queue: how many, since when, and how many are older than a day."""

    many: int
    oldest: datetime | None
    old: int


async def waiting(db: Database, now: datetime) -> Waiting:
    """What is open (`COUNT_MAX` at most)."""
    row = await db.one(
        """
        select count(*), min(found_at), count(*) filter (where found_at < %(old)s) from (
            select found_at from recon_exception where state = 'OPEN' order by found_at limit %(max)s
        ) x
        """,
        {"old": now - OLD_AFTER, "max": COUNT_MAX},
    )
    return Waiting(*row) if row else Waiting(0, None, 0)


async def counts(db: Database) -> dict[tuple[str, str], int]:
    """How many are open of each source and kind."""
    rows = await db.all("select source, kind, count(*) from recon_exception where state = 'OPEN' group by 1, 2")
    return {(row[0], row[1]): row[2] for row in rows}


class Day(NamedTuple):
    """A terminal's day: what we hold, what the PSP says, what reached the bank account. Net, in Rial."""

    terminal_id: int
    terminal: str
    day: date
    fetched_at: datetime
    ours: int | None
    ours_rial: int | None
    theirs: int
    theirs_rial: int
    commission_rial: int
    deposit_line_id: int | None
    statement_id: int | None
    deposited_on: date | None
    open_psp: int
    open_rial: int

    @property
    def difference(self) -> int | None:
        """Theirs less ours; None: not compared yet."""
        return None if self.ours_rial is None else self.theirs_rial - self.ours_rial

    @property
    def deposit_rial(self) -> int:
        """What is to reach the bank account."""
        return self.theirs_rial - self.commission_rial


async def days(db: Database, *, before: date, limit: int) -> list[Day]:
    """The newest days, for all terminals."""
    rows = await db.all(
        """
        with day as (
            select distinct on (r.day, r.terminal_id) r.* from psp_report r
            where r.whole and r.day < %(before)s and r.day >= (
                select min(day) from (
                    select distinct day from psp_report where whole and day < %(before)s order by day desc
                    limit %(limit)s
                ) d
            )
            order by r.day desc, r.terminal_id, r.id desc
        )
        select r.terminal_id, t.bank || ' ' || t.name, r.day, r.fetched_at, c.ours, c.ours_rial, r.lines, r.net_rial,
            r.commission_rial, d.statement_line_id, l.statement_id, l.booked_on, x.many, x.rial
        from day r join terminal t on t.id = r.terminal_id
        left join recon_day c on c.terminal_id = r.terminal_id and c.day = r.day
        left join psp_deposit d on d.terminal_id = r.terminal_id and d.day = r.day
        left join statement_line l on l.id = d.statement_line_id
        cross join lateral (
            select count(*) as many, coalesce(sum(x.amount_rial), 0)::bigint as rial from recon_exception x
            where x.state = 'OPEN' and x.source = 'psp' and x.terminal_id = r.terminal_id and x.day = r.day
        ) x
        order by r.day desc, r.terminal_id
        """,
        {"before": before, "limit": limit},
    )
    return [Day(*row) for row in rows]
