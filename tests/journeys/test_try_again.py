"""A buyer whose payment was refused tries again, at the same bank or at one of his choice, in a real browser."""

import asyncio
import re
import time

import pytest
from tests.conftest import fresh_database, open_folder
from tests.journeys.test_banks import DECLINED, PAID, come_to_bank, pay
from tests.journeys.test_browser import browsing, look
from tests.stack import eventually, heading, running

from mopos.actions.terminals import REFRESH_S

BANKS = ("sandbox", "mellat", "saman")


@pytest.fixture(scope="module")
def stack(postgres):
    """Three banks; purchases go to the sandbox first."""
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        with running(dsn, folder, banks=BANKS) as stack:
            stack.sql(
                "insert into routing_rule (terminal_id, priority, created_at)"
                " select id, case bank when 'sandbox' then 1 else 2 end, now() from terminal"
            )
            time.sleep(REFRESH_S + 1)
            yield stack
        assert "Traceback" not in stack.logs()


async def refused(page, stack, shop, lang="fa", bank="sandbox") -> str:
    """A buyer whose card was refused, back on the gateway's page."""
    res = await come_to_bank(page, stack, shop, bank, lang)
    await pay(page, DECLINED)
    await page.click("button.main")
    await page.wait_for_url(f"{stack.gateway}/pay/**")
    return res


@pytest.mark.parametrize(("lang", "width"), [("fa", 320), ("en", 1280)])
async def test_he_chooses_another_bank_and_pays_there(stack, lang, width):
    shop = stack.make_shop()
    async with browsing(lang, width) as page:
        res = await refused(page, stack, shop, lang)
        assert await look(page, f"try-again-{lang}-{width}") == []
        assert await page.locator("main button.first").count() == 1, "one main button"
        shown = await page.locator("main button.other").all_inner_texts()
        assert shown == (
            ["با به‌پرداخت ملت", "با پرداخت الکترونیک سامان"]
            if lang == "fa"
            else ["With Behpardakht Mellat", "With Saman (SEP)"]
        )
        for button in await page.locator("main form button").all():
            assert (await button.bounding_box())["height"] >= 44
        await page.click("button.other:has-text('ملت'), button.other:has-text('Mellat')")
        await page.wait_for_url(f"{stack.banks['mellat']}/**")
        await pay(page, PAID)
        await page.click("button.main")
        await page.wait_for_url(f"{stack.gateway}/pay/**")
        await eventually(lambda: shop.state(res) == "PAID")
    banks = stack.sql(
        "select a.bank, a.state from attempt a join purchase p on p.id = a.purchase_id"
        " where p.gateway_id = %s and p.res = %s order by a.id",
        int(shop.id[:-1]),
        res,
    )
    assert banks == [("sandbox", "FAILED"), ("mellat", "CONFIRMED")]


async def test_the_main_button_leads_to_the_same_bank(stack):
    shop = stack.make_shop()
    async with browsing("fa", 390) as page:
        await refused(page, stack, shop)
        for _ in range(2):
            await page.click("main button.first")
            await page.wait_for_url(f"{stack.banks['sandbox']}/**")
            await pay(page, DECLINED)
            await page.click("button.main")
            await page.wait_for_url(f"{stack.gateway}/pay/**")


async def test_while_he_is_at_a_bank_or_being_asked_about_there_is_nothing_to_choose(stack, web):
    shop = stack.make_shop()
    async with browsing("fa", 390) as page:
        res = await come_to_bank(page, stack, shop, "sandbox")
        ((token,),) = stack.sql("select token from purchase where gateway_id = %s and res = %s", int(shop.id[:-1]), res)
        address = f"{stack.gateway}/pay/{token}"
        assert 'name="bank"' not in (await web.get(address)).text
        pressed = await web.post(address, data={"bank": "saman"})
        assert f'action="{stack.banks["sandbox"]}/pay"' in pressed.text, "the bank where he is already"
        assert shop.state(res) == "AT_BANK"


@pytest.mark.parametrize("wish", ["nonsense", "zarinpal", "saman' or 1=1 --", "", "x" * 5_000, "sandbox&bank=mellat"])
async def test_a_wish_that_cannot_be_granted_falls_back(stack, web, wish):
    shop = stack.make_shop()
    async with browsing("fa", 390) as page:
        await refused(page, stack, shop)
        answer = await web.post(page.url, data={"bank": wish})
    assert answer.status_code == 200
    assert re.search(r'<form id="to-bank"', answer.text)
    assert f'action="{stack.banks["sandbox"]}/pay"' in answer.text


async def test_a_form_that_cannot_be_read_is_refused_not_a_failure(stack, web):
    shop = stack.make_shop()
    async with browsing("fa", 390) as page:
        res = await refused(page, stack, shop)
        for body in (b"a=1&" * 200, b"bank=%ff%00" * 3):
            answer = await web.post(page.url, content=body)
            assert answer.status_code in (200, 400)
    assert shop.state(res) in ("DECLINED", "AT_BANK")


async def test_what_no_terminal_takes_is_told_in_both_languages(stack, web):
    shop = stack.make_shop()
    stack.sql(
        "insert into routing_rule (terminal_id, gateway_id, amount_upto_rial, created_at)"
        " select id, %s, 100000, now() from terminal where bank = 'sandbox'",
        int(shop.id[:-1]),
    )
    await asyncio.sleep(REFRESH_S + 1)
    for lang, title in (("fa", "کمی بعد دوباره تلاش کنید"), ("en", "Please try again in a moment")):
        page = await shop.post(web, shop.form(), headers={"Accept-Language": lang})
        assert (page.status_code, "no_terminal" in page.text, heading(page)) == (503, True, title)
        assert page.headers["retry-after"] == "10"
        assert "http://shop.test/back?Res=" in page.text, "there is a way back to the shop"


async def test_a_bank_that_died_is_not_offered_and_nobody_is_sent_there(stack, web):
    shop = stack.make_shop()
    stack.kill_bank("sandbox")
    try:
        for _ in range(5):
            page = await shop.post(web, shop.form())
            assert page.status_code == 200, "another bank, in the same breath"
            assert f'action="{stack.banks["sandbox"]}/pay"' not in page.text
        failed = stack.sql(
            "select count(*) from attempt where bank = 'sandbox' and bank_code in ('not_connected', 'broken_line')"
        )[0][0]
        assert 1 <= failed <= 3
    finally:
        stack.start_bank("sandbox")
    began = time.monotonic()
    while f'action="{stack.banks["sandbox"]}/pay"' not in (await shop.post(web, shop.form())).text:
        assert time.monotonic() - began < 15
        await asyncio.sleep(0.3)
    assert stack.run("audit").returncode == 0
