"""A merchant gives money back, over the real stack: the worker and the bank are killed on the way, the bank is silent,
refuses, and in the end the bank's own book and ours agree to the Rial."""

import httpx2
from tests.stack import browser, eventually
from tests.web import give_gateway, make_member, signed_in

from mopos.base.ids import with_check_digit

# Card, what the merchant chooses, amount, and what PayRep says in the end.
ORDERS = (
    ("paid", "reverse", "", "14"),
    ("paid", "part", "40000", "0"),
    ("paid", "whole", "", "16"),
    ("paid", "", "", "0"),
    ("refund_silent", "whole", "", "16"),
    ("refund_silent", "part", "1", "0"),
    ("reverse_silent", "reverse", "", "14"),
    ("reverse_refused", "reverse", "", "0"),
    ("refund_refused", "whole", "", "0"),
)


def receivable(stack):
    ((rial,),) = stack.sql(
        "select sum(b.debit_rial - b.credit_rial)::bigint from ledger_balance b "
        "join ledger_account a on a.id = b.account_id where a.kind = 'acquirer_receivable'"
    )
    return rial


def in_flight(stack):
    return stack.sql(
        "select count(*) from refund where state in ('REQUESTED', 'APPROVED', 'SENDING', 'UNKNOWN') "
        "union all select count(*) from purchase where state = 'REVERSING'"
    )


async def test_money_back(stack, shop):
    owner = make_member(stack, "owner")
    give_gateway(stack, owner.account_id, shop.id)
    sold = []
    async with browser() as web:
        for card, *_ in ORDERS:
            bought = await shop.buy(web, card)
            await eventually(lambda res=bought.res: shop.state(res) == "PAID")
            ((purchase_id,),) = stack.sql(
                "select id from purchase where gateway_id = %s and res = %s", int(shop.id[:-1]), bought.res
            )
            sold.append((bought.res, with_check_digit(purchase_id)))
    async with signed_in(stack, owner) as visitor:
        for at, ((_, part, amount, _), (_, number)) in enumerate(zip(ORDERS, sold, strict=True)):
            if not part:
                continue
            form = await visitor.get(f"{owner.panel}/purchases/{number}/give-back")
            await visitor.send(form, "/give-back", part=part, amount=amount, reason="برگشت کالا")
            if at == 4:
                # In the middle of asking a bank that does not answer.
                await eventually(lambda: stack.sql("select 1 from refund where state = 'SENDING'") != [])
                stack.kill("worker")
                stack.kill("bank")
                stack.start_bank()
                stack.start_worker()
    # Whatever was under way ends by itself.
    await eventually(lambda: in_flight(stack) == [(0,), (0,)], 90)

    async with browser() as web:
        said = [(await shop.pay_rep(web, res))["Err"] for res, _ in sold]
    assert said == [err for *_, err in ORDERS]

    totals = httpx2.get(f"{stack.bank}/book", trust_env=False).json()["totals"]
    kept = totals["verified"]["rial"] - totals["given_back"]["rial"] - totals["refunded"]["rial"]
    assert receivable(stack) == kept
    for attempt, done in stack.sql(
        "select p.attempt_id, coalesce(array_agg(r.amount_rial order by r.id) filter (where r.state = 'DONE'), '{}') "
        "from purchase p left join refund r on r.purchase_id = p.id group by p.id"
    ):
        entries = stack.book_of(attempt)["entries"]
        assert [entry["rial"] for entry in entries if entry["what"] == "refunded"] == done
    audit = stack.run("audit")
    assert audit.returncode == 0, audit.stdout
