"""Settlements for tests of pages: planned by PostgreSQL's own function, with payouts and results by its own rules."""

import itertools
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta

import psycopg
from psycopg.types.json import Jsonb
from tests.sim.paid import merchants
from tests.web import Member, Seen, make_member

from mopos.base.ids import with_check_digit
from mopos.base.money import Rial
from mopos.domain.ledger.entries import booking

# Days that no worker plans: each batch has one of its own.
_days = itertools.count()
_FIRST = date(2015, 3, 21)
# What the central bank says of a payout it says of this day.
RESULT_DAY = datetime.now(UTC).date()


@dataclass
class Shop:
    """A merchant with paid purchases, and a member of his account."""

    stack: object
    gateway_id: int
    purchases: list[int]
    member: Member
    batches: list[int] = field(default_factory=list)

    @property
    def panel(self) -> str:
        return self.member.panel

    @property
    def gateway(self) -> str:
        return with_check_digit(self.gateway_id)


def make_shop(stack, sales: int = 3, *, role: str = "owner", account_id: int | None = None, **paid) -> Shop:
    """A merchant whose payee is confirmed, with paid purchases of now."""
    (made,) = merchants(stack.dsn, 1, sales, datetime.now(UTC), **paid)
    ((own_account,),) = stack.sql("select account_id from gateway where id = %s", made.gateway_id)
    if account_id:
        stack.sql("update gateway set account_id = %s where id = %s", account_id, made.gateway_id)
    ((owned,),) = stack.sql(
        "select exists (select from member where account_id = %s and role = 'owner')", account_id or own_account
    )
    member = make_member(stack, "admin" if owned and role == "owner" else role, account_id or own_account)
    return Shop(stack, made.gateway_id, list(made.purchases), member)


def settle(shop: Shop, *, floor: int = 1, shares: tuple[int, ...] = ()) -> tuple[int, list[int]]:
    """Plan a batch up to now, with one payout of the shop's settlement, or one for each share. Returns the shop's
    settlement and its payouts."""
    day = _FIRST + timedelta(days=next(_days))
    with psycopg.connect(shop.stack.dsn) as connection:
        ((upto,),) = connection.execute("select max(entry_id) from ledger_line").fetchall()
        ((batch,),) = connection.execute(
            "select plan_batch(%s, now(), %s, %s, 'file', 2000000000, %s, %s, now())",
            (day, upto, floor, day + timedelta(days=1), day + timedelta(days=1)),
        ).fetchall()
        shop.batches.append(batch)
        planned = connection.execute(
            """
            select s.id, s.gateway_id, s.payout_rial, c.payee ->> 'iban', c.payee ->> 'name'
            from settlement s join gateway g on g.id = s.gateway_id join account c on c.id = g.account_id
            where s.batch_id = %s order by s.id
            """,
            (batch,),
        ).fetchall()
        payouts = []
        for settlement, gateway, rial, iban, name in planned:
            mine = gateway == shop.gateway_id
            if mine:
                own = settlement
            parts = [*shares, rial - sum(shares)] if mine and rial else [rial]
            for n, part in enumerate(parts, start=1):
                if not part:
                    continue
                ((payout,),) = connection.execute(
                    _PAYOUT, (batch, settlement, gateway, n, n == len(parts), iban, name, part, day)
                )
                if mine:
                    payouts.append(payout)
    return own, payouts


_PAYOUT = """
    with made as (
        insert into payout (batch_id, settlement_id, gateway_id, n, main, iban, payee, amount_rial, channel, state,
            last_event, expected_on)
        values (%s, %s, %s, %s, %s, %s, %s, %s, 'paya', 'PLANNED', 'planned', %s) returning id
    ),
    told as (
        insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at)
        select 'payout', id, 1, 'planned', '', 'PLANNED', 'worker', now() from made
    )
    select id from made
"""


def submit(shop: Shop) -> None:
    """The last batch goes to the bank."""
    batch = shop.batches[-1]
    for state, event in (("APPROVED", "approved"), ("SUBMITTED", "submitted")):
        shop.stack.sql(
            "update settlement_batch set state = %s, last_event = %s, version = version + 1 where id = %s",
            *(state, event, batch),
        )
    shop.stack.sql(
        "update payout set state = 'SUBMITTED', last_event = 'submitted', version = version + 1 where batch_id = %s",
        batch,
    )


def result(shop: Shop, payout: int, event: str, *, tracking: str = "14050904000000000001", reason: str = "") -> None:
    """What the central bank says of a payout: settled, returned, came_back."""
    ((version, state, rial, batch),) = shop.stack.sql(
        "select version, state, amount_rial, batch_id from payout where id = %s", payout
    )
    written = booking(f"payout_{event}", {"amount": Rial(rial)}, {"gateway": shop.gateway_id})
    row = {
        "payout": payout,
        "version": version,
        "event": event,
        "from_state": state,
        "to_state": "SETTLED" if event == "settled" else "RETURNED",
        "tracking_no": tracking,
        "on": RESULT_DAY.isoformat(),
        "reason": reason,
        "template": "",
        "mobiles": [],
        "text": "",
        **asdict(written),
    }
    done = shop.stack.sql("select take_results(%s, %s, 'central bank', null, now())", batch, Jsonb([row]))
    assert done == [(payout,)]


def words_of(page: Seen) -> str:
    """A page's text with a blank between its parts, as a reader sees them apart."""
    return " ".join(" ".join(page.tree.itertext()).split())
