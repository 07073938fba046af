"""What buyers, shops and operators do, over HTTP; page, PayRep, database and the bank's own book must agree."""

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from urllib.parse import quote, urlencode

import httpx2
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.conftest import fresh_database, open_folder
from tests.stack import browser, eventually, heading, running, wait_for

from mopos.banks.sim.buyer import NoForm, cancel_at_bank, enter, pay_at_bank, read_form
from mopos.banks.sim.cards import CARDS

HEADINGS = {
    "PAID": "پرداخت انجام شد",
    "DECLINED": "پرداخت انجام نشد",
    "CANCELLED": "پرداخت لغو شد",
    "EXPIRED": "مهلت پرداخت تمام شد",
    "CONFLICTED": "پرداخت در دست بررسی است",
}
# How each card ends, at the latest after some inquiries: state and PayRep's Err.
ENDS = {card.slug: ("DECLINED", "10") if card.code else ("PAID", "0") for card in CARDS} | {
    "amount_differs": ("CONFLICTED", "20")
}


@pytest.fixture(scope="module")
def patient(postgres):
    """A stack whose bank closes its page after a few seconds, so that buyers who left are soon found."""
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        times = {"MOPOS_SANDBOX_SESSION_S": "6", "MOPOS_PURCHASE_LIFETIME_S": "6", "MOPOS_SANDBOX_GIVE_BACK_S": "40"}
        with running(dsn, folder, **times) as stack:
            yield stack


async def until_err(shop, web, res, err, patience_s=40):
    give_up = time.monotonic() + patience_s
    while (said := (await shop.pay_rep(web, res))["Err"]) != err:
        assert said in ("1", "2", "3"), f"Err {said} on the way to {err}"
        assert time.monotonic() < give_up, f"still Err {said}"
        await asyncio.sleep(0.3)


async def all_agree(shop, web, res, state, *, taken=None):
    """The buyer's page, PayRep, the row, its journal, its ledger lines and the bank's own book tell one story.

    `taken`: what the bank keeps, in Rial; None when it keeps nothing."""
    ((token, amount, said, attempt, ref, last, booked),) = shop.stack.sql(
        """
        select p.token, p.amount_rial, p.state, a.id, a.bank_ref,
            (select to_state from journal where purchase_id = p.id order by version desc limit 1),
            (select array_agg(l.amount_rial) from journal j join ledger_line l on l.journal_id = j.id
                where j.purchase_id = p.id)
        from purchase p join attempt a on a.id = p.attempt_id where p.gateway_id = %s and p.res = %s
        """,
        int(shop.id[:-1]),
        res,
    )
    assert (said, last) == (state, state)
    assert booked == ([amount] if state == "PAID" else None)

    book = shop.stack.book_of(attempt)
    kept = [line for line in book["entries"] if line["what"] == "verified"]
    assert [line["rial"] for line in kept] == ([] if taken is None else [taken])
    assert [line["ref"] for line in kept] == ([] if taken is None else [ref])
    assert book["stage"] == ("refused" if taken is None else "verified")

    page = await web.get(f"{shop.stack.gateway}/pay/{token}")
    assert (page.status_code, heading(page)) == (200, HEADINGS[state])
    assert f"Res={quote(res)}" in page.text, "there is always a way back to the shop"
    report = await shop.pay_rep(web, res)
    assert (report["Amnt"], bool(report.get("Dat")), bool(report.get("ErrDsc"))) == (
        str(amount),
        state == "PAID",
        state != "PAID",
    )


async def test_every_card_ends_as_its_row_says(patient, web):
    shop = patient.make_shop()

    async def buy(card):
        bought = await shop.buy(web, card.slug)
        state, err = ENDS[card.slug]
        await until_err(shop, web, bought.res, err)
        await all_agree(shop, web, bought.res, state, taken=None if card.code else 250_000 // card.takes_one_in)

    await asyncio.gather(*(buy(card) for card in CARDS))
    totals = httpx2.get(f"{patient.bank}/book", trust_env=False).json()["totals"]
    conflicted = patient.sql("select count(*) from purchase where state = 'CONFLICTED'")[0][0]
    paid = patient.sql("select count(*), sum(amount_rial) from purchase where state = 'PAID'")[0]
    assert totals["verified"]["count"] == paid[0] + conflicted
    assert patient.run("audit").returncode == 0


async def test_a_buyer_who_leaves_is_expired_after_the_bank_was_asked(patient, web):
    shop = patient.make_shop()
    form = shop.form()
    page = await shop.post(web, form)
    await enter(web, read_form(page.text, str(page.url), having="Token"))
    await until_err(shop, web, form["Res"], "13")
    again = await shop.post(web, form)
    assert again.status_code == 303, "the same form now shows what became of it"
    assert heading(await web.get(again.headers["location"])) == HEADINGS["EXPIRED"]
    await all_agree(shop, web, form["Res"], "EXPIRED")


async def test_cancelled_and_paid_at_the_second_try(shop, web):
    form = shop.form()
    page = await shop.post(web, form)
    way_back = await cancel_at_bank(web, read_form(page.text, str(page.url), having="Token"))
    answer = await way_back.send(web)
    assert (await shop.pay_rep(web, form["Res"]))["Err"] == "11"
    await all_agree(shop, web, form["Res"], "CANCELLED")
    shown = await web.get(answer.headers["location"])
    again = await web.post(str(shown.url))
    second = await pay_at_bank(web, read_form(again.text, str(again.url), having="Token"))
    await second.send(web)
    assert (await shop.pay_rep(web, form["Res"]))["Err"] == "0"
    # The back button, as far back as the first try's return: it is over, and the payment stays what it is.
    assert (await way_back.send(web)).headers["location"] == str(shown.url)
    await all_agree(shop, web, form["Res"], "PAID", taken=250_000)


async def test_while_the_bank_is_being_asked_nobody_is_sent_there_again(shop, web):
    form = shop.form()
    page = await shop.post(web, form)
    way_back = await pay_at_bank(web, read_form(page.text, str(page.url), having="Token"), "verify_late")
    returning = asyncio.create_task(way_back.send(web))
    await eventually(lambda: shop.state(form["Res"]) == "VERIFYING", step_s=0.02)
    for state in ("VERIFYING", "UNKNOWN"):
        if state == "UNKNOWN":
            own_page = (await returning).headers["location"]
        assert shop.state(form["Res"]) == state
        for again in (await shop.post(web, form), await way_back.send(web)):
            assert again.status_code == 303, f"{state}: the purchase's page, not the bank"
        assert (await shop.pay_rep(web, form["Res"]))["Err"] == "3"
    pressed = await web.post(own_page)
    assert (pressed.status_code, pressed.headers["location"]) == (303, own_page)
    await until_err(shop, web, form["Res"], "0")
    await all_agree(shop, web, form["Res"], "PAID", taken=250_000)


async def test_refresh_back_button_and_the_same_form_never_charge_twice(shop, web):
    form = shop.form()
    first = await shop.post(web, form)
    second = await shop.post(web, form | {"Nam": "another name"})
    token = read_form(first.text, str(first.url), having="Token").fields["Token"]
    assert read_form(second.text, str(second.url), having="Token").fields["Token"] == token
    way_back = await pay_at_bank(web, read_form(second.text, str(second.url), having="Token"))
    answer = await way_back.send(web)
    for _ in range(3):
        assert (await web.get(answer.headers["location"])).status_code == 200
    after = await shop.post(web, form)
    assert (after.status_code, "res_paid" in after.text or "۲۵۰٬۰۰۰" in after.text) == (409, True)
    assert "603799" not in after.text, "who only knows the form sees no card"
    assert "علی رضایی" not in after.text
    other = await shop.post(web, form | {"Amnt": "300000"})
    assert (other.status_code, "res_used" in other.text) == (409, True)
    with pytest.raises(NoForm):
        read_form((await shop.post(web, form)).text, "", having="Token")


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        ("application/x-www-form-urlencoded", "utf-8"),
        ("application/x-www-form-urlencoded; charset=windows-1256", "windows-1256"),
        ("application/x-www-form-urlencoded", "windows-1256"),  # a browser does not say
    ],
)
async def test_old_pages_and_persian_digits(shop, web, content_type, charset):
    form = {name.upper(): value for name, value in shop.form(Nam="سلام فروشگاه").items()}
    if charset == "utf-8":
        form["AMNT"] = "۲۵۰٠٠0"
    body = urlencode(form, encoding=charset).encode()
    address = f"{shop.stack.gateway}/PAYMENT.aspx"
    page = await web.post(address, content=body, headers={"Content-Type": content_type})
    assert page.status_code == 200
    report = await shop.pay_rep(web, form["RES"])
    assert (report["Nam"], report["Amnt"]) == ("سلام فروشگاه", "250000")


async def test_a_multipart_form_is_a_form(shop, web):
    form = shop.form()
    parts = {name: (None, text) for name, text in form.items()}
    page = await web.post(f"{shop.stack.gateway}/Payment.aspx", files=parts)
    assert page.status_code == 200
    assert (await shop.pay_rep(web, form["Res"]))["Nam"] == "علی رضایی"


async def test_pages_explain_themselves_in_both_languages(shop, web):
    gateway = shop.stack.gateway
    for path in ("/", "/Payment.aspx", "/payment.ASPX", "/webservicemopos.ASMX"):
        assert (await web.get(f"{gateway}{path}")).status_code == 200
    fa = await shop.post(web, shop.form(Amnt="5"))
    en = await shop.post(web, shop.form(Amnt="5"), headers={"Accept-Language": "en-GB,en;q=0.9,fa;q=0.2"})
    switched = await web.post(f"{gateway}/Payment.aspx?lang=en", data=shop.form(Amnt="5"))
    assert 'lang="fa" dir="rtl"' in fa.text
    for page in (en, switched):
        assert (page.status_code, 'lang="en" dir="ltr"' in page.text, "amnt_too_small" in page.text) == (
            400,
            True,
            True,
        )


async def test_the_way_back_keeps_what_the_shop_put_there(shop, web):
    bought = await shop.buy(web, RedirectURL="https://shop.test/b?basket=17&Res=old#done")
    assert f"https://shop.test/b?basket=17&amp;Res={bought.res}#done" in bought.page.text
    assert bought.page.headers["refresh"].endswith(f"url=https://shop.test/b?basket=17&Res={bought.res}#done")
    stay = await web.get(str(bought.page.url), params={"stay": "1"})
    assert "refresh" not in stay.headers


async def test_operators_verbs(stack, web):
    shop = stack.make_shop("فروشگاه دیگر")
    bought = await shop.buy(web)
    new = json.loads(stack.run("account", "rotate-rmz", shop.id, "--json").stdout)
    for rmz in (shop.rmz, new["Rmz"]):
        assert (await shop.pay_rep(web, bought.res, rmz=rmz))["Err"] == "0"
    third = json.loads(stack.run("account", "rotate-rmz", shop.id, "--json", MOPOS_RMZ_GRACE_S="0").stdout)
    for rmz, err in ((third["Rmz"], "0"), (new["Rmz"], "90"), (shop.rmz, "90")):
        assert (await shop.pay_rep(web, bought.res, rmz=rmz))["Err"] == err
    listed = stack.run("account", "list").stdout
    assert not [rmz for rmz in (shop.rmz, new["Rmz"], third["Rmz"]) if rmz in listed]
    assert f"{shop.id:<9}" in stack.run("account", "list").stdout
    assert stack.run("account", "rotate-rmz", "12345").returncode == 2
    assert stack.run("account", "create", "--name", " ").returncode == 2
    assert stack.run("account", "suspend", shop.id, "--reason", "stolen").returncode == 0
    assert stack.run("account", "suspend", shop.id, "--reason", "stolen").returncode == 2
    refused = await shop.post(web, shop.form())
    assert (refused.status_code, "gateway_suspended" in refused.text) == (403, True)
    assert (await shop.pay_rep(web, bought.res, rmz=third["Rmz"]))["Err"] == "0"
    assert (await shop.pay_rep(web, "never-posted", rmz=third["Rmz"]))["Err"] == "93"
    assert stack.run("account", "resume", shop.id, "--reason", "found").returncode == 0
    assert (await shop.post(web, shop.form())).status_code == 200
    assert stack.run("audit").returncode == 0
    for path in ("healthz", "readyz"):
        assert (await web.get(f"{stack.gateway}/{path}")).status_code == 200


async def test_a_bank_that_is_down_can_be_tried_again(stack, shop, web):
    stack.kill("bank")
    form = shop.form()
    page = await shop.post(web, form)
    assert page.status_code == 502
    assert (await shop.pay_rep(web, form["Res"]))["Err"] == "1"
    stack.start_bank()
    action = re.search(r'<form[^>]*action="([^"]+)"', page.text)[1]
    again = await web.post(stack.gateway + action.replace("&amp;", "&"))
    way_back = await pay_at_bank(web, read_form(again.text, str(again.url), having="Token"))
    await way_back.send(web)
    await all_agree(shop, web, form["Res"], "PAID", taken=250_000)


async def test_without_its_database_the_gateway_says_so_and_comes_back(postgres, web):
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        with running(dsn, folder, MOPOS_DATABASE_TIMEOUT_S="0.5") as stack:
            shop = stack.make_shop()
            bought = await shop.buy(web)
            let_in(postgres, dsn, "false")
            assert (await web.get(f"{stack.gateway}/readyz")).status_code == 503
            assert (await web.get(f"{stack.gateway}/healthz")).status_code == 200
            page = await shop.post(web, shop.form())
            assert (page.status_code, "out_of_order" in page.text, "retry-after" in page.headers) == (503, True, True)
            assert (await web.get(str(bought.page.url))).status_code == 503
            assert (await bought.way_back.send(web)).status_code == 503
            assert (await shop.pay_rep(web, bought.res))["Err"] == "99", "ask again: no word about the purchase"
            let_in(postgres, dsn, "true")
            await asyncio.to_thread(wait_for, f"{stack.gateway}/readyz")
            assert (await shop.pay_rep(web, bought.res))["Err"] == "0"
            late = await shop.buy(web, "verify_late")
            await until_err(shop, web, late.res, "0")  # so the worker has come back too


def let_in(server: str, dsn: str, allowed: str) -> None:
    """Open or close a database; closing ends whoever is in it."""
    name = conninfo_to_dict(dsn)["dbname"]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"alter database {name} allow_connections {allowed}")
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])


async def test_a_request_in_flight_is_finished_when_the_gateway_is_told_to_stop(postgres):
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        with running(dsn, folder) as stack:
            shop = stack.make_shop()
            async with browser() as web:
                page = await shop.post(web, shop.form())
                to_bank = read_form(page.text, str(page.url), having="Token")
                way_back = await pay_at_bank(web, to_bank, "verify_slow")
                returning = asyncio.create_task(way_back.send(web))
                await asyncio.sleep(0.4)
                process = stack.processes["gateway"]
                process.send_signal(signal.SIGTERM)
                answer = await returning
                assert answer.status_code == 303
            assert process.wait(30) in (0, -signal.SIGTERM)
            stack.processes.pop("gateway")
            assert stack.sql("select state from purchase") == [("PAID",)]


def test_serve_refuses_a_database_that_is_behind(postgres):
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("drop database if exists mopos_behind")
        connection.execute("create database mopos_behind template template0")
    with open_folder() as folder:
        folder.mkdir(exist_ok=True)
        behind = make_conninfo(postgres, dbname="mopos_behind")
        environment = {"MOPOS_DATABASE_URL": behind, "MOPOS_SECRET_KEY": "k" * 32}
        for verb in ("serve", "worker", "audit"):
            done = subprocess.run(
                [sys.executable, "-m", "mopos", verb], env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 1
            assert "run `mopos migrate`" in done.stderr
            assert "Traceback" not in done.stderr


async def test_serve_with_its_worker_beside_it(postgres, web):
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        with running(dsn, folder, with_worker=False) as stack:
            stack.stop("gateway")
            port = stack.gateway.rpartition(":")[2]
            stack.start("gateway", "serve", f"--port={port}", "--workers=2", "--with-worker")
            wait_for(f"{stack.gateway}/readyz")
            shop = stack.make_shop()
            bought = await shop.buy(web, "verify_late")
            await until_err(shop, web, bought.res, "0")
