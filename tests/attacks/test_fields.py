"""Attacks by what stands in the form's fields, over real HTTP: what is missing, strange, twice, or leads elsewhere."""

import re
from urllib.parse import quote, urlencode

import pytest

from mopos.banks.sim.buyer import read_form

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def purchases(shop):
    return shop.stack.sql("select count(*) from purchase")[0][0]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        *((field, None, f"{short}_missing") for field, short in (("ID", "id"), ("Res", "res"), ("Amnt", "amnt"))),
        ("RedirectURL", None, "redirect_missing"),
        *((field, " \t", f"{short}_missing") for field, short in (("ID", "id"), ("Res", "res"), ("Amnt", "amnt"))),
        ("RedirectURL", "", "redirect_missing"),
        ("ID", "9" * 5000, "id_unknown"),
        ("ID", "null", "id_unknown"),
        ("Res", "R" * 65, "res_too_long"),
        ("Res", "R\0", "res_malformed"),
        ("Amnt", "9" * 5000, "amnt_too_large"),
        ("Amnt", "250000\0", "amnt_not_a_number"),
        ("Amnt", "2.5e5", "amnt_not_a_number"),
        ("Amnt", "9223372036854775808", "amnt_too_large"),
        ("Nam", "ن" * 201, "nam_too_long"),
        ("Dsc", "ن" * 1001, "dsc_too_long"),
        ("RedirectURL", "http://shop.test/" + "a" * 2000, "redirect_too_long"),
    ],
)
async def test_attack_07_a_field_that_is_absent_empty_or_strange_is_refused(shop, web, field, value, code):
    form = shop.form()
    del form[field]
    before = purchases(shop)
    page = await shop.post(web, form if value is None else form | {field: value})
    assert (page.status_code, code in page.text) == (404 if code == "id_unknown" else 400, True)
    assert purchases(shop) == before


async def test_attack_07_an_array_is_not_the_field(shop, web):
    form = shop.form()
    amount = form.pop("Amnt")
    for name in ("Amnt[]", "Amnt[0]", "Amnt.", "{Amnt}", "Аmnt"):  # the last one begins with a Cyrillic letter
        page = await shop.post(web, form | {name: amount})
        assert (page.status_code, "amnt_missing" in page.text) == (400, True), name


async def test_attack_07_strange_fields_of_a_return_are_no_yes(shop, web):
    bought = await shop.buy(web, "insufficient_funds")
    address = bought.way_back.url
    ok = "State=OK&ResCode=0&RefNum=123456789012"
    for body in (ok + "&State=OK", "State[]=OK&ResCode[]=0", ok + "&RefNum=", ok + "9" * 50_000, "%ff%00=%00", "&&=&"):
        answer = await web.post(f"{address}?{ok}", content=body.encode(), headers=FORM)
        assert answer.status_code == 303
        assert (await shop.pay_rep(web, bought.res))["Err"] == "10"
    too_many = await web.post(address, content=b"&".join(b"a=1" for _ in range(5000)), headers=FORM)
    assert too_many.status_code == 400


@pytest.mark.parametrize(
    "url",
    [
        "data:text/html,<script>alert(1)</script>",
        "vbscript:msgbox(1)",
        "JaVaScRiPt:alert(1)//http://shop.test",
        "http:evil.example",
        "http:///evil.example",
        "http://shop.test\r\nSet-Cookie: a=b",
        "http://shop.test\t@evil.example/",
        "http://shop.test\\@evil.example/",
        "http://shop.test:0/",
        "http://shop.test:99999/",
        "http://[::1",
        "http://\u202eelpmaxe.live/",
        "ftp://shop.test/",
    ],
)
async def test_attack_08_no_way_to_where_browsers_and_servers_disagree(shop, web, url):
    page = await shop.post(web, shop.form(RedirectURL=url))
    assert page.status_code == 400
    assert not re.findall(r'(?:href|action|src)="(?!/)[^"]*"', page.text), "nothing leads out of the gateway"
    assert not {"refresh", "location", "set-cookie"} & set(page.headers)


async def test_attack_08_a_look_alike_is_shown_as_what_it_is(shop, web):
    bought = await shop.buy(web, RedirectURL="https://sh\u043ep.test/b?a=\u06f1")  # a Cyrillic o
    (link,) = set(re.findall(r'href="(http[^"]*)"', bought.page.text))
    assert link == f"https://xn--shp-ted.test/b?a=%DB%B1&amp;Res={bought.res}"
    assert bought.page.headers["refresh"].isascii()


async def test_attack_25_what_stands_in_the_address_is_no_field(shop, web):
    form = shop.form()
    address = f"{shop.stack.gateway}/Payment.aspx?{urlencode({'Amnt': 20000, 'RedirectURL': 'http://evil.example'})}"
    page = await web.post(address, data=form)
    assert (page.status_code, "evil.example" in page.text) == (200, False)
    assert (await shop.pay_rep(web, form["Res"]))["Amnt"] == "250000"
    missing = {name: value for name, value in shop.form().items() if name != "Amnt"}
    page = await web.post(address, data=missing)
    assert (page.status_code, "amnt_missing" in page.text) == (400, True)
    assert (await web.get(f"{address}&{urlencode(shop.form())}")).status_code == 200, (
        "GET explains and registers nothing"
    )
    assert shop.stack.sql("select count(*) from purchase where res = %s", f"R{shop.count}") == [(0,)]


@pytest.mark.parametrize("twin", ["%41mnt=20000", "Amnt%20=20000", "%D9%A0=1&amnt=", "AMNT"])
async def test_attack_25_a_twin_in_disguise_is_a_twin(shop, web, twin):
    body = f"{urlencode(shop.form())}&{twin}".encode()
    page = await web.post(f"{shop.stack.gateway}/Payment.aspx", content=body, headers=FORM)
    assert (page.status_code, "field_repeated" in page.text) == (400, True)


async def test_attack_25_a_multipart_form_has_no_twins_either(shop, web):
    parts = [(name, (None, text)) for name, text in [*shop.form().items(), ("amnt", "20000")]]
    page = await web.post(f"{shop.stack.gateway}/Payment.aspx", files=parts)
    assert (page.status_code, "field_repeated" in page.text) == (400, True)


async def test_attack_25_res_means_the_same_at_both_doors(shop, web):
    """Digits of three keyboards are one number in `Amnt`, and three different texts in `Res`."""
    for res, amount in (("7", "20000"), ("۷", "30000"), ("٧", "40000")):
        page = await shop.post(web, shop.form(Res=res, Amnt=amount))
        read_form(page.text, str(page.url), having="Token")
    for res, amount in (("7", "20000"), ("۷", "30000"), ("٧", "40000"), (" 7 ", "20000")):
        assert (await shop.pay_rep(web, res))["Amnt"] == amount
    for res in ("07", "7.0", "7%00", quote("7\0")):
        assert (await shop.pay_rep(web, res))["Err"] == "91"
