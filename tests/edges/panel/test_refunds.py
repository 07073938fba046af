"""Money given back in the panel: what is offered to whom, two persons, and that a double click asks once."""

from __future__ import annotations

import pytest
from tests.stack import browser, eventually
from tests.web import give_gateway, make_member, signed_in

from mopos.base.iban import with_check_digits
from mopos.base.ids import with_check_digit

SHEBA = with_check_digits("0120000000000000000001")


@pytest.fixture(scope="module")
def owner(stack, shop):
    owner = make_member(stack, "owner")
    give_gateway(stack, owner.account_id, shop.id)
    return owner


async def sold(stack, shop, card="paid", **changed):
    """A paid purchase's number."""
    async with browser() as web:
        bought = await shop.buy(web, card, **changed)
    await eventually(lambda: shop.state(bought.res) == "PAID")
    ((purchase_id,),) = stack.sql(
        "select id from purchase where gateway_id = %s and res = %s", int(shop.id[:-1]), bought.res
    )
    return bought.res, with_check_digit(purchase_id)


def refund_of(stack, number):
    return stack.sql(
        "select state, amount_rial, method, iban from refund where purchase_id = %s order by id", int(number[:-1])
    )


async def test_a_reversal(stack, shop, owner):
    res, number = await sold(stack, shop)
    async with signed_in(stack, owner) as visitor:
        page = await visitor.get(f"{owner.panel}/purchases/{number}")
        assert f"{owner.panel}/purchases/{number}/give-back" in page.links()
        form = await visitor.get(f"{owner.panel}/purchases/{number}/give-back")
        assert "Possible only before settlement" in form.text
        refused = await visitor.send(form, "/give-back", part="reverse", reason=" ")
        assert (refused.status, "Say why" in refused.text) == (400, True)
        done = await visitor.send(form, "/give-back", part="reverse", reason="out of stock")
        assert "The bank reversed the payment" in done.text
        assert "Reversed" in done.text
        assert shop.state(res) == "REVERSED"
        again = await visitor.get(f"{owner.panel}/purchases/{number}/give-back")
        assert "nothing to give back" in again.text
    async with browser() as web:
        assert (await shop.pay_rep(web, res))["Err"] == "14"
        ((token,),) = stack.sql("select token from purchase where id = %s", int(number[:-1]))
        page = await web.get(f"{stack.gateway}/pay/{token}?lang=en")
    assert "The payment was given back" in page.text


async def test_a_refund_in_parts(stack, shop, owner):
    res, number = await sold(stack, shop)
    async with signed_in(stack, owner) as visitor:
        form = await visitor.get(f"{owner.panel}/purchases/{number}/give-back")
        for amount, why in (("", "Type the amount"), ("12x", "whole number"), ("250,001", "more than what is left")):
            refused = await visitor.send(form, "/give-back", part="part", amount=amount, reason="x")
            assert why in refused.text
        # An amount beside "all of it": nothing is given back.
        unclear = await visitor.send(form, "/give-back", part="reverse", amount="1000", reason="x")
        assert "chose to give all of it back" in unclear.text
        page = await visitor.send(form, "/give-back", part="part", amount="۱۰۰٬۰۰۰", reason="one of two came back")
        assert "is being sent" in page.text
        # The same page once more, as a double click sends it.
        twice = await visitor.send(form, "/give-back", part="part", amount="100000", reason="x")
        assert (twice.status, "has changed since" in twice.text) == (409, True)
        await eventually(lambda: refund_of(stack, number)[0][0] == "DONE")
        shown = await visitor.get(page.path)
        assert "The bank did it." in shown.text
        listed = await visitor.get(f"{owner.panel}/refunds", show="done")
        assert page.path in listed.links()
        purchase = await visitor.get(f"{owner.panel}/purchases/{number}")
        assert "Partly refunded" in purchase.text
        # Reversing is no longer offered, and it says why.
        rest = await visitor.get(f"{owner.panel}/purchases/{number}/give-back")
        assert "It cannot be reversed" in rest.text
        assert "150,000" in rest.text
    async with browser() as web:
        told = await shop.pay_rep(web, res)
        assert (told["Err"], "۱۰۰٬۰۰۰ ریال" in told["ErrDsc"]) == ("0", True)
        ((token,),) = stack.sql("select token from purchase where id = %s", int(number[:-1]))
        page = await web.get(f"{stack.gateway}/pay/{token}?lang=en")
    assert "A part of this payment was refunded" in page.text
    assert "100,000 Rial" in page.text


async def test_a_bank_that_refuses_and_then_a_sheba(stack, shop, owner):
    _, number = await sold(stack, shop, "refund_refused")
    async with signed_in(stack, owner) as visitor:
        form = await visitor.get(f"{owner.panel}/purchases/{number}/give-back")
        assert "Sheba" not in form.text
        await visitor.send(form, "/give-back", part="whole", reason="x")
        await eventually(lambda: refund_of(stack, number)[0][0] == "FAILED")
        form = await visitor.get(f"{owner.panel}/purchases/{number}/give-back")
        wrong = await visitor.send(form, "/give-back", part="whole", reason="x", method="paya", iban="IR12", payee="")
        assert wrong.status == 400
        asked = await visitor.send(
            form, "/give-back", part="whole", reason="x", method="paya", iban=SHEBA, payee="علی رضایی"
        )
        assert "next settlement batch" in asked.text
    assert refund_of(stack, number)[1] == ("APPROVED", 250_000, "paya", SHEBA)
    told = stack.sql(
        "select act, subject from activity where account_id = %s and act = 'refund_failed'", owner.account_id
    )
    assert told == [("refund_failed", number)]
    ((sms,),) = stack.sql("select text from message where mobile = %s order by id desc limit 1", owner.mobile)
    assert "بازپرداخت ۲۵۰٬۰۰۰ ریال" in sms


async def test_two_persons(stack, shop, owner):
    _, number = await sold(stack, shop, Amnt="900000000")
    accountant = make_member(stack, "accountant", owner.account_id)
    viewer = make_member(stack, "viewer", owner.account_id)
    async with signed_in(stack, accountant) as first, signed_in(stack, owner) as second:
        form = await first.get(f"{owner.panel}/purchases/{number}/give-back")
        page = await first.send(form, "/give-back", part="whole", reason="x")
        assert "waits for a second person" in page.text
        assert "somebody else has to approve it" in page.text
        own = await first.send(page, "/refuse")
        assert "was taken back" in own.text
        form = await first.get(f"{owner.panel}/purchases/{number}/give-back")
        page = await first.send(form, "/give-back", part="whole", reason="x")
        forced = await first.send(await second.get(page.path), "/approve")
        assert forced.status == 403
        async with signed_in(stack, viewer) as third:
            seen = await third.get(page.path)
            assert "Somebody who may refund" in seen.text
            assert not seen.tree.xpath("//main//form")
        waiting = await second.get(f"{owner.panel}/refunds", show="waiting")
        assert page.path in waiting.links()
        done = await second.send(await second.get(page.path), "/approve")
        assert "is approved" in done.text
        await eventually(lambda: refund_of(stack, number)[1][0] == "DONE")


async def test_another_account_finds_nothing(stack, shop, owner):
    _, number = await sold(stack, shop)
    async with signed_in(stack, owner) as visitor:
        form = await visitor.get(f"{owner.panel}/purchases/{number}/give-back")
        page = await visitor.send(form, "/give-back", part="part", amount="1", reason="x")
    other = make_member(stack, "owner")
    async with signed_in(stack, other) as stranger:
        for path in (page.path, f"{owner.panel}/purchases/{number}/give-back"):
            assert (await stranger.get(path.replace(owner.panel, other.panel))).status == 404
            assert (await stranger.get(path)).status == 404


async def test_it_wants_a_fresh_factor(stack, shop, owner):
    _, number = await sold(stack, shop)
    async with signed_in(stack, owner, fresh=False) as visitor:
        page = await visitor.get(f"{owner.panel}/purchases/{number}/give-back")
        assert not page.path.endswith("give-back")
