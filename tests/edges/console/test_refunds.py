"""Operators and money given back: the queue, the second person, and a bank that is silent or says no."""

from __future__ import annotations

import pytest
from tests.edges.panel.test_refunds import refund_of, sold
from tests.stack import eventually
from tests.web import give_gateway, make_member, make_operator, signed_in


def times_silent(stack, path):
    """How often the bank left a refund unanswered."""
    number = int(path.rpartition("/")[2][:-1])
    return stack.sql(
        "select count(*) from money_event where noun = 'refund' and subject_id = %s and event = 'bank_silent'", number
    )[0][0]


@pytest.fixture(scope="module")
def owner(stack, shop):
    owner = make_member(stack, "owner")
    give_gateway(stack, owner.account_id, shop.id)
    return owner


async def test_an_operator_is_the_second_person_of_a_merchant_alone(stack, shop, owner):
    _, number = await sold(stack, shop, Amnt="900000000")
    finance, support = make_operator(stack, "finance"), make_operator(stack, "support")
    async with signed_in(stack, owner) as merchant, signed_in(stack, finance) as operator:
        form = await merchant.get(f"{owner.panel}/purchases/{number}/give-back")
        asked = await merchant.send(form, "/give-back", part="whole", reason="x")
        path = f"/console/refunds/{asked.path.rpartition('/')[2]}"
        queue = await operator.get("/console/refunds")
        assert path in queue.links()
        async with signed_in(stack, support) as looker:
            assert not (await looker.get(path)).tree.xpath("//main//form")
            assert (await looker.get(f"/console/purchases/{number}/give-back")).status == 403
        done = await operator.send(await operator.get(path), "/approve")
        assert "is approved" in done.text
    await eventually(lambda: refund_of(stack, number)[0][0] == "DONE")
    ((act, reason),) = stack.sql(
        "select act, reason from audit_log where operator_id = %s and subject = %s", finance, f"purchase {number}"
    )
    assert (act, reason) == ("refund_approved", "")


async def test_operators_give_back_large_sums_by_two(stack, shop, owner):
    _, number = await sold(stack, shop, Amnt="900000000")
    one, other = make_operator(stack, "finance"), make_operator(stack, "admin")
    async with signed_in(stack, one) as first, signed_in(stack, other) as second:
        page = await first.get(f"/console/purchases/{number}")
        assert f"/console/purchases/{number}/give-back" in page.links()
        form = await first.get(f"/console/purchases/{number}/give-back")
        waiting = await first.send(form, "/give-back", part="part", amount="600000000", reason="court order")
        assert "waits for a second person" in waiting.text
        refused = await second.send(await second.get(waiting.path), "/refuse", reason="not this one")
        assert "was refused" in refused.text
        assert "not this one" in refused.text
    assert refund_of(stack, number)[0][0] == "REFUSED"


async def test_a_silent_bank_is_in_the_queue_and_is_asked_at_once(stack, shop, owner):
    _, number = await sold(stack, shop, "refund_silent")
    async with signed_in(stack, make_operator(stack, "finance")) as operator:
        form = await operator.get(f"/console/purchases/{number}/give-back")
        page = await operator.send(form, "/give-back", part="whole", reason="x")
        await eventually(lambda: refund_of(stack, number)[0][0] == "UNKNOWN")
        queue = await operator.get("/console/refunds", show="unknown")
        assert page.path in queue.links()
        asked = await operator.send(await operator.get(page.path), "/ask-bank")
        assert "asked within seconds" in asked.text
        # It did it then, and its answer came too late.
        await eventually(lambda: times_silent(stack, page.path) == 2)
        await operator.send(await operator.get(page.path), "/ask-bank")
        await eventually(lambda: refund_of(stack, number)[0][0] == "DONE")
    ((attempt,),) = stack.sql("select attempt_id from purchase where id = %s", int(number[:-1]))
    book = stack.book_of(attempt)["entries"]
    assert [entry["rial"] for entry in book if entry["what"] == "refunded"] == [250_000]


async def test_a_reversal_that_the_bank_does_not_answer(stack, shop, owner):
    res, number = await sold(stack, shop, "reverse_silent")
    async with signed_in(stack, make_operator(stack, "finance")) as operator:
        form = await operator.get(f"/console/purchases/{number}/give-back")
        page = await operator.send(form, "/give-back", part="reverse", reason="x")
        assert "has not answered yet" in page.text
        assert shop.state(res) == "REVERSING"
        # An operator need not wait: the purchase's page asks.
        for stands in ("REVERSING", "REVERSED"):
            asked = await operator.send(await operator.get(page.path), "/ask-bank")
            assert asked.status == 200
            assert shop.state(res) == stands


async def test_a_reversal_that_the_bank_refuses(stack, shop, owner):
    res, number = await sold(stack, shop, "reverse_refused")
    async with signed_in(stack, make_operator(stack, "finance")) as operator:
        form = await operator.get(f"/console/purchases/{number}/give-back")
        page = await operator.send(form, "/give-back", part="reverse", reason="x")
        assert (page.status, "The bank refused to reverse" in page.text) == (409, True)
    assert shop.state(res) == "PAID"
