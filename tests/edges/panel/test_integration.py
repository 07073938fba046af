"""Integration: data, checklist and samples; the live log of forms and calls; the test console."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from tests.stack import browser
from tests.web import give_gateway, make_account, make_member, signed_in

from mopos.edges.panel.samples import HOST, NUMBER, SAMPLES, filled
from mopos.edges.recorder import PER_KEY_MAX

ROOT = Path(__file__).parents[3]
RMZ = "Rmz-that-nobody-may-read-in-a-log"
ROLES = {"owner": True, "admin": True, "developer": True, "accountant": False, "viewer": False}


@pytest.fixture(scope="module")
def shop(stack):
    """A shop whose gateway belongs to an account."""
    made = stack.make_shop()
    give_gateway(stack, make_account(stack), made.id)
    return made


@pytest.fixture(scope="module")
def account_id(stack, shop):
    ((account_id,),) = stack.sql("select account_id from gateway where id = %s", int(shop.id[:-1]))
    return account_id


@pytest.fixture(scope="module")
def owner(stack, account_id):
    return make_member(stack, "owner", account_id)


@pytest.fixture(scope="module")
def developer(stack, account_id):
    return make_member(stack, "developer", account_id)


def at(member, shop, rest: str = "") -> str:
    return f"{member.panel}/integration/{shop.id}{rest}"


async def logged(stack, member, shop, text: str, query: str = "", patience_s: float = 5):
    """The log's page once it says `text`."""
    give_up = time.monotonic() + patience_s
    async with signed_in(stack, member) as visitor:
        while True:
            page = await visitor.get(at(member, shop, f"/log{query}"))
            assert page.status == 200
            if text in page.text:
                return page
            assert time.monotonic() < give_up, f"{text!r} is not in: {page.text}"


def newest(page) -> str:
    return " ".join(page.tree.xpath("//tbody/tr[1]")[0].text_content().split())


# --- The page ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("role", "may"), ROLES.items())
async def test_who_may_integrate(stack, shop, account_id, owner, role, may):
    member = owner if role == "owner" else make_member(stack, role, account_id)
    async with signed_in(stack, member) as visitor:
        for rest in ("", "/log", "/try", "/sample"):
            assert (await visitor.get(at(member, shop, rest))).status == (200 if may else 403), rest


async def test_another_account_s_gateway_is_not_there(stack, shop, owner):
    stranger = make_member(stack, "owner")
    async with signed_in(stack, stranger) as visitor:
        for rest in ("", "/log", "/try", "/sample", "/try?res=R1"):
            assert (await visitor.get(at(stranger, shop, rest))).status == 404, rest
            assert (await visitor.get(at(owner, shop, rest))).status == 404, rest


async def test_the_data_and_samples_are_this_gateway_s(stack, shop, developer):
    async with signed_in(stack, developer) as visitor:
        page = await visitor.get(at(developer, shop))
        for text in (
            shop.id,
            f"{stack.gateway}/Payment.aspx",
            f"{stack.gateway}/WebServiceMoPos.asmx?WSDL",
            "YOUR-RMZ",
        ):
            assert text in page.text
        assert shop.rmz not in page.response.text
        shown = {code.text_content() for code in page.tree.xpath("//main//pre/code")}
        wanted = {filled(sample, public_url=stack.gateway, number=shop.id) for sample in SAMPLES.values()}
        assert {text.strip() for text in shown} == {text.strip() for text in wanted}
        for path, sample in SAMPLES.items():
            got = (await visitor.get(at(developer, shop, "/sample"), file=path)).response
            assert got.text == filled(sample, public_url=stack.gateway, number=shop.id)
            assert got.headers["content-disposition"] == f'attachment; filename="{sample.name}"'


def test_the_shown_samples_are_the_files_of_examples():
    for path, sample in SAMPLES.items():
        text = (ROOT / "examples" / path).read_text()
        assert HOST in text
        assert NUMBER in text
        assert filled(sample, public_url=HOST, number=NUMBER) == text
        other = filled(sample, public_url="https://gate.test", number="1234566")
        assert HOST not in other
        assert NUMBER not in other


def test_an_installed_mopos_has_the_samples(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        for path in SAMPLES:
            assert content.read(f"mopos/examples/{path}") == (ROOT / "examples" / path).read_bytes()


async def test_the_checklist_tells_what_has_happened(stack, web):
    shop = stack.make_shop()
    member = make_member(stack, "owner")
    give_gateway(stack, member.account_id, shop.id)

    async def steps() -> list[str]:
        async with signed_in(stack, member) as visitor:
            page = await visitor.get(at(member, shop))
            return [
                badge.text_content()
                for badge in page.tree.xpath("//ol[@class='checklist']//span[contains(@class,'badge')]")
            ]

    stack.sql("update gateway set rmz_shown_at = null where id = %s", int(shop.id[:-1]))
    assert await steps() == ["to do"] * 5
    await shop.post(web, shop.form(Amnt="5000"))
    page = await logged(stack, member, shop, "amnt_too_small")
    async with signed_in(stack, member) as visitor:
        assert "refused; the live log says why" in (await visitor.get(at(member, shop))).text
    bought = await shop.buy(web)
    assert (await shop.pay_rep(web, bought.res))["Err"] == "0"
    stack.sql("update gateway set domains = '{shop.test}' where id = %s", int(shop.id[:-1]))
    page = await logged(stack, member, shop, "Err 0")
    assert page.status == 200
    assert await steps() == ["done"] * 5


# --- The samples run --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "program"),
    [("php/payrep.php", ["php"]), ("python/payrep.py", [sys.executable]), ("node/payrep.mjs", ["node"])],
    ids=["php", "python", "node"],
)
@pytest.mark.parametrize("version", ["1.1", "1.2"])
async def test_a_sample_works_as_the_page_shows_it(stack, shop, developer, web, tmp_path, path, program, version):
    bought = await shop.buy(web)
    async with signed_in(stack, developer) as visitor:
        page = await visitor.get(at(developer, shop))
    anchor = SAMPLES[path].anchor
    (shown,) = page.tree.xpath(f"//details[@id='{anchor}']//pre/code")
    file = tmp_path / SAMPLES[path].name
    file.write_text(shown.text_content())
    done = await asyncio.to_thread(
        subprocess.run,
        [*program, str(file), bought.res, version],
        cwd=ROOT / "tests" / "clients",  # Node looks for its packages here
        env={key: value for key, value in os.environ.items() if not key.startswith("MOPOS_")} | {"MOPOS_RMZ": shop.rmz},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert (int(answer["Err"]), int(answer["Amnt"])) == (0, 250_000)


async def test_the_html_form_works_as_the_page_shows_it(stack, shop, developer, web):
    from lxml import html

    async with signed_in(stack, developer) as visitor:
        text = (await visitor.get(at(developer, shop, "/sample"), file="html/form.html")).response.text
    (form,) = html.fromstring(text).forms
    answer = await web.post(form.action, data=dict(form.form_values()))
    assert answer.status_code == 200, answer.text
    assert stack.sql("select 1 from purchase where gateway_id = %s and res = %s", int(shop.id[:-1]), form.fields["Res"])


# --- The live log -----------------------------------------------------------------------------------------------------


async def test_a_refused_form_is_in_the_log_within_seconds(stack, shop, owner, web):
    res = "log-refused"
    await shop.post(web, shop.form(Res=res, Amnt="12.50", Nam="ن" * 300, RedirectURL="ftp://shop.test/back"))
    page = await logged(stack, owner, shop, res, patience_s=3)
    row = newest(page)
    for text in ("refused", "amnt_not_a_number", "12.50", "nam_too_long", "redirect_scheme", "ftp://shop.test/back"):
        assert text in row
    assert "ن" * 61 not in page.text, "cut to what is needed to recognise it"
    links = page.tree.xpath("//tbody//a/@href")
    help_path = f"{owner.panel}/integration/help"
    assert f"{help_path}#amnt_not_a_number" in links
    async with signed_in(stack, owner) as visitor:
        explained = await visitor.get(help_path)
    anchors = {link.partition("#")[2] for link in links if "#" in link}
    assert anchors <= set(explained.tree.xpath("//h3/@id"))


async def test_a_good_form_and_the_same_again(stack, shop, owner, web):
    form = shop.form(Res="log-good")
    await shop.post(web, form)
    await shop.post(web, form)
    page = await logged(stack, owner, shop, "came again")
    rows = [
        " ".join(row.text_content().split())
        for row in page.tree.xpath("//tbody/tr")
        if "log-good" in row.text_content()
    ]
    assert ["registered" in row for row in rows] == [False, True]
    assert "250,000" in rows[0]


async def test_a_wrong_rmz_is_in_the_log_and_never_what_was_sent(stack, shop, owner, web):
    answer = await shop.pay_rep(web, "log-wrong-rmz", rmz=RMZ)
    assert answer["Err"] == "90"
    row = newest(await logged(stack, owner, shop, "log-wrong-rmz", patience_s=3))
    for text in ("Err 90", "GET", "127.0.0.1", "wrong_id_or_rmz"):
        assert text in row
    assert RMZ not in stack.tables() + stack.logs()
    assert shop.rmz not in stack.tables() + stack.logs()


SOAP = {
    "SOAP 1.1": ("text/xml; charset=utf-8", "http://schemas.xmlsoap.org/soap/envelope/"),
    "SOAP 1.2": ("application/soap+xml; charset=utf-8", "http://www.w3.org/2003/05/soap-envelope"),
}


@pytest.mark.parametrize("binding", SOAP)
async def test_soap_calls_tell_their_binding_and_a_missing_rmz(stack, shop, owner, web, binding):
    kind, namespace = SOAP[binding]
    res = f"soap-{binding[-1]}"
    call = f'<PayRep xmlns="http://tempuri.org/"><ID>{shop.id}</ID><Res>{res}</Res></PayRep>'
    envelope = f'<s:Envelope xmlns:s="{namespace}"><s:Body>{call}</s:Body></s:Envelope>'
    await web.post(f"{stack.gateway}/WebServiceMoPos.asmx", content=envelope, headers={"Content-Type": kind})
    row = newest(await logged(stack, owner, shop, res))
    assert binding in row
    assert "rmz_missing" in row


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_call_without_a_parameter_is_in_the_log(stack, shop, owner, web, method):
    url, fields = f"{stack.gateway}/WebServiceMoPos.asmx/PayRep", {"ID": shop.id, "Rmz": shop.rmz}
    answer = await (web.get(url, params=fields) if method == "GET" else web.post(url, data=fields))
    assert answer.status_code == 500
    row = newest(await logged(stack, owner, shop, f"PayRep {method} — HTTP 500"))
    for text in (method, "parameter_missing", "Send all three", "Res"):
        assert text in row
    assert shop.rmz not in stack.tables() + stack.logs()


async def test_who_may_not_see_money_sees_no_amount(stack, shop, developer, web):
    await shop.post(web, shop.form(Res="no-money", Amnt="777123"))
    await shop.post(web, shop.form(Res="no-money-wrong", Amnt="888,321"))
    page = await logged(stack, developer, shop, "no-money-wrong")
    assert "777" not in page.text
    assert "888" not in page.text
    for amount in ("777123", "777,123", "888321", "888,321"):  # whole: three digits stand in many a random token
        assert amount not in page.response.text
    assert "•••,•••" in page.text, "the mistake is seen without the figures"


async def test_only_problems(stack, shop, owner, web):
    await shop.post(web, shop.form(Res="fine-form"))
    await shop.post(web, shop.form(Res="wrong-form", Amnt="1"))
    page = await logged(stack, owner, shop, "wrong-form", "?only=problems")
    assert "fine-form" not in page.text
    assert "fine-form" in (await logged(stack, owner, shop, "wrong-form")).text


async def test_a_form_with_an_unknown_id_belongs_to_nobody(stack, shop, web):
    (before,) = stack.sql("select count(*) from call_log")[0]
    # Right check digits, no such gateways; the last one is known.
    for number in ("9000000000000000018", "123456782"):
        await shop.post(web, shop.form(ID=number, Amnt="1", Res="nobody's"))
    await shop.post(web, shop.form(Amnt="1", Res="mine"))
    give_up = time.monotonic() + 5
    while not stack.sql("select 1 from call_log where res = 'mine'"):
        assert time.monotonic() < give_up
    assert stack.sql("select 1 from call_log where res = 'nobody''s'") == []
    assert stack.sql("select count(*) from call_log")[0][0] == before + 1


@pytest.mark.parametrize("res", ["a\0b", "\ud800", "\u202eevil", "<script>alert(1)</script>", "x" * 5000], ids=ascii)
async def test_hostile_fields_neither_break_a_batch_nor_the_page(stack, shop, owner, web, res):
    from urllib.parse import quote_from_bytes

    body = f"ID={shop.id}&Amnt=1&RedirectURL=x&Res=" + quote_from_bytes(res.encode("utf-8", "surrogatepass"))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    await web.post(f"{stack.gateway}/Payment.aspx", content=body, headers=headers)
    mark = f"after-{os.urandom(4).hex()}"
    await shop.post(web, shop.form(Amnt="1", Res=mark))
    page = await logged(stack, owner, shop, mark)
    assert "<script>" not in page.response.text
    assert "\u202e" not in page.response.text


async def test_it_looks_again_by_itself_until_told_to_stay(stack, shop, owner):
    async with signed_in(stack, owner) as visitor:
        page = await visitor.get(at(owner, shop, "/log"))
        assert page.response.headers["refresh"] == "5"
        (stop,) = page.tree.xpath("//a[contains(@class,'quiet')]/@href")
        stayed = await visitor.get(stop)
        assert "refresh" not in stayed.response.headers
        assert "Follow new calls" in stayed.text


async def test_a_flood_is_bounded_and_its_pages_follow_each_other(stack, owner):
    shop = stack.make_shop()
    give_gateway(stack, owner.account_id, shop.id)
    async with browser() as client:
        began = time.monotonic()
        for number in range(60):
            await shop.pay_rep(client, f"flood-{number}", rmz="x")
            if time.monotonic() - began > 2:
                break
        seconds = time.monotonic() - began
    await asyncio.sleep(1.5)
    ((count,),) = stack.sql("select count(*) from call_log where gateway_id = %s", int(shop.id[:-1]))
    assert 0 < count <= PER_KEY_MAX * (seconds + 2)
    stack.sql(
        "insert into call_log (gateway_id, at, door, outcome, res) select %s, now(), 'payrep', '0', 'n' || n "
        "from generate_series(1, 120) n",
        int(shop.id[:-1]),
    )
    async with signed_in(stack, owner) as visitor:
        first = await visitor.get(at(owner, shop, "/log"))
        assert "n120" in first.text
        second = await visitor.get(first.tree.xpath("//a[@rel='next']/@href")[0])
        assert "n70" in second.text
        assert "refresh" not in second.response.headers
        back = await visitor.get(second.tree.xpath("//a[@rel='prev']/@href")[0])
        assert back.tree.xpath("//tbody/tr")[0].text_content() == first.tree.xpath("//tbody/tr")[0].text_content()


async def test_old_rows_and_rows_beyond_a_thousand_are_forgotten(stack, owner):
    from datetime import UTC, datetime

    from mopos.base.db import Database
    from mopos.domain.accounts import calls

    shop = stack.make_shop()
    give_gateway(stack, owner.account_id, shop.id)
    gateway_id = int(shop.id[:-1])
    insert = (
        "insert into call_log (gateway_id, at, door, outcome) select %s, now() - %s::interval, 'form', 'x' "
        "from generate_series(1, %s)"
    )
    stack.sql(insert, gateway_id, "8 days", 5)
    stack.sql(insert, gateway_id, "1 minute", 1_200)
    async with Database(stack.dsn, pool_size=1, timeout_s=10) as db:
        assert await calls.forget_old(db, datetime.now(UTC)) >= 205
    ((count,),) = stack.sql("select count(*) from call_log where gateway_id = %s", gateway_id)
    assert count == calls.KEEP_ROWS


# --- The test console -------------------------------------------------------------------------------------------------


def fields_of(page) -> dict[str, str]:
    rows = page.tree.xpath("//section[@aria-labelledby='result']//tbody/tr")
    return {row[0].text_content().strip(): row[1].text_content().strip() for row in rows}


async def real_answer(stack, shop, web, res: str) -> str:
    call = f'<PayRep xmlns="http://tempuri.org/"><ID>{shop.id}</ID><Rmz>{shop.rmz}</Rmz><Res>{res}</Res></PayRep>'
    namespace = "http://schemas.xmlsoap.org/soap/envelope/"
    body = f'<s:Envelope xmlns:s="{namespace}"><s:Body>{call}</s:Body></s:Envelope>'
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '"http://tempuri.org/PayRep"'}
    return (await web.post(f"{stack.gateway}/WebServiceMoPos.asmx", content=body, headers=headers)).text


async def test_the_console_shows_the_very_answer_and_acknowledges_nothing(stack, shop, owner, web):
    bought = await shop.buy(web)

    def acknowledged():
        return stack.sql("select acknowledged_at from purchase where res = %s", bought.res)[-1][0]

    async with signed_in(stack, owner) as visitor:
        page = await visitor.get(at(owner, shop, "/try"), res=bought.res)
    assert acknowledged() is None
    answer = page.tree.xpath("//pre/code")[1].text_content()
    assert answer.partition("\n\n")[2] == await real_answer(stack, shop, web, bought.res)
    assert acknowledged() is not None, "the shop itself has asked now"
    request = page.tree.xpath("//pre/code")[0].text_content()
    assert "POST /WebServiceMoPos.asmx HTTP/1.1" in request
    assert shop.rmz not in page.response.text
    fields = fields_of(page)
    assert len(fields) == 9
    assert (fields["Amnt"], fields["Err"], fields["ErrDsc"]) == ("250000", "0", "empty")


async def test_the_console_says_91_for_what_was_never_registered(stack, shop, owner):
    async with signed_in(stack, owner) as visitor:
        fields = fields_of(await visitor.get(at(owner, shop, "/try"), res="never"))
    assert (fields["Err"], fields["Nam"]) == ("91", "not sent")


async def test_the_console_hides_amounts_from_developers(stack, shop, developer, web):
    bought = await shop.buy(web, Amnt="654321")
    async with signed_in(stack, developer) as visitor:
        page = await visitor.get(at(developer, shop, "/try"), res=bought.res)
    assert fields_of(page)["Err"] == "0"
    assert "654321" not in page.response.text
    assert "<Amnt>••••••</Amnt>" in page.text


async def test_an_rmz_can_be_checked_and_guessing_is_counted(stack, shop, developer):
    async with signed_in(stack, developer) as visitor:
        page = await visitor.get(at(developer, shop, "/try"))
        form = {"_csrf": page.tree.xpath("//main//input[@name='_csrf']/@value")[0]}
        right = await visitor.post(at(developer, shop, "/try"), **form, rmz=f" {shop.rmz} ")
        assert (right.status, "The password is right." in right.text) == (200, True)
        wrong = await visitor.post(at(developer, shop, "/try"), **form, rmz=RMZ)
        assert (wrong.status, "not the gateway's password" in wrong.text) == (403, True)
        assert RMZ not in wrong.response.text
        for _ in range(20):
            wrong = await visitor.post(at(developer, shop, "/try"), **form, rmz=RMZ)
        assert wrong.status == 429
        right = await visitor.post(at(developer, shop, "/try"), **form, rmz=shop.rmz)
        assert "The password is right." in right.text, "nobody can lock anybody out"
    assert RMZ not in stack.tables() + stack.logs()


def test_no_row_of_the_log_holds_more_than_it_may(stack):
    for (data,) in stack.sql("select data from call_log"):
        assert set(data) <= {"lengths", "problems", "values", "amount_rial", "binding"}
        assert all(len(value) <= 60 for value in data.get("values", {}).values())
        assert not re.search("rmz", json.dumps(data.get("values", {})), re.IGNORECASE)
