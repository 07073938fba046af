"""Attacks by what people and banks write, on every page that shows it: markup (17) and deceiving characters (19)."""

import asyncio

import pytest
from lxml import html
from tests.stack import at_bank

from mopos.banks.sim.buyer import cancel_at_bank, enter

MARKUP = "\"'><script>alert(1)</script><img src=x onerror=alert(1)><a href=javascript:alert(1)>&lt;b&gt;"
# Overrides, isolates, marks, zero-width characters, a tag, an interlinear anchor, controls.
DECEIVING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u200b\ufeff"
DECEIVING += "\U000e0041\ufff9\x01\x85"


@pytest.fixture(scope="module")
def hostile_shop(stack):
    """A merchant whose own name is an attack."""
    return stack.make_shop(MARKUP[:80] + DECEIVING + "end")


async def every_page(shop, web, lang):
    """Each page that can show a text of the shop, the buyer or the bank; with what leads to it."""
    text = f"{MARKUP}{DECEIVING}"
    typed = {"Nam": text, "Dsc": text, "RedirectURL": "http://shop.test/?q=%22%3E%3Cscript%3E'\"><script>"}
    spoken = {"Accept-Language": lang}
    gateway = shop.stack.gateway

    refused = await shop.post(web, dict.fromkeys(shop.form(), text), headers=spoken)
    yield "refused", refused
    form, to_bank, address = await at_bank(shop, web, **typed)
    yield "to the bank", await shop.post(web, form, headers=spoken)
    yield "the bank's own", await enter(web, to_bank)
    returned = await web.post(address, data={"State": text, "ResCode": text, "RefNum": text, "SecurePan": text})
    yield "not complete", await web.get(returned.headers["location"], headers=spoken)
    way_back = await cancel_at_bank(web, to_bank)
    cancelled = await way_back.send(web)
    yield "cancelled", await web.get(cancelled.headers["location"], headers=spoken)
    for card in ("insufficient_funds", "amount_differs", "verify_garbage", "paid"):
        bought = await shop.buy(web, card, **typed)
        yield card, await web.get(str(bought.page.url), headers=spoken)
    again = shop.form(Res=bought.res, **typed)
    yield "paid before", await shop.post(web, again, headers=spoken)
    yield "used", await shop.post(web, again | {"Amnt": "20000"}, headers=spoken)
    yield "nowhere", await web.get(f"{gateway}/{MARKUP}", headers=spoken)
    for query in (f"op={MARKUP}", MARKUP):
        yield f"ASMX {query[:3]}", await web.get(f"{gateway}/WebServiceMoPos.asmx?{query}", headers=spoken)
    stack = shop.stack
    stack.kill("bank")
    yield "bank unavailable", await shop.post(web, shop.form(**typed), headers=spoken)
    await asyncio.to_thread(stack.start_bank)


def acting(page):
    """What on a page could act: scripts other than files of its own house, handlers, addresses that are none."""
    for element in html.document_fromstring(page.text).iter():
        if element.tag == "script" and (element.text or not element.get("src", "").startswith("/")):
            yield "script"
        if element.tag in ("img", "iframe", "object", "embed", "base") and element.get("src") == "x":
            yield element.tag
        for name, value in element.items():
            if name.startswith("on") or (name in ("href", "src", "action") and value.lower().startswith("javascript:")):
                yield f"{element.tag} {name}"


@pytest.mark.parametrize("lang", ["fa", "en"])
async def test_attack_17_and_19_on_every_page(hostile_shop, web, lang):
    shown = 0
    async for name, page in every_page(hostile_shop, web, lang):
        assert list(acting(page)) == [], name
        assert not set(page.text) & set(DECEIVING), name
        assert not any(ord(char) < 32 and char not in "\t\r\n" for char in page.text), name
        if page.url.path.startswith(("/pay/", "/Payment")) and page.url.port == _port(hostile_shop):
            policy = page.headers["content-security-policy"]
            assert "script-src 'none'" in policy or ("script-src 'self'" in policy and name == "to the bank"), name
            assert f'lang="{lang}"' in page.text, name
        # The attack was there and is read as text, so this test is about something.
        shown += "&lt;script&gt;" in page.text
    assert shown >= 8


def _port(shop):
    return int(shop.stack.gateway.rpartition(":")[2])


async def test_attack_17_what_is_no_page_is_no_markup_either(hostile_shop, web):
    gateway = hostile_shop.stack.gateway
    service = f"{gateway}/WebServiceMoPos.asmx"
    bad_action = {"Content-Type": "text/xml", "SOAPAction": MARKUP}
    for answer in (
        await web.get(f"{service}/{MARKUP}"),
        await web.post(service, content=b"<x/>", headers=bad_action),
        await web.get(f"{gateway}/static/{MARKUP}"),
        await web.get(f"{gateway}/pay/{MARKUP}"),
    ):
        assert "<script" not in answer.text
        assert "onerror" not in answer.text or "&lt;img src=x onerror" in answer.text


async def test_attack_19_the_report_has_no_deceiving_characters(hostile_shop, web):
    bought = await hostile_shop.buy(web, Nam=f"a{DECEIVING}b", Dsc=f"c{DECEIVING}d")
    report = await hostile_shop.pay_rep(web, bought.res)
    # U+0085 is white space to Unicode, so it becomes a blank.
    assert (report["Nam"].replace(" ", ""), report["Dsc"].replace(" ", "")) == ("ab", "cd")
