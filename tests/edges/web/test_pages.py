"""Every page of the signed-in side in a real browser: accessible in both languages, on phone and desktop, in light and
dark; nothing scrolls sideways on the smallest phone; no page breaks its own policy."""

import asyncio
import hashlib
import secrets

import pytest
import pytest_asyncio
from tests.browser import DESKTOP, PHONE, SMALLEST, launched, violations
from tests.edges.web.test_access import ALL, OF_FILES, name_of
from tests.edges.web.world import World, make_world
from tests.web import make_operator

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Not pages: files and scripts.
NO_PAGES = OF_FILES | {
    "GET /app/manifest.webmanifest",
    "GET /app/icon/{name}",
    "GET /app/sw.js",
    "GET /panel/{account}/integration/{gateway}/sample",
}
PAGES = [row for row in ALL if row.method == "GET" and name_of(row) not in NO_PAGES]


@pytest.fixture(scope="module")
def world(stack) -> World:
    return asyncio.run(make_world(stack))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    async with launched() as browser:
        yield browser


def cookies(stack, world: World) -> list[dict]:
    """The cookies of the account's owner and of an operator, both signed in just now."""
    made = []
    for name, person, operator in (
        ("mopos", world.owner.person_id, None),
        ("mopos-console", None, make_operator(stack)),
    ):
        token = secrets.token_urlsafe(32)
        stack.sql(
            """
            insert into session
                (token_hash, person_id, operator_id, created_at, seen_at, fresh_at, second_factor, ip, agent)
            values (%s, %s, %s, now(), now(), now(), true, '127.0.0.1', 'test')
            """,
            *(hashlib.sha256(token.encode()).digest(), person, operator),
        )
        made.append({"name": name, "value": token, "url": stack.gateway})
    return made


async def visit(stack, world, browser, viewport, lang, scheme="light", *, look):
    """Open every page, one after the other; `look(page)` gives what is wrong there."""
    context = await browser.new_context(viewport=viewport, color_scheme=scheme, base_url=stack.gateway)
    await context.add_cookies(cookies(stack, world))
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if "Security Policy" in message.text else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    found = []
    for row in PAGES:
        path = world.path(row)
        await page.goto(f"{path}?lang={lang}")
        wrong = [*await look(page), *complaints]
        complaints.clear()
        found += [f"{path}: {what}" for what in wrong]
    await context.close()
    return "\n".join(found)


@pytest.mark.parametrize(
    ("viewport", "lang", "scheme"),
    [(PHONE, "fa", "light"), (DESKTOP, "en", "dark")],
    ids=["phone-fa-light", "desktop-en-dark"],
)
async def test_axe_finds_no_violation_on_any_page(stack, world, browser, viewport, lang, scheme):
    async def look(page) -> list[str]:
        assert await page.get_attribute("html", "lang") == lang
        for summary in await page.locator("summary").all():
            await summary.click()
        return await violations(page)

    assert await visit(stack, world, browser, viewport, lang, scheme, look=look) == ""


@pytest.mark.parametrize("lang", ["fa", "en"])
async def test_no_page_scrolls_sideways_and_everything_to_press_is_large_enough(stack, world, browser, lang):
    """WCAG 2.2, criteria 1.4.10 (320 CSS pixels) and 2.5.8 (24 pixels; links in a sentence are excepted)."""

    async def look(page) -> list[str]:
        width = await page.evaluate("document.documentElement.scrollWidth")
        small = await page.evaluate(
            """() => [...document.querySelectorAll('a, button, summary, input, select, textarea')]
                .filter(e => !e.closest('p, td, caption, label, dd, .facts') && e.type !== 'hidden')
                .map(e => [e, e.getBoundingClientRect()])
                .filter(([e, box]) => box.width > 1 && (box.height < 24 || box.width < 24))
                .map(([e, box]) => `${e.outerHTML.slice(0, 120)} ${box.width}x${box.height}`)"""
        )
        return ([f"{width} px wide"] if width > SMALLEST["width"] else []) + small

    assert await visit(stack, world, browser, SMALLEST, lang, look=look) == ""
