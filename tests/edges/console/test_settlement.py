"""Settlement at the console: what the next run pays, a batch from its draft to its last result, payouts and where a
returned one's money went, holds, the calendar, rules, payees. Over real pages, as two operators do it."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

import pytest
from tests.settled import Shop, make_shop, settle
from tests.web import Visitor, make_operator, signed_in

from mopos.base.clock import TEHRAN, jalali_day
from mopos.base.ids import with_check_digit

IBAN = "IR430120000000000000000001"
TODAY = datetime.now(UTC).astimezone(TEHRAN).date()


def balance(stack, gateway_id: int) -> int:
    ((rial,),) = stack.sql(
        """
        select coalesce(sum(b.credit_rial - b.debit_rial), 0) from ledger_account a
        join ledger_balance b on b.account_id = a.id where a.kind = 'merchant_payable' and a.owner = %s
        """,
        gateway_id,
    )
    return int(rial)


async def act(stack, path: str, action: str, *, post: str = "finance", who: int | None = None, **fields: str):
    async with signed_in(stack, who or make_operator(stack, post)) as visitor:
        return await visitor.send(await visitor.get(path), action, **fields)


async def approved(stack, shop: Shop) -> int:
    """A batch of the shop's, approved by two over their pages."""
    settle(shop)
    batch = shop.batches[-1]
    done = await act(stack, f"/console/batches/{batch}", "/propose", reason="جمع‌ها را دیدم")
    assert done.path.startswith("/console/proposals/"), done.text
    assert str(batch) in done.text
    done = await act(stack, done.path, "/approve", note="")
    assert "Approved, and done" in done.text, done.text
    return batch


def row(payout: int, outcome: str, *, tracking: str = "", amount: int | None = None, reason: str = "", stack) -> str:
    ((iban, rial),) = stack.sql("select iban, amount_rial from payout where id = %s", payout)
    return f"{payout},{iban},{amount or rial},{outcome},{tracking},{TODAY.isoformat()},{reason}"


HEAD = "payout,iban,amount,outcome,tracking_no,date,reason"


async def send_results(visitor: Visitor, rows: list[str], *, take: str):
    page = await visitor.get("/console/results")
    body = "\n".join([HEAD, *rows]).encode()
    return await visitor.send(page, "/results", files={"file": ("r.csv", body, "text/csv")}, take=take)


@pytest.fixture(scope="module", autouse=True)
def payer(stack):
    """The account that pays is set once, as an operator would on the first day."""
    operator = make_operator(stack, "finance")
    for name, value in (("payer_iban", IBAN), ("payer_name", "شرکت پرداخت نمونه")):
        stack.sql(
            "insert into money_setting (name, valid_from, value, reason, operator_id, at) "
            "values (%s, '2000-01-01', to_jsonb(%s::text), 'test', %s, now())",
            *(name, value, operator),
        )


async def test_a_batch_goes_from_its_draft_to_its_last_result(stack):
    shop = make_shop(stack, 3)
    batch = await approved(stack, shop)
    operator = make_operator(stack, "finance")
    async with signed_in(stack, operator) as visitor:
        page = await visitor.get(f"/console/batches/{batch}")
        assert "Ties" in page.text
        made = await visitor.send(page, "/files/paya")
        assert made.response.headers["content-disposition"].endswith('.ccti"')
        again = await visitor.send(page, "/files/paya")
        assert again.response.content == made.response.content
        page = await visitor.get(f"/console/batches/{batch}")
        # The facts of the paper form.
        assert hashlib.sha256(made.response.content).hexdigest() in page.text
        assert f"{len(made.response.content):,}" in page.text
        assert not page.tree.xpath("//form[contains(@action, '/cancel')]")
        assert (await visitor.send(page, "/submit")).status == 400
        done = await visitor.send(page, "/submit", sure="1")
        assert "The batch is with the bank" in done.text
        payouts = [n for (n,) in stack.sql("select id from payout where batch_id = %s order by id", batch)]
        mine = next(
            n
            for (n,) in stack.sql(
                "select id from payout where batch_id = %s and gateway_id = %s", batch, shop.gateway_id
            )
        )
        rows = [row(n, "settled", tracking=f"1405{n}", stack=stack) for n in payouts if n != mine]
        rows += [row(mine, "returned", reason="حساب مسدود", stack=stack)]
        rows += [row(mine, "settled", tracking="1", amount=1, stack=stack), "nonsense"]
        checked = await send_results(visitor, rows, take="0")
        assert "Nothing is taken yet" in checked.text
        assert stack.sql("select distinct state from payout where batch_id = %s", batch) == [("SUBMITTED",)]
        taken = await send_results(visitor, rows, take="1")
        assert "The good rows are taken" in taken.text
        # Every row is told of: two are bad, each by its line.
        assert "Not taken (2)" in taken.text
        again = await send_results(visitor, rows, take="1")
        assert "Known already" in again.text
        assert stack.sql("select state from settlement_batch where id = %s", batch) == [("SETTLED",)]
        page = await visitor.get(f"/console/payouts/{mine}")
        assert "حساب مسدود" in page.text
        assert "next settlement takes it up" in page.text
        # The next batch takes the money up, and the page of the returned one says which.
        settle(shop)
        page = await visitor.get("/console/payouts", state="RETURNED")
        assert f"Its money is in batch {shop.batches[-1]}" in page.text
        assert "Returned payouts" in (await visitor.get(f"/console/payouts/{payout_of(stack, shop)}")).text
    await act(stack, f"/console/batches/{shop.batches[-1]}", "/cancel", reason="پاک‌سازی آزمون", sure="1")


def payout_of(stack, shop: Shop) -> int:
    ((number,),) = stack.sql(
        "select id from payout where batch_id = %s and gateway_id = %s", shop.batches[-1], shop.gateway_id
    )
    return number


async def test_a_draft_is_cancelled_with_a_reason_and_the_money_is_back(stack):
    shop = make_shop(stack, 2)
    before = balance(stack, shop.gateway_id)
    settle(shop)
    assert balance(stack, shop.gateway_id) == 0
    path = f"/console/batches/{shop.batches[-1]}"
    assert (await act(stack, path, "/cancel", reason="اشتباه")).status == 400
    assert (await act(stack, path, "/cancel", reason="", sure="1")).status == 400
    done = await act(stack, path, "/cancel", reason="روز اشتباه", sure="1")
    assert "The batch is cancelled" in done.text
    assert "روز اشتباه" in done.text
    assert balance(stack, shop.gateway_id) == before


async def test_who_looks_sees_no_button_and_one_operator_alone_approves_nothing(stack):
    shop = make_shop(stack, 1)
    settle(shop)
    path = f"/console/batches/{shop.batches[-1]}"
    async with signed_in(stack, make_operator(stack, "support")) as visitor:
        page = await visitor.get(path)
        assert not page.tree.xpath("//main//form[@method='post']")
        assert "Draft" in page.text
    operator = make_operator(stack, "finance")
    done = await act(stack, path, "/propose", who=operator, reason="خودم")
    async with signed_in(stack, operator) as visitor:
        page = await visitor.get(done.path)
        assert not page.tree.xpath("//form[contains(@action, '/approve')]")
    await act(stack, path, "/cancel", reason="پایان آزمون", sure="1")


async def test_today_says_who_is_paid_and_why_others_are_not(stack):
    paid, stopped = make_shop(stack, 2), make_shop(stack, 3)
    number = with_check_digit(stopped.gateway_id)
    path = f"/console/holds/gateways/{number}"
    done = await act(stack, path, "/stop", reason="شکایت خریدار")
    assert "Payouts are stopped" in done.text
    async with signed_in(stack, make_operator(stack, "support")) as visitor:
        page = await visitor.get("/console/settlement", of="not_paid")
        assert number in page.text
        assert with_check_digit(paid.gateway_id) not in page.text
        assert "Payouts stopped" in page.text
        page = await visitor.get("/console/settlement", of="paid")
        assert f"{balance(stack, paid.gateway_id):,}" in page.text
        assert number not in page.text
    assert "شکایت خریدار" in (await act(stack, path, "/resume", reason="حل شد")).text
    async with signed_in(stack, make_operator(stack, "support")) as visitor:
        assert number in (await visitor.get("/console/settlement", of="paid")).text


async def test_run_now_plans_the_day_that_has_ended(stack):
    operator = make_operator(stack, "finance")
    async with signed_in(stack, operator) as visitor:
        page = await visitor.get("/console/settlement")
        if page.tree.xpath("//form[contains(@action, '/run')]"):
            done = await visitor.send(page, "/run")
            assert done.status == 200
            assert "planned" in done.text or "nothing to pay" in done.text


async def test_lists_go_on_page_by_page(stack):
    for _ in range(3):
        make_shop(stack, 1)
    # More gateways than a page has.
    name = secrets.token_hex(8)
    stack.sql(
        """
        insert into gateway (name, rmz_hash, created_at)
        select %s, sha256(convert_to(%s || n, 'UTF8')), now() from generate_series(1, 60) n
        """,
        *(name, name),
    )
    stack.sql(
        """
        insert into ledger_balance (account_id, slot, debit_rial, credit_rial)
        select a.id, 0, 0, 5000 from gateway g join ledger_account a on a.owner = g.id and a.kind = 'merchant_payable'
        where g.name = %s
        """,
        name,
    )
    try:
        async with signed_in(stack, make_operator(stack, "support")) as visitor:
            page = await visitor.get("/console/settlement")
            seen = page.tree.xpath("//div[@aria-labelledby='gateways']//tbody/tr")
            assert len(seen) == 50
            (older,) = page.tree.xpath("//section[h2/@id='gateways']//a[@rel='next']/@href")
            following = await visitor.get(older)
            assert following.tree.xpath("//div[@aria-labelledby='gateways']//tbody/tr")
            first = {t.text_content() for t in seen}
            assert not first & {
                t.text_content() for t in following.tree.xpath("//div[@aria-labelledby='gateways']//tbody/tr")
            }
    finally:
        stack.sql("delete from ledger_balance where debit_rial = 0 and credit_rial = 5000 and slot = 0")


async def test_a_hold_is_placed_by_purchase_or_by_amount_and_released(stack):
    shop = make_shop(stack, 2)
    before = balance(stack, shop.gateway_id)
    number, purchase = with_check_digit(shop.gateway_id), with_check_digit(shop.purchases[0])
    path = f"/console/holds/gateways/{number}"
    wrong = await act(stack, path, "/place", purchase=purchase, amount="1000", reason="هر دو")
    assert wrong.status == 400
    # What was typed is still there.
    assert wrong.tree.xpath("//input[@name='purchase']/@value") == [purchase]
    assert "هر دو" in wrong.text
    assert (await act(stack, path, "/place", amount="ten", reason="x")).status == 400
    assert (await act(stack, path, "/place", amount=str(before + 1), reason="زیاد")).status == 409
    assert "The money is held" in (await act(stack, path, "/place", purchase=purchase, reason="اعتراض")).text
    assert (await act(stack, path, "/place", purchase=purchase, reason="باز")).status == 409
    assert "The money is held" in (await act(stack, path, "/place", amount="۱٬۰۰۰", reason="سپرده")).text
    holds = stack.sql("select id, amount_rial from hold where gateway_id = %s order by id", shop.gateway_id)
    assert balance(stack, shop.gateway_id) == before - sum(rial for _, rial in holds)
    for hold, _ in holds:
        assert (await act(stack, path, f"/{hold}/release", reason="")).status == 400
        done = await act(stack, path, f"/{hold}/release", reason="پایان اعتراض")
        assert "The money is released" in done.text
    assert balance(stack, shop.gateway_id) == before
    assert "پایان اعتراض" in (await act(stack, "/console/holds", "/holds", gateway=number)).text


async def test_a_debt_is_allowed_by_two(stack):
    shop = make_shop(stack, 1)
    path = f"/console/holds/gateways/{with_check_digit(shop.gateway_id)}"
    assert (await act(stack, path, "/debt", debt="lots", reason="x")).status == 400
    done = await act(stack, path, "/debt", debt="5,000,000", reason="فروشندهٔ قدیمی")
    assert "5,000,000" in done.text
    assert "Approved, and done" in (await act(stack, done.path, "/approve")).text
    assert stack.sql(
        "select floor_rial from ledger_account where kind = 'merchant_payable' and owner = %s", shop.gateway_id
    ) == [(-5_000_000,)]
    async with signed_in(stack, make_operator(stack, "support")) as visitor:
        assert "5,000,000" in (await visitor.get("/console/holds")).text


async def test_a_closure_is_written_and_removed(stack):
    day = TODAY + timedelta(days=40)
    text = jalali_day(day)
    assert (await act(stack, "/console/calendar", "/add", day="tomorrow", reason="x")).status == 400
    assert (await act(stack, "/console/calendar", "/add", day="1400/01/01", reason="x")).status == 400
    done = await act(stack, "/console/calendar", "/add", day=text, channel="", closed="1", reason="آلودگی هوا")
    assert "The day is written" in done.text
    cells = done.tree.xpath("//table[contains(@class, 'month')]//td[contains(., 'آلودگی هوا')]")
    assert len(cells) == 1
    done = await act(stack, "/console/calendar", "/remove", reason="لغو شد")
    assert "the calendar counts again" in done.text
    assert stack.sql("select count(*) from closure where day = %s", day) == [(0,)]


@pytest.mark.parametrize(("year", "month", "days"), [("1403", "12", 30), ("1404", "12", 29), ("1405", "1", 31)])
async def test_any_month_of_a_jalali_year_is_shown(stack, year, month, days):
    async with signed_in(stack, make_operator(stack, "support")) as visitor:
        page = await visitor.get("/console/calendar", year=year, month=month)
        assert len(page.tree.xpath("//span[@class='day-number']")) == days
        # Rows are weeks from Saturday to Friday.
        rows = page.tree.xpath("//table[contains(@class, 'month')]/tbody/tr")
        assert all(len(row.xpath("td")) == 7 for row in rows[:-1])


@pytest.mark.parametrize("query", [{"year": "x", "month": "1"}, {"year": "9999", "month": "13"}, {"month": "۹"}])
async def test_a_month_that_is_none_is_this_one(stack, query):
    async with signed_in(stack, make_operator(stack, "support")) as visitor:
        page = await visitor.get("/console/calendar", **query)
        assert page.status == 200
        assert page.tree.xpath("//td[@aria-current='date']")


async def test_a_rule_is_announced_and_counts_from_its_day(stack):
    path = "/console/money-rules/floor_rial"
    day = TODAY + timedelta(days=20)
    wrong = await act(stack, path, "/floor_rial", value="much", valid_from=jalali_day(day), reason="نرخ بانک")
    assert wrong.status == 400
    assert "نرخ بانک" in wrong.text
    assert (await act(stack, path, "/floor_rial", value="9", valid_from="1400/01/01", reason="x")).status == 400
    done = await act(stack, path, "/floor_rial", value="۲۵٬۰۰۰", valid_from=jalali_day(day), reason="نرخ بانک")
    assert "The rule is set" in done.text
    assert "25,000 Rial" in done.text
    async with signed_in(stack, make_operator(stack, "support")) as visitor:
        page = await visitor.get("/console/money-rules")
        assert "25,000 Rial" in page.text
        assert jalali_day(day) in page.text
        assert (await visitor.get("/console/money-rules/no_such")).status == 404


async def test_a_weekend_is_ticked_and_taken_back(stack):
    path = "/console/money-rules/satna_weekend"
    day = TODAY + timedelta(days=300)
    done = await act(stack, path, "/satna_weekend", valid_from=jalali_day(day), reason="آزمون")
    assert done.status == 200
    done = await act(stack, path, "/satna_weekend", valid_from=jalali_day(day), reason="بازگشت", default="1")
    assert "As by default" in done.text
    kept = stack.sql("select value from money_setting where name = 'satna_weekend' order by at")
    # A visitor of ours ticks one box of a name.
    assert kept == [(["friday"],), (None,)]


async def test_every_rule_has_its_page(stack):
    from mopos.domain.settlement.rules import RULES

    async with signed_in(stack, make_operator(stack, "finance"), lang="fa") as visitor:
        for name in RULES:
            assert (await visitor.get(f"/console/money-rules/{name}")).status == 200, name


async def test_a_changed_payee_is_paid_only_after_somebody_looked(stack):
    shop = make_shop(stack, 2)
    ((account,),) = stack.sql("select account_id from gateway where id = %s", shop.gateway_id)
    stack.sql(
        """
        update account set iban = 'IR310170000000001000000001', name = 'نام تازه', national_id = '10103456789'
        where id = %s
        """,
        account,
    )
    number = with_check_digit(account)
    async with signed_in(stack, make_operator(stack, "support")) as visitor:
        assert number in (await visitor.get("/console/payees")).text
        page = await visitor.get(f"/console/payees/{number}")
        assert "IR31 0170 0000 0000 1000 0000 01" in page.text
        assert "Changed" in page.text
        assert f"/console/payees/{number}" in (await visitor.get(f"/console/accounts/{number}")).links()
    operator = make_operator(stack, "finance")
    async with signed_in(stack, operator) as visitor:
        page = await visitor.get(f"/console/payees/{number}")
        assert (await visitor.send(page, "/confirm", reason="تماس")).status == 400
        # The merchant changes it once more while the operator looks.
        stack.sql("update account set name = 'نام دیگر' where id = %s", account)
        assert (await visitor.send(page, "/confirm", reason="تماس", sure="1")).status == 409
        page = await visitor.get(f"/console/payees/{number}")
        assert "The payee is agreed to" in (await visitor.send(page, "/confirm", reason="تماس", sure="1")).text
    assert stack.sql("select why from payout_bar where gateway_id = %s", shop.gateway_id) == [(None,)]


async def test_payouts_are_found_by_what_somebody_has_at_hand(stack):
    shop = make_shop(stack, 1)
    _, (payout,) = settle(shop)
    ((iban,),) = stack.sql("select iban from payout where id = %s", payout)
    async with signed_in(stack, make_operator(stack, "support")) as visitor:
        for query in (
            {"text": str(payout)},
            {"text": f" {iban.lower()} "},
            {"gateway": with_check_digit(shop.gateway_id)},
        ):
            assert f"/console/payouts/{payout}" in (await visitor.get("/console/payouts", **query)).links(), query
        # Its day is in 2015: it is overdue.
        assert f"/console/payouts/{payout}" in (await visitor.get("/console/payouts", state="overdue")).links()
        for nothing in ({"gateway": "12"}, {"text": "no such"}):
            assert "There is no payout" in (await visitor.get("/console/payouts", **nothing)).text
        assert (await visitor.get("/console/payouts/99999999")).status == 404
        overview = await visitor.get("/console")
        assert "Payouts overdue" in overview.text
    await act(stack, f"/console/batches/{shop.batches[-1]}", "/cancel", reason="پایان آزمون", sure="1")


async def test_a_payout_explains_its_settlement_to_the_rial(stack):
    shop = make_shop(stack, 3)
    _, (payout, *_) = settle(shop)
    async with signed_in(stack, make_operator(stack, "support"), lang="en") as visitor:
        page = await visitor.get(f"/console/payouts/{payout}")
    table = page.tree.xpath("//div[@aria-labelledby='explained']//tbody/tr")
    cells = {r.xpath("string(th/text()[1])").strip(): r.xpath("td")[1].text_content() for r in table}
    numbers = {name: int(text.replace(",", "").split()[0]) for name, text in cells.items()}
    closing, paid = numbers.pop("At the cut-off"), numbers.pop("Paid out")
    assert numbers.pop("Stays") == closing - paid
    assert sum(numbers.values()) == closing
    assert "Ties" in page.text
    await act(stack, f"/console/batches/{shop.batches[-1]}", "/cancel", reason="پایان آزمون", sure="1")


async def test_a_file_that_is_none_is_refused_whole(stack):
    async with signed_in(stack, make_operator(stack, "finance")) as visitor:
        page = await visitor.get("/console/results")
        assert (await visitor.send(page, "/results", take="1")).status == 400
        for body in (b"", b"a,b\n1,2\n", b"<x/>"):
            answer = await visitor.send(page, "/results", files={"file": ("r.csv", body, "text/csv")}, take="1")
            assert answer.status == 400, body
