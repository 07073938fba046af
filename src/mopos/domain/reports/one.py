"""One purchase with everything that its page tells: facts, attempts, what happened, and the money that moved."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, NamedTuple

from mopos.base.db import Database

# Ten attempts make some fifty moves (payments.model.VERSION_MAX bounds them all).
EVENTS_MAX = 250
ATTEMPTS_MAX = 50


class Whole(NamedTuple):
    """A purchase's own row, and its gateway."""

    id: int
    gateway_id: int
    gateway_name: str
    account_id: int | None
    account_name: str | None
    res: str
    amount_rial: int
    nam: str
    dsc: str
    redirect_url: str
    buyer_ip: Any
    state: str
    version: int
    attempt_id: int
    attempt_count: int
    next_check_at: datetime | None
    check_count: int
    registered_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    late: bool
    acknowledged_at: datetime | None
    raw: dict[str, Any] | None
    """The form as it was received, where the journal has kept it."""
    refund_rial: int = 0
    """What all refunds that have not failed come to."""
    refunded_rial: int = 0
    """What of it has been given back for certain."""
    fee_rial: int = 0
    """The operator's fee, fixed when it was registered."""
    fee_by_buyer: bool = False

    @property
    def charge_rial(self) -> int:
        """What the buyer pays."""
        return self.amount_rial + (self.fee_rial if self.fee_by_buyer else 0)

    @property
    def net_rial(self) -> int:
        """What the merchant is owed for it, before refunds."""
        return self.amount_rial - (0 if self.fee_by_buyer else self.fee_rial)


class OneAttempt(NamedTuple):
    """An attempt, and what the bank said of it."""

    id: int
    bank: str
    terminal: str
    state: str
    bank_token: str | None
    bank_ref: str | None
    trace: str
    masked_pan: str
    decline: str | None
    bank_code: str
    started_at: datetime
    ended_at: datetime | None


class OneEvent(NamedTuple):
    """A row of the journal."""

    version: int
    attempt_id: int | None
    event: str
    from_state: str
    to_state: str
    actor: str
    at: datetime
    data: dict[str, Any]


class OneLine(NamedTuple):
    """A line of the ledger, by the kinds of its two accounts."""

    entry: str
    debit: str
    credit: str
    amount_rial: int
    booked_at: datetime
    effective_at: datetime


async def whole(db: Database, purchase_id: int, account_id: int | None) -> Whole | None:
    """The purchase, if it is this account's; `account_id` None is for operators, who may see all."""
    row = await db.one(
        """
        select p.id, p.gateway_id, g.name, g.account_id, c.name, p.res, p.amount_rial, p.nam, p.dsc, p.redirect_url,
            p.buyer_ip, p.state, p.version, p.attempt_id, p.attempt_count, p.next_check_at, p.check_count,
            p.registered_at, p.expires_at, p.paid_at, p.late, p.acknowledged_at, j.data -> 'raw', p.refund_rial,
            p.refunded_rial, p.fee_rial, p.fee_by_buyer
        from purchase p join gateway g on g.id = p.gateway_id
        left join account c on c.id = g.account_id
        left join journal j on j.purchase_id = p.id and j.version = 1
        where p.id = %(purchase_id)s and (%(account_id)s::bigint is null or g.account_id = %(account_id)s)
        """,
        {"purchase_id": purchase_id, "account_id": account_id},
    )
    return Whole(*row) if row else None


class SettledBy(NamedTuple):
    """The deposit by which its money reached the merchant: what PayRep tells as `DatTasvie` and `NoTasvie`."""

    settled_on: date
    tracking_no: str
    payout_id: int


async def settled_by(db: Database, purchase_id: int) -> SettledBy | None:
    """How it was settled. None: it has not been (yet)."""
    row = await db.one(
        """
        select s.settled_on, s.tracking_no, s.payout_id
        from purchase p join gateway g on g.id = p.gateway_id join attempt a on a.id = p.attempt_id
        cross join lateral settled_by(p.id, p.gateway_id, a.entry_id) s
        where p.id = %(purchase_id)s and p.state = 'PAID' and a.entry_id <= g.settled_upto
        """,
        {"purchase_id": purchase_id},
    )
    return SettledBy(*row) if row else None


async def is_held(db: Database, purchase_id: int) -> bool:
    """Whether an operator keeps its money back."""
    row = await db.one("select 1 from hold where purchase_id = %(id)s and state = 'HELD'", {"id": purchase_id})
    return row is not None


async def attempts(db: Database, purchase_id: int) -> list[OneAttempt]:
    """Its attempts, the first one first."""
    rows = await db.all(
        """
        select a.id, t.bank, t.name, a.state, a.bank_token, a.bank_ref, a.trace, a.masked_pan, a.decline, a.bank_code,
            a.started_at, a.ended_at
        from attempt a join terminal t on t.id = a.terminal_id
        where a.purchase_id = %(purchase_id)s order by a.id limit %(limit)s
        """,
        {"purchase_id": purchase_id, "limit": ATTEMPTS_MAX},
    )
    return [OneAttempt(*row) for row in rows]


async def events(db: Database, purchase_id: int) -> list[OneEvent]:
    """What happened to it, in order."""
    rows = await db.all(
        """
        select version, attempt_id, event, from_state, to_state, actor, at, data - 'raw'
        from journal where purchase_id = %(purchase_id)s order by version limit %(limit)s
        """,
        {"purchase_id": purchase_id, "limit": EVENTS_MAX},
    )
    return [OneEvent(*row) for row in rows]


async def ledger_lines(db: Database, purchase_id: int) -> list[OneLine]:
    """The money that it moved, its refunds' too."""
    rows = await db.all(
        """
        select l.entry, debit.kind, credit.kind, l.amount_rial, l.booked_at, l.effective_at
        from (
            select l.* from journal j join ledger_line l on l.journal_id = j.id where j.purchase_id = %(purchase_id)s
            union all
            select l.* from refund r join money_event e on e.noun = 'refund' and e.subject_id = r.id
            join ledger_line l on l.event_id = e.id where r.purchase_id = %(purchase_id)s
        ) l
        join ledger_account debit on debit.id = l.debit_id join ledger_account credit on credit.id = l.credit_id
        order by l.id limit %(limit)s
        """,
        {"purchase_id": purchase_id, "limit": EVENTS_MAX},
    )
    return [OneLine(*row) for row in rows]


class Gateway(NamedTuple):
    """A gateway to choose from."""

    id: int
    name: str


async def gateways(db: Database, account_id: int) -> list[Gateway]:
    """An account's gateways, in the order in which they came."""
    rows = await db.all(
        "select id, name from gateway where account_id = %(account_id)s order by id", {"account_id": account_id}
    )
    return [Gateway(*row) for row in rows]
