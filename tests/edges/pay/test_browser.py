"""The buyer's pages in a real browser: accessible, fit for a small phone, usable without scripts and by keyboard."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, expect
from tests.browser import DESKTOP, PHONE, SMALLEST, launched, violations

from mopos.banks.port import Redirect
from mopos.domain.payments.states import State
from mopos.edges.i18n import Lang
from mopos.edges.pay import pages
from mopos.edges.pay.assets import static_files
from mopos.edges.pay.pages import PurchaseView

pytestmark = pytest.mark.asyncio(loop_scope="module")

# "submit" hides a form's own method of that name.
BANK_FIELDS = {"Token": "TK-1", "submit": "1"}


@dataclass
class Site:
    """Serves the pages at /LANG/NAME with their own headers, and notes what is posted to the bank."""

    url: str
    pages: dict[str, pages.Page]
    posted: list[dict[str, str]] = field(default_factory=list)

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        status, content_type, body = 404, "text/plain", b""
        headers: pages.Headers = ()
        path = scope["path"]
        if path == "/bank":
            self.posted.append(dict(parse_qsl((await receive())["body"].decode())))
            status, content_type, body = 200, "text/html", b"<!doctype html><title>bank</title>the bank"
        elif path in self.pages:
            status, content_type, body = 200, "text/html; charset=utf-8", self.pages[path].html
            headers = self.pages[path].headers
        else:
            for file in static_files():
                if file.path == path:
                    status, content_type, body = 200, file.content_type, file.body
        lines = [("Content-Type", content_type), *headers]
        raw = [(name.lower().encode(), value.encode()) for name, value in lines]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(
    every_page: dict[str, Callable[[Lang], pages.Page]], view: Callable[[State], PurchaseView]
) -> AsyncIterator[Site]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        site = Site(url, {f"/{lang}/{name}": make(lang) for lang in Lang for name, make in every_page.items()})
        redirect = Redirect("POST", f"{url}/bank", BANK_FIELDS)
        for lang in Lang:
            site.pages[f"/{lang}/to-bank"] = pages.to_bank_page(redirect, view(State.AT_BANK), lang)
        server = uvicorn.Server(uvicorn.Config(site, log_level="warning", lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield site
        server.should_exit = True
        await serving


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with launched() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def contexts(browser: Browser) -> AsyncIterator[Callable[..., Awaitable[BrowserContext]]]:
    """Makes browser contexts that are closed at the end of the test. Without scripts, unless asked for."""
    made: list[BrowserContext] = []

    async def make(viewport: ViewportSize = PHONE, *, scripts: bool = False, **options: Any) -> BrowserContext:
        context = await browser.new_context(viewport=viewport, java_script_enabled=scripts, **options)
        made.append(context)
        return context

    yield make
    for context in made:
        await context.close()


Contexts = Callable[..., Awaitable[BrowserContext]]


def standing_still(site: Site) -> list[str]:
    """All addresses but the one that submits itself as soon as scripts run."""
    return [path for path in site.pages if not path.endswith("/to-bank")]


@pytest.mark.parametrize(
    ("viewport", "scheme"),
    [(PHONE, "light"), (DESKTOP, "dark")],
    ids=["phone-light", "desktop-dark"],
)
async def test_axe_finds_no_violation_on_any_page(
    site: Site, contexts: Contexts, viewport: ViewportSize, scheme: str
) -> None:
    page = await (await contexts(viewport, scripts=True, color_scheme=scheme)).new_page()
    await without_going(page)
    found = {}
    for path in site.pages:
        await page.goto(site.url + path)
        await open_folds(page)
        if wrong := await violations(page):
            found[path] = wrong
    assert found == {}


async def without_going(page: Page) -> None:
    """The form to the bank stays while it is looked at."""
    await page.route("**/go.*.js", lambda route: route.abort())


async def open_folds(page: Page) -> None:
    for summary in await page.locator("summary").all():
        await summary.click()


async def test_no_page_breaks_its_own_policy(site: Site, contexts: Contexts) -> None:
    page = await (await contexts(scripts=True)).new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(f"{page.url}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    for path in standing_still(site):
        await page.goto(site.url + path)
    assert complaints == []


async def test_no_page_scrolls_sideways_on_the_smallest_phone(site: Site, contexts: Contexts) -> None:
    page = await (await contexts(SMALLEST)).new_page()
    wide = []
    for path in site.pages:
        await page.goto(site.url + path)
        await open_folds(page)
        width = await page.evaluate("document.documentElement.scrollWidth")
        if width > SMALLEST["width"]:
            wide.append(f"{path}: {width}")
    assert wide == []


async def test_everything_to_press_is_large_enough(site: Site, contexts: Contexts) -> None:
    """WCAG 2.2, criterion 2.5.8, asks for 24 pixels; thumbs are glad of 44. Links inside a sentence are excepted."""
    page = await (await contexts(PHONE)).new_page()
    small = []
    for path in site.pages:
        await page.goto(site.url + path)
        for target in await page.locator("a:not(p a), button, summary").all():
            box = await target.bounding_box()
            if box is None or box["height"] < 44 or box["width"] < 24:
                small.append(f"{path}: {await target.inner_text()} {box}")
    assert small == []


async def test_the_keyboard_goes_through_the_invoice_in_reading_order(site: Site, contexts: Contexts) -> None:
    page = await (await contexts()).new_page()
    await page.goto(f"{site.url}/en/state-PAID")
    seen = []
    for _ in range(4):
        await page.keyboard.press("Tab")
        seen.append(await page.evaluate("document.activeElement.innerText.trim()"))
        assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert seen == ["MoPos", "فارسی", "Back to the shop", "Stay on this page"]


async def test_persian_runs_right_to_left_and_numbers_left_to_right(site: Site, contexts: Contexts) -> None:
    page = await (await contexts()).new_page()
    await page.goto(f"{site.url}/fa/state-PAID")
    label, value = page.locator("dt").first, page.locator("dd").first
    label_box, value_box = await label.bounding_box(), await value.bounding_box()
    assert label_box
    assert value_box
    assert label_box["x"] > value_box["x"]
    assert await page.locator(".code").first.evaluate("e => getComputedStyle(e).direction") == "ltr"
    assert await page.locator(".sum bdi").evaluate("e => getComputedStyle(e).direction") == "ltr"


async def test_the_way_to_the_bank_needs_no_script(site: Site, contexts: Contexts) -> None:
    page = await (await contexts()).new_page()
    site.posted.clear()
    await page.goto(f"{site.url}/fa/to-bank")
    assert site.posted == []
    await page.get_by_role("button").click()
    await page.wait_for_url("**/bank")
    assert site.posted == [BANK_FIELDS]


async def test_the_way_to_the_bank_goes_by_itself(site: Site, contexts: Contexts) -> None:
    page = await (await contexts(scripts=True)).new_page()
    site.posted.clear()
    await page.goto(f"{site.url}/fa/to-bank")
    await page.wait_for_url("**/bank")
    assert site.posted == [BANK_FIELDS]


async def test_the_back_button_of_the_bank_s_page_does_not_lead_into_a_circle(site: Site, contexts: Contexts) -> None:
    page = await (await contexts(scripts=True)).new_page()
    await without_going(page)
    await page.goto(f"{site.url}/fa/to-bank")
    await page.get_by_role("button").click()
    await page.wait_for_url("**/bank")
    site.posted.clear()
    await page.unroute_all()
    await page.go_back()
    await expect(page.get_by_role("button")).to_be_visible()
    await page.wait_for_timeout(500)
    assert page.url.endswith("/to-bank")
    assert site.posted == []


async def test_a_payment_being_confirmed_looks_again_by_itself(
    site: Site, contexts: Contexts, view: Callable[[State], PurchaseView]
) -> None:
    page = await (await contexts()).new_page()
    site.pages["/pay/TOKEN"] = pages.purchase_page(view(State.VERIFYING), Lang.EN, stay=False)
    await page.goto(f"{site.url}/pay/TOKEN")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Confirming your payment")
    site.pages["/pay/TOKEN"] = pages.purchase_page(view(State.PAID), Lang.EN, stay=True)
    heading = page.get_by_role("heading", level=1)
    await expect(heading).to_have_text("Payment successful", timeout=(pages.LOOK_AGAIN_AFTER_S + 5) * 1000)
    del site.pages["/pay/TOKEN"]


async def test_a_printed_invoice_is_all_facts(site: Site, contexts: Contexts) -> None:
    page = await (await contexts()).new_page()
    await page.goto(f"{site.url}/fa/state-PAID")
    await page.emulate_media(media="print")
    await expect(page.get_by_text("402318765432")).to_be_visible()
    await expect(page.get_by_role("link", name="بازگشت به فروشگاه")).to_be_hidden()
