"""Splits on the panel: a try changes nothing, what is kept waits for an operator, to end one waits for nobody."""

import pytest
from tests.settled import make_shop, words_of
from tests.web import make_member, signed_in

from mopos.base.iban import with_check_digits
from mopos.edges.panel.splits import _ppm, _rial, percent

OWN, OTHER = with_check_digits("012" + "1".zfill(19)), with_check_digits("012" + "2".zfill(19))
TWO = {
    "payee_1": "شریک",
    "iban_1": OTHER,
    "share_1": "percent",
    "value_1": "۱۲٫۵",
    "payee_2": "خودم",
    "iban_2": OWN,
    "share_2": "remainder",
    "fee_from": "all",
}


def kept(stack, shop):
    return stack.sql(
        "select parts <> '[]', operator_id is not null, person_id from split where gateway_id = %s order by id",
        shop.gateway_id,
    )


async def test_a_try_shows_the_shares_and_keeps_nothing(stack):
    shop = make_shop(stack, 1)
    at = f"{shop.panel}/gateways/{shop.gateway}/splits"
    async with signed_in(stack, shop.member, fresh=False) as visitor:
        page = await visitor.get(at)
        assert "There is no split" in words_of(page)
        page = await _try(visitor, page, at)
        assert page.status == 200
        assert "1,237,500" in words_of(page)
        assert "8,662,500" in words_of(page)
        assert "Sum 9,900,000" in words_of(page)
        assert "This is not kept yet" in words_of(page)
        assert page.tree.xpath("//input[@name='payee_1']/@value") == ["شریک"]
    assert kept(stack, shop) == []


async def _try(visitor, page, at, **changed):
    token = page.tree.xpath("//main//input[@name='_csrf']/@value")[0]
    return await visitor.post(f"{at}/try", _csrf=token, **(TWO | changed))


async def test_a_split_waits_for_an_operator_and_is_ended_by_nobody_else(stack):
    shop = make_shop(stack, 1)
    at = f"{shop.panel}/gateways/{shop.gateway}/splits"
    async with signed_in(stack, shop.member) as visitor:
        page = await visitor.get(at)
        page = await visitor.send(page, "/splits", **TWO)
        assert page.status == 400
        assert page.tree.xpath("//input[@name='iban_1']/@value") == [OTHER]
        page = await visitor.send(page, "/splits", **TWO, sure="1")
        assert page.status == 200
        assert "waits for an operator to agree" in words_of(page)
        assert kept(stack, shop) == [(True, False, shop.member.person_id)]
        assert stack.sql("select template from message where mobile = %s", shop.member.mobile) == [("split_changed",)]
        stack.sql(
            "update split set operator_id = (select min(id) from operator) where gateway_id = %s", shop.gateway_id
        )
        page = await visitor.get(at)
        page = await visitor.send(page, "/end", sure="1")
        assert "The split has ended" in words_of(page)
    assert [row[0] for row in kept(stack, shop)] == [True, False]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"iban_1": "IR000000000000000000000000"}, "check digits do not fit"),
        ({"iban_1": OWN}, "Two parts have the same IBAN"),
        ({"share_2": "percent", "value_2": "90"}, "more than a hundred"),
        ({"value_1": "abc"}, "above nought"),
        ({"value_1": "-5"}, "above nought"),
        ({"share_1": "rial", "value_1": "1e5"}, "above nought"),
        ({"payee_1": ""}, "Name the receiver"),
        ({"fee_from": "x"}, "Say whether the fee"),
    ],
)
async def test_what_is_wrong_is_told(stack, changed, words):
    shop = make_shop(stack, 1)
    at = f"{shop.panel}/gateways/{shop.gateway}/splits"
    async with signed_in(stack, shop.member) as visitor:
        page = await _try(visitor, await visitor.get(at), at, **changed)
    assert page.status == 400
    assert words in words_of(page)


async def test_only_who_sets_gateways_sees_it(stack):
    shop = make_shop(stack, 1)
    at = f"/gateways/{shop.gateway}/splits"
    async with signed_in(stack, make_member(stack, "accountant", shop.member.account_id)) as visitor:
        assert (await visitor.get(shop.panel + at)).status == 403
    stranger = make_member(stack, "owner")
    async with signed_in(stack, stranger) as visitor:
        assert (await visitor.get(stranger.panel + at)).status == 404


@pytest.mark.parametrize(
    ("text", "ppm"),
    [("30", 300_000), ("12.5", 125_000), ("۱۲٫۵٪", 125_000), ("0.0001", 1), ("0.00001", 0), ("100.1", 0), ("nan", 0)],
)
def test_percentages_are_read_exactly(text, ppm):
    assert _ppm(text) == ppm
    if ppm:
        assert _ppm(percent(ppm)) == ppm


def test_amounts_are_read_with_separators():
    assert _rial("۱٬۲۵۰٬۰۰۰") == 1_250_000
    assert _rial("1.5") == 0
