"""Attack 5: whoever may touch a purchase does so at once, and exactly one of them wins."""

import asyncio
import random

import pytest

from mopos.actions import audit
from mopos.actions.ask_bank import ask_bank_about_due
from mopos.actions.finish_attempt import finish_attempt
from mopos.actions.register_purchase import register_purchase
from mopos.actions.send_to_bank import BankUnavailable, send_to_bank
from mopos.domain.payments.model import parse_form
from mopos.domain.payments.states import State

ORDERS = 400
SEED = 20261124


@pytest.mark.storage
async def test_attack_05_return_races_return_races_worker(shop, bank, clock):
    chance = random.Random(SEED)
    purchases = [await shop.at_bank() for _ in range(ORDERS)]
    for purchase in purchases:
        if chance.random() < 0.8:
            bank.buyer_pays(purchase.order_number)
        else:
            bank.book[purchase.order_number].state = "cancelled"
    clock.pass_by(minutes=10)  # now the worker is interested too

    async def come_back(purchase, fields):
        await asyncio.sleep(chance.random() / 50)
        await finish_attempt(shop.services, purchase.ref, fields)

    rivals = [
        come_back(purchase, {"State": chance.choice(["OK", "NOK"])})
        for purchase in purchases
        for _ in range(chance.randint(2, 6))
    ]
    chance.shuffle(rivals)
    workers = [ask_bank_about_due(shop.services) for _ in range(ORDERS // 25)]
    await asyncio.gather(*rivals, *workers)
    while await ask_bank_about_due(shop.services):
        clock.pass_by(minutes=1)

    ends = [(await shop.now(purchase)).state for purchase in purchases]
    assert set(ends) == {State.PAID, State.CANCELLED}
    assert ends.count(State.PAID) == len(bank.captured())
    lines = await shop.services.db.all("select count(*), count(distinct journal_id) from ledger_line")
    assert lines == [(len(bank.captured()),) * 2]
    findings = [f async for step in audit.audit(shop.services.db, clock()) for f in step.findings]
    assert findings == []


@pytest.mark.storage
async def test_the_same_form_posted_at_once_is_one_purchase_and_one_way_to_the_bank(shop, bank):
    for _ in range(30):
        form = shop.form()

        async def post_and_go(form=form):
            purchase, is_new = await register_purchase(shop.services, parse_form(form), "192.0.2.7")
            try:
                return purchase.id, await send_to_bank(shop.services, purchase, is_new=is_new)
            except BankUnavailable:
                return purchase.id, None

        results = await asyncio.gather(*(post_and_go() for _ in range(6)))
        assert len({purchase_id for purchase_id, _ in results}) == 1
        purchase = await shop.post(form)
        # However many the bank was asked to open, one is the buyer's; who was not sent there sees the purchase's page.
        assert {redirect.fields["Token"] for _, redirect in results if redirect} <= {purchase.bank_token}
        assert purchase.state is State.AT_BANK
    live = await shop.services.db.all(
        "select count(*) from attempt where state = 'LIVE' group by purchase_id having count(*) <> 1"
    )
    assert live == []
