"""The sandbox bank's page, as a browser without scripts sees it, over real HTTP."""

from __future__ import annotations

import asyncio
import re
import resource
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import httpx2
import pytest
from lxml import html

from mopos.banks.port import Attempt, Confirmed, Opened, Pending, Silent, Unverified
from mopos.banks.sim.book import WRONG_PASSWORDS_MAX
from mopos.banks.sim.buyer import Form, NoForm, enter, pay_at_bank, read_form
from mopos.banks.sim.cards import BY_SLUG, CARDS, spaced
from mopos.base.money import Rial

if TYPE_CHECKING:
    from tests.banks.conftest import Gateway, RunningBank

    Connect = Callable[..., AbstractAsyncContextManager[Gateway]]

GOOD = {"card": "6037990000000014", "cvv2": "123", "month": "12", "year": "10", "password": "12345"}


async def page_of(gateway: Gateway, opened: Opened) -> Form:
    """The payment form of the bank's page."""
    page = await enter(gateway.browser, opened.redirect)
    return read_form(page.text, str(page.url), having="card")


# --- what stands on it ---


async def test_the_page_says_who_takes_what_and_until_when(gateway: Gateway) -> None:
    opened, attempt = await gateway.open(1_250_005, description="کتاب «بوستان»")
    page = (await enter(gateway.browser, opened.redirect)).text
    text = " ".join(html.fromstring(page).text_content().split())
    assert '<html lang="fa" dir="rtl">' in page
    for shown in ("۱٬۲۵۰٬۰۰۵ ریال", "۱۲۵٬۰۰۰٫۵ تومان", "درگاه پرداخت موپوز", "۱۰۰۰۰۰۰۱", "کتاب «بوستان»", "SANDBOX"):
        assert shown in text
    assert attempt.number.translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")) in text
    assert re.search("مهلت پرداخت تا ساعت [۰-۹]{2}:[۰-۹]{2}:[۰-۹]{2}", text)
    assert all(spaced(card.number) in text and card.fa in text for card in CARDS)


@pytest.mark.parametrize(
    ("query", "accept", "lang"),
    [
        ("", "", "fa"),
        ("", "de,ar;q=0.9", "fa"),
        ("", "en-US,en;q=0.9,fa;q=0.8", "en"),
        ("", "fa-IR,fa;q=0.9,en;q=0.8", "fa"),
        ("?lang=en", "fa", "en"),
        ("?lang=fa", "en", "fa"),
        ("?lang=xx", "en", "en"),
    ],
)
async def test_languages(gateway: Gateway, query: str, accept: str, lang: str) -> None:
    opened, _ = await gateway.open()
    url = opened.redirect.url + query
    page = await gateway.browser.post(url, data={"Token": opened.token}, headers={"Accept-Language": accept})
    assert f'<html lang="{lang}" dir="{"rtl" if lang == "fa" else "ltr"}">' in page.text
    assert page.headers["content-language"] == lang


async def test_every_field_has_a_label_and_nothing_is_inline(gateway: Gateway) -> None:
    opened, _ = await gateway.open()
    form = await page_of(gateway, opened)
    for page in (
        await enter(gateway.browser, opened.redirect),
        await form.send(gateway.browser),
        await form.send(gateway.browser, **GOOD),
        await gateway.browser.get(f"{gateway.url}/pay"),
    ):
        tree = html.fromstring(page.text)
        labelled = set(tree.xpath("//label/@for"))
        assert set(tree.xpath("//input[not(@type='hidden')]/@id")) == labelled
        assert tree.xpath("//style | //@style | //script[not(@src)] | //@*[starts-with(name(), 'on')]") == []
        described = " ".join(tree.xpath("//@aria-describedby")).split()
        assert set(described) <= set(tree.xpath("//@id"))


async def test_the_headers_of_the_page(gateway: Gateway) -> None:
    opened, _ = await gateway.open(return_url="http://shop.test:8000/back?x=1")
    form = await page_of(gateway, opened)
    page, receipt = await enter(gateway.browser, opened.redirect), await form.send(gateway.browser, **GOOD)
    csp = (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; "
        "frame-ancestors 'none'; form-action 'self'"
    )
    assert page.headers["content-security-policy"] == csp
    assert receipt.headers["content-security-policy"] == f"{csp} http://shop.test:8000"
    for answer in (page, receipt):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["page.css", "page.js", "mark.svg"])
async def test_its_files(gateway: Gateway, name: str) -> None:
    answer = await gateway.browser.get(f"{gateway.url}/pay/assets/{name}")
    assert (answer.status_code, bool(answer.text)) == (200, True)
    assert (await gateway.browser.get(f"{gateway.url}/pay/assets/..%2f{name}")).status_code == 404


# --- mistakes ---


@pytest.mark.parametrize(
    ("typed", "mistakes"),
    [
        ({}, []),
        ({"card": "۶۰۳۷ ۹۹۰۰ ۰۰۰۰ ۰۰۱۴", "cvv2": "١٢٣", "password": "۱۲۳۴۵"}, []),
        ({"card": "6037-9900-0000-0014", "month": "9"}, []),
        ({"card": ""}, ["#card"]),
        ({"card": "6037990000000015"}, ["#card"]),
        ({"card": "603799000000001"}, ["#card"]),
        ({"card": "4111111111111111"}, ["#card"]),
        ({"cvv2": "12"}, ["#cvv2"]),
        ({"cvv2": "12a"}, ["#cvv2"]),
        ({"month": "13"}, ["#month"]),
        ({"month": "0"}, ["#month"]),
        ({"year": "1"}, ["#year"]),
        ({"year": "1410"}, ["#year"]),
        ({"month": "01", "year": "04"}, ["#month"]),
        ({"month": "12", "year": "99"}, ["#month"]),
        ({"password": "1234"}, ["#password"]),
        ({"password": "1234567890123"}, ["#password"]),
        ({"password": "54321"}, ["#password"]),
        (dict.fromkeys(GOOD, ""), ["#card", "#cvv2", "#month", "#year", "#password"]),
    ],
)
async def test_mistakes_are_told_at_once_and_cost_nothing(
    gateway: Gateway, typed: dict[str, str], mistakes: list[str]
) -> None:
    opened, attempt = await gateway.open()
    answer = await (await page_of(gateway, opened)).send(gateway.browser, **{**GOOD, **typed})
    tree = html.fromstring(answer.text)
    assert tree.xpath("//*[@role='alert']//a/@href") == mistakes
    assert tree.xpath("//*[@aria-invalid='true']/@id") == [mistake[1:] for mistake in mistakes]
    assert answer.status_code == (422 if mistakes else 200)
    assert await gateway.bank.inquire(attempt) == (Pending() if mistakes else Unverified())


async def test_a_card_that_may_be_real_is_not_sent_back(gateway: Gateway) -> None:
    opened, _ = await gateway.open()
    answer = await (await page_of(gateway, opened)).send(gateway.browser, **{**GOOD, "card": "4111111111111111"})
    tree = html.fromstring(answer.text)  # a token of the page may hold any four digits
    assert "1111" not in tree.text_content()
    assert [value for value in tree.xpath("//input[@type != 'hidden']/@value") if "1111" in value] == []
    assert "111111" not in answer.text


async def test_the_third_wrong_password_ends_it(gateway: Gateway) -> None:
    opened, attempt = await gateway.open()
    form = await page_of(gateway, opened)
    for left in range(WRONG_PASSWORDS_MAX - 1, 0, -1):
        answer = await form.send(gateway.browser, **{**GOOD, "password": "99999"})
        assert "۰۱۲۳۴۵۶۷۸۹"[left] + " بار دیگر" in answer.text
        assert "99999" not in answer.text
    answer = await form.send(gateway.browser, **{**GOOD, "password": "99999"})
    assert read_form(answer.text, gateway.url, having="ResCode").fields["ResCode"] == "75"
    assert read_form((await form.send(gateway.browser, **GOOD)).text, "", having="ResCode").fields["State"] == "Failed"
    assert [entry["what"] for entry in (await gateway.book(attempt))["entries"]] == ["opened", "refused"]


# --- the dynamic password ---


async def test_the_dynamic_password_is_shown_and_what_was_typed_is_kept(gateway: Gateway) -> None:
    opened, attempt = await gateway.open()
    form = await page_of(gateway, opened)
    typed = {**GOOD, "password": ""}
    asked = await gateway.browser.post(f"{gateway.url}/pay/password", data={**form.fields, **typed})
    again = read_form(asked.text, str(asked.url), having="card")
    kept = {name: again.fields[name] for name in typed}
    assert kept == {**typed, "card": "6037 9900 0000 0014"}
    assert "ملی" in asked.text
    otp = html.fromstring(asked.text).xpath("string(//*[@role='status']//strong)").strip()
    assert re.fullmatch("[0-9]{6}", otp)
    await gateway.browser.post(again.url, data={**again.fields, "password": otp})
    assert await gateway.bank.inquire(attempt) == Unverified()


# --- again, back, twice ---


async def test_a_refresh_shows_the_page_again(gateway: Gateway) -> None:
    opened, _ = await gateway.open()
    assert (await page_of(gateway, opened)).fields == (await page_of(gateway, opened)).fields


async def test_the_back_button_after_paying_shows_the_receipt(gateway: Gateway) -> None:
    opened, attempt = await gateway.open()
    form = await page_of(gateway, opened)
    first = await form.send(gateway.browser, **GOOD)
    for again in (
        await form.send(gateway.browser, **GOOD),
        await form.send(gateway.browser, **{**GOOD, "card": "6104330000000011"}),
        await enter(gateway.browser, opened.redirect),
        await gateway.browser.post(f"{gateway.url}/pay/cancel", data=form.fields),
        await gateway.browser.post(f"{gateway.url}/pay/password", data=form.fields),
    ):
        assert read_form(again.text, "", having="ResCode") == read_form(first.text, "", having="ResCode")
    assert [entry["what"] for entry in (await gateway.book(attempt))["entries"]] == ["opened", "taken"]


async def test_a_double_click_takes_once(gateway: Gateway) -> None:
    opened, attempt = await gateway.open()
    form = await page_of(gateway, opened)
    await asyncio.gather(*(form.send(gateway.browser, **GOOD) for _ in range(8)))
    assert [entry["what"] for entry in (await gateway.book(attempt))["entries"]] == ["opened", "taken"]


async def test_who_never_returns_may_close_the_window(gateway: Gateway) -> None:
    opened, attempt = await gateway.open()
    assert await pay_at_bank(gateway.browser, opened.redirect, "never_returns") is None
    assert await gateway.bank.inquire(attempt) == Unverified()
    with pytest.raises(NoForm):
        read_form((await enter(gateway.browser, opened.redirect)).text, "", having="ResCode")


async def test_attack_17_what_a_shop_sends_is_shown_as_text(gateway: Gateway) -> None:
    opened, _ = await gateway.open(description='"><script>alert(1)</script>\u202e', return_url="http://s/?a=\"'<b>&c=d")
    form = await page_of(gateway, opened)
    page, receipt = await enter(gateway.browser, opened.redirect), await form.send(gateway.browser, **GOOD)
    for answer in (page, receipt):
        assert "<script>alert" not in answer.text
        assert "\u202e" not in answer.text
    assert read_form(receipt.text, "", having="ResCode").url == "http://s/?a=\"'<b>&c=d"


@pytest.mark.parametrize("token", ["", "0" * 32, "' or 1=1", "۱۲۳"])
async def test_no_such_payment(gateway: Gateway, token: str) -> None:
    for path in ("/pay", "/pay/card", "/pay/password", "/pay/cancel"):
        answer = await gateway.browser.post(gateway.url + path, data={"Token": token})
        assert answer.status_code == 404
        assert "پرداختی پیدا نشد" in answer.text


async def test_attack_25_a_field_given_twice_has_no_meaning(gateway: Gateway) -> None:
    opened, attempt = await gateway.open()
    fields = [("Token", opened.token), *GOOD.items(), ("card", "6104330000000011")]
    body = "&".join(f"{name}={value}" for name, value in fields)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await gateway.browser.post(f"{gateway.url}/pay/card", content=body, headers=headers)
    assert html.fromstring(answer.text).xpath("//*[@role='alert']//a/@href") == ["#card"]
    assert await gateway.bank.inquire(attempt) == Pending()


@pytest.mark.parametrize(("body", "status"), [(b"a" * 20_000, 413), (b"a=1&" * 3_000, 404), (b"\xff\xfe&%zz=%", 404)])
async def test_attack_27_strange_forms_cost_nothing(gateway: Gateway, body: bytes, status: int) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await gateway.browser.post(f"{gateway.url}/pay", content=body, headers=headers)
    assert answer.status_code == status


# --- returns that the bank itself makes ---


@asynccontextmanager
async def shop() -> AsyncIterator[tuple[str, list[dict[str, str]]]]:
    """Somebody who takes returns, and remembers what they said."""
    heard: list[dict[str, str]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        heard.append(dict(parse_qsl((await reader.readexactly(length)).decode(), keep_blank_values=True)))
        writer.write(b"HTTP/1.1 303 See Other\r\nLocation: /invoice\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/return", heard


async def test_returns_twice_first_by_the_bank_itself(gateway: Gateway) -> None:
    async with shop() as (url, heard):
        opened, _ = await gateway.open(return_url=url)
        back = await pay_at_bank(gateway.browser, opened.redirect, "returns_twice")
        assert back is not None
        assert heard == [dict(back.fields)]


async def test_attack_02_forged_returns_come_before_any_money(gateway: Gateway) -> None:
    async with shop() as (url, heard):
        opened, attempt = await gateway.open(return_url=url)
        back = await pay_at_bank(gateway.browser, opened.redirect, "forged_return")
    assert back is not None
    said_ok, said_failed = heard
    assert gateway.bank.read_return(said_ok).claims_paid
    assert said_ok["RefNum"] != back.fields["RefNum"]
    assert not gateway.bank.read_return(said_failed).claims_paid
    confirmed = await gateway.bank.verify(Attempt(attempt.number, attempt.amount, attempt.token, said_ok["RefNum"]))
    assert isinstance(confirmed, Confirmed)
    assert confirmed.bank_ref == back.fields["RefNum"]


async def test_a_double_click_while_the_bank_waits_for_a_shop_takes_once(gateway: Gateway) -> None:
    async with shop() as (url, heard):
        opened, attempt = await gateway.open(return_url=url)
        form = await page_of(gateway, opened)
        forged = {**GOOD, "card": BY_SLUG["forged_return"].number}
        await asyncio.gather(*(form.send(gateway.browser, **forged) for _ in range(4)))
    assert len(heard) > 2  # more than one click was waiting
    assert [entry["what"] for entry in (await gateway.book(attempt))["entries"]] == ["opened", "taken"]


async def test_a_shop_that_does_not_answer_keeps_nobody_from_paying(gateway: Gateway) -> None:
    opened, attempt = await gateway.open(return_url="http://127.0.0.1:9/closed")
    assert await pay_at_bank(gateway.browser, opened.redirect, "forged_return") is not None
    assert await gateway.bank.inquire(attempt) == Unverified()


# --- the service ---


async def test_the_book_is_read_page_by_page(bank_with: Callable[..., RunningBank], gateway_at: Connect) -> None:
    async with gateway_at(bank_with().url) as gateway:
        for _ in range(5):
            await gateway.open()
        seen, after = [], 0
        while after is not None:
            page = (await gateway.browser.get(f"{gateway.url}/book", params={"after": after, "limit": 2})).json()
            seen += [entry["seq"] for entry in page["entries"]]
            after = page["next"]
        assert seen == [1, 2, 3, 4, 5]
        assert page["totals"]["opened"]["count"] == 5
        unknown = (await gateway.browser.get(f"{gateway.url}/book", params={"order": "777"})).json()
        assert unknown == {"order": "777", "stage": None, "entries": []}
        assert (await gateway.browser.get(f"{gateway.url}/healthz")).json() == {"ok": True}


async def test_a_killed_bank_remembers(
    bank_with: Callable[..., RunningBank], gateway_at: Connect, tmp_path: Path
) -> None:
    path = str(tmp_path / "book.jsonl")
    first = bank_with(book_path=path, seed=5)
    async with gateway_at(first.url) as gateway:
        opened, attempt = await gateway.open()
        await pay_at_bank(gateway.browser, opened.redirect)
        waiting, later = await gateway.open()
    first.running.kill()
    first.running.communicate()
    async with gateway_at(bank_with(book_path=path, seed=5).url) as gateway:
        assert isinstance(await gateway.bank.verify(attempt), Confirmed)
        page = Form("POST", f"{gateway.url}/pay", waiting.redirect.fields)
        assert await pay_at_bank(gateway.browser, page) is not None
        assert isinstance(await gateway.bank.verify(later), Confirmed)


async def test_a_bank_whose_disk_is_full_does_nothing_and_says_no_yes(
    bank_with: Callable[..., RunningBank], gateway_at: Connect, tmp_path: Path
) -> None:
    path = tmp_path / "book.jsonl"
    first = bank_with(book_path=str(path), give_back_s=4.0)
    async with gateway_at(first.url) as gateway:
        opened, attempt = await gateway.open()
        await pay_at_bank(gateway.browser, opened.redirect)
        # Half a line has room: so full is the disk, until somebody makes room.
        full = (path.stat().st_size + 40, resource.RLIM_INFINITY)
        room = resource.prlimit(first.running.pid, resource.RLIMIT_FSIZE, full)
        for _ in range(2):
            assert await gateway.bank.verify(attempt) == Silent("http_500")
        assert (await gateway.book(attempt))["stage"] == "taken"
        # Nobody is given his money back by a bank that cannot write it down.
        await asyncio.sleep(4.5)
        resource.prlimit(first.running.pid, resource.RLIMIT_FSIZE, room)
        await asyncio.sleep(1.2)
        listed = (await gateway.browser.get(f"{gateway.url}/book")).json()["entries"]
        assert [entry["what"] for entry in listed] == ["opened", "taken", "given_back"]
    first.running.kill()
    first.running.communicate()
    async with gateway_at(bank_with(book_path=str(path)).url) as gateway:
        assert (await gateway.browser.get(f"{gateway.url}/book")).json()["entries"] == listed


async def test_requests_under_way_end_before_the_bank_stops(
    bank_with: Callable[..., RunningBank], gateway_at: Connect
) -> None:
    bank = bank_with()
    async with gateway_at(bank.url) as gateway:
        opened, attempt = await gateway.open()
        await pay_at_bank(gateway.browser, opened.redirect, "verify_slow")
        asking = asyncio.create_task(gateway.bank.verify(attempt))
        await asyncio.sleep(0.2)
        bank.running.terminate()
        assert isinstance(await asking, Confirmed)
    written = await asyncio.to_thread(bank.stop)
    assert written == ""


async def test_many_buyers_at_once(bank_with: Callable[..., RunningBank], gateway_at: Connect) -> None:
    """Every card mixed in; the bank's sums fit what each buyer was told."""
    url = bank_with().url
    async with gateway_at(url, deadline_s=10) as gateway, httpx2.AsyncClient(trust_env=False, timeout=60) as browser:

        async def buy(at: int) -> bool:
            opened, attempt = await gateway.open(100_000)
            card = CARDS[at % len(CARDS)]
            await pay_at_bank(browser, opened.redirect, card)
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                answer = await gateway.bank.verify(attempt)
                if isinstance(answer, Confirmed):
                    assert answer.amount == card.takes(attempt.amount)
                    return True
                if card.code:
                    return False
            raise AssertionError(f"order {attempt.number} found no end")

        results = await asyncio.gather(*(buy(at) for at in range(20 * len(CARDS))))
        totals = (await browser.get(f"{gateway.url}/book")).json()["totals"]
    refusing = sum(1 for card in CARDS if card.code)
    assert results.count(False) == totals["refused"]["count"] == 20 * refusing
    assert totals["taken"] == totals["verified"]
    assert totals["taken"]["rial"] == 20 * sum(int(card.takes(Rial(100_000))) for card in CARDS if not card.code)
