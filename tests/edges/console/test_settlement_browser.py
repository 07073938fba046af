"""The console's pages of settlement in a real browser: axe in both languages and two sizes, none wider than a phone."""

import pytest
from tests.browser import scrolls_sideways, violations
from tests.settled import make_shop, result, settle, submit
from tests.web import make_operator, signed_in

from mopos.base.ids import with_check_digit


@pytest.fixture(scope="module")
def pages(stack) -> list[str]:
    """One of everything: a batch with a returned payout, a draft, a hold, a stopped gateway, a changed payee."""
    shops = [make_shop(stack, 4) for _ in range(3)]
    settle(shops[0])
    submit(shops[0])
    ((returned,), *others) = stack.sql(
        "select id from payout where batch_id = %s order by gateway_id <> %s", shops[0].batches[-1], shops[0].gateway_id
    )
    result(shops[0], returned, "returned", reason="حساب مسدود است")
    for number, (other,) in enumerate(others):
        ((gateway_id,),) = stack.sql("select gateway_id from payout where id = %s", other)
        shop = next(shop for shop in shops if shop.gateway_id == gateway_id)
        shop.batches = shops[0].batches
        result(shop, other, "settled", tracking=f"1405090400000000{number:04}")
    stopped = make_shop(stack, 2)
    stack.sql(
        "update gateway set payouts_held_at = now(), payouts_held_reason = 'شکایت خریدار' where id = %s",
        stopped.gateway_id,
    )
    changed = make_shop(stack, 2)
    ((account,),) = stack.sql("select account_id from gateway where id = %s", changed.gateway_id)
    stack.sql("update account set name = 'نام تازه', iban_matches = false where id = %s", account)
    more = make_shop(stack, 5)
    settle(more)
    stack.sql(
        """
        insert into hold (gateway_id, amount_rial, reason, state, last_event, placed_at)
        values (%s, 1250000, 'اعتراض خریدار به کالا', 'HELD', 'placed', now())
        """,
        stopped.gateway_id,
    )
    stack.sql(
        """
        insert into money_setting (name, valid_from, value, reason, at)
        values ('floor_rial', current_date + 20, '25000', 'نرخ تازهٔ بانک', now())
        """
    )
    stack.sql("insert into closure (day, closed, reason, at) values (current_date + 1, true, 'آلودگی هوا', now())")
    return [
        "/console",
        "/console/settlement",
        "/console/batches",
        f"/console/batches/{shops[0].batches[-1]}",
        f"/console/batches/{more.batches[-1]}",
        "/console/payouts?state=RETURNED",
        f"/console/payouts/{returned}",
        "/console/holds",
        f"/console/holds/gateways/{with_check_digit(stopped.gateway_id)}",
        "/console/payees",
        f"/console/payees/{with_check_digit(account)}",
        "/console/calendar",
        "/console/money-rules",
        "/console/money-rules/paya_weekend",
        "/console/results",
    ]


@pytest.mark.parametrize(("lang", "width"), [("fa", 390), ("en", 1280)])
async def test_pages_are_sound(stack, chromium, pages, lang, width):
    operator = make_operator(stack, "finance")
    async with signed_in(stack, operator) as visitor:
        context = await chromium.new_context(
            base_url=stack.gateway,
            locale="fa-IR" if lang == "fa" else "en-US",
            viewport={"width": width, "height": 900},
        )
        token = visitor.client.cookies.get("mopos-console")
        await context.add_cookies([{"name": "mopos-console", "value": token, "url": stack.gateway}])
        page = await context.new_page()
        page.set_default_timeout(20_000)
        wrong = []
        for path in pages:
            await page.goto(path)
            wrong += [(path, what) for what in await violations(page)]
            wrong += [(path, "wider than the window")] if await scrolls_sideways(page) else []
    assert wrong == []
