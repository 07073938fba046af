"""A real browser at phone size, with an authenticator in it: sign up, sign out, sign in by passkey, confirm, approve a
computer, be offline."""

from __future__ import annotations

import contextlib
import re

import pytest
from playwright.async_api import BrowserContext, Page, expect
from tests.browser import give_authenticator, scrolls_sideways, violations
from tests.phones import code_in, grow_old, new_mobile
from tests.stack import Stack

PHONE = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "user_agent": "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36",
    "locale": "fa-IR",
}
COMPUTER = {"viewport": {"width": 1280, "height": 800}, "locale": "en-US"}


@contextlib.asynccontextmanager
async def opened(chromium, stack: Stack, options: dict, authenticator: bool = True):
    """A page in a browser of its own, whose script errors are a failure."""
    context: BrowserContext = await chromium.new_context(base_url=stack.gateway, **options)
    context.set_default_timeout(15_000)
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console", lambda message: errors.append(message.text) if "Content Security Policy" in message.text else None
    )
    if authenticator:
        await give_authenticator(page)
    yield page
    assert errors == []
    await context.close()


async def sign_up(page: Page, stack: Stack, mobile: str) -> None:
    await page.goto("/sign-up")
    await page.fill("[name=mobile]", mobile)
    await page.click("button[value=code]")
    await page.fill("[name=code]", code_in(stack.texts_to(mobile)[0]))
    await page.click("main form:has([name=code]) button")
    await page.wait_for_url("**/sign-in/second*")
    await page.click("form[data-passkey=create] button")
    await page.wait_for_url("**/app/recovery*")


async def test_a_phone_signs_up_and_comes_back_by_its_passkey(stack, chromium):
    mobile = new_mobile()
    async with opened(chromium, stack, PHONE) as page:
        await sign_up(page, stack, mobile)
        await page.click("main form button")
        await expect(page.locator(".codes li")).to_have_count(10)
        await page.click("main .actions a")
        await page.wait_for_url("**/app")
        ((name, phone),) = stack.sql(
            "select d.name, d.is_phone from device d join person p on p.id = d.person_id where mobile = %s", mobile
        )
        assert (name, phone) == ("Chrome · Android", True)

        await page.click(".tools form button")
        await page.wait_for_url("**/sign-in?done=signed_out")
        await page.goto("/app")
        await page.wait_for_url("**/sign-in?next=*")
        await page.click("form[data-passkey=get] button")
        await page.wait_for_url("**/app")
        await expect(page.locator(".who")).to_have_text(mobile)

        grow_old(stack, mobile)
        await page.goto("/app/security/totp")
        await page.wait_for_url("**/confirm?next=*")
        await page.click("form[data-passkey=get] button")
        await page.wait_for_url("**/app/security/totp")


async def test_the_phone_lets_a_computer_in_by_the_number_it_shows(stack, chromium):
    mobile = new_mobile()
    async with opened(chromium, stack, PHONE) as phone, opened(chromium, stack, COMPUTER, False) as computer:
        await sign_up(phone, stack, mobile)
        await computer.goto("/sign-in")
        await computer.fill("[name=mobile]", mobile)
        await computer.click("button[value=phone]")
        number = await computer.locator(".match .value").inner_text()

        await phone.goto("/app")
        await phone.click("a[href='/app/approve'] >> nth=0")
        await phone.click(".ways a")
        ((wanted,),) = stack.sql("select number from sign_in_request where mobile = %s", mobile)
        assert number == str(wanted)
        await phone.click(f"button[value='{wanted}']")
        await phone.wait_for_url("**/app/approve?done=approved")

        await computer.wait_for_url("**/app")  # by itself, when it looks next
        await expect(computer.locator(".who")).to_have_text(mobile)


async def test_what_a_passkey_showed_cannot_be_shown_again_nor_after_it_was_revoked(stack, chromium):
    mobile = new_mobile()
    async with opened(chromium, stack, PHONE) as page:
        await sign_up(page, stack, mobile)
        await page.click(".tools form button")
        await page.wait_for_url("**/sign-in?done=signed_out")
        sent: list[str] = []
        page.on("request", lambda r: sent.append(r.post_data or "") if r.url.endswith("/sign-in/passkey") else None)
        await page.click("form[data-passkey=get] button")
        await page.wait_for_url("**/app")
        await page.click(".tools form button")
        await page.wait_for_url("**/sign-in?done=signed_out")
        # The very same bytes, from the very same browser.
        answer = await page.evaluate(
            """body => fetch("/sign-in/passkey", {method: "POST", body: new URLSearchParams(body)})
                .then(async got => [got.status, await got.json()])""",
            sent[0],
        )
        assert answer[0] == 400
        assert "پذیرفته نشد" in answer[1]["problem"]

        stack.sql(
            "update device set revoked_at = now() where person_id = (select id from person where mobile = %s)", mobile
        )
        await page.click("form[data-passkey=get] button")
        await expect(page.locator("form[data-passkey] [role=status]")).to_contain_text("دیگر به حسابی تعلق ندارد")


async def test_a_copied_authenticator_is_noticed(stack, chromium):
    """Its count does not grow (WebAuthn, section 6.1.1)."""
    mobile = new_mobile()
    async with opened(chromium, stack, PHONE) as page:
        await sign_up(page, stack, mobile)
        stack.sql(
            "update device set sign_count = 1000000 where person_id = (select id from person where mobile = %s)", mobile
        )
        await page.goto("/confirm")
        await page.click("form[data-passkey=get] button")
        await expect(page.locator("form[data-passkey] [role=status]")).to_contain_text("پذیرفته نشد")


@pytest.mark.parametrize("lang", ["fa", "en"])
async def test_every_page_is_accessible_and_fits_a_small_phone(stack, chromium, lang):
    mobile = new_mobile()
    options = PHONE | {"viewport": {"width": 320, "height": 640}, "locale": lang}
    async with opened(chromium, stack, options) as page:
        found: list[str] = []

        async def look() -> None:
            found.extend(f"{page.url} {wrong}" for wrong in await violations(page))
            if await scrolls_sideways(page):
                found.append(f"{page.url} is wider than the screen")

        await page.goto("/sign-in")
        await look()
        await page.fill("[name=mobile]", "0912")
        await page.click("button[value=phone]")
        await look()
        await page.fill("[name=mobile]", mobile)
        await page.click("button[value=phone]")
        await look()
        await page.goto("/sign-in")
        await page.fill("[name=mobile]", mobile)
        await page.click("button[value=code]")
        await look()
        await page.fill("[name=code]", code_in(stack.texts_to(mobile)[0]))
        await page.click("main form:has([name=code]) button")
        await page.wait_for_url("**/sign-in/second*")
        await page.click("summary")
        await look()
        await page.click("form[data-passkey=create] button")
        await page.wait_for_url("**/app/recovery*")
        await look()
        await page.click("main form button")
        await look()
        ((request, device),) = stack.sql(
            """
            select (select max(id) from sign_in_request where mobile = %s),
                (select max(d.id) from device d join person p on p.id = d.person_id where mobile = %s)
            """,
            *(mobile, mobile),
        )
        pages = ("", "/security", f"/security/devices/{device}", "/security/devices/new", "/security/totp", "/approve")
        for path in (*(f"/app{part}" for part in (*pages, f"/approve/{request}", "/offline")), "/confirm"):
            await page.goto(path)
            await look()
        assert found == []


async def test_the_same_device_is_not_added_twice(stack, chromium):
    mobile = new_mobile()
    async with opened(chromium, stack, PHONE) as page:
        await sign_up(page, stack, mobile)
        await page.goto("/app/security/devices/new")
        await page.click("form[data-passkey=create] button")
        await expect(page.locator("form[data-passkey] [role=status]")).to_contain_text("از پیش کلید عبور دارد")


async def test_who_does_not_confirm_reads_so_and_may_try_again(stack, chromium):
    async with opened(chromium, stack, PHONE, authenticator=False) as page:
        await give_authenticator(page, agrees=False)
        await page.goto("/sign-in")
        await page.click("form[data-passkey=get] button")
        status = page.locator("form[data-passkey] [role=status]")
        await expect(status).to_have_text(re.compile("تأیید نشد"), timeout=20_000)
        await expect(page.locator("form[data-passkey=get] button")).to_be_enabled()


async def test_offline_it_says_so_and_keeps_nothing_of_anybody(stack, chromium):
    mobile = new_mobile()
    async with opened(chromium, stack, PHONE) as page:
        await sign_up(page, stack, mobile)
        await page.goto("/app")
        await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        await page.reload()
        kept = await page.evaluate(
            """async () => {
                const texts = [];
                for (const name of await caches.keys()) {
                    const cache = await caches.open(name);
                    for (const request of await cache.keys()) texts.push(await (await cache.match(request)).text());
                }
                return texts.join();
            }"""
        )
        assert mobile not in kept
        assert len(kept) > 1000
        await page.context.set_offline(True)
        await page.goto("/app/security")
        await expect(page.locator("h1")).to_have_text("اینترنت وصل نیست")
        assert mobile not in await page.content()
        await page.context.set_offline(False)
