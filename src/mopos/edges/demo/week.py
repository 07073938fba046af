"""`mopos demo --days 7`: a week of a payment facilitator in a few seconds, on a clock that is moved by hand.

It sells, gives back, settles, is sent money back, and reconciles; over a weekend and a public holiday. The banks' and
the central bank's sides are the simulators, spoken to over HTTP. Each day's row ends with the difference of the books
to what the banks took, which is nought.
"""

from __future__ import annotations

import io
import itertools
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import httpx2
import uvloop
from persiantools.jdatetime import JalaliDate
from pydantic import SecretStr
from rich import box
from rich.console import Console
from rich.table import Table

from mopos.actions import set_fees
from mopos.actions.ask_bank import ask_bank_about_due
from mopos.actions.decide_batch import propose_approval
from mopos.actions.decide_proposal import approve as approve_proposal
from mopos.actions.fetch_reports import fetch_reports
from mopos.actions.finish_attempt import finish_attempt
from mopos.actions.hold_money import place_hold, release_hold
from mopos.actions.import_statement import import_statement
from mopos.actions.reconcile import reconcile
from mopos.actions.refund import approve, request_refund
from mopos.actions.register_purchase import register_purchase
from mopos.actions.reverse import reverse
from mopos.actions.run_settlement import run_settlement
from mopos.actions.send_refunds import send_refunds
from mopos.actions.send_to_bank import send_to_bank
from mopos.actions.services import Services
from mopos.actions.set_money_rules import set_rule
from mopos.actions.set_splits import set_splits
from mopos.actions.submit_batch import make_file, mark_submitted
from mopos.actions.take_result_file import take_file
from mopos.banks import sandbox_sim
from mopos.banks.port import Silent
from mopos.banks.sim import service
from mopos.banks.sim.buyer import Form, pay_at_bank
from mopos.base import embedded
from mopos.base.clock import TEHRAN, Clock
from mopos.base.config import Settings
from mopos.base.db import Database
from mopos.base.money import Rial
from mopos.db.migrate import migrate
from mopos.domain.ledger.ties import Tie, tie
from mopos.domain.operators import proposals
from mopos.domain.operators.model import Operator
from mopos.domain.payments import refund_store, store
from mopos.domain.payments.model import Purchase, parse_form
from mopos.domain.payments.refund_store import NewRefund, Who
from mopos.domain.payments.refunds import Method
from mopos.domain.settlement import rule_store
from mopos.domain.settlement.calendar import Calendar
from mopos.domain.settlement.channels import Channel
from mopos.domain.settlement.fees import read_line
from mopos.domain.settlement.splits import Part
from mopos.edges.demo.week_parts import Merchant, MovedClock, give_other_iban, iban_of, make_merchant, make_operator
from mopos.outside import central_bank_sim

# A Saturday. Its Thursday is 22 Bahman, a public holiday; the next day is a Friday.
FIRST_DAY = date(2027, 2, 6)
# After the last day of sales: until the last returned deposit has been paid again.
DAYS_AFTER_MAX = 12
# What each merchant sells on a day: cards by what they do at the bank (`mopos bank-sim`), and Rial.
SALES: tuple[tuple[str, int], ...] = (
    ("paid", 250_000),
    ("paid", 1_490_000),
    ("insufficient_funds", 320_000),
    ("paid", 7_800_000),
    ("never_returns", 410_000),
    ("paid", 95_000),
)
PAYER = iban_of("056", 1)
_REASON = "the demo's week"

Build = Callable[[Settings, Database, Clock], Services]

# Ten columns, eight of them amounts: a narrower terminal wraps whole lines, and cuts no number.
out = Console(highlight=False, width=max(Console().width, 124))


class StoryBroken(Exception):
    """Something of the week did not happen as it is told here."""


@dataclass
class Week:
    """The story's people, places and time."""

    services: Services
    clock: MovedClock
    http: httpx2.AsyncClient
    central_bank: str
    one: Operator
    other: Operator
    merchants: list[Merchant] = field(default_factory=list)
    number: Any = field(default_factory=lambda: itertools.count(1))
    files: list[str] = field(default_factory=list)
    """Of payouts, as the bank knows them."""
    hold: int | None = None
    deposited: date = FIRST_DAY
    """The first day that the PSP has not paid for yet."""
    imported: date = FIRST_DAY

    @property
    def db(self) -> Database:
        return self.services.db


def run_week(days: int, build: Build) -> int:
    """Play it and print it. Returns the exit status: 0 only if the books tie on every day and nothing stays open."""
    with tempfile.TemporaryDirectory(prefix="mopos-week-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # an embedded server that was started by root runs as somebody else
        out.print("starting PostgreSQL, the sandbox bank and the central bank's simulator ...")
        with embedded.start(folder / "postgresql", settings={"fsync": "off", "synchronous_commit": "off"}) as server:
            migrate(server.dsn)
            return uvloop.run(_show(server.dsn, days, build))


async def _show(dsn: str, days: int, build: Build) -> int:
    async with week(dsn, build) as story:
        table = _new_table()
        ties = []
        async for day in play(story, days):
            ties.append(await tie(story.db))
            table.add_row(*await _row(story, day, ties[-1]))
        out.print(table)
        left = await still_open(story.db)
        _say_end(ties[-1], left)
        return 0 if not left and not any(one.difference for one in ties) else 1


@asynccontextmanager
async def week(dsn: str, build: Build) -> AsyncIterator[Week]:
    """Everything ready on the morning of the first day, on a migrated and empty database."""
    clock = MovedClock(datetime.combine(FIRST_DAY, time(8), TEHRAN).astimezone(UTC))
    async with AsyncExitStack() as stack:
        bank = await stack.enter_async_context(
            central_bank_sim.serving(service.create_app(sandbox_sim.SIM, clock=clock, seed=7))
        )
        central = await stack.enter_async_context(
            central_bank_sim.serving(central_bank_sim.build(clock, Calendar(), seed=7))
        )
        settings = Settings(database_url=dsn, secret_key=SecretStr("demo" * 8), sandbox_url=bank)
        db = await stack.enter_async_context(Database(dsn, pool_size=8, timeout_s=settings.database_timeout_s))
        services = build(settings, db, clock)
        stack.push_async_callback(services.terminals.aclose)
        await services.terminals.refresh(db)
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=30))
        one, other = [await make_operator(db, name, clock()) for name in ("sara", "reza")]
        story = Week(services, clock, http, central, one, other)
        await _set_up(story)
        yield story


async def _set_up(story: Week) -> None:
    services = story.services
    for name, value in (("payer_iban", PAYER), ("payer_name", "پرداخت‌یار نمونه"), ("profile", "mehr_iran")):
        await set_rule(services, story.one, name, FIRST_DAY, value, _REASON)
    shops = (
        ("کتاب‌فروشی دهخدا", iban_of("012", 101)),
        ("بلیت شیراز", iban_of("017", 102)),
        # Its account is closed: what is paid there comes back before it arrives.
        ("فروشگاه نرگس", iban_of("018", 9991)),
        # And here days after it arrived.
        ("قهوهٔ تبریز", iban_of("054", 9992)),
    )
    story.merchants = [await make_merchant(services, story.one, name, iban) for name, iban in shops]
    brackets = [read_line("0: 0% +1,200"), read_line("6,000,000: 0.02% cap 40,000")]
    for name, bearer, merchants in (
        ("شاپرک", "merchant", [story.merchants[0], story.merchants[2], story.merchants[3]]),
        ("با خریدار", "buyer", [story.merchants[1]]),
    ):
        plan = await set_fees.add_plan(
            story.db,
            story.clock,
            name=name,
            bearer=bearer,
            brackets=brackets,
            valid_from=None,
            operator_id=story.one.id,
            reason=_REASON,
        )
        for merchant in merchants:
            await set_fees.assign(
                story.db,
                story.clock,
                merchant.gateway_id,
                plan,
                valid_from=None,
                operator_id=story.one.id,
                reason=_REASON,
            )
    tickets = story.merchants[1]
    parts = [Part("ناشر", iban_of("019", 300), ppm=300_000), Part(tickets.name, iban_of("017", 102))]
    await set_splits(services, tickets.gateway_id, parts, operator_id=story.one.id, reason=_REASON)


async def play(story: Week, days: int) -> AsyncIterator[date]:
    """Day after day; each is told when it is over. After the days of sales go on those until all has arrived."""
    for number in range(days + DAYS_AFTER_MAX):
        day = FIRST_DAY + timedelta(days=number)
        await _morning(story, day)
        if number < days:
            await _sell(story, day)
            await _give_back(story, number)
        await _evening(story, day)
        yield day
        if number >= days and not await still_open(story.db):
            return


# --- the morning: what others did overnight ---------------------------------------------------------------------------


async def _morning(story: Week, day: date) -> None:
    story.clock.go_to(day, time(0, 30))
    if day > FIRST_DAY:
        await fetch_reports(story.services, day=day - timedelta(days=1))
    story.clock.go_to(day, time(8, 30))
    calendar = await rule_store.calendar(story.db)
    if calendar.is_open(day, Channel.PAYA):
        while story.deposited < day:
            await _psp_pays(story, story.deposited)
            story.deposited += timedelta(days=1)


async def _psp_pays(story: Week, day: date) -> None:
    """What the PSP took on a day, less what it gave back and keeps, goes to the operator's account."""
    total, after = 0, ""
    while True:
        page = await story.services.terminals.of(1).report(day, after)
        if isinstance(page, Silent):
            raise StoryBroken(f"no report of {day}: {page.why}")
        total += sum(int(line.amount) if line.kind == "purchase" else -int(line.amount) for line in page.lines)
        after = page.following
        if not after:
            break
    total -= int(page.commission)
    if total:
        body = {"amount": total, "date": f"{story.clock.day}", "terminal": "10000001", "reference": f"PSP{day:%Y%m%d}"}
        await _posted(story, "/deposits", json=body)


# --- the day: buyers --------------------------------------------------------------------------------------------------


async def _sell(story: Week, day: date) -> None:
    story.clock.go_to(day, time(9))
    for card, amount in SALES:
        for merchant in story.merchants:
            await _buy(story, merchant, card, amount + 10_000 * (day - FIRST_DAY).days)
            story.clock.pass_by(minutes=3)
    # Buyers who never came back: the worker asks the bank.
    story.clock.pass_by(minutes=20)
    await _work(story)


async def _buy(story: Week, merchant: Merchant, card: str, amount: int) -> None:
    form = {
        "ID": merchant.id,
        "Res": f"{next(story.number)}",
        "Amnt": f"{amount}",
        "Nam": "خریدار",
        "Dsc": "سفارش",
        "RedirectURL": "https://shop.example/back",
    }
    purchase, is_new = await register_purchase(story.services, parse_form(form), "192.0.2.7")
    redirect = await send_to_bank(story.services, purchase, is_new=is_new)
    if redirect is None:
        raise StoryBroken("the bank takes nobody")
    way_back = await pay_at_bank(story.http, redirect, card)
    if isinstance(way_back, Form):
        present = await _now(story, purchase)
        await finish_attempt(story.services, present.ref, way_back.fields)


async def _now(story: Week, purchase: Purchase) -> Purchase:
    found = await store.by_token(story.db, purchase.token)
    if found is None:
        raise LookupError(purchase.token)
    return found


async def _give_back(story: Week, number: int) -> None:
    """Reversals, refunds by the bank and by Paya, a hold: each day another merchant's."""
    merchant = story.merchants[number % len(story.merchants)]
    mine, others = Who("operator", operator_id=story.one.id), Who("operator", operator_id=story.other.id)
    paid = await _paid_today(story, merchant)
    await reverse(story.services, paid[0], mine, reason="سفارش لغو شد")
    await _refund(story, paid[1], Rial(paid[1].amount), Method.BANK, mine, others)
    await _refund(story, paid[2], Rial(paid[2].amount // 3), Method.BANK, mine, others)
    await _refund(story, paid[2], Rial(paid[2].amount // 4), Method.PAYA, mine, others)
    if number == 1:
        story.hold = await place_hold(
            story.services,
            story.one,
            gateway_id=merchant.gateway_id,
            purchase_id=paid[3].id,
            amount=None,
            reason="شکایت خریدار",
        )
    if number == 4 and story.hold is not None:
        await release_hold(story.services, story.other, story.hold, "شکایت پس گرفته شد")
    await _work(story)


async def _paid_today(story: Week, merchant: Merchant) -> list[Purchase]:
    rows = await story.db.all(
        """
        select token from purchase where gateway_id = %(gateway)s and state = 'PAID' and paid_at > %(since)s
        order by amount_rial
        """,
        {"gateway": merchant.gateway_id, "since": story.clock() - timedelta(hours=12)},
    )
    found = [await store.by_token(story.db, row[0]) for row in rows]
    return [purchase for purchase in found if purchase is not None]


async def _refund(story: Week, purchase: Purchase, amount: Rial, method: Method, mine: Who, others: Who) -> None:
    paya = method is Method.PAYA
    new = NewRefund(
        purchase.id,
        purchase.gateway_id,
        amount,
        method,
        "کالا موجود نبود",
        iban_of("015", 777) if paya else "",
        "خریدار نمونه" if paya else "",
    )
    number = await request_refund(story.services, await _now(story, purchase), new, mine)
    refund = await refund_store.find(story.db, number, None)
    if refund is not None and refund.state == "REQUESTED":
        await approve(story.services, refund, others)


async def _work(story: Week) -> None:
    """What the worker does all the time."""
    for _ in range(3):
        await send_refunds(story.services)
        await ask_bank_about_due(story.services)
        story.clock.pass_by(minutes=2)


# --- the evening: settlement and reconciliation -----------------------------------------------------------------------


async def _evening(story: Week, day: date) -> None:
    story.clock.go_to(day, time(21))
    await _results(story)
    await _reconcile(story, day)
    story.clock.go_to(day, time(23, 40))
    ran = await run_settlement(story.services)
    if ran.batch_id is not None and ran.why == "planned":
        await _hand_over(story, ran.batch_id)


async def _hand_over(story: Week, batch_id: int) -> None:
    """One operator proposes, another one approves; the files go to the bank."""
    number = await propose_approval(story.services, story.one, batch_id, _REASON)
    proposal = await proposals.find(story.db, number)
    if proposal is None:
        raise LookupError(number)
    await approve_proposal(story.services, story.other, proposal, note="", ip="192.0.2.1")
    channels = await story.db.all(
        "select distinct channel from payout where batch_id = %(id)s order by 1", {"id": batch_id}
    )
    for (channel,) in channels:
        file = await make_file(story.services, story.one, batch_id, channel)
        await _posted(story, f"/files?channel={channel}&name={file.name}", content=file.body)
        story.files.append(file.name.removesuffix(".ccti"))
    await mark_submitted(story.services, story.one, batch_id)


async def _results(story: Week) -> None:
    """The bank's result files are brought to the books; what came back is paid to another Sheba from then on."""
    for number in story.files:
        answer = await story.http.get(f"{story.central_bank}/files/{number}/results")
        report = await take_file(story.services, story.one, answer.raise_for_status().content)
        if report.bad:
            raise StoryBroken(f"results of {number}: {report.bad}")
    for place, account in ((2, 103), (3, 104)):
        merchant = story.merchants[place]
        row = await story.db.one(
            """
            select exists (
                select from payout p
                where p.gateway_id = %(gateway)s and p.state = 'RETURNED' and p.settlement_id is not null
            ) and a.iban <> %(iban)s from account a where a.id = %(account)s
            """,
            {
                "gateway": merchant.gateway_id,
                "account": merchant.account_id,
                "iban": iban_of("012", account),
            },
        )
        if row and row[0]:
            await give_other_iban(story.services, story.one, merchant, iban_of("012", account))


async def _reconcile(story: Week, day: date) -> None:
    answer = await story.http.get(f"{story.central_bank}/statement?from={story.imported}&to={day}&format=camt053")
    body = io.BytesIO(answer.raise_for_status().content)
    await import_statement(story.services, body, operator_id=story.one.id, iban=PAYER, new_account=True)
    story.imported = day
    await reconcile(story.services)


async def _posted(story: Week, path: str, **content: Any) -> None:
    answer = await story.http.post(story.central_bank + path, **content)
    answer.raise_for_status()


# --- what is told -----------------------------------------------------------------------------------------------------


async def still_open(db: Database) -> list[str]:
    """What of the money has not come to its end: purchases that are neither settled nor held nor given back, orders
    that are on their way, differences that nobody has closed."""
    rows = await db.all(
        """
        select 'purchase ' || p.id || ' is not settled' from purchase p join attempt a on a.id = p.attempt_id
        where p.state = 'PAID' and p.refunded_rial < p.amount_rial
            and not exists (select from settled_by(p.id, p.gateway_id, a.entry_id))
            and not exists (select from hold h where h.purchase_id = p.id and h.state = 'HELD')
        union all select 'purchase ' || id || ' is ' || state from purchase where next_check_at is not null
        union all select 'refund ' || id || ' is ' || state from refund where state not in ('DONE', 'FAILED', 'REFUSED')
        union all select 'payout ' || id || ' is ' || state from payout where state in ('PLANNED', 'SUBMITTED')
        union all select 'difference ' || id || ': ' || source || ' ' || kind from recon_exception where state = 'OPEN'
        """
    )
    return [row[0] for row in rows]


_DAY = """
    select
        coalesce(sum(amount_rial) filter (where entry = 'purchase_paid' and debit = 'acquirer_receivable'), 0),
        coalesce(sum(amount_rial) filter (where entry in ('reversal_confirmed', 'refund_done', 'refund_paid')), 0),
        coalesce(sum(amount_rial) filter (where entry = 'acquirer_deposited'), 0),
        coalesce(sum(amount_rial) filter (where entry = 'payout_settled'), 0),
        coalesce(sum(amount_rial) filter (where entry in ('payout_returned', 'payout_came_back')), 0)
    from (
        select l.entry, l.amount_rial, d.kind as debit from ledger_line l join ledger_account d on d.id = l.debit_id
        where l.booked_at >= %(since)s and l.booked_at < %(until)s
    ) line
"""


async def _row(story: Week, day: date, total: Tie) -> Sequence[str]:
    begins = datetime.combine(day, time(), TEHRAN)
    sums = await story.db.one(_DAY, {"since": begins, "until": begins + timedelta(days=1)})
    calendar = await rule_store.calendar(story.db)
    closed = calendar.why_closed(day, Channel.PAYA)
    jalali = JalaliDate(day)
    note = "" if closed is None else closed.kind
    numbers = [*(sums or ()), total.fees, total.balances, total.difference]
    return [f"{jalali} {day:%a}", note, *(f"{int(number):,}" for number in numbers)]


def _new_table() -> Table:
    table = Table(title="Day by day, Rial", box=box.SIMPLE)
    table.add_column("day in Tehran", no_wrap=True)
    table.add_column("")
    for heading in ("paid in", "given back", "from PSP", "paid out", "came back", "fees", "owed", "difference"):
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _say_end(total: Tie, left: list[str]) -> None:
    parts = (
        ("deposits", total.deposits),
        ("fees", total.fees),
        ("given back", total.given_back),
        ("balances", total.balances),
    )
    out.print(f"the banks took {total.banks_took:,} = " + " + ".join(f"{name} {rial:,}" for name, rial in parts))
    for line in left:
        out.print(f"[red]open:[/] {line}")
    if not left and not total.difference:
        out.print("[green]every payment is settled, held or given back, and the books tie to the Rial[/]")
