"""What `PayRep` tells of a settlement: day and tracking number from the moment the money has arrived, never before."""

from mopos.actions.refund import request_refund
from mopos.actions.report_result import report_result
from mopos.actions.send_refunds import send_refunds
from mopos.base.money import Rial
from mopos.domain.payments.refund_store import NewRefund, Who
from mopos.domain.payments.refunds import Method
from mopos.edges.pay_rep import result_of

_STEP = """
    update payout set state = %(to)s, version = version + 1, settled_on = %(on)s, tracking_no = %(tracking)s,
        last_event = (
            select event from money_move
            where noun = 'payout' and from_state = payout.state and to_state = %(to)s limit 1
        )
"""


async def told(shop, purchase):
    answer = result_of(await report_result(shop.services, shop.id, shop.rmz, purchase.res))
    return answer.Err, answer.DatTasvie, answer.NoTasvie


async def test_the_day_and_number_of_the_payout(shop, services):
    first = await shop.paid()
    db = services.db
    gateway = {"gateway": first.gateway_id}
    await db.all(
        """
        with b as (
            insert into settlement_batch (day, cut_at, upto_entry, state, last_event, way, created_at)
            values ('2026-11-24', now(), 1, 'DRAFT', 'planned', 'file', now()) returning id
        ), s as (
            insert into settlement
                (batch_id, gateway_id, after_entry, upto_entry, opening_rial, lines_rial, payout_rial)
            select b.id, %(gateway)s, 0, a.entry_id, 0, 250000, 250000 from b, attempt a returning id, batch_id
        )
        insert into payout (batch_id, settlement_id, gateway_id, iban, payee, amount_rial, channel, state, last_event,
            expected_on)
        select batch_id, id, %(gateway)s, 'IR430120000000000000000001', 'x', 250000, 'paya', 'PLANNED', 'planned',
            '2026-11-25' from s
        """,
        gateway,
    )
    await db.all("update gateway set settled_upto = (select max(upto_entry) from settlement)")
    later = await shop.paid()
    assert await told(shop, first) == (0, None, None)
    await db.all(_STEP, {"to": "SUBMITTED", "on": None, "tracking": ""})
    assert await told(shop, first) == (0, None, None)
    await db.all(_STEP, {"to": "SETTLED", "on": "2026-11-25", "tracking": "14050904000000000017"})
    assert await told(shop, first) == (0, "1405/09/04", "14050904000000000017")
    # What was sold after the cut-off is not in it; what is given back later was settled all the same.
    assert await told(shop, later) == (0, None, None)
    whole = NewRefund(first.id, first.gateway_id, Rial(250_000), Method.BANK, "x")
    await request_refund(services, await shop.now(first), whole, Who("merchant"))
    await send_refunds(services)
    assert await told(shop, first) == (16, "1405/09/04", "14050904000000000017")
