"""The SQL of bank statements: their lines, once each however often they are imported; what each was recognised as; and
whether the account ties to the books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from mopos.base.db import Database
from mopos.domain.settlement.recon_store import ADDED, New, book_call, booking_params, new_params
from mopos.domain.settlement.statements import Line, Summary

PAGE = 100
# Lines that are recognised at a time.
BATCH = 500


class Kept(NamedTuple):
    """A statement as it was imported."""

    id: int
    iban: str
    format: str
    from_on: date | None
    to_on: date | None
    opening_rial: int | None
    closing_rial: int | None
    lines: int
    operator: str
    imported_at: datetime
    kept: int
    """Lines that this file brought; the others were known."""
    open: int
    """Lines of it that nobody knows yet."""


_KEPT = """
    select s.id, s.iban, s.format, s.from_on, s.to_on, s.opening_rial, s.closing_rial, s.lines,
        coalesce(nullif(o.title, ''), o.name, ''), s.imported_at, l.many, l.open
    from bank_statement s left join operator o on o.id = s.operator_id
    cross join lateral (
        select count(*) as many, count(*) filter (where l.state in ('NEW', 'SUSPENSE')) as open
        from statement_line l where l.statement_id = s.id
    ) l
"""


async def known_accounts(db: Database) -> set[str]:
    """The operator's accounts of which statements were imported."""
    return {row[0] for row in await db.all("select distinct iban from bank_statement")}


async def begin(
    db: Database, summary: Summary, *, format_: str, sha256: bytes, operator_id: int | None, now: datetime
) -> tuple[int, bool]:
    """Keep what a file says of itself. Returns its number, and whether it is new: the very same file has the number
    that it had."""
    row = await db.one(
        """
        with made as (
            insert into bank_statement (iban, format, sha256, from_on, to_on, opening_rial, closing_rial, lines,
                operator_id, imported_at)
            values (%(iban)s, %(format)s, %(sha256)s, %(from)s, %(to)s, %(opening)s, %(closing)s, %(lines)s,
                %(operator)s, %(now)s)
            on conflict (sha256) do nothing returning id
        ),
        told as (
            insert into audit_log (at, operator_id, act, subject, reason, data)
            select %(now)s, %(operator)s::bigint, 'import_statement', 'statement ' || id, '',
                jsonb_build_object('iban', %(iban)s::text, 'lines', %(lines)s::int) from made
            where %(operator)s::bigint is not null
        )
        select id, true from made union all select id, false from bank_statement where sha256 = %(sha256)s limit 1
        """,
        {
            "iban": summary.iban,
            "format": format_,
            "sha256": sha256,
            "from": summary.from_on,
            "to": summary.to_on,
            "opening": summary.opening,
            "closing": summary.closing,
            "lines": summary.lines,
            "operator": operator_id,
            "now": now,
        },
    )
    if row is None:
        raise LookupError("a file with this hash was taken out meanwhile")
    return int(row[0]), bool(row[1])


async def keep(db: Database, statement_id: int, iban: str, lines: Sequence[Line]) -> int:
    """Keep lines. Returns how many were new: each is kept once, whichever file brings it."""
    rows = await db.all(
        """
        insert into statement_line (statement_id, iban, bank_ref, booked_on, amount_rial, text)
        select %(statement)s, %(iban)s, l.ref, l.on_, l.rial, l.text
        from unnest(%(refs)s::text[], %(ons)s::date[], %(rials)s::bigint[], %(texts)s::text[])
            as l (ref, on_, rial, text)
        on conflict (iban, bank_ref, booked_on, amount_rial) do nothing returning 1
        """,
        {
            "statement": statement_id,
            "iban": iban,
            "refs": [line.ref for line in lines],
            "ons": [line.on for line in lines],
            "rials": [line.rial for line in lines],
            "texts": [line.text for line in lines],
        },
    )
    return len(rows)


async def statements(db: Database, before: int) -> list[Kept]:
    """A page of them and one more, the newest first."""
    rows = await db.all(
        f"{_KEPT} where s.id < %(before)s order by s.id desc limit %(limit)s", {"before": before, "limit": PAGE + 1}
    )
    return [Kept(*row) for row in rows]


async def find(db: Database, statement_id: int) -> Kept | None:
    """One of them."""
    row = await db.one(f"{_KEPT} where s.id = %(id)s", {"id": statement_id})
    return Kept(*row) if row else None


async def statement_of(db: Database, line_id: int | None) -> int | None:
    """Which statement a line came with."""
    row = await db.one("select statement_id from statement_line where id = %(id)s", {"id": line_id})
    return int(row[0]) if row else None


class Shown(NamedTuple):
    """A line with what it was recognised as."""

    id: int
    bank_ref: str
    booked_on: date
    amount_rial: int
    text: str
    state: str
    matched_as: str
    payout_id: int | None
    terminal: str
    days: list[date]
    exception_id: int | None


async def lines(db: Database, statement_id: int, after: int) -> list[Shown]:
    """A page of a statement's lines and one more."""
    rows = await db.all(
        """
        select l.id, l.bank_ref, l.booked_on, l.amount_rial, l.text, l.state, l.matched_as, l.payout_id,
            coalesce(t.bank || ' ' || t.name, ''),
            coalesce((
                select array_agg(d.day order by d.day) from psp_deposit d where d.statement_line_id = l.id), '{}'),
            (select max(x.id) from recon_exception x where x.statement_line_id = l.id)
        from statement_line l left join terminal t on t.id = l.terminal_id
        where l.statement_id = %(statement)s and l.id > %(after)s order by l.id limit %(limit)s
        """,
        {"statement": statement_id, "after": after, "limit": PAGE + 1},
    )
    return [Shown(*row) for row in rows]


# --- recognising -----------------------------------------------------------------------------------------------------


class Waiting(NamedTuple):
    """A line that is not known yet."""

    id: int
    bank_ref: str
    booked_on: date
    amount_rial: int
    text: str
    state: str
    exception_id: int | None
    """The open exception about it, once its money lies in suspense."""


async def waiting(db: Database, after: int) -> list[Waiting]:
    """Lines that are new or in suspense, in the order in which they came."""
    rows = await db.all(
        """
        select l.id, l.bank_ref, l.booked_on, l.amount_rial, l.text, l.state, x.id
        from statement_line l
        left join recon_exception x on x.statement_line_id = l.id and x.state = 'OPEN' and x.source = 'statement'
        where l.state in ('NEW', 'SUSPENSE') and l.id > %(after)s order by l.id limit %(limit)s
        """,
        {"after": after, "limit": BATCH},
    )
    return [Waiting(*row) for row in rows]


class Candidate(NamedTuple):
    """A payout that a line may be about."""

    id: int
    amount_rial: int
    state: str
    tracking_no: str
    debited: bool
    """A line that went out is matched to it already."""
    credited: bool
    """A line that came back is, too."""


async def candidates(db: Database, words: Sequence[str]) -> list[Candidate]:
    """Payouts whose tracking number or own number is among some words."""
    rows = await db.all(
        """
        select p.id, p.amount_rial, p.state, p.tracking_no,
            exists (select from statement_line l where l.payout_id = p.id and l.amount_rial < 0),
            exists (select from statement_line l where l.payout_id = p.id and l.amount_rial > 0)
        from (
            select id from payout where tracking_no <> '' and tracking_no = any (%(words)s)
            union
            select id from payout where id = any (%(numbers)s)
        ) named join payout p using (id)
        where p.state <> 'CANCELLED'
        order by p.id
        """,
        {"words": list(words), "numbers": [int(word) for word in words if word.isdigit() and len(word) <= 18]},
    )
    return [Candidate(*row) for row in rows]


class Matched(NamedTuple):
    """What a line was recognised as. `booking`: the entry that goes with it, and `more`: one beside it."""

    as_: str
    payout_id: int | None = None
    terminal_id: int | None = None
    days: Sequence[tuple[date, int, int]] = ()
    """Of a deposit: each day with its net and its commission."""
    booking: Mapping[str, Any] | None = None
    more: Mapping[str, Any] | None = None
    out_of_suspense: Mapping[str, Any] | None = None
    """The entry that takes the line's money out of suspense again."""


async def matched(db: Database, line: Waiting, known: Matched, *, effective: datetime, now: datetime) -> bool:
    """Write what a line is, with its entries; the exception about it vanishes. False: it is known already. Raises
    `UniqueViolation` when another line has brought one of the days."""
    calls = [book_call("event.id", prefix) for prefix, one in (("a_", known.booking), ("b_", known.more)) if one]
    if known.out_of_suspense:
        calls.append(book_call("vanished.id", "c_"))
    row = await db.one(
        f"""
        with moved as (
            update statement_line set state = 'MATCHED', matched_as = %(as)s, payout_id = %(payout)s,
                terminal_id = %(terminal)s
            where id = %(id)s and state = %(state)s returning id
        ),
        event as (
            insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at, data)
            select 'line', id, 1, 'matched', '', 'MATCHED', 'worker', %(now)s,
                jsonb_build_object('as', %(as)s::text, 'payout', %(payout)s::bigint, 'days', %(days)s::date[])
            from moved returning id
        ),
        deposit as (
            insert into psp_deposit (terminal_id, day, statement_line_id, net_rial, commission_rial)
            select %(terminal)s, d.day, moved.id, d.net, d.commission from moved,
                unnest(%(days)s::date[], %(nets)s::bigint[], %(commissions)s::bigint[]) as d (day, net, commission)
        ),
        ended as (
            update recon_exception x set state = 'CLOSED', last_event = 'vanished', version = version + 1,
                closed_at = %(now)s
            from moved where x.statement_line_id = moved.id and x.state = 'OPEN' and x.source = 'statement'
            returning x.id, x.version
        ),
        vanished as (
            insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at, data)
            select 'exception', id, version, 'vanished', 'OPEN', 'CLOSED', 'worker', %(now)s,
                jsonb_build_object('as', %(as)s::text) from ended returning id
        )
        select event.id, {", ".join(calls) or "null"} from event left join vanished on true
        """,  # noqa: S608
        {
            "id": line.id,
            "state": line.state,
            "as": known.as_,
            "payout": known.payout_id,
            "terminal": known.terminal_id,
            "days": [day for day, _, _ in known.days],
            "nets": [net for _, net, _ in known.days],
            "commissions": [commission for _, _, commission in known.days],
            "effective": effective,
            "now": now,
        }
        | booking_params("a_", known.booking)
        | booking_params("b_", known.more)
        | booking_params("c_", known.out_of_suspense),
    )
    return row is not None


async def unknown(
    db: Database, line: Waiting, new: New, booking: Mapping[str, Any], *, effective: datetime, now: datetime
) -> int | None:
    """Nobody knows what a line is: its money goes to suspense, with an exception. Returns the exception's number;
    None: it was known, or open, already."""
    row = await db.one(
        f"""
        with moved as (
            update statement_line set state = 'SUSPENSE', matched_as = ''
            where id = %(statement_line)s and state = 'NEW' returning id
        ),
        {ADDED.replace("where not exists (", "from moved where not exists (", 1)}
        select subject_id, {book_call("event.id", "a_")} from event
        """,  # noqa: S608
        new_params(new, now) | {"effective": effective} | booking_params("a_", booking),
    )
    return int(row[0]) if row else None


class Unseen(NamedTuple):
    """A payout that was settled, and that the bank account's statement does not show."""

    id: int
    amount_rial: int
    settled_on: date
    tracking_no: str
    gateway_id: int
    iban: str


async def unseen_payouts(db: Database, *, after: date, days: int, limit: int) -> list[Unseen]:
    """Payouts settled at least `days` days before the end of what statements show, and seen on none."""
    rows = await db.all(
        """
        select p.id, p.amount_rial, p.settled_on, p.tracking_no, p.gateway_id, p.iban
        from payout p
        where p.state = 'SETTLED' and p.settled_on > %(after)s and p.settled_on <= (
                select max(coalesce(to_on, from_on)) from bank_statement) - %(days)s::int
            and p.settled_on >= (select min(coalesce(from_on, to_on)) from bank_statement)
            and not exists (select from statement_line l where l.payout_id = p.id and l.amount_rial < 0)
        order by p.id limit %(limit)s
        """,
        {"after": after, "days": days, "limit": limit},
    )
    return [Unseen(*row) for row in rows]


async def seen_exceptions(db: Database) -> list[int]:
    """Open exceptions about payouts that the statement shows by now, or that are settled no longer."""
    rows = await db.all(
        """
        select x.id from recon_exception x join payout p on p.id = x.payout_id
        where x.state = 'OPEN' and x.source = 'payout' and (p.state <> 'SETTLED' or exists (
            select from statement_line l where l.payout_id = p.id and l.amount_rial < 0))
        """
    )
    return [row[0] for row in rows]


class Account(NamedTuple):
    """An account of the operator by its statements."""

    iban: str
    first_on: date | None
    last_on: date | None
    opening_rial: int | None
    """Before all that was imported."""
    closing_rial: int | None
    moved_rial: int
    """The sum of all lines."""

    @property
    def gap_rial(self) -> int | None:
        """What statements leave out between the first opening and the last closing balance; None: they tell none."""
        if self.opening_rial is None or self.closing_rial is None:
            return None
        return self.closing_rial - self.opening_rial - self.moved_rial


class Tie(NamedTuple):
    """The books against the bank account: each difference has a name, and what is left is nought."""

    accounts: list[Account]
    ledger_rial: int
    """`operator_bank`: debits less credits."""
    waiting_rial: int
    """On the statement, not looked at yet."""
    unseen_rial: int
    """Payouts settled in the books that the statement does not show (yet): it shows that much more."""
    unsettled_rial: int
    """Payouts on the statement whose result is not in the books (yet): it shows that much less."""

    @property
    def bank_rial(self) -> int:
        """What moved on all accounts since the first statement."""
        return sum(
            account.moved_rial if account.gap_rial is None else account.moved_rial + account.gap_rial
            for account in self.accounts
        )

    @property
    def difference(self) -> int:
        """The bank less the books."""
        return self.bank_rial - self.ledger_rial

    @property
    def unexplained_rial(self) -> int:
        """What no line, payout or result explains."""
        return self.difference - self.waiting_rial - self.unseen_rial - self.unsettled_rial


async def tie(db: Database) -> Tie:
    """Lay the books beside the bank accounts."""
    accounts = await db.all(
        """
        select s.iban, min(coalesce(s.from_on, s.to_on)), max(coalesce(s.to_on, s.from_on)),
            (array_agg(s.opening_rial order by coalesce(s.from_on, s.to_on), s.id)
                filter (where s.opening_rial is not null))[1],
            (array_agg(s.closing_rial order by coalesce(s.to_on, s.from_on) desc, s.id desc)
                filter (where s.closing_rial is not null))[1],
            coalesce((select sum(amount_rial) from statement_line l where l.iban = s.iban), 0)::bigint
        from bank_statement s group by s.iban order by s.iban
        """
    )
    row = await db.one(
        """
        select
            coalesce((select sum(b.debit_rial - b.credit_rial) from ledger_account a
                join ledger_balance b on b.account_id = a.id where a.kind = 'operator_bank'), 0)::bigint,
            coalesce((select sum(amount_rial) from statement_line where state = 'NEW'), 0)::bigint,
            -- By the books a settled payout went out, and one that came back later came in again.
            coalesce((select sum(p.amount_rial) from payout p where p.state = 'SETTLED' and not exists (
                select from statement_line l where l.payout_id = p.id and l.amount_rial < 0)), 0)::bigint,
            coalesce((select sum(l.amount_rial) from statement_line l join payout p on p.id = l.payout_id
                where l.state = 'MATCHED' and p.state <> 'SETTLED'), 0)::bigint
        """
    )
    ledger, new, unseen, unsettled = row or (0, 0, 0, 0)
    return Tie([Account(*account) for account in accounts], ledger, new, unseen, unsettled)
