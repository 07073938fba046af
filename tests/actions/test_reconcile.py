"""Three ways: what we hold, what the PSP reports, what the bank account shows. Every difference is found once, ends by
itself when the other side comes to say the same, and is otherwise closed by an act that writes its entry."""

import io
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import pytest
from psycopg.types.json import Jsonb
from tests.actions.conftest import ScriptedBank

from mopos.actions.close_exception import close_exception
from mopos.actions.fetch_reports import fetch_reports
from mopos.actions.finish_attempt import finish_attempt
from mopos.actions.import_statement import StatementRefused, import_statement
from mopos.actions.reconcile import reconcile
from mopos.banks.port import ReportLine, ReportPage, Silent
from mopos.base.clock import TEHRAN
from mopos.base.errors import Refused
from mopos.base.ids import with_check_digit
from mopos.base.money import Rial
from mopos.domain.operators.model import Operator, Post
from mopos.domain.payments.states import State
from mopos.domain.settlement import recon_store, statement_store
from mopos.domain.settlement.closing import acts_for
from mopos.domain.settlement.matching import bank_day
from mopos.outside.central_bank_book import Movement
from mopos.outside.central_bank_papers import statement, statement_camt, statement_csv

IBAN = "IR430120000000000000000001"
PAGE = 2


@dataclass
class ReportingBank(ScriptedBank):
    """A bank whose report of a day can be made up. `None`: it is silent."""

    reports: dict[date, list[ReportLine] | None] = field(default_factory=dict)
    commission: int = 0
    asked: list[tuple[date, str]] = field(default_factory=list)

    async def report(self, day: date, after: str = "") -> ReportPage | Silent:
        self.asked.append((day, after))
        lines = self.reports.get(day)
        if lines is None:
            return Silent("timeout")
        start = int(after or 0)
        following = str(start + PAGE) if start + PAGE < len(lines) else ""
        return ReportPage(lines[start : start + PAGE], following, Rial(self.commission))


@pytest.fixture
def bank() -> ReportingBank:
    return ReportingBank()


@pytest.fixture
def day(clock) -> date:
    return bank_day(clock.now)


@pytest.fixture
async def operator(services) -> Operator:
    row = await services.db.one(
        """
        insert into operator (name, role, handle, password_hash, created_at)
        values ('fatemeh', 'finance', sha256('f'), '', now()) returning id
        """
    )
    return Operator(row[0], "fatemeh", "", Post.FINANCE)


async def sell(shop, bank, **changed):
    """A paid purchase, as both sides know it."""
    purchase = await shop.at_bank(**changed)
    bank.buyer_pays(purchase.order_number)
    await finish_attempt(shop.services, purchase.ref, {"State": "OK", "RefNum": "x"})
    return await shop.now(purchase)


def line(purchase, at, **changed) -> ReportLine:
    fields = {
        "kind": "purchase",
        "order_number": purchase.order_number,
        "bank_ref": f"RRN{purchase.order_number}",
        "amount": purchase.charge,
        "at": at,
    }
    return ReportLine(**(fields | changed))


async def run(services, clock):
    """The night after: fetch and reconcile."""
    clock.pass_by(days=1)
    await fetch_reports(services)
    return await reconcile(services)


async def exceptions(services, is_open=True):
    return await recon_store.page(services.db, is_open=is_open)


async def balance(services, kind: str) -> int:
    """Credits less debits of all accounts of a kind."""
    row = await services.db.one(
        """
        select coalesce(sum(b.credit_rial - b.debit_rial), 0) from ledger_account a
        join ledger_balance b on b.account_id = a.id where a.kind = %(kind)s
        """,
        {"kind": kind},
    )
    return int(row[0])


@pytest.fixture(autouse=True)
async def every_entry_names_its_event(services):
    """After every test: what reconciliation booked names an event of an exception or of a line, and nothing hangs."""
    yield
    wrong = await services.db.all(
        """
        select l.entry, e.noun from ledger_line l left join money_event e on e.id = l.event_id
        where l.journal_id is null and (e.id is null or e.noun not in ('exception', 'line', 'payout', 'batch'))
        """
    )
    assert wrong == []
    assert not await services.db.all(
        """
        select l.id from statement_line l where l.state = 'SUSPENSE' and not exists (
            select from recon_exception x where x.statement_line_id = l.id and x.state = 'OPEN')
        """
    )


# --- our books and the report ---------------------------------------------------------------------------------------


async def test_both_sides_say_the_same(shop, services, bank, clock, day):
    sold = [await sell(shop, bank, Amnt=str(100_000 + number)) for number in range(5)]
    bank.reports[day] = [line(one, clock.now) for one in sold]
    done = await run(services, clock)
    assert (done.found, done.late, [one.day for one in done.days]) == (0, 0, [day])
    assert await exceptions(services) == []
    (shown,) = [one for one in await recon_store.days(services.db, before=date.max, limit=9) if one.day == day]
    assert (shown.ours, shown.theirs, shown.ours_rial, shown.difference) == (5, 5, 500_010, 0)
    assert [after for at, after in bank.asked if at == day] == ["", "2", "4"]
    # Again: nothing is fetched, nothing is compared.
    asked = len([1 for at, _ in bank.asked if at == day])
    await fetch_reports(services)
    assert len([1 for at, _ in bank.asked if at == day]) == asked


async def test_a_silent_bank_is_asked_again_and_half_a_report_counts_for_nothing(shop, services, bank, clock, day):
    sold = [await sell(shop, bank) for _ in range(3)]
    clock.pass_by(days=1)
    await fetch_reports(services)
    assert (await reconcile(services)).days == []
    bank.reports[day] = [line(one, clock.now) for one in sold]
    whole = bank.report

    async def breaks_off(at, after=""):
        return Silent("timeout") if after else await whole(at, after)

    bank.report = breaks_off
    await fetch_reports(services)
    assert (await reconcile(services)).days == []
    bank.report = whole
    clock.pass_by(minutes=10)
    await fetch_reports(services)
    done = await reconcile(services)
    assert [one.day for one in done.days] == [day]
    assert await exceptions(services) == []


@pytest.mark.parametrize("fault", ["missing", "doubled", "amount", "date", "nobody"])
async def test_each_fault_is_found_once_and_vanishes(shop, services, bank, clock, day, fault):
    sold = [await sell(shop, bank) for _ in range(3)]
    right = [line(one, clock.now) for one in sold]
    wrong = list(right)
    match fault:
        case "missing":
            wrong.pop(1)
        case "doubled":
            wrong.append(right[1])
        case "amount":
            wrong[1] = line(sold[1], clock.now, amount=Rial(25_000))
        case "nobody":
            wrong.append(line(sold[1], clock.now, order_number="77", bank_ref="RRN77"))
        case "date":
            wrong.pop(1)
            later = day + timedelta(days=3)
            bank.reports |= {day + timedelta(days=n): [] for n in (1, 2)}
            bank.reports[later] = [right[1]]
    bank.reports[day] = wrong
    await run(services, clock)
    if fault == "date":
        await run(services, clock)
        await run(services, clock)
        await run(services, clock)
    (found,) = await exceptions(services)
    expected = {
        "missing": ("missing_there", -250_000),
        "doubled": ("duplicate", 250_000),
        "amount": ("amount_differs", -225_000),
        "nobody": ("missing_here", 250_000),
        "date": ("date_differs", 0),
    }
    assert (found.kind, found.amount_rial) == expected[fault]
    assert (found.purchase_id == sold[1].id) == (fault != "nobody")
    assert found.terminal_id == 1
    # Again and again: the same one.
    await run(services, clock)
    assert [one.id for one in await exceptions(services)] == [found.id]
    # The other side comes to say the same.
    bank.reports[day] = right
    if fault == "date":
        bank.reports[day + timedelta(days=3)] = []
    await run(services, clock)
    assert await exceptions(services) == []
    gone = await exceptions(services, is_open=False)
    # Before the other day's report came, the one with another date was missing.
    assert len(gone) == (2 if fault == "date" else 1)
    assert all((one.last_event, one.closed_at is not None) == ("vanished", True) for one in gone)


@pytest.mark.parametrize("state", [State.UNKNOWN, State.EXPIRED, State.CANCELLED])
async def test_money_that_we_did_not_know_becomes_a_late_payment(shop, services, bank, clock, day, state):
    purchase = await shop.at_bank()
    if state is State.UNKNOWN:
        bank.buyer_pays(purchase.order_number)
        bank.silent |= {"verify", "inquire"}
    else:
        bank.book[purchase.order_number].state = "cancelled" if state is State.CANCELLED else "closed"
    await finish_attempt(services, purchase.ref, {"State": "NOK"})
    assert (await shop.now(purchase)).state is state
    # The bank took it after all, and says so in its report.
    account = bank.book[purchase.order_number]
    account.state, account.amount, account.ref = "verified", purchase.charge, f"RRN{purchase.order_number}"
    bank.reports[day] = [line(purchase, clock.now)]
    bank.silent |= {"verify", "inquire"}
    await run(services, clock)
    (found,) = await exceptions(services)
    assert (found.kind, found.purchase_id) == ("missing_here", purchase.id)
    bank.silent.clear()
    done = await reconcile(services)
    assert (done.late, done.vanished) == (1, 1)
    paid = await shop.now(purchase)
    assert (paid.state, paid.late) == (State.PAID, state is not State.UNKNOWN)
    assert await exceptions(services) == []
    assert await balance(services, "merchant_payable") == 250_000
    (shown,) = [one for one in await recon_store.days(services.db, before=date.max, limit=9) if one.day == day]
    assert shown.difference == 0


async def test_an_older_attempt_that_took_money_too_stays_an_exception(shop, services, bank, clock, day):
    purchase = await sell(shop, bank)
    # Another attempt of the same purchase, which we hold as failed.
    (other,) = await services.db.all(
        """
        insert into attempt (purchase_id, terminal_id, bank, ref, state, started_at, ended_at)
        values (%(purchase)s, 1, 'sandbox', 'other-attempt-ref', 'FAILED', %(now)s, %(now)s) returning id
        """,
        {"purchase": purchase.id, "now": clock.now},
    )
    bank.reports[day] = [
        line(purchase, clock.now),
        line(purchase, clock.now, order_number=str(other[0]), bank_ref="RRNx"),
    ]
    await run(services, clock)
    (found,) = await exceptions(services)
    assert (found.kind, found.purchase_id, found.amount_rial) == ("missing_here", purchase.id, 250_000)


async def test_a_minute_before_midnight_there_is_a_minute_after_here(shop, services, bank, clock):
    clock.now = datetime(2026, 11, 24, 23, 59, 59, tzinfo=TEHRAN)
    purchase = await shop.at_bank()
    bank.buyer_pays(purchase.order_number)
    theirs = clock.now
    clock.pass_by(seconds=2)
    await finish_attempt(services, purchase.ref, {"State": "OK", "RefNum": "x"})
    bank.reports[date(2026, 11, 24)] = [line(purchase, theirs)]
    bank.reports[date(2026, 11, 25)] = []
    await run(services, clock)
    await run(services, clock)
    assert await exceptions(services) == []
    sums = {
        one.day: (one.ours_rial, one.theirs_rial)
        for one in await recon_store.days(services.db, before=date.max, limit=9)
    }
    assert sums[date(2026, 11, 24)] == (250_000, 250_000)
    assert sums[date(2026, 11, 25)] == (0, 0)


async def test_what_an_operator_closed_stays_closed(shop, services, bank, clock, day, operator):
    purchase = await sell(shop, bank)
    bank.reports[day] = []
    await run(services, clock)
    (found,) = await exceptions(services)
    assert [one.act for one in acts_for(found)] == ["bank_took_back", "difference_borne", "explained"]
    await close_exception(services, operator, found, "explained", "بانک فردا می‌گوید")
    await run(services, clock)
    assert await exceptions(services) == []
    # It comes to say something else: that is another difference.
    bank.reports[day] = [line(purchase, clock.now, amount=Rial(1))]
    clock.pass_by(days=1)
    await fetch_reports(services, day=day)
    await reconcile(services, day=day)
    (other,) = await exceptions(services)
    assert other.kind == "amount_differs"


@pytest.mark.parametrize(
    ("act", "moved"),
    [
        ("difference_borne", {"acquirer_receivable": 250_000, "fee_income": -250_000}),
        ("bank_took_back", {"acquirer_receivable": 250_000, "merchant_payable": -250_000}),
        ("explained", {}),
    ],
)
async def test_each_act_writes_its_entry_and_its_reason(shop, services, bank, clock, day, operator, act, moved):
    await sell(shop, bank)
    bank.reports[day] = []
    await run(services, clock)
    (found,) = await exceptions(services)
    before = {kind: await balance(services, kind) for kind in moved}
    await close_exception(services, operator, found, act, "نامهٔ بانک")
    assert {kind: await balance(services, kind) - before[kind] for kind in moved} == moved
    *_, last = await recon_store.events(services.db, found.id)
    assert (last.event, last.reason, last.data["act"]) == ("closed", "نامهٔ بانک", act)
    assert last.entry == (act if moved else "")
    with pytest.raises(Refused, match="exception_gone"):
        await close_exception(services, operator, found, act, "again")
    told = await services.db.one("select count(*) from audit_log where act = 'close_exception'")
    assert told[0] == 1


async def test_acts_that_do_not_fit_are_refused(shop, services, bank, clock, day, operator):
    await sell(shop, bank)
    bank.reports[day] = []
    await run(services, clock)
    (found,) = await exceptions(services)
    for act in ("difference_earned", "suspense_to_income", "nothing", ""):
        with pytest.raises(Refused, match="exception_act"):
            await close_exception(services, operator, found, act, "why")
    with pytest.raises(Refused, match="act_reason_missing"):
        await close_exception(services, operator, found, "explained", "  ")


# --- the bank account -----------------------------------------------------------------------------------------------


def csv_of(*rows: str, opening: int = 0, closing: int | None = None) -> io.BytesIO:
    told = [f"iban,{IBAN}", f"opening balance,{opening}"] + (
        [f"closing balance,{closing}"] if closing is not None else []
    )
    return io.BytesIO("\n".join([*told, "date,reference,amount,description", *rows]).encode())


async def take_in(services, *rows, **more):
    return await import_statement(services, csv_of(*rows, **more), operator_id=None)


async def test_a_file_twice_and_overlapping_files_bring_each_line_once(services):
    first = await take_in(services, "2026-11-24,A,10,x", "2026-11-24,B,-4,x", "2026-11-24,B,-4,x", closing=2)
    assert (first.new, first.known, first.same_file) == (3, 0, False)
    again = await take_in(services, "2026-11-24,A,10,x", "2026-11-24,B,-4,x", "2026-11-24,B,-4,x", closing=2)
    assert (again.new, again.known, again.same_file, again.statement_id) == (0, 3, True, first.statement_id)
    over = await take_in(services, "2026-11-24,B,-4,x", "2026-11-24,B,-4,x", "2026-11-25,C,7,x", opening=10, closing=9)
    assert (over.new, over.known, over.same_file) == (1, 2, False)
    lines = await services.db.one("select count(*), sum(amount_rial) from statement_line")
    assert lines == (4, 9)


async def test_a_file_with_a_bad_row_brings_nothing(services):
    with pytest.raises(StatementRefused) as refused:
        await take_in(services, "2026-11-24,A,10,x", "2026-13-24,B,-4,x")
    assert [(row.row, row.why) for row in refused.value.rows] == [(5, "date")]
    assert refused.value.problems[0].code == "statement_rows_wrong"
    assert await services.db.one("select count(*) from statement_line") == (0,)


async def test_a_stranger_s_account_is_asked_about(services):
    await take_in(services, "2026-11-24,A,10,x")
    other = csv_of("2026-11-24,A,10,x").getvalue().replace(IBAN.encode(), b"IR310170000000001000000001")
    with pytest.raises(StatementRefused) as refused:
        await import_statement(services, io.BytesIO(other), operator_id=None)
    assert refused.value.problems[0].code == "statement_account_new"
    taken = await import_statement(services, io.BytesIO(other), operator_id=None, new_account=True)
    assert taken.new == 1


async def test_a_deposit_is_what_the_psp_owes_less_what_it_keeps(shop, services, bank, clock, day):
    sold = [await sell(shop, bank) for _ in range(2)]
    bank.reports[day] = [line(one, clock.now) for one in sold]
    bank.commission = 1_000
    await run(services, clock)
    await take_in(services, f"{day + timedelta(days=1)},DEP1,499000,واریز پایانه 10000001", closing=499_000)
    done = await reconcile(services)
    assert (done.lines, done.suspense) == (1, 0)
    assert await balance(services, "operator_bank") == -499_000
    assert await balance(services, "acquirer_cost") == -1_000
    assert await balance(services, "acquirer_receivable") == 0
    assert (done.tie.bank_rial, done.tie.ledger_rial, done.tie.unexplained_rial) == (499_000, 499_000, 0)
    (shown,) = [one for one in await recon_store.days(services.db, before=date.max, limit=9) if one.day == day]
    assert shown.deposited_on == day + timedelta(days=1)
    # The same deposit once more is nobody's.
    await take_in(services, f"{day + timedelta(days=2)},DEP2,499000,واریز پایانه 10000001", opening=499_000)
    assert (await reconcile(services)).suspense == 1
    assert await balance(services, "suspense") == 499_000


async def test_one_deposit_for_the_days_of_a_weekend(shop, services, bank, clock, day):
    for number in range(3):
        bank.reports[bank_day(clock.now)] = [line(await sell(shop, bank), clock.now)]
        if number < 2:
            clock.pass_by(days=1)
    await run(services, clock)
    await take_in(services, f"{bank_day(clock.now)},DEP1,750000,10000001")
    assert (await reconcile(services)).lines == 1
    days = await services.db.all("select day from psp_deposit order by day")
    assert [row[0] for row in days] == [day + timedelta(days=n) for n in range(3)]


async def test_a_deposit_that_comes_before_its_report_waits_in_suspense(shop, services, bank, clock, day):
    purchase = await sell(shop, bank)
    clock.pass_by(days=1)
    await take_in(services, f"{day + timedelta(days=1)},DEP1,250000,10000001")
    assert (await reconcile(services)).suspense == 1
    assert await balance(services, "suspense") == 250_000
    (found,) = await exceptions(services)
    assert (found.source, found.kind, found.in_suspense) == ("statement", "missing_here", True)
    bank.reports[day] = [line(purchase, clock.now)]
    await fetch_reports(services)
    assert (await reconcile(services)).lines == 1
    assert await balance(services, "suspense") == 0
    assert await balance(services, "acquirer_receivable") == 0
    assert await exceptions(services) == []


async def test_a_deposit_that_is_short_is_closed_as_the_psp_s_cost(shop, services, bank, clock, day, operator):
    bank.reports[day] = [line(await sell(shop, bank), clock.now)]
    await run(services, clock)
    await take_in(services, f"{day + timedelta(days=1)},DEP1,249000,10000001")
    await reconcile(services)
    (found,) = await exceptions(services)
    assert (found.kind, found.amount_rial, found.terminal_id) == ("amount_differs", -1_000, 1)
    await close_exception(services, operator, found, "deposit_rest_is_cost", "قرارداد")
    assert await balance(services, "acquirer_receivable") == 0
    assert await balance(services, "acquirer_cost") == -1_000
    assert await balance(services, "suspense") == 0
    assert await services.db.one("select day from psp_deposit") == (day,)


@pytest.mark.parametrize(
    ("act", "rial", "account"),
    [
        ("suspense_to_merchant", 5_000, "merchant_payable"),
        ("suspense_to_acquirer", 5_000, "acquirer_receivable"),
        ("suspense_to_income", 5_000, "fee_income"),
        ("income_to_suspense", -5_000, "fee_income"),
    ],
)
async def test_what_nobody_knows_goes_to_suspense_and_on(shop, services, operator, day, act, rial, account):
    await take_in(services, f"{day},X1,{rial},?")
    assert (await reconcile(services)).suspense == 1
    assert (await reconcile(services)).suspense == 0
    assert await balance(services, "operator_bank") == -rial
    (found,) = await exceptions(services)
    assert "explained" not in [one.act for one in acts_for(found)]
    before = await balance(services, account)
    await close_exception(services, operator, found, act, "معلوم شد", gateway=shop.id, terminal="1")
    assert await balance(services, "suspense") == 0
    assert await balance(services, account) - before == rial
    assert (await reconcile(services)).tie.unexplained_rial == 0


async def test_who_is_named_must_be_there(services, operator, day):
    await take_in(services, f"{day},X1,5000,?")
    await reconcile(services)
    (found,) = await exceptions(services)
    for gateway in ("", "10", with_check_digit(999_999)):
        with pytest.raises(Refused, match="exception_gateway"):
            await close_exception(services, operator, found, "suspense_to_merchant", "why", gateway=gateway)
    for terminal in ("", "999", "x"):
        with pytest.raises(Refused, match="exception_terminal"):
            await close_exception(services, operator, found, "suspense_to_acquirer", "why", terminal=terminal)


# --- payouts --------------------------------------------------------------------------------------------------------


async def make_payout(shop, bank, clock, *, state="SETTLED", tracking="00012345678901234567") -> int:
    """A payout of all that a shop has sold, as its results would have left it."""
    services = shop.services
    await sell(shop, bank)
    gateway = int(shop.id[:-1])
    row = await services.db.one(
        """
        with batch as (
            insert into settlement_batch (day, cut_at, upto_entry, state, last_event, way, created_at)
            select %(day)s, %(now)s, max(entry_id), 'DRAFT', 'planned', 'file', %(now)s from ledger_line
            returning id, upto_entry
        ),
        event as (
            insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at)
            select 'batch', id, 1, 'planned', '', 'DRAFT', 'test', %(now)s from batch returning id
        ),
        settlement as (
            insert into settlement
                (batch_id, gateway_id, after_entry, upto_entry, opening_rial, lines_rial, payout_rial)
            select id, %(gateway)s, 0, upto_entry, 0, 250000, 250000 from batch returning id, batch_id
        ),
        payout as (
            insert into payout (batch_id, settlement_id, gateway_id, iban, payee, amount_rial, channel, state,
                last_event, expected_on)
            select batch_id, id, %(gateway)s, 'IR310170000000001000000001', 'x', 250000, 'paya', 'PLANNED', 'planned',
                %(day)s from settlement returning id
        )
        select payout.id, book(event.id, 'payout_planned', %(now)s, %(now)s, array['merchant_payable'],
            array[%(gateway)s::bigint], array['settlement_in_transit'], array[0::bigint], array[250000::bigint])
        from payout, event
        """,
        {"day": bank_day(clock.now), "now": clock.now, "gateway": gateway},
    )
    await move_payout(services, clock, row[0], "submitted", "SUBMITTED")
    if state == "SETTLED":
        await settle(services, clock, row[0], tracking)
    return row[0]


async def move_payout(services, clock, payout, event, state, **data):
    await services.db.one(
        """
        with moved as (
            update payout set state = %(state)s, last_event = %(event)s, version = version + 1,
                tracking_no = coalesce(%(tracking)s, tracking_no), settled_on = coalesce(%(on)s, settled_on)
            where id = %(id)s returning id, version
        )
        insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at, data)
        select 'payout', id, version, %(event)s, %(from)s, %(state)s, 'test', %(now)s, %(data)s from moved
        """,
        {
            "id": payout,
            "state": state,
            "event": event,
            "from": {"SUBMITTED": "PLANNED", "SETTLED": "SUBMITTED"}[state],
            "tracking": data.get("tracking"),
            "on": data.get("on"),
            "now": clock.now,
            "data": Jsonb({}),
        },
    )


async def settle(services, clock, payout, tracking="00012345678901234567"):
    await move_payout(services, clock, payout, "settled", "SETTLED", tracking=tracking, on=bank_day(clock.now))
    await services.db.one(
        """
        select book(e.id, 'payout_settled', %(now)s, %(now)s, array['settlement_in_transit'], array[0::bigint],
            array['operator_bank'], array[0::bigint], array[p.amount_rial])
        from money_event e join payout p on p.id = e.subject_id
        where e.noun = 'payout' and e.event = 'settled' and p.id = %(id)s
        """,
        {"id": payout, "now": clock.now},
    )


async def test_a_payout_is_known_by_its_tracking_number_and_amount(shop, services, bank, clock, day):
    payout = await make_payout(shop, bank, clock)
    await take_in(services, f"{day},T1,-250000,انتقال پایا 00012345678901234567")
    done = await reconcile(services)
    assert (done.lines, done.suspense) == (1, 0)
    row = await services.db.one("select state, matched_as, payout_id from statement_line")
    assert row == ("MATCHED", "payout", payout)
    assert (done.tie.difference, done.tie.unexplained_rial) == (0, 0)
    # Once more: that is another debit, and nobody's.
    await take_in(services, f"{day},T2,-250000,انتقال پایا 00012345678901234567")
    await reconcile(services)
    (found,) = await exceptions(services)
    assert (found.kind, found.payout_id) == ("duplicate", payout)


async def test_a_payout_with_another_amount_is_told(shop, services, bank, clock, day):
    payout = await make_payout(shop, bank, clock)
    await take_in(services, f"{day},T1,-25000,انتقال پایا 00012345678901234567")
    await reconcile(services)
    (found,) = await exceptions(services)
    assert (found.kind, found.payout_id, found.amount_rial) == ("amount_differs", payout, 225_000)


async def test_a_debit_whose_result_comes_later_leaves_suspense_by_itself(shop, services, bank, clock, day):
    payout = await make_payout(shop, bank, clock, state="SUBMITTED")
    await take_in(services, f"{day},T1,-250000,انتقال 00012345678901234567")
    assert (await reconcile(services)).suspense == 1
    await settle(services, clock, payout)
    done = await reconcile(services)
    assert (done.lines, await balance(services, "suspense")) == (1, 0)
    assert (done.tie.difference, done.tie.unexplained_rial) == (0, 0)
    assert await exceptions(services) == []


async def test_a_payout_that_came_back_is_returned_by_the_statement(shop, services, bank, clock, day):
    payout = await make_payout(shop, bank, clock)
    await take_in(
        services,
        f"{day},T1,-250000,انتقال پایا 00012345678901234567",
        f"{day},R1,250000,برگشت پایا 00012345678901234567 حساب بسته است",
    )
    done = await reconcile(services)
    assert (done.lines, done.suspense) == (2, 0)
    row = await services.db.one("select state, returned_on from payout where id = %(id)s", {"id": payout})
    assert row == ("RETURNED", day)
    assert await balance(services, "merchant_payable") == 250_000
    assert await balance(services, "operator_bank") == 0
    assert (done.tie.difference, done.tie.unexplained_rial) == (0, 0)
    assert await exceptions(services) == []


async def test_the_central_bank_s_own_statements_are_read(services, day):
    """What `mopos central-bank-sim` gives out, in both shapes, is the same to us."""
    at = datetime(day.year, day.month, day.day, 12, 0, tzinfo=TEHRAN)
    moved = [
        Movement(at, 499_000, "D1", "واریز شاپرک 10000001"),
        Movement(at, -250_000, "00012345678901234567", "انتقال پایا", "20001"),
        Movement(at, 250_000, "R1", "برگشت پایا 00012345678901234567 <&>"),
    ]
    papers = statement(IBAN, moved, day, day)
    first = await import_statement(services, io.BytesIO(statement_camt(papers, at)), operator_id=None)
    again = await import_statement(services, io.BytesIO(statement_csv(papers)), operator_id=None)
    assert (first.new, again.new, again.known) == (3, 0, 3)
    assert first.summary == again.summary
    assert (first.summary.opening, first.summary.closing) == (0, 499_000)


async def test_a_settled_payout_that_never_shows_is_told_and_vanishes_when_it_does(shop, services, bank, clock, day):
    payout = await make_payout(shop, bank, clock)
    await take_in(services, f"{day},A,5,x", f"{day + timedelta(days=2)},B,5,x")
    await reconcile(services)
    assert [one for one in await exceptions(services) if one.source == "payout"] == []
    await take_in(services, f"{day + timedelta(days=3)},C,5,x")
    await reconcile(services)
    (found,) = [one for one in await exceptions(services) if one.source == "payout"]
    assert (found.kind, found.payout_id, found.amount_rial) == ("missing_there", payout, 250_000)
    tie = await statement_store.tie(services.db)
    assert (tie.unseen_rial, tie.unexplained_rial) == (250_000, 0)
    await take_in(services, f"{day},T1,-250000,00012345678901234567")
    await reconcile(services)
    assert [one for one in await exceptions(services) if one.source == "payout"] == []


async def test_the_queue_s_age(services, clock, day):
    await take_in(services, f"{day},X1,5000,?")
    await reconcile(services)
    assert (await recon_store.waiting(services.db, clock.now)).old == 0
    clock.pass_by(days=1, minutes=1)
    waiting = await recon_store.waiting(services.db, clock.now)
    assert (waiting.many, waiting.old) == (1, 1)
    assert await recon_store.counts(services.db) == {("statement", "missing_here"): 1}


async def test_a_gap_between_statements_is_seen(services, day):
    await take_in(services, f"{day},A,10,x", opening=100, closing=110)
    await take_in(services, f"{day + timedelta(days=2)},B,1,x", opening=150, closing=151)
    tie = (await reconcile(services)).tie
    assert [account.gap_rial for account in tie.accounts] == [40]
    assert tie.unexplained_rial == 40
