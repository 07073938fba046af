"""The attacks of a hostile browser, shop or caller, over real HTTP; numbered as in the project's list of attacks."""

import asyncio
import re
import socket
import time

import httpx2
import pytest
from tests.conftest import fresh_database, open_folder
from tests.stack import at_bank, browser, heading, return_address, running

from mopos.banks.sim.buyer import enter, pay_at_bank, read_form
from mopos.base.text import persian_digits

RETURNED = {
    "State": "OK",
    "ResCode": "0",
    "RefNum": "123456789012",
    "TraceNo": "123456",
    "SecurePan": "603799******0014",
}


async def test_attack_01_an_amount_changed_on_the_way_is_not_paid(shop, web):
    form, to_bank, _ = await at_bank(shop, web)
    # In the form posted again, in the bank's page, in the way back: none of it counts.
    assert (await shop.post(web, form | {"Amnt": "20000"})).status_code == 409
    bank_page = await enter(web, to_bank)
    assert "250" in bank_page.text or "۲۵۰" in bank_page.text
    way_back = await pay_at_bank(web, to_bank)
    await web.post(way_back.url, data={**way_back.fields, "Amount": "1", "Amnt": "1"})
    assert (await shop.pay_rep(web, form["Res"]))["Amnt"] == "250000"
    # And when the bank itself takes another amount, nobody is told "paid".
    bought = await shop.buy(web, "amount_differs")
    assert (await shop.pay_rep(web, bought.res))["Err"] == "20"


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("fields", [RETURNED, {}, {"State": "OK"}, RETURNED | {"ResCode": "17", "State": "NOK"}])
async def test_attack_02_a_forged_return_does_not_pay(shop, web, method, fields):
    form, to_bank, address = await at_bank(shop, web)
    sent = {"params": fields} if method == "get" else {"data": fields}
    answer = await getattr(web, method)(address, **sent)
    assert answer.status_code == 303
    assert (await shop.pay_rep(web, form["Res"]))["Err"] == "2"
    way_back = await pay_at_bank(web, to_bank)
    await way_back.send(web)
    assert (await shop.pay_rep(web, form["Res"]))["Err"] == "0"


async def test_attack_03_a_return_replayed_fifty_times_at_once_is_one_payment(shop, web):
    form, to_bank, _ = await at_bank(shop, web)
    way_back = await pay_at_bank(web, to_bank)
    answers = await asyncio.gather(*(way_back.send(web) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert (await shop.pay_rep(web, form["Res"]))["Err"] == "0"
    lines = shop.stack.sql(
        """
        select count(*) from ledger_line l join journal j on j.id = l.journal_id
        join purchase p on p.id = j.purchase_id where p.res = %s
        """,
        form["Res"],
    )
    assert lines == [(1,)]


async def test_attack_03_a_first_trys_return_changes_nothing_after_the_second(shop, web):
    refused = await shop.buy(web, "insufficient_funds")
    again = await web.post(str(refused.page.url))
    second = await pay_at_bank(web, read_form(again.text, str(again.url), having="Token"))
    # Before, while and after the second try is paid.
    await asyncio.gather(*(refused.way_back.send(web) for _ in range(5)), second.send(web))
    await refused.way_back.send(web)
    assert (await shop.pay_rep(web, refused.res))["Err"] == "0"
    await web.post(second.url, data=refused.way_back.fields)
    assert (await shop.pay_rep(web, refused.res))["Err"] == "0"


async def test_attack_04_a_reference_of_another_purchase_pays_nothing(shop, web):
    paid = await shop.buy(web)
    ref = paid.way_back.fields["RefNum"]
    for merchant in (shop, shop.stack.make_shop("another merchant")):
        form, _, address = await at_bank(merchant, web)
        for changed in ({}, {"OrderId": "1"}, {"RefNum": f" {ref}"}, {"RefNum": persian_digits(ref)}):
            await web.post(address, data={**paid.way_back.fields, **changed})
        assert (await merchant.pay_rep(web, form["Res"]))["Err"] == "2"
    assert (await shop.pay_rep(web, paid.res))["Err"] == "0"


async def test_attack_05_return_inquiry_and_form_race(shop, web):
    form, to_bank, address = await at_bank(shop, web)
    way_back = await pay_at_bank(web, to_bank)
    rivals = [way_back.send(web), web.post(address, data={"State": "NOK"}), shop.post(web, form)]
    await asyncio.gather(*rivals, *(way_back.send(web) for _ in range(5)))
    assert (await shop.pay_rep(web, form["Res"]))["Err"] == "0"


async def test_attack_06_an_answer_after_the_deadline_ends_as_paid(shop, web):
    bought = await shop.buy(web, "verify_late")
    assert (await shop.pay_rep(web, bought.res))["Err"] == "3"
    assert "Refresh" in {name.title() for name in bought.page.headers}
    give_up = time.monotonic() + 40
    while (err := (await shop.pay_rep(web, bought.res))["Err"]) != "0":
        assert err == "3"
        assert time.monotonic() < give_up
        await asyncio.sleep(0.5)


@pytest.mark.parametrize(
    ("id_", "rmz"),
    [("", ""), ("", "x"), (None, None), ("0", "x"), ("-1", "x"), ("9" * 400, "x"), ("1' or '1'='1", "x")],
)
async def test_attack_07_a_missing_or_strange_secret_is_a_wrong_one(shop, web, id_, rmz):
    bought = await shop.buy(web)
    for account in (id_, shop.id):
        query = {"ID": account, "Rmz": rmz, "Res": bought.res}
        answer = await web.get(f"{shop.stack.gateway}/WebServiceMoPos.asmx/PayRep", params=query)
        assert "<Err>90</Err>" in answer.text
        assert "<Amnt>0</Amnt>" in answer.text


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "//evil.example/", "https://a@evil.example/", "https:\\\\evil.example"]
)
async def test_attack_08_there_is_no_link_to_where_no_shop_can_be(shop, web, url):
    page = await shop.post(web, shop.form(RedirectURL=url))
    assert page.status_code == 400
    assert not re.search(r'(href|action|content)="[^"]*evil', page.text)
    assert "javascript:" not in re.sub(r"<bdi[^>]*>.*?</bdi>", "", page.text)
    assert "refresh" not in page.headers


async def test_attack_09_nobody_is_called_but_the_bank(shop, web):
    with socket.create_server(("127.0.0.1", 0)) as inside:
        inside.settimeout(0.5)
        url = f"http://127.0.0.1:{inside.getsockname()[1]}/back"
        await shop.buy(web, RedirectURL=url)
        with pytest.raises(TimeoutError):
            inside.accept()


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "' + "a" * 1000 + '">' + "".join(f'<!ENTITY b{n} "{"&a;" * 10}">' for n in range(9)) + "]>"
)


@pytest.mark.parametrize(
    "xml", [BOMB + "<x>&b8;</x>", '<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', "<a>" * 20_000, "<?evil?><x/>"]
)
async def test_attack_10_hostile_xml_costs_nothing(shop, web, xml):
    began = time.monotonic()
    answer = await web.post(
        f"{shop.stack.gateway}/WebServiceMoPos.asmx", content=xml.encode(), headers={"Content-Type": "text/xml"}
    )
    assert answer.status_code in (400, 413)
    assert answer.content == b""
    assert time.monotonic() - began < 5


MARKUP = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


async def test_attack_17_markup_is_shown_as_text(shop, web):
    bought = await shop.buy(web, Nam=MARKUP, Dsc=MARKUP, Res=MARKUP[:60])
    refused = await shop.post(web, shop.form(Nam=MARKUP, Amnt=MARKUP, Res=MARKUP, RedirectURL=MARKUP))
    for page in (bought.page, refused):
        assert "<script" not in page.text
        assert "<img src=x" not in page.text
        assert "script-src 'none'" in page.headers["content-security-policy"]


async def test_attack_19_deceiving_characters_never_reach_a_page(shop, web):
    bought = await shop.buy(web, Nam="علی\u202egnp.exe", Dsc="a\u2066b\u200bc\0d")
    assert not set(bought.page.text) & set("\u202e\u2066\u200b\0")
    report = await shop.pay_rep(web, bought.res)
    assert report["Nam"] == "علیgnp.exe"
    page = await shop.post(web, shop.form(Res="a\u202eb"))
    assert (page.status_code, "res_malformed" in page.text) == (400, True)


async def test_attack_24_links_come_from_the_settings_only(shop, web):
    forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher"}
    forged |= {"Forwarded": "host=evil.example", "X-Forwarded-For": "203.0.113.66", "X-Original-URL": "/admin"}
    gateway = shop.stack.gateway
    for path in ("/", "/Payment.aspx", "/WebServiceMoPos.asmx?WSDL", "/WebServiceMoPos.asmx", "/nowhere"):
        answer = await web.get(f"{gateway}{path}", headers=forged)
        assert "evil.example" not in answer.text
    form = shop.form()
    page = await shop.post(web, form, headers=forged)
    assert "evil.example" not in page.text
    way_back = await pay_at_bank(web, read_form(page.text, str(page.url), having="Token"))
    answer = await web.post(way_back.url, data=way_back.fields, headers=forged)
    assert answer.headers["location"].startswith(gateway)
    assert (await shop.pay_rep(web, form["Res"]))["IP"] == "127.0.0.1"


async def test_attack_24_a_trusted_proxy_is_believed_as_far_as_it_wrote(postgres, web):
    proxy = httpx2.AsyncHTTPTransport(local_address="127.0.0.2")
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        with running(dsn, folder, MOPOS_TRUSTED_PROXIES="127.0.0.2, 10.0.0.0/8") as stack:
            shop = stack.make_shop()
            async with browser(transport=proxy) as proxied:
                for client, header, seen in (
                    (proxied, "198.51.100.7", "198.51.100.7"),
                    (proxied, "1.2.3.4, 198.51.100.7", "198.51.100.7"),  # what the buyer wrote itself is not believed
                    (proxied, "198.51.100.7, 10.1.2.3", "198.51.100.7"),
                    (proxied, "nonsense", "127.0.0.2"),
                    (proxied, "2001:db8::7", "2001:db8::7"),
                    (web, "198.51.100.7", "127.0.0.1"),  # past the proxy
                    (web, "198.51.100.7, 127.0.0.2", "127.0.0.1"),
                ):
                    form = shop.form()
                    await shop.post(client, form, headers={"X-Forwarded-For": header})
                    assert (await shop.pay_rep(web, form["Res"]))["IP"] == seen, header


async def test_attack_25_a_field_that_comes_twice_is_refused(shop, web):
    form = "&".join(f"{name}={value}" for name, value in shop.form().items())
    for twice in ("&Amnt=20000", "&amnt=20000", "&AMNT=20000", "&res=other"):
        page = await web.post(
            f"{shop.stack.gateway}/Payment.aspx",
            content=(form + twice).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert (page.status_code, "field_repeated" in page.text) == (400, True)


async def test_attack_26_no_step_can_be_skipped(shop, web):
    gateway = shop.stack.gateway
    for path in ("/pay/" + "A" * 22, "/pay/return/" + "A" * 22, "/pay/x", "/pay/return/x", "/pay/%00" + "A" * 21):
        for method in ("get", "post"):
            assert (await getattr(web, method)(f"{gateway}{path}")).status_code == 404
    # "Pay" on a purchase that is paid leads back to its page, not to the bank.
    bought = await shop.buy(web)
    answer = await web.post(str(bought.page.url))
    assert (answer.status_code, answer.headers["location"]) == (303, str(bought.page.url))


async def test_attack_26_a_return_before_the_buyer_was_sent_anywhere_is_none(stack, shop, web):
    stack.kill("bank")
    form = shop.form()
    assert (await shop.post(web, form)).status_code == 502
    stack.start_bank()
    await web.post(return_address(shop, form["Res"]), data=RETURNED)
    assert shop.state(form["Res"]) == "REGISTERED"
    assert (await shop.pay_rep(web, form["Res"]))["Err"] == "1"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"])
async def test_attack_26_other_methods_do_nothing(shop, web, method):
    form, _, address = await at_bank(shop, web)
    gateway = shop.stack.gateway
    written = "select (select count(*) from purchase), p.version, p.next_check_at from purchase p where p.res = %s"
    before = shop.stack.sql(written, form["Res"])
    for path in ("/Payment.aspx", "/WebServiceMoPos.asmx/PayRep", address.removeprefix(gateway), "/", "/healthz"):
        answer = await web.request(method, f"{gateway}{path}", data=form | RETURNED)
        assert answer.status_code in ((204, 405) if method == "OPTIONS" else (404, 405)), path
    assert shop.stack.sql(written, form["Res"]) == before


async def test_attack_15_wrong_passwords_are_slowed_and_the_right_one_is_not(stack, web):
    shop = stack.make_shop("another shop")
    bought = await shop.buy(web)
    errs = [(await shop.pay_rep(web, bought.res, rmz=f"guess-{n}"))["Err"] for n in range(22)]
    assert errs[:20] == ["90"] * 20
    assert errs[20:] == ["94"] * 2
    assert (await shop.pay_rep(web, bought.res))["Err"] == "0"


async def test_attack_21_no_page_can_be_framed(shop, web):
    bought = await shop.buy(web)
    for page in (bought.page, await web.get(shop.stack.gateway), await web.get(f"{shop.stack.gateway}/nowhere")):
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert heading(page)
