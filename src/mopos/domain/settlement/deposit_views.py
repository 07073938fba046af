"""What a merchant is shown of his settlements: deposits, where each comes from, and what the next one will take.
Reads only; every statement names the account, so that another account's number finds nothing. Amounts are Rial."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from mopos.base.db import Database

# Deposits on a page.
PAGE = 30
# Settlements that paid nothing, on the page of deposits: a fortnight of a gateway below the least amount.
UNPAID_MAX = 14
# Parties of a split, several orders each where a share is more than one order may be.
PARTIES_MAX = 200
# Deposits that came back and were not made good yet; more than a few mean the same.
RETURNED_MAX = 5

# How a merchant asks for deposits, and the payout's states that are meant.
WANTED: dict[str, tuple[str, ...]] = {
    "settled": ("SETTLED",),
    "under_way": ("PLANNED", "SUBMITTED"),
    "returned": ("RETURNED",),
}
# What was cancelled was never sent: it is no deposit.
SHOWN = ("PLANNED", "SUBMITTED", "SETTLED", "RETURNED")


class Deposit(NamedTuple):
    """An order to a Sheba of the merchant, or of a party of his split."""

    id: int
    settlement_id: int
    gateway_id: int
    gateway_name: str
    batch_id: int
    day: date
    """The day of Tehran whose batch it is in."""
    n: int
    main: bool
    iban: str
    payee: str
    amount_rial: int
    channel: str
    state: str
    expected_on: date
    tracking_no: str
    settled_on: date | None
    returned_on: date | None
    return_reason: str


_DEPOSIT = """
    p.id, p.settlement_id, p.gateway_id, g.name, p.batch_id, b.day, p.n, p.main, p.iban, p.payee, p.amount_rial,
    p.channel, p.state, p.expected_on, p.tracking_no, p.settled_on, p.returned_on, p.return_reason
"""


async def deposits(
    db: Database,
    account_id: int,
    *,
    gateway_id: int | None = None,
    states: Sequence[str] = SHOWN,
    before: int | None = None,
    after: int | None = None,
    limit: int = PAGE,
) -> list[Deposit]:
    """Deposits, newest first: older than `before`, or the next ones newer than `after`."""
    order = _NEWER if after is not None else _OLDER
    rows = await db.all(
        order,
        {
            "account": account_id,
            "gateway": gateway_id,
            "states": list(states),
            "low": after or 0,
            "high": before or 2**62,
            "limit": limit,
        },
    )
    found = [Deposit(*row) for row in rows]
    return found[::-1] if after is not None else found


_LIST = f"""
    select {_DEPOSIT}
    from gateway g cross join lateral (
        select * from payout p
        where p.gateway_id = g.id and p.settlement_id is not null and p.state = any(%(states)s)
            and p.id > %(low)s and p.id < %(high)s
        order by p.id ORDER limit %(limit)s
    ) p join settlement_batch b on b.id = p.batch_id
    where g.account_id = %(account)s and (%(gateway)s::bigint is null or g.id = %(gateway)s)
    order by p.id ORDER limit %(limit)s
"""  # noqa: S608  # named constants only
_OLDER = _LIST.replace("ORDER", "desc")
_NEWER = _LIST.replace("ORDER", "asc")


class Total(NamedTuple):
    """What deposits of one stand come to."""

    times: int
    rial: int


async def totals(db: Database, account_id: int, gateway_id: int | None = None) -> dict[str, Total]:
    """Of all deposits, by `WANTED`."""
    rows = await db.all(
        """
        select p.state, count(*), sum(p.amount_rial)::bigint from gateway g join payout p on p.gateway_id = g.id
        where g.account_id = %(account)s and (%(gateway)s::bigint is null or g.id = %(gateway)s)
            and p.settlement_id is not null
        group by p.state
        """,
        {"account": account_id, "gateway": gateway_id},
    )
    found = {state: (int(times), int(rial)) for state, times, rial in rows}
    return {
        name: Total(*(sum(part) for part in zip(*(found.get(state, (0, 0)) for state in states), strict=True)))
        for name, states in WANTED.items()
    }


class Settled(NamedTuple):
    """A settlement: a stretch of a gateway's statement, and what was paid of its balance."""

    id: int
    batch_id: int
    gateway_id: int
    gateway_name: str
    day: date
    cut_at: datetime
    after_entry: int
    upto_entry: int
    opening_rial: int
    lines_rial: int
    payout_rial: int
    why_not: str
    batch_state: str
    given_back: bool

    @property
    def closing_rial(self) -> int:
        """The balance at the cut-off."""
        return self.opening_rial + self.lines_rial

    @property
    def stays_rial(self) -> int:
        return self.closing_rial - self.payout_rial


_SETTLED = """
    s.id, s.batch_id, s.gateway_id, g.name, b.day, b.cut_at, s.after_entry, s.upto_entry, s.opening_rial, s.lines_rial,
    s.payout_rial, s.why_not, b.state, s.given_back_entry is not null
"""


async def settlement(db: Database, account_id: int, settlement_id: int) -> Settled | None:
    """One of the account's settlements."""
    row = await db.one(
        f"""
        select {_SETTLED} from settlement s join gateway g on g.id = s.gateway_id
        join settlement_batch b on b.id = s.batch_id
        where s.id = %(id)s and g.account_id = %(account)s
        """,  # noqa: S608
        {"id": settlement_id, "account": account_id},
    )
    return Settled(*row) if row else None


async def deposit(db: Database, account_id: int, payout_id: int) -> Deposit | None:
    """One of the account's deposits, whatever became of it."""
    row = await db.one(
        f"""
        select {_DEPOSIT} from payout p
        join gateway g on g.id = p.gateway_id join settlement_batch b on b.id = p.batch_id
        where p.id = %(id)s and p.settlement_id is not null and g.account_id = %(account)s
        """,  # noqa: S608
        {"id": payout_id, "account": account_id},
    )
    return Deposit(*row) if row else None


async def parties(db: Database, account_id: int, settlement_id: int) -> list[Deposit]:
    """The orders by which a settlement is paid, in their order."""
    rows = await db.all(
        f"""
        select {_DEPOSIT} from payout p
        join gateway g on g.id = p.gateway_id join settlement_batch b on b.id = p.batch_id
        where p.settlement_id = %(id)s and g.account_id = %(account)s order by p.n, p.id limit %(most)s
        """,  # noqa: S608
        {"id": settlement_id, "account": account_id, "most": PARTIES_MAX},
    )
    return [Deposit(*row) for row in rows]


async def unpaid(db: Database, account_id: int, gateway_id: int | None = None) -> list[Settled]:
    """The latest settlements that paid nothing."""
    rows = await db.all(
        f"""
        select {_SETTLED} from gateway g cross join lateral (
            select * from settlement s where s.gateway_id = g.id and s.live and s.payout_rial = 0
            order by s.upto_entry desc limit %(most)s
        ) s join settlement_batch b on b.id = s.batch_id
        where g.account_id = %(account)s and (%(gateway)s::bigint is null or g.id = %(gateway)s)
        order by s.id desc limit %(most)s
        """,  # noqa: S608
        {"account": account_id, "gateway": gateway_id, "most": UNPAID_MAX},
    )
    return [Settled(*row) for row in rows]


async def returned(db: Database, account_id: int) -> list[Deposit]:
    """Deposits that came back and have not been made good: no later one of the gateway has arrived at that Sheba or,
    where it was the merchant's own and he has changed it, at all."""
    rows = await db.all(
        f"""
        select {_DEPOSIT} from gateway g
        join payout p on p.gateway_id = g.id join settlement_batch b on b.id = p.batch_id
        where g.account_id = %(account)s and p.state = 'RETURNED' and p.settlement_id is not null and not exists (
            select from payout later where later.gateway_id = p.gateway_id and later.id > p.id
                and later.settlement_id <> p.settlement_id and later.state = 'SETTLED'
                and (later.iban = p.iban or p.main)
        )
        order by p.id desc limit %(most)s
        """,  # noqa: S608
        {"account": account_id, "most": RETURNED_MAX},
    )
    return [Deposit(*row) for row in rows]


class Standing(NamedTuple):
    """What a gateway is owed now. `why`: why it is paid nothing whatever it is owed (view `payout_bar`); None: it may
    be paid."""

    account_id: int
    gateway_id: int
    gateway_name: str
    payable_rial: int
    held_rial: int
    under_way_rial: int
    why: str | None
    has_iban: bool
    iban: str


async def standings(db: Database, account_id: int) -> list[Standing]:
    """The account's gateways with their balances."""
    rows = await db.all(
        """
        select g.account_id, g.id, g.name, coalesce(owed.payable, 0), coalesce(owed.held, 0), coalesce((
                select sum(p.amount_rial)::bigint from payout p
                where p.gateway_id = g.id and p.settlement_id is not null and p.state in ('PLANNED', 'SUBMITTED')
            ), 0), bar.why, c.iban <> '', coalesce(c.payee ->> 'iban', c.iban)
        from gateway g join account c on c.id = g.account_id join payout_bar bar on bar.gateway_id = g.id
        left join lateral (
            select sum(b.credit_rial - b.debit_rial) filter (where a.kind = 'merchant_payable')::bigint as payable,
                sum(b.credit_rial - b.debit_rial) filter (where a.kind = 'merchant_held')::bigint as held
            from ledger_account a join ledger_balance b on b.account_id = a.id
            where a.kind in ('merchant_payable', 'merchant_held') and a.owner = g.id
        ) owed on true
        where g.account_id = %(account)s order by g.id
        """,
        {"account": account_id},
    )
    return [Standing(*row) for row in rows]
