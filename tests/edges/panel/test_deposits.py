"""Deposits: what comes next and why not, the list, and each deposit explained down to its purchases."""

from datetime import UTC, datetime

import pytest
from tests.settled import RESULT_DAY, make_shop, result, settle, submit, words_of
from tests.sim.paid import AMOUNT, FEE, merchants
from tests.web import make_member, signed_in

from mopos.base.clock import jalali_day
from mopos.base.ids import with_check_digit
from mopos.edges.panel.money_words import masked_iban

NET = AMOUNT - FEE


def rial(amount: int) -> str:
    return f"{amount:,}"


async def test_the_next_settlement_tells_its_amount_and_day(stack):
    shop = make_shop(stack, 3)
    async with signed_in(stack, shop.member) as visitor:
        page = await visitor.get(f"{shop.panel}/deposits")
        assert page.status == 200
        assert f"Expected {rial(3 * NET)} Rial Day of the deposit:" in words_of(page)
        front = await visitor.get(shop.panel)
    assert f"{rial(3 * NET)} Rial Day of the deposit:" in words_of(front)
    assert "There are no deposits yet" in words_of(page)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("update account set iban = '', payee = null where id = %s", "there is no IBAN yet"),
        ("update account set payee = null where id = %s", "an operator has not confirmed the IBAN"),
        ("update account set name = 'دیگری' where id = %s", "has changed, and an operator"),
        ("update gateway set payouts_held_at = now() where account_id = %s", "payouts are stopped"),
        ("update gateway set suspended_at = now() where account_id = %s", "the gateway is suspended"),
    ],
)
async def test_why_nothing_would_be_paid(stack, change, words):
    shop = make_shop(stack, 1)
    stack.sql(change, shop.member.account_id)
    async with signed_in(stack, shop.member) as visitor:
        page = await visitor.get(f"{shop.panel}/deposits")
    assert words in words_of(page), words_of(page)
    assert f"Balance now {rial(NET)} Rial" in words_of(page)


async def test_below_the_least_amount_nothing_is_paid(stack):
    shop = make_shop(stack, 1, amount=10_001, fee=10_000)
    async with signed_in(stack, shop.member) as visitor:
        page = await visitor.get(f"{shop.panel}/deposits")
    assert "below the least amount" in words_of(page), words_of(page)


async def test_a_deposit_is_explained_to_the_rial(stack):
    shop = make_shop(stack, 60)
    _, (payout,) = settle(shop)
    submit(shop)
    async with signed_in(stack, shop.member) as visitor:
        page = await visitor.get(f"{shop.panel}/deposits")
        assert "With the bank" in words_of(page)
        assert f"On its way {rial(60 * NET)} Rial 1 deposits" in words_of(page)
        result(shop, payout, "settled")
        page = await visitor.get(f"{shop.panel}/deposits")
        assert "14050904000000000001" in words_of(page)
        assert jalali_day(RESULT_DAY) in words_of(page)
        one = await visitor.get(f"{shop.panel}/deposits/{payout}")
        assert one.heading == f"Deposit {payout}"
        assert f"Sales 60 {rial(60 * AMOUNT)}" in words_of(one)
        assert f"Fees 60 −{rial(60 * FEE)}" in words_of(one)
        assert f"Balance at the cut-off {rial(60 * NET)}" in words_of(one)
        assert f"Paid by this settlement −{rial(60 * NET)}" in words_of(one)
        assert "Stays for the next settlement 0" in words_of(one)
        assert "come to exactly the balance at the cut-off. Difference: 0" in words_of(one)
        ((iban,),) = stack.sql("select iban from payout where id = %s", payout)
        assert iban not in words_of(one)
        assert masked_iban(iban) in words_of(one)
        lines = await visitor.get(next(link for link in one.links() if link.endswith("/sales")))
        more = await visitor.get(lines.tree.xpath("//a[@rel='next']/@href")[0])
    shown = [link for page in (lines, more) for link in page.links() if "/purchases/" in link]
    assert shown == [f"{shop.panel}/purchases/{with_check_digit(number)}" for number in sorted(shop.purchases)]


async def test_the_next_one_begins_where_the_last_one_ended(stack):
    shop = make_shop(stack, 2)
    first, (payout,) = settle(shop)
    submit(shop)
    result(shop, payout, "settled")
    result(shop, payout, "came_back", reason="حساب بسته است")
    second, (again,) = settle(shop)
    async with signed_in(stack, shop.member) as visitor:
        page = await visitor.get(f"{shop.panel}/deposits/{again}")
        assert f"Opening balance {rial(2 * NET)}" in words_of(page)
        assert f"Paid by the previous settlement 1 −{rial(2 * NET)}" in words_of(page)
        assert f"Deposits that came back 1 {rial(2 * NET)}" in words_of(page)
        assert "Difference: 0" in words_of(page)
        front = await visitor.get(shop.panel)
        assert "A deposit came back from the bank" in words_of(front)
        assert "حساب بسته است" in words_of(front)
        assert "Check the IBAN" in words_of(front)
        lines = await visitor.get(f"{shop.panel}/settlements/{second}/returned")
        assert f"{shop.panel}/deposits/{payout}" in lines.links()
        lines = await visitor.get(f"{shop.panel}/settlements/{second}/paid_before")
        assert f"{shop.panel}/settlements/{first}" in lines.links()
        submit(shop)
        result(shop, again, "settled", tracking="2")
        front = await visitor.get(shop.panel)
    assert "A deposit came back" not in words_of(front)
    assert "Last deposit" in words_of(front)


async def test_a_settlement_that_paid_nothing_is_explained_too(stack):
    shop = make_shop(stack, 1)
    # Somebody else is paid: a day on which nobody is has no batch.
    make_shop(stack, 1, amount=3_000_000)
    settlement, payouts = settle(shop, floor=1_000_000)
    assert payouts == []
    async with signed_in(stack, shop.member) as visitor:
        page = await visitor.get(f"{shop.panel}/deposits")
        assert "Settlements that paid nothing" in words_of(page)
        page = await visitor.get(f"{shop.panel}/settlements/{settlement}")
    assert page.heading.startswith("Settlement without a deposit")
    assert f"Stays for the next settlement {rial(NET)}" in words_of(page)
    assert "below the least amount" in words_of(page)
    assert "Difference: 0" in words_of(page)


async def test_several_parties_come_to_what_was_paid(stack):
    shop = make_shop(stack, 2)
    _, payouts = settle(shop, shares=(50_000, 30_000))
    assert len(payouts) == 3
    async with signed_in(stack, shop.member) as visitor:
        page = await visitor.get(f"{shop.panel}/deposits/{payouts[0]}")
        assert "come to exactly what this settlement paid. Difference: 0" in words_of(page)
        assert f"Sum {rial(2 * NET)}" in words_of(page)
        page = await visitor.get(f"{shop.panel}/deposits", state="settled")
        assert "No deposit matches" in words_of(page)


async def test_the_list_goes_on_and_back(stack):
    shop = make_shop(stack, 40)
    _, payouts = settle(shop, shares=(1_000,) * 34)
    assert len(payouts) == 35
    async with signed_in(stack, shop.member) as visitor:
        first = await visitor.get(f"{shop.panel}/deposits")
        second = await visitor.get(first.tree.xpath("//a[@rel='next']/@href")[0])
        back = await visitor.get(second.tree.xpath("//a[@rel='prev']/@href")[0])

    def numbers(page) -> list[int]:
        return [int(link.rpartition("/")[2]) for link in page.links() if "/deposits/" in link]

    assert numbers(first) + numbers(second) == payouts[::-1]
    assert numbers(back) == numbers(first)
    assert not second.tree.xpath("//a[@rel='next']")


async def test_purchases_tell_when_their_money_came(stack):
    shop = make_shop(stack, 1)
    number = with_check_digit(shop.purchases[0])
    async with signed_in(stack, shop.member) as visitor:
        page = await visitor.get(f"{shop.panel}/purchases/{number}")
        assert "Settlement expected" in words_of(page)
        page = await visitor.get(f"{shop.panel}/purchases")
        assert "expected 14" in words_of(page)
        _, (payout,) = settle(shop)
        submit(shop)
        page = await visitor.get(f"{shop.panel}/purchases")
        assert "expected 14" in words_of(page)
        result(shop, payout, "settled", tracking="T-77")
        page = await visitor.get(f"{shop.panel}/purchases/{number}")
        assert f"Settled on (DatTasvie) {jalali_day(RESULT_DAY)}" in words_of(page)
        assert "Tracking number (NoTasvie) T-77" in words_of(page)
        page = await visitor.get(f"{shop.panel}/purchases")
    assert "T-77" in words_of(page)
    assert f"Net {rial(NET)}" in words_of(page)
    assert "expected 14" not in words_of(page)


async def test_another_account_s_numbers_find_nothing(stack):
    shop = make_shop(stack, 1)
    settlement, (payout,) = settle(shop)
    stranger = make_member(stack, "owner")
    async with signed_in(stack, stranger) as visitor:
        for path in (f"deposits/{payout}", f"settlements/{settlement}", f"settlements/{settlement}/sales"):
            assert (await visitor.get(f"{stranger.panel}/{path}")).status == 404
    async with signed_in(stack, shop.member) as visitor:
        assert (await visitor.get(f"{shop.panel}/settlements/{settlement}/nonsense")).status == 404


async def test_a_settlement_of_many_purchases_is_fast(stack):
    # A tenth of what the page is made for: enough for a plan without the index to show.
    shop = make_shop(stack, 1)
    (many,) = merchants(stack.dsn, 1, 10_000, datetime.now(UTC))
    stack.sql("update gateway set account_id = %s where id = %s", shop.member.account_id, many.gateway_id)
    shop.gateway_id = many.gateway_id
    settlement, (payout,) = settle(shop)
    async with signed_in(stack, shop.member) as visitor:
        for path in (f"deposits/{payout}", f"settlements/{settlement}/sales", f"settlements/{settlement}/refunds"):
            begun = datetime.now(UTC)
            assert (await visitor.get(f"{shop.panel}/{path}")).status == 200
            assert (datetime.now(UTC) - begun).total_seconds() < 5, path
