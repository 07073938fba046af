"""A purchase through each bank in a real browser, by the pages' own policies: that the buyer's `Referer` arrives where
a bank looks at it, that forms may lead where they lead, that returns by GET and by POST come back."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import escape

import pytest
from playwright.async_api import Page
from tests.browser import PHONE, launched
from tests.conftest import fresh_database, open_folder
from tests.journeys.test_browser import browsing, look, type_card
from tests.stack import Shop, Stack, running

from mopos.actions.terminals import REFRESH_S
from mopos.banks.catalogue import KINDS

PAID, DECLINED = "6037990000000014", "6104330000000011"


@pytest.fixture(scope="module")
def stack(postgres):
    """All banks, each with a shop whose purchases go there."""
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        with running(dsn, folder, banks=tuple(KINDS)) as stack:
            yield stack
        assert "Traceback" not in stack.logs()


@pytest.fixture(scope="module")
def shops(stack) -> dict[str, Shop]:
    made = {bank: stack.make_shop(f"فروشگاه {KINDS[bank].facts.title_fa}") for bank in stack.banks}
    for bank, shop in made.items():
        stack.sql(
            "insert into routing_rule (terminal_id, gateway_id, created_at)"
            " select id, %s, now() from terminal where bank = %s",
            int(shop.id[:-1]),
            bank,
        )
    time.sleep(REFRESH_S + 1)
    return made


@asynccontextmanager
async def by_the_rules() -> AsyncIterator[tuple[Page, list[str]]]:
    """A page of a browser that applies what pages forbid, and what it complained about."""
    complaints: list[str] = []
    async with launched() as browser:
        page = await (await browser.new_context(viewport=PHONE, locale="fa-IR")).new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page, complaints


async def come_to_bank(page: Page, stack: Stack, shop: Shop, bank: str, lang: str = "fa") -> str:
    """Press the shop's button and let the gateway's page lead on. Returns the purchase's `Res`."""
    form = shop.form()
    inputs = "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in form.items())
    html = f'<form method="post" action="{stack.gateway}/Payment.aspx?lang={lang}">{inputs}<button>pay</button></form>'
    await page.route(
        "http://shop.test/**", lambda route: route.fulfill(body=html, content_type="text/html; charset=utf-8")
    )
    await page.goto("http://shop.test/")
    await page.click("button")
    await page.wait_for_url(f"{stack.banks[bank]}/**")
    return form["Res"]


async def pay(page: Page, card: str) -> None:
    await type_card(page, card)
    await page.fill("#password", "12345")
    await page.click("button.main")
    await page.wait_for_selector("#return")


@pytest.mark.parametrize("bank", KINDS)
async def test_a_purchase_in_a_browser_that_applies_every_policy(stack, shops, bank):
    shop = shops[bank]
    async with by_the_rules() as (page, complaints):
        res = await come_to_bank(page, stack, shop, bank)
        assert await page.inner_text(".bank") != ""
        # The other language and back, a refused card, and again from the gateway's own page.
        await page.click(".bar button")
        assert await page.locator("html").get_attribute("lang") == "en"
        await pay(page, DECLINED)
        await page.click("#return button")
        await page.wait_for_url(f"{stack.gateway}/pay/**")
        assert shop.state(res) == "DECLINED"
        await page.click("main form button")
        await page.wait_for_url(f"{stack.banks[bank]}/**")
        await pay(page, PAID)
        # Nobody presses the button: the bank's page goes back by itself.
        await page.wait_for_url(f"{stack.gateway}/pay/**", timeout=20_000)
        assert "پرداخت انجام شد" in await page.inner_text("h1")
        assert shop.state(res) == "PAID"
        assert complaints == []


@pytest.mark.parametrize("bank", KINDS)
async def test_its_pages_in_its_own_colour_are_accessible(stack, shops, bank):
    found = []
    for lang, width in (("fa", 390), ("en", 1280)):
        async with browsing(lang, width) as page:
            name = f"{bank}-{{}}-{lang}-{width}"
            await come_to_bank(page, stack, shops[bank], bank, lang)
            found += await look(page, name.format("pay"))
            await pay(page, PAID)
            found += await look(page, name.format("receipt"))
            await page.click("#return button")
            await page.wait_for_url(f"{stack.gateway}/pay/**")
            found += await look(page, name.format("invoice"))
    assert found == []
