"""Which terminal a purchase goes to, and what happens when that one does not open it, by the actions."""

import random
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
import structlog
from tests.actions.conftest import FACTS, ScriptedBank, Shop
from tests.stack import eventually

from mopos.actions import audit, set_fees
from mopos.actions.ask_bank import ask_bank_about_due
from mopos.actions.credentials import KeyUnknown
from mopos.actions.finish_attempt import finish_attempt
from mopos.actions.no_bank import NoBank
from mopos.actions.register_purchase import register_purchase
from mopos.actions.report_result import report_result
from mopos.actions.send_to_bank import BankUnavailable, send_to_bank
from mopos.actions.terminals import CLOSE_AFTER, NoTerminal, Terminals
from mopos.banks import mellat
from mopos.banks.port import Accepted, Decline, Declined, Order, Returned, Silent
from mopos.banks.wire import Transcript
from mopos.base.db import Database
from mopos.base.errors import Refused
from mopos.base.money import Rial
from mopos.domain.payments.model import parse_form
from mopos.domain.payments.states import State
from mopos.domain.routing.health import IN_A_ROW, Why
from mopos.domain.settlement.fees import Bracket

OK = {"State": "OK", "RefNum": "whatever"}
AMOUNT = Rial(250_000)


@dataclass
class Scripted(ScriptedBank):
    """A bank that can refuse to open, take its time, and be closed."""

    refuses: Declined | None = None
    broken: set[str] = field(default_factory=set)
    """Verbs in which it fails, as no connector may."""
    guards_against: str = ""
    """Of an order that is called so its firewall lets nothing through."""
    heard: object = None
    takes_s: float = 0
    clock: object = None
    closed: bool = False
    after_open: list = field(default_factory=list)

    async def open(self, order: Order):
        self._fail("open")
        if self.takes_s:
            self.clock.pass_by(seconds=self.takes_s)
        for act in self.after_open:
            await act()
        if self.guards_against and self.guards_against in order.description:
            self.heard(Transcript("POST", "/open", 403, "http_403", 20, "", "", about=order.number))
            return Silent("http_403")
        if self.refuses:
            self.calls.append(("open", order.number))
            return self.refuses
        return await super().open(order)

    def read_return(self, fields) -> Returned:
        return Returned(fields.get("State") == "OK", fields.get("RefNum"), reason=Decline.CANCELLED, code="1")

    async def probe(self):
        self._fail("probe")
        return Accepted()

    async def aclose(self) -> None:
        self._fail("close")
        self.closed = True

    def _fail(self, verb: str) -> None:
        if verb in self.broken:
            raise RuntimeError("a value that is nobody's business")

    @property
    def opened(self) -> int:
        return sum(verb == "open" for verb, _ in self.calls)


class Banks:
    """Terminals 1, 2, 3..., each at a scripted bank of its own kind: `one`, `two`, `three`..."""

    NAMES = ("one", "two", "three", "four", "five")

    def __init__(self, services, clock) -> None:
        self.at: dict[int, Scripted] = {}
        self.heard = {}
        self.broken: dict[int, Exception] = {}
        self.clock = clock
        self.terminals = Terminals(self._build, clock, random.Random(7))
        self.services = replace(services, terminals=self.terminals)

    def _build(self, terminal, heard):
        if terminal.id in self.broken:
            raise self.broken[terminal.id]
        self.heard[terminal.id] = heard
        self.at[terminal.id] = Scripted(facts=replace(FACTS, name=terminal.bank), clock=self.clock, heard=heard)
        return self.at[terminal.id]

    async def have(self, number: int, **columns) -> None:
        """So many terminals, and no rule."""
        await self.sql("delete from routing_rule")
        await self.sql("update terminal set bank = 'one' where id = 1")
        for name in self.NAMES[1:number]:
            await self.sql("insert into terminal (bank, name) values (%(bank)s, '1') on conflict do nothing", bank=name)
        await self.sql(
            """
            insert into ledger_account (kind, owner) select 'acquirer_receivable', id from terminal
            on conflict do nothing
            """
        )
        await self.refresh()

    async def rule(self, terminal_id: int, *, gateway=None, low=0, high=None, priority=100, weight=1) -> None:
        await self.sql(
            """
            insert into routing_rule
                (terminal_id, gateway_id, amount_from_rial, amount_upto_rial, priority, weight, created_at)
            values (%(terminal)s, %(gateway)s, %(low)s, %(high)s, %(priority)s, %(weight)s, now())
            """,
            terminal=terminal_id,
            gateway=gateway,
            low=low,
            high=high,
            priority=priority,
            weight=weight,
        )
        await self.refresh()

    async def sql(self, statement: str, **values) -> list:
        return await self.services.db.all(statement, values)

    async def refresh(self) -> None:
        await self.terminals.refresh(self.services.db)

    def silent_call(self, terminal_id: int, ms: float = 50) -> None:
        self.heard[terminal_id](Transcript("POST", "/x", None, "timeout", ms, "", ""))

    def make_sick(self, terminal_id: int) -> None:
        for _ in range(IN_A_ROW):
            self.silent_call(terminal_id)

    def chosen(self, times: int = 1, **how) -> list[int]:
        return [self.terminals.choose(100_001, AMOUNT, **how).id for _ in range(times)]

    async def journal(self, purchase) -> list[tuple]:
        return await self.sql(
            """
            select j.event, j.actor, a.terminal_id, a.state, j.data->>'bank' from journal j
            join attempt a on a.id = j.attempt_id where j.purchase_id = %(id)s order by j.version
            """,
            id=purchase.id,
        )


@pytest.fixture
async def banks(services, clock):
    made = Banks(services, clock)
    await made.have(3)
    yield made
    findings = [finding async for step in audit.audit(services.db, clock()) for finding in step.findings]
    assert findings == []


@pytest.fixture
def store_front(banks, shop) -> Shop:
    shop.services = banks.services
    return shop


async def new_purchase(shop, **changed):
    return await register_purchase(shop.services, parse_form(shop.form(**changed)), "192.0.2.7")


# --- who is chosen ----------------------------------------------------------------------------------------------------


async def test_weights_are_kept(banks):
    await banks.rule(1, weight=6)
    await banks.rule(2, weight=3)
    await banks.rule(3, weight=1)
    chosen = banks.chosen(5_000)
    # Five standard deviations of a binomial of 5,000.
    for terminal_id, share in ((1, 0.6), (2, 0.3), (3, 0.1)):
        assert abs(chosen.count(terminal_id) - 5_000 * share) < 5 * (5_000 * share * (1 - share)) ** 0.5


async def test_priority_limits_and_the_merchant_s_own_rule(banks, store_front):
    ours = int(store_front.id[:-1])
    await banks.rule(1, priority=1, high=1_000_000)
    await banks.rule(2, priority=2)
    await banks.rule(3, gateway=ours)
    choose = banks.terminals.choose
    assert choose(1, Rial(1_000_000)).id == 1
    assert choose(1, Rial(1_000_001)).id == 2
    assert {choose(ours, AMOUNT).id for _ in range(20)} == {3}
    purchase, _ = await new_purchase(store_front)
    assert purchase.terminal_id == 3
    assert purchase.ref.startswith("3-")


async def test_the_next_priority_only_when_all_of_the_first_are_sick(banks):
    await banks.rule(1, priority=1)
    await banks.rule(2, priority=1)
    await banks.rule(3, priority=2)
    assert set(banks.chosen(50)) == {1, 2}
    banks.make_sick(1)
    assert set(banks.chosen(20)) == {2}
    banks.make_sick(2)
    assert set(banks.chosen(20)) == {3}
    banks.make_sick(3)
    assert set(banks.chosen(50)) == {1, 2}, "health alone never refuses"


async def test_a_slow_one_only_counts_where_there_is_a_better(banks):
    await banks.sql("update terminal set disabled_at = now() where id = 3")
    await banks.refresh()
    for _ in range(10):
        banks.heard[1](Transcript("POST", "/x", 200, "answered", 4_000, "", ""))
    assert set(banks.chosen(20)) == {2}
    banks.make_sick(2)
    assert set(banks.chosen(20)) == {1}


async def test_a_wish_is_granted_where_that_bank_is_well_and_allowed(banks):
    await banks.rule(1, priority=1)
    await banks.rule(2, priority=2)
    assert [facts.name for facts in banks.terminals.choices(1, AMOUNT)] == ["one", "two"]
    assert banks.chosen(5, bank="two") == [2] * 5
    assert banks.chosen(bank="three") == [1], "no rule leads there"
    assert banks.chosen(bank="nonsense' --") == [1]
    banks.make_sick(2)
    assert banks.chosen(bank="two") == [1]
    assert [facts.name for facts in banks.terminals.choices(1, AMOUNT)] == ["one"]


async def test_a_terminal_that_speaks_toman_gets_whole_toman_only_and_is_not_sick_for_it(banks, store_front):
    await banks.rule(1, priority=1)
    await banks.rule(2, priority=2)
    banks.at[1].facts = replace(FACTS, unit_rial=10)
    assert banks.terminals.choose(1, Rial(250_001)).id == 2
    assert banks.chosen(bank="one") == [1]
    assert [facts.name for facts in banks.terminals.choices(1, Rial(250_001))] == ["two"]
    for _ in range(IN_A_ROW):
        purchase, _ = await new_purchase(store_front, Amnt="250001")
        assert purchase.terminal_id == 2
    assert banks.chosen() == [1], "it was never asked, so it never refused"
    await banks.sql("delete from routing_rule where terminal_id = 2")
    await banks.refresh()
    with pytest.raises(NoTerminal):
        banks.terminals.choose(1, Rial(250_001))


async def test_none_is_left(banks):
    with pytest.raises(NoTerminal):
        banks.chosen(without={1, 2, 3})
    await banks.rule(1, high=100)
    with pytest.raises(NoTerminal):
        banks.chosen()


# --- nobody takes it --------------------------------------------------------------------------------------------------


async def test_what_no_terminal_takes_is_refused_clearly_and_not_registered(banks, store_front):
    await banks.rule(1, high=200_000)
    form = store_front.form()
    with pytest.raises(Refused) as refused:
        await store_front.post(form)
    assert [(p.code, p.status, p.try_again) for p in refused.value.problems] == [("no_terminal", 503, True)]
    assert (await report_result(banks.services, store_front.id, store_front.rmz, form["Res"])).err == 91
    assert await banks.sql("select count(*) from attempt") == [(0,)]
    with pytest.raises(Refused, match="id_unknown"):
        await store_front.post(store_front.form(ID="9999999999993"))
    await banks.sql("delete from routing_rule")
    await banks.refresh()
    assert (await store_front.post(form)).state is State.REGISTERED, "the very same form goes later"


async def test_a_form_that_was_registered_while_one_took_it_still_finds_its_purchase(banks, store_front):
    form = store_front.form()
    purchase, _ = await register_purchase(banks.services, parse_form(form), "192.0.2.7")
    await send_to_bank(banks.services, purchase, is_new=True)
    await banks.rule(1, high=200_000)
    again = await register_purchase(banks.services, parse_form(form), "192.0.2.7")
    assert (again.purchase.id, again.is_new, again.purchase.state) == (purchase.id, False, State.AT_BANK)
    with pytest.raises(Refused, match="res_used"):
        await store_front.post(form | {"Amnt": "300000"})


async def test_a_terminal_that_was_switched_on_just_now_is_found_by_the_database(banks, store_front):
    await banks.sql("update terminal set disabled_at = now()")
    await banks.refresh()
    purchase, is_new = await new_purchase(store_front)
    with pytest.raises(BankUnavailable):
        await send_to_bank(banks.services, purchase, is_new=is_new)
    assert [bank.opened for bank in banks.at.values()] == [0, 0, 0]
    await banks.sql("update terminal set disabled_at = null")
    for _ in range(20):  # not known to this process yet: one of them is asked at last
        if await send_to_bank(banks.services, await store_front.now(purchase)):
            break
    assert (await store_front.now(purchase)).state is State.AT_BANK


# --- a fee on top -----------------------------------------------------------------------------------------------------


@pytest.fixture
async def one_percent(banks, store_front):
    """On top of each purchase at the shop."""
    by = {"valid_from": None, "operator_id": None, "reason": "آزمون"}
    db, clock = banks.services.db, banks.clock
    plan = await set_fees.add_plan(db, clock, name="۱٪", bearer="buyer", brackets=[Bracket(0, 10_000)], **by)
    await set_fees.assign(db, clock, int(store_front.id[:-1]), plan, **by)


async def limit(banks, terminal_id, upto):
    await banks.sql("update terminal set amount_upto_rial = %(upto)s where id = %(id)s", upto=upto, id=terminal_id)
    await banks.refresh()


@pytest.mark.usefixtures("one_percent")
@pytest.mark.parametrize("why", ["limit", "toman"])
async def test_a_fee_that_the_buyer_bears_never_takes_a_purchase_beyond_a_terminal(banks, store_front, why):
    """252,500 where 250,000 is the limit; 252,631 where whole Toman are spoken."""
    await banks.rule(1, priority=1)
    await banks.rule(2, priority=2)
    amount = "250000" if why == "limit" else "250130"
    if why == "limit":
        await limit(banks, 1, 250_000)
    else:
        banks.at[1].facts = replace(FACTS, unit_rial=10)
    purchase, _ = await new_purchase(store_front, Amnt=amount)
    assert (purchase.terminal_id, purchase.charge) == (1, {"limit": 252_500, "toman": 252_631}[why])
    way = await send_to_bank(banks.services, purchase)
    assert way is not None
    assert (banks.at[1].opened, banks.at[2].opened) == (0, 1)
    assert (await store_front.now(purchase)).state is State.AT_BANK
    assert ("bank_unavailable", "system", 1, "FAILED", "terminal_limits") in await banks.journal(purchase)
    assert banks.terminals.is_fit(1), "it was never asked"


@pytest.mark.usefixtures("one_percent")
async def test_nobody_is_asked_to_agree_to_a_fee_with_which_he_could_not_pay(banks, store_front):
    for terminal_id in (1, 2, 3):
        await limit(banks, terminal_id, 250_000)
    form = store_front.form()
    for _ in range(2):
        with pytest.raises(Refused, match="no_terminal"):
            await store_front.post(form)
    await limit(banks, 2, 252_500)
    purchase = await store_front.post(form)
    assert purchase.asks_for_fee, "the very same form goes later"
    assert await send_to_bank(banks.services, purchase) is not None
    assert (await store_front.now(purchase)).terminal_id == 2


# --- another terminal before the buyer has seen a bank ----------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        Silent("timeout"),
        Declined(Decline.NOT_ACCEPTED, "-105"),
        Declined(Decline.LIMIT_EXCEEDED, "13"),
        Declined(Decline.OTHER, "12"),
    ],
)
async def test_another_terminal_is_tried_at_once(banks, store_front, answer):
    await banks.rule(1, priority=1)
    await banks.rule(2, priority=2)
    banks.at[1].refuses = answer
    purchase, is_new = await new_purchase(store_front)
    way = await send_to_bank(banks.services, purchase, is_new=is_new)
    now = await store_front.now(purchase)
    assert (now.state, now.terminal_id, way.facts.name, way.fields["Token"]) == (
        State.AT_BANK,
        2,
        "two",
        now.bank_token,
    )
    assert now.order_number != purchase.order_number
    assert now.attempt_count == 1, "the buyer has tried once"
    code = answer.why if isinstance(answer, Silent) else answer.code
    assert await banks.journal(purchase) == [
        ("registered", "merchant", 1, "FAILED", None),
        ("bank_unavailable", "system", 1, "FAILED", code),
        ("rerouted", "system", 2, "LIVE", None),
        ("sent_to_bank", "system", 2, "LIVE", None),
    ]
    banks.at[2].buyer_pays(now.order_number)
    await finish_attempt(banks.services, now.ref, OK)
    assert (await store_front.now(purchase)).state is State.PAID


async def test_a_connector_that_fails_costs_its_buyers_nothing_and_is_left_alone(banks, store_front):
    await banks.rule(1, priority=1)
    await banks.rule(2, priority=2)
    banks.at[1].broken = {"open"}
    with structlog.testing.capture_logs() as lines:
        for _ in range(IN_A_ROW + 1):
            purchase = await store_front.at_bank()
            assert (purchase.state, purchase.terminal_id) == (State.AT_BANK, 2)
    assert [code for *_, code in await banks.journal(purchase)] == [None, None], "the last one went there at once"
    assert banks.terminals.all[1].health.why is Why.SILENT
    told = [(line["kind"], line["terminal"]) for line in lines if line["event"] == "terminal.broken"]
    assert told == [("RuntimeError", 1)] * IN_A_ROW
    assert [line["why"] for line in lines if line["event"] == "terminal.sick"] == ["silent"]
    assert "nobody's business" not in str(lines)


async def test_one_purchase_that_no_bank_lets_through_makes_no_terminal_sick(banks, store_front):
    for bank in banks.at.values():
        bank.guards_against = "<script>"
    purchase, is_new = await new_purchase(store_front, Dsc="<script>")
    for _ in range(5):
        with pytest.raises(BankUnavailable):
            await send_to_bank(banks.services, purchase, is_new=is_new)
        purchase, is_new = await store_front.now(purchase), False
    assert {live.health.why for live in banks.terminals.all.values()} == {None}
    for _ in range(IN_A_ROW):
        purchase, is_new = await new_purchase(store_front, Dsc="<script>")
        with pytest.raises(BankUnavailable):
            await send_to_bank(banks.services, purchase, is_new=is_new)
    assert {live.health.why for live in banks.terminals.all.values()} == {Why.SILENT}, "three buyers are no accident"


async def test_three_terminals_are_tried_at_most_and_none_twice(banks, store_front):
    await banks.have(5)
    for bank in banks.at.values():
        bank.silent = {"open"}
    purchase, is_new = await new_purchase(store_front)
    with pytest.raises(BankUnavailable):
        await send_to_bank(banks.services, purchase, is_new=is_new)
    assert sorted(bank.opened for bank in banks.at.values()) == [0, 0, 1, 1, 1]
    now = await store_front.now(purchase)
    assert (now.state, now.attempt_count, now.attempt_state) == (State.REGISTERED, 1, "FAILED")
    assert [event for event, *_ in await banks.journal(purchase)].count("bank_unavailable") == 3
    # The next click is the buyer's second try, with three terminals of its own.
    with pytest.raises(BankUnavailable):
        await send_to_bank(banks.services, now)
    assert (await store_front.now(purchase)).attempt_count == 2
    assert sum(bank.opened for bank in banks.at.values()) == 6


async def test_the_buyer_s_ten_tries_are_his_own_and_ours_are_bounded(banks, store_front):
    for bank in banks.at.values():
        bank.silent = {"open"}
    purchase, is_new = await new_purchase(store_front)
    for _ in range(20):
        try:
            if await send_to_bank(banks.services, purchase, is_new=is_new) is None:
                break
        except BankUnavailable:
            pass
        purchase, is_new = await store_front.now(purchase), False
    assert purchase.attempt_count == 10
    assert sum(bank.opened for bank in banks.at.values()) == 30


async def test_a_buyer_waits_for_two_deadlines_at_most(banks, store_front):
    deadline = banks.services.settings.bank_deadline_s
    for bank in banks.at.values():
        bank.silent, bank.takes_s = {"open"}, deadline + 0.05
    purchase, is_new = await new_purchase(store_front)
    before = banks.clock()
    with pytest.raises(BankUnavailable):
        await send_to_bank(banks.services, purchase, is_new=is_new)
    assert banks.clock() - before < timedelta(seconds=2 * deadline + 1)
    assert sum(bank.opened for bank in banks.at.values()) == 2


async def test_a_terminal_that_was_switched_off_just_now_is_passed_over(banks, store_front):
    await banks.sql("update terminal set disabled_at = now() where id in (1, 2)")
    for _ in range(12):
        purchase, is_new = await new_purchase(store_front)
        assert await send_to_bank(banks.services, purchase, is_new=is_new)
        assert (await store_front.now(purchase)).terminal_id == 3
    assert (banks.at[1].opened, banks.at[2].opened) == (0, 0)


async def test_who_loses_the_race_opens_nothing_more(banks, store_front):
    await banks.rule(1, priority=1)
    await banks.rule(2, priority=2)
    purchase, is_new = await new_purchase(store_front)
    won = []

    async def press_again() -> None:
        """The buyer's second click comes while his first one waits for a bank that will not answer."""
        banks.at[1].after_open.clear()
        banks.at[1].refuses = None
        won.append(await send_to_bank(banks.services, await store_front.now(purchase)))
        banks.at[1].refuses = Silent("timeout")

    banks.at[1].after_open.append(press_again)
    assert await send_to_bank(banks.services, purchase, is_new=is_new) is None
    now = await store_front.now(purchase)
    assert (now.state, now.bank_token) == (State.AT_BANK, won[0].fields["Token"])
    assert banks.at[2].opened == 0


class Counting(Database):
    """A database that counts what it is asked."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn, pool_size=1, timeout_s=10)
        self.asked = 0

    async def all(self, sql, params=None):
        self.asked += 1
        return await super().all(sql, params)


async def test_the_ordinary_way_costs_two_statements_and_each_detour_one_more(banks, store_front, dsn):
    await banks.rule(1, priority=1)
    await banks.rule(2, priority=2)
    await banks.rule(3, priority=3)
    for failing, statements in ((0, 2), (1, 3), (2, 4)):
        for number in (1, 2):
            banks.at[number].silent = {"open"} if number <= failing else set()
        async with Counting(dsn) as db:
            services = replace(banks.services, db=db)
            purchase, is_new = await register_purchase(services, parse_form(store_front.form()), "192.0.2.7")
            assert await send_to_bank(services, purchase, is_new=is_new)
            assert db.asked == statements


async def test_a_sick_terminal_gets_no_purchase_but_every_question_about_money(banks, store_front):
    await banks.rule(1, priority=1)
    await banks.rule(2, priority=2)
    purchase, is_new = await new_purchase(store_front)
    await send_to_bank(banks.services, purchase, is_new=is_new)
    banks.make_sick(1)
    banks.at[1].buyer_pays(purchase.order_number)
    await finish_attempt(banks.services, purchase.ref, OK)
    assert (await store_front.now(purchase)).state is State.PAID
    assert (await new_purchase(store_front)).purchase.terminal_id == 2


async def test_a_terminal_that_fell_sick_while_the_buyer_read_about_the_fee(banks, store_front):
    await banks.rule(1, priority=1)
    await banks.rule(2, priority=2)
    purchase, _ = await new_purchase(store_front)
    banks.make_sick(1)
    # As after `agree_to_fee`: the first attempt has its terminal, and no bank was asked yet.
    assert await send_to_bank(banks.services, purchase, is_new=True)
    assert banks.at[1].opened == 0
    assert (await banks.journal(purchase))[1] == ("bank_unavailable", "system", 1, "FAILED", "terminal_sick")


# --- trying again -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asks_by_ref", [False, True])
async def test_a_bank_whose_browser_says_no_is_never_asked_about_the_old_attempt_again(banks, store_front, asks_by_ref):
    """Where only a browser says no, an attempt is unpaid because we never confirm it: once another has begun, no late
    return, forged or true, and no worker may confirm the old one."""
    await banks.rule(1, priority=1)
    await banks.rule(2, priority=2)
    banks.at[1].facts = replace(banks.at[1].facts, can_inquire=False, asks_by_ref=asks_by_ref)
    first, is_new = await new_purchase(store_front)
    await send_to_bank(banks.services, first, is_new=is_new)
    await finish_attempt(banks.services, first.ref, {"State": "NOK"})
    assert (await store_front.now(first)).state is State.CANCELLED
    assert await send_to_bank(banks.services, await store_front.now(first), bank="two")
    second = await store_front.now(first)
    assert (second.state, second.terminal_id) == (State.AT_BANK, 2)
    # He pays at both: the first bank's page was still open in another tab.
    banks.at[1].buyer_pays(first.order_number)
    banks.at[2].buyer_pays(second.order_number)
    late = {"State": "OK", "RefNum": f"RRN{first.order_number}"}
    await finish_attempt(banks.services, first.ref, late)
    assert (await store_front.now(first)).state is State.AT_BANK, "only the new attempt's return counts"
    await finish_attempt(banks.services, second.ref, OK)
    for _ in range(3):
        await finish_attempt(banks.services, first.ref, late)
        banks.clock.pass_by(hours=1)
        await ask_bank_about_due(banks.services)
    assert (await store_front.now(first)).state is State.PAID
    assert [verb for verb, _ in banks.at[1].calls] == ["open"], "what nobody confirms the bank gives back"
    assert banks.at[1].captured() == {}
    assert banks.at[2].captured() == {second.order_number: 250_000}


@pytest.mark.parametrize("state", ["AT_BANK", "UNKNOWN"])
async def test_while_the_old_attempt_may_be_paid_no_wish_leads_anywhere_else(banks, store_front, state):
    await banks.rule(1, priority=1)
    await banks.rule(2, priority=2)
    purchase, is_new = await new_purchase(store_front)
    way = await send_to_bank(banks.services, purchase, is_new=is_new)
    if state == "UNKNOWN":
        banks.at[1].silent = {"verify"}
        await finish_attempt(banks.services, purchase.ref, OK)
    now = await store_front.now(purchase)
    assert now.state == state
    again = await send_to_bank(banks.services, now, bank="two")
    assert again == (way if state == "AT_BANK" else None)
    assert banks.at[2].opened == 0


async def test_a_wish_that_does_not_open_leads_to_another_bank(banks, store_front):
    purchase, is_new = await new_purchase(store_front)
    await send_to_bank(banks.services, purchase, is_new=is_new)
    now = await store_front.now(purchase)
    banks.at[now.terminal_id].book[now.order_number].state = "declined"
    await finish_attempt(banks.services, now.ref, {})
    wish = next(number for number in (1, 2, 3) if number != now.terminal_id)
    banks.at[wish].silent = {"open"}
    way = await send_to_bank(banks.services, await store_front.now(purchase), bank=banks.NAMES[wish - 1])
    assert way is not None
    assert banks.at[wish].opened == 1
    assert (await store_front.now(purchase)).attempt_count == 2


# --- the watch over them ----------------------------------------------------------------------------------------------


async def test_whatever_fails_once_new_terminals_are_learnt_of_and_sick_ones_asked(banks):
    """Rows that cannot be read, a connector that fails to be made, one that fails to be closed."""
    banks.at[2].broken = {"close"}
    with structlog.testing.capture_logs() as lines:
        async with banks.terminals.watched(banks.services.db, every_s=0.05):
            await banks.sql("alter table terminal rename column sealed to away")
            await eventually(lambda: any(line["event"] == "terminals.not_read" for line in lines))
            await banks.sql("alter table terminal rename column away to sealed")
            banks.broken = {1: TypeError("hush")}
            await banks.sql("update terminal set base_url = 'http://changed.test' where id in (1, 2)")
            await banks.sql("insert into terminal (bank, name) values ('four', '1')")
            await eventually(lambda: len(banks.terminals.all) == 4)
            assert banks.terminals.all[1].health.why is Why.NO_CREDENTIALS
            banks.make_sick(3)
            banks.at[3].broken = {"probe"}
            banks.clock.pass_by(seconds=CLOSE_AFTER.total_seconds())
            await eventually(
                lambda: {"terminal.probe_failed", "terminal.not_closed"} <= {line["event"] for line in lines}
            )
            await banks.sql("insert into terminal (bank, name) values ('five', '1')")
            await eventually(lambda: len(banks.terminals.all) == 5)
            last = dict(banks.at)
    assert all(last[number].closed for number in (3, 4, 5)), "at the end everything is closed"
    failures = [line for line in lines if line["event"] == "terminals.not_read"]
    assert failures[0]["kind"] == "UndefinedColumn"
    assert "hush" not in str(lines)


# --- rows that change, credentials that cannot be read ----------------------------------------------------------------


async def test_a_changed_row_gets_a_new_connector_and_the_old_one_time_to_end(banks):
    old = banks.at[1]
    await banks.sql("update terminal set amount_upto_rial = 1000000 where id = 1")
    await banks.refresh()
    assert banks.terminals.of(1) is old, "limits are no reason for a new connection"
    await banks.sql("update terminal set base_url = 'http://other.test' where id = 1")
    await banks.refresh()
    assert banks.terminals.of(1) is banks.at[1] is not old
    assert not old.closed
    banks.clock.pass_by(seconds=CLOSE_AFTER.total_seconds())
    await banks.refresh()
    assert old.closed
    assert not banks.at[1].closed
    await banks.sql("update terminal set base_url = '' where id = 2")
    await banks.sql("update terminal set base_url = 'http://third.test' where id = 1")
    third = banks.at[1]
    await banks.refresh()
    await banks.terminals.aclose()
    assert third.closed, "at the end everything is closed"
    assert all(bank.closed for bank in banks.at.values())


async def test_a_sick_terminal_stays_sick_when_its_limits_change(banks):
    banks.make_sick(1)
    await banks.sql("update terminal set amount_upto_rial = 1000000 where id = 1")
    await banks.refresh()
    assert banks.terminals.all[1].health.why is Why.SILENT
    await banks.sql("update terminal set base_url = 'http://other.test' where id = 1")
    await banks.refresh()
    assert banks.terminals.all[1].health.why is None, "it is reached in another way: nothing is known of that"


async def test_credentials_that_cannot_be_read_stop_nobody_else(banks, store_front):
    banks.broken = {1: ValueError("hush"), 2: KeyUnknown(banks.terminals.all[2].terminal)}
    await banks.sql("update terminal set base_url = 'http://changed.test' where id in (1, 2)")
    await banks.refresh()
    assert {number: live.health.why for number, live in banks.terminals.all.items()} == {
        1: Why.NO_CREDENTIALS,
        2: Why.NO_CREDENTIALS,
        3: None,
    }
    assert set(banks.chosen(20)) == {3}
    nobody = banks.terminals.of(1)
    order = Order("1", AMOUNT, "https://pay.test")
    assert [await nobody.open(order), await nobody.probe()] == [Silent("no_credentials")] * 2
    assert nobody.read_return({}).claims_paid, "a return is a reason to ask, never a no"
    # What is under way there stays open, and is asked about again once it can be.
    banks.broken = {}
    await banks.sql("update terminal set name = 'again' where id = 1")
    await banks.refresh()
    assert banks.terminals.all[1].health.why is None
    assert banks.terminals.all[2].health.why is Why.NO_CREDENTIALS


async def test_the_reference_that_only_a_browser_brings_is_kept_while_credentials_cannot_be_read(banks, store_front):
    """Mellat's returns can be read by anybody, and it answers only about the reference."""
    await banks.rule(1)
    banks.at[1].facts = replace(FACTS, asks_by_ref=True)
    purchase = await store_front.at_bank()
    banks.at[1].buyer_pays(purchase.order_number, ref="123456789012")
    brought = {
        "ResCode": "0",
        "SaleReferenceId": "123456789012",
        "SaleOrderId": purchase.order_number,
        "RefId": purchase.bank_token,
    }
    nobody = NoBank(banks.at[1].facts, mellat.read_return)
    assert nobody.read_return(brought) == mellat.read_return(brought)
    assert nobody.read_return(brought | {"ResCode": "17"}).claims_paid, "a return is a reason to ask, never a no"
    without = replace(banks.services, terminals=Terminals.single(nobody))
    stranger = {**brought, "SaleOrderId": "1", "SaleReferenceId": "210987654321"}
    for fields in (stranger, brought):
        await finish_attempt(without, purchase.ref, fields)
    assert (await store_front.now(purchase)).state is State.UNKNOWN
    banks.clock.pass_by(minutes=10)
    await ask_bank_about_due(banks.services)
    paid = await store_front.now(purchase)
    assert (paid.state, paid.returned_ref, paid.bank_ref) == (State.PAID, "123456789012", "123456789012")


async def test_a_key_that_a_process_was_not_started_with_takes_no_working_connector_away(banks, store_front):
    """Somebody has rotated the key before this gateway knew the new one."""
    await banks.rule(1)
    working = banks.at[1]
    banks.broken = {number: KeyUnknown(banks.terminals.all[number].terminal) for number in (1, 2)}
    with structlog.testing.capture_logs() as lines:
        await banks.sql("update terminal set key_name = 'new', sealed = 'x' where id in (1, 2)")
        await banks.sql("update terminal set base_url = 'http://elsewhere.test' where id = 2")
        for _ in range(3):
            await banks.refresh()
    assert banks.terminals.of(1) is working
    assert banks.terminals.all[2].health.why is Why.NO_CREDENTIALS, "what works here is for nowhere else"
    told = [(line["terminal"], line["key"]) for line in lines if line["event"] == "terminal.key_unknown"]
    assert told == [(1, "new")], "once, not at each reading"
    banks.clock.pass_by(seconds=CLOSE_AFTER.total_seconds())
    await banks.refresh()
    assert not working.closed
    assert (await store_front.at_bank()).terminal_id == 1
    banks.broken = {}
    await banks.sql("update terminal set key_name = 'known', sealed = 'y' where id = 1")
    await banks.refresh()
    assert banks.terminals.of(1) is banks.at[1] is not working


async def test_a_buyer_back_from_a_bank_that_we_cannot_ask_is_told_to_wait(banks, store_front):
    await banks.rule(1)
    purchase, is_new = await new_purchase(store_front)
    await send_to_bank(banks.services, purchase, is_new=is_new)
    book = banks.at[1].book
    banks.at[1].buyer_pays(purchase.order_number)
    banks.broken = {1: ValueError("cannot be opened")}
    await banks.sql("update terminal set base_url = 'http://changed.test' where id = 1")
    await banks.refresh()
    await finish_attempt(banks.services, purchase.ref, {"State": "NOK"})
    assert (await store_front.now(purchase)).state is State.UNKNOWN
    banks.broken = {}
    await banks.sql("update terminal set base_url = '' where id = 1")
    await banks.refresh()
    banks.at[1].book = book
    banks.clock.pass_by(minutes=10)
    await ask_bank_about_due(banks.services)
    assert (await store_front.now(purchase)).state is State.PAID


async def test_a_terminal_whose_row_is_gone_is_chosen_no_more(banks):
    await banks.sql("delete from terminal where id = 3")
    await banks.refresh()
    assert set(banks.chosen(30)) == {1, 2}
