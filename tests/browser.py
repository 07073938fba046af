"""A real browser: Chromium, the screens that pages are looked at on, and what axe finds on them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, ViewportSize, async_playwright

CHROMIUM = "/usr/bin/chromium"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
QUIET += ["--disable-sync", "--no-first-run"]

PHONE, DESKTOP, SMALLEST = (
    ViewportSize(width=390, height=844),
    ViewportSize(width=1280, height=800),
    # WCAG 2.2, criterion 1.4.10: everything reflows at 320 CSS pixels.
    ViewportSize(width=320, height=640),
)

_AXE = Path(__file__).parent / "clients" / "node_modules" / "axe-core" / "axe.min.js"
_RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
_AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "automaticPresenceSimulation": True,
}


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        try:
            yield browser
        finally:
            await browser.close()


async def violations(page: Page) -> list[str]:
    """What axe finds wrong by WCAG 2.2, level AA, and its best practices. Evaluated from outside: the pages' own policy
    lets no script in."""
    await page.wait_for_load_state()
    await page.evaluate(_AXE.read_text(encoding="utf-8"))
    found = await page.evaluate("rules => axe.run(rules)", _RULES)
    return [f"{wrong['id']}: {node['html'][:200]}" for wrong in found["violations"] for node in wrong["nodes"]]


async def scrolls_sideways(page: Page) -> bool:
    await page.wait_for_load_state()
    return await page.evaluate("document.documentElement.scrollWidth > innerWidth")


async def give_authenticator(page: Page, *, agrees: bool = True) -> None:
    """A device that keeps passkeys, and whose owner confirms by finger or face, or does not."""
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("WebAuthn.enable")
    await devtools.send("WebAuthn.addVirtualAuthenticator", {"options": _AUTHENTICATOR | {"isUserVerified": agrees}})
