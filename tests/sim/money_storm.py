"""A storm over the money of a few merchants: members, operators, workers and the central bank act on the same rows at
the same time, in an order that a seed chooses; and rough hands try what PostgreSQL must refuse."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg
from pydantic import SecretStr
from tests.actions.conftest import Account, Hand, ScriptedBank
from tests.sim.money_rules import broken
from tests.sim.paid import AMOUNT, Merchant, merchants
from tests.sim.turns import Gated, Turns

from mopos.actions.ask_bank import ask_bank_about_due
from mopos.actions.decide_batch import cancel_batch, propose_approval
from mopos.actions.decide_proposal import approve as approve_proposal
from mopos.actions.hold_money import place_hold, release_hold
from mopos.actions.refund import approve, refuse, request_refund
from mopos.actions.reverse import reverse
from mopos.actions.run_settlement import run_settlement
from mopos.actions.send_refunds import send_refunds
from mopos.actions.services import Services
from mopos.actions.set_money_rules import set_rule
from mopos.actions.submit_batch import make_file, mark_submitted
from mopos.actions.take_results import take_results
from mopos.actions.terminals import Terminals
from mopos.banks.port import Attempt, Decline, Declined, GivenBack, Order, Silent
from mopos.base.config import Settings
from mopos.base.errors import Refused
from mopos.base.money import Rial
from mopos.domain.operators import proposals
from mopos.domain.operators.model import Operator, Post
from mopos.domain.payments import refund_store, store
from mopos.domain.payments.refund_store import NewRefund, Who
from mopos.domain.payments.refunds import Method
from mopos.domain.settlement.results import Result

# Half past eight in the evening of a working day in Tehran would be too early; this is ten to midnight.
EVENING = datetime(2026, 11, 23, 20, 20, tzinfo=UTC)
DAY = timedelta(days=1)
EACH = 3
REASON = "storm"
PAYER = "IR750560000000001000000001"
# The ways in which an act may end in a storm; all else is a mistake of ours.
LOST = (
    Refused,
    psycopg.errors.CheckViolation,
    psycopg.errors.UniqueViolation,
    psycopg.errors.ExclusionViolation,
    psycopg.errors.RestrictViolation,
)


class StormBank(ScriptedBank):
    """A bank that is silent, late or unwilling as a seed says."""

    chance = random.Random(0)
    calm = False

    def _fault(self) -> str:
        return "" if self.calm else self.chance.choice(["", "", "", "before", "after", "no"])

    async def reverse(self, attempt: Attempt) -> Declined | Silent:
        fault = self._fault()
        if fault == "before":
            return Silent("timeout")
        if fault == "no" and self.book[attempt.number].state == "verified":
            return Declined(Decline.OTHER, "-7")
        answer = await super().reverse(attempt)
        return Silent("timeout") if fault == "after" else answer

    async def refund(self, attempt: Attempt, refund_number: str, amount: Rial) -> GivenBack | Declined | Silent:
        fault = self._fault()
        if fault == "before":
            return Silent("timeout")
        if fault == "no" and refund_number not in self.book[attempt.number].refunds:
            return Declined(Decline.OTHER, "-8")
        answer = await super().refund(attempt, refund_number, amount)
        return Silent("timeout") if fault == "after" else answer


@dataclass
class Storm:
    """Everything that one run of episodes needs."""

    dsn: str
    services: Services
    db: Gated
    bank: StormBank
    clock: Hand
    one: Operator
    other: Operator
    people: tuple[Who, Who]

    async def episode(self, seed: int, *, merchants_at_once: int = 4) -> list[str]:
        """Some merchants, everybody at once, then the calm in which all that is open comes to its end. What was found
        broken after the storm, and after the calm."""
        chance = random.Random(seed)
        self.clock.now = EVENING + seed % 2_000 * DAY * 3
        self._second_person_above(AMOUNT if seed % 2 else AMOUNT // 2 - 1)
        self.bank.chance, self.bank.calm = random.Random(seed + 1), False
        there = merchants(self.dsn, merchants_at_once, EACH, self.clock.now - timedelta(hours=2))
        self._tell_bank(there)
        actors = [self._worker, self._worker, partial(self._office, chance), partial(self._office, chance)]
        for merchant in there:
            actors += [partial(self._act, merchant, chance, act) for act in chance.choices(_ACTS, k=4)]
            actors.append(partial(self._rough, merchant, chance, 4))
        chance.shuffle(actors)
        turns = Turns(seed)
        self.db.turns = turns
        ends = await turns.run(actors)
        self.db.turns = None
        found = [f"an actor failed: {end!r}" for end in ends if isinstance(end, Exception) and not _may_end(end)]
        for merchant in there:
            await self._rough(merchant, chance, len(ROUGH_HANDS))
        found += self._look()
        if not found:
            await self._calm()
            found += [f"after the calm: {line}" for line in self._look()]
            found += self._bank_differs(there)
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute("update gateway set payouts_held_at = now() where payouts_held_at is null")
        return [f"seed {seed}: {line}" for line in found]

    def _tell_bank(self, there: list[Merchant]) -> None:
        for merchant in there:
            for number in merchant.purchases.values():
                order = Order(number, Rial(AMOUNT), "https://pay.test/back")
                self.bank.book[number] = Account(order, "verified", Rial(AMOUNT), number)

    def _second_person_above(self, rial: int) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(
                "insert into money_setting (name, valid_from, value, at) "
                "values ('refund_two_persons_rial', %(day)s, to_jsonb(%(rial)s::bigint), %(now)s)",
                {"day": self.clock.now.date(), "rial": rial, "now": self.clock.now},
            )

    def _look(self) -> list[str]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            return broken(connection)

    def _bank_differs(self, there: list[Merchant]) -> list[str]:
        """What the bank keeps of each payment must be what our purchase says."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            rows = connection.execute(
                """
                select p.attempt_id::text, case when p.state = 'REVERSED' then 0 else p.amount_rial - coalesce((
                    select sum(r.amount_rial) from refund r
                    where r.purchase_id = p.id and r.method = 'bank' and r.state = 'DONE'), 0) end, p.state
                from purchase p where p.id = any(%s)
                """,
                [[purchase for merchant in there for purchase in merchant.purchases]],
            ).fetchall()
        return [
            f"the bank keeps {self.bank.book[number].kept} of {number}, we say {ours} ({state})"
            for number, ours, state in rows
            if self.bank.book[number].kept != ours
        ]

    # --- who acts ---

    async def _worker(self) -> None:
        await run_settlement(self.services)
        await send_refunds(self.services)
        await ask_bank_about_due(self.services)

    async def _office(self, chance: random.Random) -> None:
        """Operators take the day's batch as far as chance lets them: approve, hand over, results, or cancel it."""
        ran = await run_settlement(self.services)
        if ran.batch_id is None:
            return
        if chance.random() < 0.15:
            await cancel_batch(self.services, self.one, ran.batch_id, REASON)
            return
        await self._hand_over(ran.batch_id)
        for outcomes in chance.choice([("settled",), ("settled", "returned"), ("returned",), ("settled", "settled")]):
            await self._results(ran.batch_id, outcomes, chance)

    async def _hand_over(self, batch_id: int) -> None:
        number = await propose_approval(self.services, self.one, batch_id, REASON)
        proposal = await proposals.find(self.services.db, number)
        assert proposal is not None
        await approve_proposal(self.services, self.other, proposal, note="", ip="192.0.2.1")
        await make_file(self.services, self.one, batch_id, "paya")
        await mark_submitted(self.services, self.one, batch_id)

    async def _results(self, batch_id: int, outcome: str, chance: random.Random) -> None:
        rows = await self.services.db.all(
            "select id from payout where batch_id = %(id)s and state in ('SUBMITTED', 'SETTLED') order by id",
            {"id": batch_id},
        )
        today = self.clock.now.date()
        results = [
            Result(row[0], outcome, f"T{row[0]}", today)
            if outcome == "settled"
            else Result(row[0], outcome, "", today, "account closed")
            for row in rows
            if outcome == "settled" or chance.random() < 0.5
        ]
        await take_results(self.services, results, actor="central bank", operator_id=None)

    async def _act(self, merchant: Merchant, chance: random.Random, act: str) -> None:
        purchase_id = chance.choice(list(merchant.purchases))
        purchase = await store.by_id(self.services.db, purchase_id)
        assert purchase is not None
        mine, others = self.people
        match act:
            case "reverse":
                await reverse(self.services, purchase, mine, reason=REASON)
            case "refund" | "refund by paya":
                amount = Rial(chance.choice([AMOUNT, AMOUNT // 2, AMOUNT // 3]))
                paya = act == "refund by paya"
                new = NewRefund(
                    purchase_id,
                    merchant.gateway_id,
                    amount,
                    Method.PAYA if paya else Method.BANK,
                    REASON,
                    PAYER if paya else "",
                    "خریدار" if paya else "",
                )
                number = await request_refund(self.services, purchase, new, mine)
                refund = await refund_store.find(self.services.db, number, None)
                assert refund is not None
                await chance.choice([approve, refuse])(self.services, refund, others)
            case "hold":
                hold = await place_hold(
                    self.services,
                    self.one,
                    gateway_id=merchant.gateway_id,
                    purchase_id=purchase_id,
                    amount=None,
                    reason=REASON,
                )
                if chance.random() < 0.5:
                    await release_hold(self.services, self.other, hold, REASON)
            case "hold all":
                amount = Rial(chance.choice([1, EACH]) * (AMOUNT - 1_000))
                await place_hold(
                    self.services,
                    self.one,
                    gateway_id=merchant.gateway_id,
                    purchase_id=None,
                    amount=amount,
                    reason=REASON,
                )

    async def _rough(self, merchant: Merchant, chance: random.Random, tries: int) -> None:
        """Whatever could be tried past our own code; PostgreSQL refuses it."""
        values = {"gateway": merchant.gateway_id, "now": self.clock.now}
        for sql in chance.sample(ROUGH_HANDS, k=tries):
            with suppress(*LOST):
                await self.services.db.all(sql, values | {"purchase": chance.choice(list(merchant.purchases))})

    async def _calm(self) -> None:
        """Nobody is in anybody's way any more: what waits ends, and the next days settle the rest."""
        self.bank.calm = True
        for _ in range(2):
            self.clock.pass_by(hours=2)
            await self._until_quiet()
            self.clock.pass_by(hours=22)
            ran = await run_settlement(self.services)
            with_batches = await self.services.db.all(
                "select id, state from settlement_batch where state not in ('SETTLED', 'CANCELLED')"
            )
            assert ran.why in ("planned", "there", "empty"), ran
            for number, state in with_batches:
                await self._bring_home(number, state)

    async def _until_quiet(self) -> None:
        for _ in range(4):
            await send_refunds(self.services)
            await ask_bank_about_due(self.services)
            self.clock.pass_by(minutes=5)

    async def _bring_home(self, number: int, state: str) -> None:
        try:
            if state == "DRAFT":
                await self._hand_over(number)
            elif state == "APPROVED":
                await make_file(self.services, self.one, number, "paya")
                await mark_submitted(self.services, self.one, number)
        except Refused:
            # A proposal of the storm stands open, or there is nothing to hand over: the batch waits as it is.
            return
        await self._results(number, "settled", random.Random(0))


_ACTS = ("reverse", "refund", "refund", "refund by paya", "hold", "hold all")


def _may_end(end: Exception) -> bool:
    return isinstance(end, LOST)


# What somebody with a SQL prompt, or another program on the same database, might try. Each must be refused, or change
# nothing that a rule speaks of.
ROUGH_HANDS: tuple[str, ...] = (
    # more is given back than was paid
    "update purchase set refund_rial = amount_rial + 1 where id = %(purchase)s",
    # more is held than there is
    """
    with locked as (
        select id from ledger_account where kind = 'merchant_payable' and owner = %(gateway)s for no key update
    ),
    h as (
        insert into hold (gateway_id, amount_rial, reason, state, last_event, placed_at)
        select %(gateway)s, 1000000000, 'rough', 'HELD', 'placed', %(now)s from locked returning id
    ),
    e as (
        insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at)
        select 'hold', id, 1, 'placed', '', 'HELD', 'rough', %(now)s from h returning id
    )
    select book(e.id, 'hold_placed', %(now)s, %(now)s, array['merchant_payable'], array[%(gateway)s::bigint],
        array['merchant_held'], array[%(gateway)s::bigint], array[1000000000::bigint]) from e
    """,
    # a purchase is held a second time
    """
    with locked as (
        -- In the order that everybody keeps, so that nobody waits in a circle.
        select id from ledger_account where kind = 'merchant_payable' and owner = %(gateway)s for no key update
    ),
    h as (
        insert into hold (gateway_id, purchase_id, amount_rial, reason, state, last_event, placed_at)
        select %(gateway)s, %(purchase)s, 1, 'rough', 'HELD', 'placed', %(now)s from locked, generate_series(1, 2)
        returning id
    ),
    e as (
        insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at)
        select 'hold', id, 1, 'placed', '', 'HELD', 'rough', %(now)s from h returning id
    )
    select book(e.id, 'hold_placed', %(now)s, %(now)s, array['merchant_payable'], array[%(gateway)s::bigint],
        array['merchant_held'], array[%(gateway)s::bigint], array[1::bigint]) from e
    """,
    # a stretch is settled a second time
    """
    insert into settlement (batch_id, gateway_id, after_entry, upto_entry, opening_rial, lines_rial, payout_rial)
    select batch_id, gateway_id, after_entry, upto_entry, opening_rial, lines_rial, 0
    from settlement where gateway_id = %(gateway)s and live
    """,
    # a day has two batches
    """
    insert into settlement_batch (day, cut_at, upto_entry, state, last_event, way, created_at)
    select day, cut_at, upto_entry, 'DRAFT', 'planned', way, created_at from settlement_batch
    where state <> 'CANCELLED' order by id desc limit 1
    """,
    # a settlement is paid out twice
    """
    insert into payout (batch_id, settlement_id, gateway_id, n, main, iban, payee, amount_rial, channel, state,
        last_event, expected_on)
    select batch_id, settlement_id, gateway_id, n, false, iban, payee, amount_rial, channel, 'PLANNED', 'planned',
        expected_on
    from payout where gateway_id = %(gateway)s and settlement_id is not null
    """,
    # a payout becomes larger
    "update payout set amount_rial = amount_rial + 1 where gateway_id = %(gateway)s and settlement_id is not null",
    # a payout is settled that nobody sent
    """
    update payout set state = 'SETTLED', last_event = 'settled', version = version + 1, settled_on = expected_on,
        tracking_no = 'rough' where gateway_id = %(gateway)s and settlement_id is not null and state = 'PLANNED'
    """,
    # a line that no entry lists: fees become the merchant's
    """
    insert into ledger_line (journal_id, entry, debit_id, credit_id, amount_rial, booked_at, effective_at)
    select max(j.id), 'purchase_paid', min(f.id), min(m.id), 7, %(now)s, %(now)s
    from journal j, ledger_account f, ledger_account m
    where j.purchase_id = %(purchase)s and f.kind = 'fee_income'
        and m.kind = 'merchant_payable' and m.owner = %(gateway)s
    """,
    # the books are touched up
    """
    update ledger_line set amount_rial = amount_rial + 1
    where journal_id in (select id from journal where purchase_id = %(purchase)s)
    """,
    # what is settled is reversed
    """
    with moved as (
        update purchase set state = 'REVERSING', last_event = 'reversal_requested', version = version + 1,
            next_check_at = %(now)s
        where id = %(purchase)s and state = 'PAID' and exists (
            select from settlement s join attempt a on a.id = purchase.attempt_id
            where s.gateway_id = %(gateway)s and s.live and s.upto_entry >= a.entry_id)
        returning id, version, attempt_id
    ),
    event as (
        insert into journal (purchase_id, version, attempt_id, event, from_state, to_state, actor, at)
        select id, version, attempt_id, 'reversal_requested', 'PAID', 'REVERSING', 'rough', %(now)s from moved
        returning id
    )
    insert into ledger_line (journal_id, entry, debit_id, credit_id, amount_rial, booked_at, effective_at)
    select e.id, 'reversal_requested', f.id, m.id, 1, %(now)s, %(now)s
    from event e, ledger_account f, ledger_account m
    where f.kind = 'fee_income' and m.kind = 'merchant_payable' and m.owner = %(gateway)s
    """,
    # whoever asked for a refund agrees to it
    """
    update refund set decided_by_person = asked_by_person, decided_by_operator = asked_by_operator
    where gateway_id = %(gateway)s
    """,
)


@asynccontextmanager
async def storm_on(dsn: str) -> AsyncIterator[Storm]:
    """A storm's database, made ready: the operator's own account, a low amount for second persons, who acts."""
    clock, bank = Hand(), StormBank()
    clock.now = EVENING - 40 * DAY
    bank.facts = replace(bank.facts, reverse_within=timedelta(days=300_000))
    settings = Settings(database_url=dsn, secret_key=SecretStr("k" * 32), public_url="https://pay.test")
    with psycopg.connect(dsn, autocommit=True) as connection:
        one, other = (
            Operator(row[0], row[1], "", Post.FINANCE)
            for row in connection.execute(
                """
                insert into operator (name, role, handle, password_hash, created_at)
                select name, 'finance', sha256(convert_to(name, 'UTF8')), '', now()
                from unnest(array['one', 'other']) name returning id, name
                """
            )
        )
        people = [
            Who("merchant", row[0])
            for row in connection.execute(
                """
                insert into person (mobile, handle, created_at)
                select mobile, sha256(convert_to(mobile, 'UTF8')), now()
                from unnest(array['09121110001', '09121110002']) mobile returning id
                """
            )
        ]
    async with Gated(dsn, pool_size=24, timeout_s=20) as db:
        services = Services(db=db, terminals=Terminals.single(bank), clock=clock, settings=settings)
        today = clock.now.date()
        for name, value in (("payer_iban", PAYER), ("payer_name", "پرداخت‌یار")):
            await set_rule(services, one, name, today + DAY, value, REASON)
        yield Storm(dsn, services, db, bank, clock, one, other, (people[0], people[1]))
