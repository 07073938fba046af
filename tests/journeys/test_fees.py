"""Fees from the command line to the bank's page: who bears one sees it, pays it, and the books agree to the Rial."""

import json
import re

from tests.stack import heading

from mopos.banks.sim.buyer import cancel_at_bank, enter, pay_at_bank, read_form

# 1 percent, but 3,000 Rial at least: of 250,000 Rial the floor.
BRACKETS = ("--bracket=0: 1% floor 3000", "--bracket=10,000,000: 0.5% +50,000 cap 500,000")
TAKES = 3_000


def give_plan(shop, bearer):
    run = shop.stack.run
    name = f"{bearer} {shop.id}"
    made = json.loads(run("fee", "plan-add", name, f"--bearer={bearer}", *BRACKETS, "--json").stdout)
    assert made["versions"][0]["brackets"] == ["0: 10000ppm floor 3000", "10000000: 5000ppm +50000 cap 500000"]
    assert run("fee", "assign", shop.id, name, "--reason=قرارداد").returncode == 0
    return json.loads(run("fee", "quote", shop.id, "250000", "--json").stdout)


def amounts(page):
    """Every amount of a page, in its digits."""
    latin = page.text.translate(str.maketrans("۰۱۲۳۴۵۶۷۸۹٬", "0123456789,"))
    return re.findall(r"\d{1,3}(?:,\d{3})+", latin)


def books(shop, res):
    """Purchase, fee, and what the entry of its payment moved between which accounts."""
    return shop.stack.sql(
        """
        select d.kind, c.kind, l.amount_rial from purchase p join journal j on j.purchase_id = p.id
        join ledger_line l on l.journal_id = j.id join ledger_account d on d.id = l.debit_id
        join ledger_account c on c.id = l.credit_id where p.gateway_id = %s and p.res = %s order by c.kind desc
        """,
        int(shop.id[:-1]),
        res,
    )


def taken(shop, res):
    """What the bank's own book says it took."""
    ((attempt,),) = shop.stack.sql(
        "select attempt_id from purchase where gateway_id = %s and res = %s", int(shop.id[:-1]), res
    )
    return [line["rial"] for line in shop.stack.book_of(attempt)["entries"] if line["what"] == "verified"]


async def test_the_merchant_bears_it(stack, web):
    shop = stack.make_shop()
    assert give_plan(shop, "merchant") == {
        "amount": 250_000,
        "fee": TAKES,
        "bearer": "merchant",
        "charge": 250_000,
        "net": 247_000,
    }
    bought = await shop.buy(web)
    assert heading(bought.page) == "پرداخت انجام شد"
    assert "3,000" not in amounts(bought.page), "it is no business of the buyer's"
    report = await shop.pay_rep(web, bought.res)
    assert (report["Err"], report["Amnt"]) == ("0", "250000")
    assert taken(shop, bought.res) == [250_000]
    assert books(shop, bought.res) == [
        ("acquirer_receivable", "merchant_payable", 250_000),
        ("merchant_payable", "fee_income", TAKES),
    ]


async def test_the_buyer_bears_it(stack, web):
    shop = stack.make_shop()
    assert give_plan(shop, "buyer")["charge"] == 253_000
    form = shop.form()
    answer = await shop.post(web, form)
    own_page = answer.headers["location"]
    assert (answer.status_code, shop.state(form["Res"])) == (303, "REGISTERED")
    # The same form again, before he has agreed: the same page.
    assert (await shop.post(web, form)).headers["location"] == own_page
    page = await web.get(own_page)
    assert heading(page) == "مبلغ را بررسی کنید"
    assert amounts(page)[:3] == ["250,000", "3,000", "253,000"]
    assert "دویست و پنجاه و سه هزار" in page.text
    assert "http://shop.test/back?Res=" in page.text, "or back to the shop"
    in_english = await web.get(f"{own_page}?lang=en")
    assert heading(in_english) == "Check the amount"
    assert amounts(in_english)[:3] == ["250,000", "3,000", "253,000"]
    assert (await shop.pay_rep(web, form["Res"]))["Err"] == "1"
    assert stack.sql(
        "select bank_token from attempt a join purchase p on p.attempt_id = a.id where p.token = %s",
        own_page.rpartition("/")[2],
    ) == [(None,)], "no bank knows of it yet"

    pressed = await web.post(own_page)
    to_bank = read_form(pressed.text, str(pressed.url), having="Token")
    assert amounts(pressed)[:3] == ["250,000", "3,000", "253,000"]
    bank_page = await enter(web, to_bank)
    assert "253,000" in amounts(bank_page), "the bank shows what it takes"
    assert "250,000" not in amounts(bank_page)

    way_back = await pay_at_bank(web, to_bank)
    invoice = await web.get((await way_back.send(web)).headers["location"])
    assert heading(invoice) == "پرداخت انجام شد"
    assert amounts(invoice)[:3] == ["250,000", "3,000", "253,000"]
    report = await shop.pay_rep(web, form["Res"])
    assert (report["Err"], report["Amnt"]) == ("0", "250000"), "the merchant is told his own amount"
    assert taken(shop, form["Res"]) == [253_000]
    assert books(shop, form["Res"]) == [
        ("acquirer_receivable", "merchant_payable", 250_000),
        ("acquirer_receivable", "fee_income", TAKES),
    ]
    again = await shop.post(web, form)
    assert (again.status_code, amounts(again)[:3]) == (409, ["250,000", "3,000", "253,000"])
    audited = stack.run("audit")
    assert audited.returncode == 0, audited.stdout


async def test_who_agreed_and_cancelled_tries_again_at_the_same_total(stack, web):
    shop = stack.make_shop()
    give_plan(shop, "buyer")
    form = shop.form()
    own_page = (await shop.post(web, form)).headers["location"]
    pressed = await web.post(own_page)
    way_back = await cancel_at_bank(web, read_form(pressed.text, str(pressed.url), having="Token"))
    await way_back.send(web)
    assert (await shop.pay_rep(web, form["Res"]))["Err"] == "11"
    shown = await web.get(own_page)
    assert amounts(shown)[:3] == ["250,000", "3,000", "253,000"]
    again = await web.post(own_page)
    second = await pay_at_bank(web, read_form(again.text, str(again.url), having="Token"))
    await second.send(web)
    assert (shop.state(form["Res"]), taken(shop, form["Res"])) == ("PAID", [253_000])
    # A new version from now on changes nothing of what was registered; the next purchase has it.
    assert shop.stack.run("fee", "version-add", f"buyer {shop.id}", "--bracket=0: 0% +2,000").returncode == 0
    assert taken(shop, form["Res"]) == [253_000]
    page = await web.get((await shop.post(web, shop.form())).headers["location"])
    assert amounts(page)[:3] == ["250,000", "2,000", "252,000"]


async def test_the_command_line_says_what_is_wrong(stack):
    shop = stack.make_shop()
    run = stack.run
    assert "no plan" not in run("fee", "list").stdout
    for arguments, said in (
        (("plan-add", "x", "--bearer=bank", "--bracket=0: 1%"), "merchant or the buyer"),
        (("plan-add", "x", "--bearer=buyer"), "At least one bracket"),
        (("plan-add", "x", "--bearer=buyer", "--bracket=5: 1%"), "must begin at 0"),
        (("plan-add", "x", "--bearer=buyer", "--bracket=one percent"), "could not be read"),
        (("plan-add", "x", "--bearer=buyer", "--bracket=0: 1%", "--from=1400/01/01"), "past"),
        (("plan-add", "x", "--bearer=buyer", "--preset=1399"), "1402"),
        (("assign", shop.id, "nothing"), "no such plan"),
        (("assign", "1000000", "none"), "no gateway"),
        (("quote", shop.id, "5"), "above 10,000"),
    ):
        done = run("fee", *arguments)
        assert done.returncode == 2
        assert said in " ".join(done.stderr.replace("│", " ").split()), done.stderr
    assert run("fee", "plan-add", "عمومی", "--bearer=merchant", "--preset=1402").returncode == 0
    listed = run("fee", "list").stdout
    assert "above 6,000,000 Rial: 0.02% of the amount, at most 40,000 Rial" in listed
    assert run("fee", "assign", shop.id, "عمومی").returncode == 0
    assert "40,000 Rial  borne by the merchant" in run("fee", "quote", shop.id, "۲۰۰٬۰۰۰٬۰۰۰").stdout
    assert run("fee", "assign", shop.id, "none").returncode == 0
    quoted = run("fee", "quote", shop.id, "200000000", "--json").stdout
    assert json.loads(quoted)["fee"] == 0
    named = {one["name"]: one for one in json.loads(run("fee", "list", "--json").stdout)}
    assert named["عمومی"]["gateways"] == 0
    assert [row[0] for row in stack.sql("select reason from audit_log where act = 'assign_fee' order by id")][-1] == (
        "mopos fee assign"
    )
