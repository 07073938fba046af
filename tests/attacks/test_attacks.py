"""The attacks of a hostile browser, shop or caller, over real HTTP; numbered as in the project's list of attacks."""

import asyncio
import contextlib
import re
import socket
import time

import pytest
from tests.conftest import fresh_database, open_folder
from tests.stack import heading, running

from mopos.banks.sandbox_buyer import enter, pay_at_sandbox, read_form
from mopos.edges.form import BODY_DEADLINE_S

RETURNED = {
    "State": "OK",
    "ResCode": "0",
    "RefNum": "123456789012",
    "TraceNo": "123456",
    "SecurePan": "603799******0014",
}


async def at_bank(shop, web, **changed):
    """A purchase whose buyer stands before the bank's page: its Res, the way there, the return address."""
    form = shop.form(**changed)
    page = await shop.post(web, form)
    to_bank = read_form(page.text, str(page.url), having="Token")
    (ref,) = shop.stack.sql(
        "select a.ref from attempt a join purchase p on p.attempt_id = a.id where p.res = %s", form["Res"]
    )[0]
    return form, to_bank, f"{shop.stack.gateway}/pay/return/{ref}"


async def test_attack_01_an_amount_changed_on_the_way_is_not_paid(shop, web):
    form, to_bank, _ = await at_bank(shop, web)
    # In the form posted again, in the bank's page, in the way back: none of it counts.
    assert (await shop.post(web, form | {"Amnt": "20000"})).status_code == 409
    bank_page = await enter(web, to_bank)
    assert "250" in bank_page.text or "۲۵۰" in bank_page.text
    way_back = await pay_at_sandbox(web, to_bank)
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
    way_back = await pay_at_sandbox(web, to_bank)
    await way_back.send(web)
    assert (await shop.pay_rep(web, form["Res"]))["Err"] == "0"


async def test_attack_03_a_return_replayed_fifty_times_at_once_is_one_payment(shop, web):
    form, to_bank, _ = await at_bank(shop, web)
    way_back = await pay_at_sandbox(web, to_bank)
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


async def test_attack_04_a_reference_of_another_purchase_pays_nothing(shop, web):
    paid = await shop.buy(web)
    form, _, address = await at_bank(shop, web)
    for changed in ({}, {"OrderId": "1"}, {"RefNum": " " + paid.way_back.fields["RefNum"]}):
        await web.post(address, data={**paid.way_back.fields, **changed})
    assert (await shop.pay_rep(web, form["Res"]))["Err"] == "2"


async def test_attack_05_return_inquiry_and_form_race(shop, web):
    form, to_bank, address = await at_bank(shop, web)
    way_back = await pay_at_sandbox(web, to_bank)
    rivals = [way_back.send(web), web.post(address, data={"State": "NOK"}), shop.post(web, form)]
    await asyncio.gather(*(rival for _ in range(1) for rival in rivals), *(way_back.send(web) for _ in range(5)))
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
    assert time.monotonic() - began < 2


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


async def test_attack_20_no_secret_is_in_a_log_or_a_table(shop, web):
    canary = "canary-of-a-wrong-rmz"
    bought = await shop.buy(web)
    await shop.pay_rep(web, bought.res)
    await shop.pay_rep(web, bought.res, rmz=canary)
    await web.post(f"{shop.stack.gateway}/WebServiceMoPos.asmx", content=b"<x>" + canary.encode())
    await web.get(f"{shop.stack.gateway}/WebServiceMoPos.asmx/Nothing?Rmz={canary}")
    tables = shop.stack.sql("select tablename from pg_tables where schemaname = 'public'")
    dump = "".join(str(shop.stack.sql(f"select t::text from {table} t")) for (table,) in tables)
    book = (shop.stack.folder / "bank-book.jsonl").read_text()
    secrets = [canary, shop.rmz, "6037990000000014", "canary-secret-key", "sandbox-key"]
    for place, text in (("log", shop.stack.logs()), ("database", dump), ("bank's book", book)):
        for secret in secrets:
            assert secret not in text, f"{secret} in the {place}"
        assert not re.search(r"\b\d{16}\b", re.sub(r'"at":"[^"]*"', "", text)) or place == "database"
    token = bought.page.url.path.rpartition("/")[2]
    assert token not in shop.stack.logs(), "who reads the log could open the buyer's page"


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
    way_back = await pay_at_sandbox(web, read_form(page.text, str(page.url), having="Token"))
    answer = await web.post(way_back.url, data=way_back.fields, headers=forged)
    assert answer.headers["location"].startswith(gateway)
    assert (await shop.pay_rep(web, form["Res"]))["IP"] == "127.0.0.1"


async def test_attack_24_a_trusted_proxy_is_believed_as_far_as_it_wrote(postgres, web):
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        with running(dsn, folder, MOPOS_TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/8") as stack:
            shop = stack.make_shop()
            for header, seen in (
                ("198.51.100.7", "198.51.100.7"),
                ("1.2.3.4, 198.51.100.7", "198.51.100.7"),  # what the buyer wrote itself is not believed
                ("198.51.100.7, 10.1.2.3", "198.51.100.7"),
                ("nonsense", "127.0.0.1"),
                ("2001:db8::7", "2001:db8::7"),
            ):
                form = shop.form()
                await shop.post(web, form, headers={"X-Forwarded-For": header})
                assert (await shop.pay_rep(web, form["Res"]))["IP"] == seen


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
    # A return before the buyer was sent anywhere: the attempt is known, but not at the bank.
    form, _, address = await at_bank(shop, web)
    shop.stack.sql("alter table purchase disable trigger user")
    shop.stack.sql("update purchase set state = 'REGISTERED' where res = %s", form["Res"])
    shop.stack.sql("alter table purchase enable trigger user")
    await web.post(address, data=RETURNED)
    assert shop.state(form["Res"]) == "REGISTERED"
    # "Pay" on a purchase that is paid leads back to its page, not to the bank.
    bought = await shop.buy(web)
    answer = await web.post(str(bought.page.url))
    assert (answer.status_code, answer.headers["location"]) == (303, str(bought.page.url))


async def test_attack_27_large_forms_are_refused_and_others_are_served(shop, web):
    address = f"{shop.stack.gateway}/Payment.aspx"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await web.post(address, content=b"Nam=" + b"x" * 10_000_000, headers=kind)
    assert (answer.status_code, "form_too_large" in answer.text) == (413, True)
    answer = await web.post(address, content=b"&".join(b"a%d=1" % n for n in range(10_000))[:60_000], headers=kind)
    assert (answer.status_code, "form_unreadable" in answer.text) == (400, True)
    bomb = await web.post(address, content=b"\x1f\x8b" + b"\0" * 1000, headers=kind | {"Content-Encoding": "gzip"})
    assert bomb.status_code == 400
    await shop.buy(web)


async def test_attack_27_slow_senders_hold_nobody_up(shop, web):
    host, port = "127.0.0.1", int(shop.stack.gateway.rpartition(":")[2])
    head = b"POST /Payment.aspx HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n"
    slow = await asyncio.gather(*(asyncio.open_connection(host, port) for _ in range(300)))
    for _, writer in slow:
        writer.write(head + b"x")
    began = time.monotonic()
    await asyncio.gather(*(shop.buy(web) for _ in range(5)))
    assert time.monotonic() - began < 10
    reader, writer = slow[0]
    drip = asyncio.create_task(_drip(writer))
    answer = await asyncio.wait_for(reader.read(2000), BODY_DEADLINE_S + 10)
    drip.cancel()
    assert b" 408 " in answer.split(b"\r\n")[0]
    for _, one in slow:
        one.close()


async def _drip(writer) -> None:
    with contextlib.suppress(ConnectionError):
        while True:
            writer.write(b"x")
            await asyncio.sleep(1)


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
