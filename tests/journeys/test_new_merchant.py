"""A new merchant with a browser alone: an account from the phone, a gateway that an operator grants, ID and Rmz into a
shop, a sale, the sale in the reports, the reports as a file (guide sections 1 and 2)."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys

import pyotp
import pytest
from playwright.async_api import Page, expect
from tests.conftest import fresh_database, open_folder
from tests.edges.phone.test_browser import COMPUTER, PHONE, opened
from tests.journeys.test_browser import type_card
from tests.phones import code_in, new_mobile
from tests.stack import Stack, eventually, running, wait_for

from mopos.domain.accounts.iban import with_check_digits
from mopos.edges.demo.check import free_ports

PASSWORD = "correct horse battery staple"
NATIONAL_ID = "0012345679"


@pytest.fixture
def stack(postgres):
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        with running(dsn, folder, host="localhost", with_services=True) as stack:
            yield stack


async def test_from_a_phone_number_to_an_exported_sale(stack: Stack, chromium):
    mobile = new_mobile()
    async with opened(chromium, stack, PHONE) as merchant:
        await sign_up(merchant, stack, mobile)
        panel = await open_panel(merchant)
        await fill_in_profile(merchant, panel)
        application = await apply(merchant, panel)
        async with opened(chromium, stack, COMPUTER, authenticator=False) as operator:
            await enter_console(operator, stack)
            await approve(operator, application)
        await eventually(lambda: any("درگاه" in text for text in stack.texts_to(mobile)))

        gateway, rmz = await fetch_rmz(merchant, panel)
        await register_test_machine(merchant, panel, gateway)
        with shop_of(stack, gateway, rmz) as shop:
            async with opened(chromium, stack, PHONE, authenticator=False) as buyer:
                await buy(buyer, shop)

        await find_in_reports(merchant, panel)
        rows = await export(merchant, panel)
        assert len(rows) == 2
        assert "PAID" in rows[1] or any("پرداخت" in cell for cell in rows[1])
        await merchant.goto(f"{panel}/integration/{gateway}/log")
        await expect(merchant.locator("main")).to_contain_text("PayRep")
    assert stack.run("audit").returncode == 0
    assert rmz not in stack.tables() + stack.logs()


async def sign_up(page: Page, stack: Stack, mobile: str) -> None:
    await page.goto("/sign-up")
    await page.fill("[name=mobile]", mobile)
    await page.click("button[value=code]")
    await page.fill("[name=code]", code_in(stack.texts_to(mobile)[0]))
    await page.click("main form:has([name=code]) button")
    await page.wait_for_url("**/sign-in/second*")
    await page.click("form[data-passkey=create] button")
    await page.wait_for_url("**/app/recovery*")


async def open_panel(page: Page) -> str:
    await page.goto("/app")
    await page.click("main a[href^='/panel/'] >> nth=0")
    await page.wait_for_url("**/panel/**")
    return re.search(r"/panel/\d+", page.url)[0]


async def fill_in_profile(page: Page, panel: str) -> None:
    await page.goto(f"{panel}/profile")
    await page.fill("[name=name]", "فروشگاه مریم")
    await page.fill("[name=national_id]", NATIONAL_ID)
    await page.fill("[name=address]", "تهران، خیابان ولیعصر، پلاک ۱")
    await page.click("form:has([name=national_id]) button")
    await expect(page.locator(".done")).to_be_visible()
    await page.goto(f"{panel}/profile/iban")
    await page.fill("[name=iban]", with_check_digits("017" + "0" * 17 + "01"))
    await page.click("form:has([name=iban]) button")
    await page.wait_for_url("**/profile?done=*")


async def apply(page: Page, panel: str) -> str:
    await page.goto(f"{panel}/applications/new")
    await page.fill("[name=title]", "کتاب‌فروشی مریم")
    await page.fill("[name=site]", "maryam-books.ir")
    await page.fill("[name=business]", "فروش کتاب‌های کودکان")
    await page.fill("[name=monthly]", "۵۰۰٬۰۰۰٬۰۰۰")
    await page.click("button[value=submit]")
    await page.wait_for_url("**/applications/*?done=*")
    return re.search(r"/applications/(\d+)", page.url)[1]


async def enter_console(page: Page, stack: Stack) -> None:
    made = stack.run("operator", "add", "sara", "--role=risk", "--json")
    assert made.returncode == 0, made.stderr
    once = json.loads(made.stdout)["password"]
    await page.goto("/console")
    await page.fill("[name=name]", "sara")
    await page.fill("[name=password]", once)
    await page.click("main form button")
    await page.wait_for_url("**/console/sign-in/setup*")
    secret = (await page.locator("main bdi.code").first.inner_text()).replace(" ", "")
    await page.fill("[name=password]", PASSWORD)
    await page.fill("[name=again]", PASSWORD)
    await page.fill("[name=code]", pyotp.TOTP(secret).now())
    await page.click("main form button")
    await page.wait_for_url("**/console*")
    await expect(page.locator("nav.menu")).to_be_visible()


async def approve(page: Page, application: str) -> None:
    await page.goto("/console/applications")
    await page.click(f"a[href$='/applications/{application}']")
    await page.fill("[name=reason]", "مدارک کامل است")
    await page.click("button[value=approved]")
    await page.wait_for_url("**/applications/*?done=*")


async def fetch_rmz(page: Page, panel: str) -> tuple[str, str]:
    await page.goto(f"{panel}/gateways")
    await page.click(f"main a[href^='{panel}/gateways/'] >> nth=0")
    await page.wait_for_url("**/gateways/*")
    gateway = re.search(r"/gateways/(\d+)", page.url)[1]
    await page.goto(f"{panel}/gateways/{gateway}/rmz")
    await page.click("main form:has([value=fetch]) button")
    rmz = await page.locator(".secret-text").inner_text()
    assert len(rmz) == 28
    # Once: the page shows it never again.
    await page.goto(f"{panel}/gateways/{gateway}/rmz")
    await expect(page.locator("main")).not_to_contain_text(rmz)
    return gateway, rmz


async def register_test_machine(page: Page, panel: str, gateway: str) -> None:
    await page.goto(f"{panel}/gateways/{gateway}")
    await page.fill("[name=domain]", "127.0.0.1")
    await page.click("form[action$='/domains'] button")
    await page.wait_for_url("**?done=*")


class shop_of:  # noqa: N801  # reads as the function that it is
    """The sample shop with the merchant's ID and Rmz pasted into it."""

    def __init__(self, stack: Stack, gateway: str, rmz: str) -> None:
        port = free_ports()[0]
        self.address = f"http://127.0.0.1:{port}"
        self._command = [sys.executable, "-m", "mopos", "demo-shop", f"--port={port}", f"--account={gateway}"]
        self._environment = os.environ | stack.environment | {"MOPOS_DEMO_RMZ": rmz}

    def __enter__(self) -> str:
        self._process = subprocess.Popen(self._command, env=self._environment)
        wait_for(f"{self.address}/")
        return self.address

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)


async def buy(page: Page, shop: str) -> None:
    await page.goto(shop)
    await page.fill("#name", "علی رضایی")
    await page.click("main form button")
    await page.click("main form button")
    await page.wait_for_selector("#card")
    await type_card(page, "6037990000000014")
    await page.fill("#password", "12345")
    await page.click("button.main")
    await page.click("button.main")
    await page.wait_for_url("http://localhost:*/pay/*")
    await expect(page.locator("h1")).to_contain_text("پرداخت انجام شد")
    await page.click(f"a[href^='{shop}']")
    await expect(page.locator("h1.paid")).to_be_visible()


async def find_in_reports(page: Page, panel: str) -> None:
    await page.goto(f"{panel}/purchases?state=PAID")
    await page.click(f"main a[href^='{panel}/purchases/1'] >> nth=0")
    await expect(page.locator("main")).to_contain_text("علی رضایی")
    await expect(page.locator("main")).to_contain_text("603799")


async def export(page: Page, panel: str) -> list[list[str]]:
    await page.goto(f"{panel}/exports")
    await page.select_option("[name=format]", "csv")
    await page.click("form:has([name=format]) button")
    link = page.locator("main a[download]")
    await expect(link).to_be_visible(timeout=30_000)
    async with page.expect_download() as waiting:
        await link.click()
    path = await (await waiting.value).path()
    text = path.read_bytes().decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))
