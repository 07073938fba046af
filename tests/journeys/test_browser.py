"""A buyer with a real browser: shop, gateway, bank, invoice, shop; on a phone and a desktop, Persian and English.

Every page on the way is looked at by axe, with scripts; and the whole way is gone once without any script.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page
from tests.browser import launched, scrolls_sideways, violations


@asynccontextmanager
async def browsing(lang: str, width: int, *, scripts: bool = True) -> AsyncIterator[Page]:
    async with launched() as browser:
        context = await browser.new_context(
            viewport={"width": width, "height": 844},
            locale="en-GB" if lang == "en" else "fa-IR",
            java_script_enabled=scripts,
        )
        yield await context.new_page()


async def look(page: Page, name: str) -> list[str]:
    # For a person to look at: MOPOS_SCREENSHOTS names a folder.
    if folder := os.environ.get("MOPOS_SCREENSHOTS"):
        await page.screenshot(path=f"{folder}/{name}.png", full_page=True)
    sideways = ["scrolls sideways"] if await scrolls_sideways(page) else []
    return [f"{name}: {wrong}" for wrong in (*sideways, *await violations(page))]


async def type_card(page: Page, number: str) -> None:
    await page.fill("#card", number)
    await page.fill("#cvv2", "123")
    await page.fill("#month", "12")
    await page.fill("#year", "10")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("lang", ["fa", "en"])
async def test_a_buyer_pays_and_every_page_on_the_way_is_accessible(demo, lang, width):
    found = []
    name = f"{{}}-{lang}-{width}"
    async with browsing(lang, width) as page:
        for path in ("", "/Payment.aspx", "/nowhere", "/WebServiceMoPos.asmx", "/WebServiceMoPos.asmx?op=PayRep"):
            await page.goto(f"{demo.gateway}{path}")
            found += await look(page, name.format("gateway" + path.replace("/", "_").replace("?", "_")))
        await page.goto(f"{demo.shop}/?lang={lang}")
        found += await look(page, name.format("shop"))
        await page.fill("#name", "مریم احمدی")
        await page.click("button")
        found += await look(page, name.format("checkout"))
        await page.click("button")
        await page.wait_for_url(f"{demo.bank}/**")
        found += await look(page, name.format("bank"))
        await type_card(page, "6104330000000011")
        await page.fill("#password", "12345")
        await page.click("button.main")
        await page.wait_for_selector("#return")
        found += await look(page, name.format("bank-receipt-declined"))
        await page.click("button.main")
        await page.wait_for_url(f"{demo.gateway}/pay/**")
        found += await look(page, name.format("declined"))
        await page.click("main form button")
        await page.wait_for_url(f"{demo.bank}/**")
        await type_card(page, "6037990000000014")
        await page.click("button.second")
        otp = await page.inner_text("#password-field")
        found += await look(page, name.format("bank-otp"))
        await page.fill("#password", "12345")
        assert any(character in otp for character in "0123456789۰۱۲۳۴۵۶۷۸۹")
        await page.click("button.main")
        await page.click("button.main")
        await page.wait_for_url(f"{demo.gateway}/pay/**")
        found += await look(page, name.format("invoice"))
        await page.click("main a.button, main a[href*='Res=']")
        await page.wait_for_url(f"{demo.shop}/**")
        found += await look(page, name.format("shop-result"))
        assert await page.locator("html").get_attribute("lang") == lang
    assert found == []


async def test_the_whole_way_without_any_script(demo):
    async with browsing("fa", 390, scripts=False) as page:
        await page.goto(demo.shop)
        await page.fill("#name", "مریم")
        await page.click("button")
        await page.click("button")
        await page.click("main form button")  # the gateway's page that leads to the bank
        await page.wait_for_url(f"{demo.bank}/**")
        await type_card(page, "6037990000000014")
        await page.fill("#password", "12345")
        await page.click("button.main")
        await page.click("button.main")
        await page.wait_for_url(f"{demo.gateway}/pay/**")
        assert "پرداخت انجام شد" in await page.inner_text("h1")
