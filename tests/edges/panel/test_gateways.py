"""A gateway's own pages: from the approval to a sale, its Rmz, its domains, who may call PayRep, signed forms."""

import re
from urllib.parse import quote

import pytest
from tests.edges.panel.test_applications import WISH, apply, complete, csrf, number_of
from tests.stack import Shop
from tests.web import make_member, make_operator, signed_in

from mopos.base.secret import Secret
from mopos.domain.payments.signature import sign, signed_text


@pytest.fixture
def owner(stack):
    member = make_member(stack)
    complete(stack, member)
    return member


async def approved(stack, owner) -> str:
    """The number of a gateway whose application has just been approved."""
    async with signed_in(stack, owner) as visitor, signed_in(stack, make_operator(stack, "risk")) as console:
        number = number_of(await apply(visitor, owner))
        page = await console.get(f"/console/applications/{number}")
        done = await console.send(page, "/decision", event="approved", reason="همه چیز درست است")
        assert "approved and the gateway made" in done.text
        seen = await visitor.get(f"{owner.panel}/applications/{number}")
        (link,) = [link for link in seen.links() if re.search(r"/gateways/\d+$", link)]
        return link.rpartition("/")[2]


def secret_of(seen) -> str:
    return seen.tree.xpath("//*[contains(@class, 'secret-text')]")[0].text_content()


async def fetched(stack, owner, gateway) -> str:
    async with signed_in(stack, owner) as visitor:
        page = await visitor.get(f"{owner.panel}/gateways/{gateway}/rmz")
        return secret_of(await visitor.send(page, "/rmz"))


async def shop_of(stack, owner) -> Shop:
    """A shop on a gateway that an application made, with its Rmz."""
    gateway = await approved(stack, owner)
    return Shop(stack, gateway, await fetched(stack, owner, gateway))


HOME = {"RedirectURL": "https://www.soovashoon.ir/back?x=1"}


async def test_approved_fetched_once_and_sold(stack, owner, web):
    gateway = await approved(stack, owner)
    assert stack.sql("select any_domain, domains, rmz_shown_at from gateway where id = %s", int(gateway[:-1])) == [
        (False, ["www.soovashoon.ir"], None)
    ]
    async with signed_in(stack, owner) as visitor:
        page = await visitor.get(f"{owner.panel}/gateways/{gateway}")
        assert "once" in page.text
        fetch = await visitor.get(f"{owner.panel}/gateways/{gateway}/rmz")
        shown = await visitor.send(fetch, "/rmz")
        assert shown.response.headers["cache-control"] == "no-store"
        rmz = secret_of(shown)
        # The same request again, as a refresh sends it, shows nothing and changes nothing.
        again = await visitor.send(fetch, "/rmz")
        assert (again.status, rmz in again.text) == (409, False)
        assert rmz not in (await visitor.get(f"{owner.panel}/gateways/{gateway}/rmz")).text
    assert rmz not in stack.tables()
    assert rmz not in stack.logs()
    shop = Shop(stack, gateway, rmz)
    bought = await shop.buy(web, **HOME)
    assert (await shop.pay_rep(web, bought.res))["Err"] == "0"


async def test_nobody_knows_the_rmz_before_it_is_fetched(stack, owner, web):
    shop = Shop(stack, await approved(stack, owner), "x")
    await shop.post(web, shop.form(**HOME))
    for guess in ("", "x", "0" * 28):
        assert (await shop.pay_rep(web, "R1", rmz=guess or "%20"))["Err"] == "90"


@pytest.mark.parametrize("role", ["admin", "accountant", "developer", "viewer"])
async def test_the_rmz_is_the_owner_s_alone(stack, owner, role):
    gateway = await approved(stack, owner)
    async with signed_in(stack, make_member(stack, role, owner.account_id)) as visitor:
        page = await visitor.get(f"{owner.panel}/gateways/{gateway}")
        assert (page.status, gateway in page.text) == (200, True)
        assert not [link for link in page.links() if link.endswith("/rmz")]
        assert (await visitor.get(f"{owner.panel}/gateways/{gateway}/rmz")).status == 403
        token = page.tree.xpath("//input[@name='_csrf']/@value")[0]
        for act in ("fetch", "rotate", "revoke"):
            answer = await visitor.post(f"{owner.panel}/gateways/{gateway}/rmz", _csrf=token, do=act)
            assert answer.status == 403
        answer = await visitor.post(f"{owner.panel}/gateways/{gateway}/domains", _csrf=token, domain="evil.ir")
        assert answer.status == (200 if role == "admin" else 403)
    assert stack.sql("select rmz_shown_at from gateway where id = %s", int(gateway[:-1])) == [(None,)]


async def test_the_rmz_wants_a_fresh_second_factor(stack, owner):
    gateway = await approved(stack, owner)
    async with signed_in(stack, owner, fresh=False) as visitor:
        seen = await visitor.get(f"{owner.panel}/gateways/{gateway}/rmz")
        assert seen.response.history[0].headers["location"].startswith("/confirm")
        page = await visitor.get(f"{owner.panel}/gateways/{gateway}")
        await visitor.post(f"{owner.panel}/gateways/{gateway}/rmz", _csrf=csrf(page), do="fetch")
    assert stack.sql("select rmz_shown_at from gateway where id = %s", int(gateway[:-1])) == [(None,)]


async def test_another_account_s_gateway_is_no_gateway(stack, owner):
    gateway = await approved(stack, owner)
    other = make_member(stack)
    complete(stack, other)
    own = await approved(stack, other)
    async with signed_in(stack, other) as visitor:
        token = csrf(await visitor.get(f"{other.panel}/gateways/{own}"))
        for path in ("", "/rmz", "/signing-key", "/close"):
            assert (await visitor.get(f"{other.panel}/gateways/{gateway}{path}")).status == 404
        for path in ("rmz", "signing-key", "close", "domains", "domains/remove", "any-domain", "sources", "hardening"):
            answer = await visitor.post(
                f"{other.panel}/gateways/{gateway}/{path}", _csrf=token, do="fetch", sure="1", domain="evil.ir"
            )
            assert answer.status == 404, path
    assert stack.sql("select domains, rmz_shown_at from gateway where id = %s", int(gateway[:-1])) == [
        (["www.soovashoon.ir"], None)
    ]


async def test_rotation_leaves_time_and_says_who_still_uses_the_old_one(stack, owner, web):
    shop = await shop_of(stack, owner)
    bought = await shop.buy(web, **HOME)
    async with signed_in(stack, owner) as visitor:
        url = f"{owner.panel}/gateways/{shop.id}/rmz"
        page = await visitor.get(url)
        new = secret_of(await visitor.send(page, "/rmz", do="rotate", old="keep"))
        # Sent again, the same page makes no third one.
        assert (await visitor.send(page, "/rmz", do="rotate", old="keep")).status == 409
        assert "not since it was changed" in (await visitor.get(url)).text
        for rmz in (shop.rmz, new):
            assert (await shop.pay_rep(web, bought.res, rmz=rmz))["Err"] == "0"
        assert "127.0.0.1" in (await visitor.get(url)).text
        revoked = await visitor.send(await visitor.get(url), "/rmz", do="revoke")
        assert "was revoked" in revoked.text
    assert (await shop.pay_rep(web, bought.res))["Err"] == "90"
    assert (await shop.pay_rep(web, bought.res, rmz=new))["Err"] == "0"
    acts = [act for (act,) in stack.sql("select act from activity where account_id = %s order by id", owner.account_id)]
    assert acts[-3:] == ["rmz_fetched", "rmz_rotated", "rmz_revoked"]
    told = stack.sql("select template from message where mobile = %s order by id", owner.mobile)
    assert [t for (t,) in told][-3:] == ["rmz_fetched", "rmz_rotated", "rmz_revoked"]


async def test_a_stolen_rmz_is_revoked_at_once(stack, owner, web):
    shop = await shop_of(stack, owner)
    bought = await shop.buy(web, **HOME)
    async with signed_in(stack, owner) as visitor:
        page = await visitor.get(f"{owner.panel}/gateways/{shop.id}/rmz")
        new = secret_of(await visitor.send(page, "/rmz", do="rotate", old="revoke"))
    assert (await shop.pay_rep(web, bought.res))["Err"] == "90"
    assert (await shop.pay_rep(web, bought.res, rmz=new))["Err"] == "0"


AT_HOME = [
    "https://www.soovashoon.ir/back",
    "http://www.soovashoon.ir",
    "https://WWW.SOOVASHOON.IR/back",
    "https://www.soovashoon.ir./back",
    "https://www.soovashoon.ir:8443/back",
    "https://shop.www.soovashoon.ir/back",
]
ELSEWHERE = [
    "https://soovashoon.ir/back",  # the domain around a registered one is another's, perhaps
    "https://evil.ir/back",
    "https://www.soovashoon.ir.evil.ir/back",
    "https://evilwww.soovashoon.ir/back",
    "https://evil.ir/www.soovashoon.ir",
    "https://evil.ir?x=www.soovashoon.ir",
    "https://evil.ir#www.soovashoon.ir",
    "https://127.0.0.1/back",
    "https://[::1]/back",
    "https://wwẉ.soovashoon.ir/back",
]


async def test_where_buyers_may_be_sent_back_to(stack, owner, web):
    shop = await shop_of(stack, owner)
    for url in AT_HOME:
        assert (await shop.post(web, shop.form(RedirectURL=url))).status_code in (200, 303), url
    for url in ELSEWHERE:
        page = await shop.post(web, shop.form(RedirectURL=url))
        assert (page.status_code, "redirect_not_registered" in page.text) == (403, True), url
        assert 'href="https://evil' not in page.text, "no way leads there"
    # Userinfo is refused before the host is looked at.
    page = await shop.post(web, shop.form(RedirectURL="https://www.soovashoon.ir@evil.ir/back"))
    assert (page.status_code, "redirect_credentials" in page.text) == (400, True)
    ((count,),) = stack.sql("select count(*) from purchase where gateway_id = %s", int(shop.id[:-1]))
    assert count == len(AT_HOME)


async def test_domains_in_persian_letters_and_for_developers(stack, owner, web):
    shop = await shop_of(stack, owner)
    async with signed_in(stack, owner) as visitor:
        url = f"{owner.panel}/gateways/{shop.id}"
        for domain in ("کتاب.ایران", "localhost", "127.0.0.1"):
            page = await visitor.send(await visitor.get(url), "/domains", domain=domain)
            assert page.status == 200, page.text
        assert "کتاب.ایران" in page.text
        twice = await visitor.send(page, "/domains", domain="HTTP://کتاب.ایران/")
        assert twice.status == 409
        for wrong in ("ایران", "co.ir", "10.0.0.1", "shop", "a b.ir", ""):
            refused = await visitor.send(page, "/domains", domain=wrong)
            assert (refused.status, refused.tree.xpath("//input[@name='domain']/@value")) == (400, [wrong])
        for good in ("https://کتاب.ایران/back", "https://xn--mgbce12c.xn--mgba3a4f16a/", "http://localhost:3000/"):
            assert (await shop.post(web, shop.form(RedirectURL=good))).status_code == 200, good
        removed = await visitor.send(await visitor.get(url), "/domains/remove")
        assert "www.soovashoon.ir" not in removed.text
    assert (await shop.post(web, shop.form(**HOME))).status_code == 403


async def test_any_domain_is_a_switch_with_a_warning(stack, owner, web):
    shop = await shop_of(stack, owner)
    async with signed_in(stack, owner) as visitor:
        url = f"{owner.panel}/gateways/{shop.id}"
        page = await visitor.get(url)
        assert "Dangerous" in page.text
        assert (await visitor.send(page, "/any-domain")).status == 400
        assert (await visitor.send(page, "/any-domain", sure="1")).status == 200
        assert (await shop.post(web, shop.form())).status_code == 200
        off = await visitor.send(await visitor.get(url), "/any-domain")
        assert off.status == 200
    assert (await shop.post(web, shop.form())).status_code == 403
    assert ("any_domain_on",) in stack.sql("select template from message where mobile = %s", owner.mobile)


async def test_who_may_call_pay_rep(stack, owner, web):
    shop = await shop_of(stack, owner)
    bought = await shop.buy(web, **HOME)
    async with signed_in(stack, owner) as visitor:
        url = f"{owner.panel}/gateways/{shop.id}"
        for listed, err in (
            ("192.0.2.0/24\n2001:db8::/32", "92"),
            ("192.0.2.7, ۱۲۷.۰.۰.۱", "0"),
            ("::/0", "92"),
            ("127.0.0.9/8", "0"),
            ("", "0"),
        ):
            page = await visitor.send(await visitor.get(url), "/sources", sources=listed)
            assert page.status == 200, page.text
            assert (await shop.pay_rep(web, bought.res))["Err"] == err, listed
        for wrong in ("shop.ir", "192.0.2.0/33", "1.2.3", "\n".join(f"10.0.0.{n}" for n in range(51))):
            refused = await visitor.send(page, "/sources", sources=wrong)
            assert (refused.status, refused.tree.xpath("//textarea[@name='sources']")[0].text.strip()) == (400, wrong)
        # A wrong Rmz is said first: who guesses learns nothing of the list.
        await visitor.send(page, "/sources", sources="192.0.2.0/24")
    assert (await shop.pay_rep(web, bought.res, rmz="wrong"))["Err"] == "90"
    assert (await shop.pay_rep(web, "nobody"))["Err"] == "92"


def signed(form: dict[str, str], key: str) -> dict[str, str]:
    return form | {"Sig": sign(Secret(key), signed_text(form))}


async def test_a_signing_key_shown_once_and_signed_only(stack, owner, web):
    shop = await shop_of(stack, owner)
    async with signed_in(stack, owner) as visitor:
        url = f"{owner.panel}/gateways/{shop.id}"
        no_key = await visitor.send(await visitor.get(url), "/hardening", signed_only="1")
        assert (no_key.status, "Make a signing key" in no_key.text) == (409, True)
        page = await visitor.get(f"{url}/signing-key")
        key = secret_of(await visitor.send(page, "/signing-key"))
        assert (await visitor.send(page, "/signing-key")).status == 409, "a refresh makes no second one"
        assert key not in stack.tables()
        await visitor.send(await visitor.get(url), "/hardening", signed_only="1", unsigned_max="")
    form = shop.form(**HOME)
    assert (await shop.post(web, signed(form, key))).status_code == 200
    form = shop.form(**HOME)
    upper = signed(form, key)
    upper["sIG"] = upper.pop("Sig").upper()
    assert (await shop.post(web, upper)).status_code == 200
    for field in ("Res", "Amnt", "Nam", "Dsc", "RedirectURL"):
        changed = signed(shop.form(**HOME), key)
        changed[field] += "1"
        page = await shop.post(web, changed)
        assert (page.status_code, "sig_wrong" in page.text) == (403, True), field
    async with signed_in(stack, owner) as visitor:
        page = await visitor.get(f"{url}/signing-key")
        removed = await visitor.send(page, "/signing-key", do="remove")
        assert removed.status == 200
    assert (await shop.post(web, shop.form(**HOME))).status_code == 200, "nothing is signed only without a key"


async def test_attack_07_a_signature_that_is_not_there_is_a_wrong_one(stack, owner, web):
    shop = await shop_of(stack, owner)
    async with signed_in(stack, owner) as visitor:
        url = f"{owner.panel}/gateways/{shop.id}"
        key = secret_of(await visitor.send(await visitor.get(f"{url}/signing-key"), "/signing-key"))
        await visitor.send(await visitor.get(url), "/hardening", signed_only="1")
    form = shop.form(**HOME)
    right = sign(Secret(key), signed_text(form))
    plain = "&".join(f"{name}={quote(value, safe='')}" for name, value in form.items())
    for more, code in (
        ("", "sig_missing"),
        ("&Sig=", "sig_missing"),
        ("&Sig=%20", "sig_missing"),
        (f"&Sig[]={right}", "sig_missing"),
        (f"&Sig={right}&Sig={right}", "sig_wrong"),
        (f"&Sig=&Sig={right}", "sig_wrong"),
        (f"&Sig={right[:-1]}", "sig_wrong"),
        (f"&Sig=0x{right}", "sig_wrong"),
        (f"&Sig={right}%00", "sig_wrong"),
        ("&Sig=" + "0" * 64, "sig_wrong"),
        ("&Sig=" + "۱" * 64, "sig_wrong"),
    ):
        page = await web.post(
            f"{stack.gateway}/Payment.aspx",
            content=(plain + more).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert (page.status_code, code in page.text) == (403, True), (more, page.text)
    assert stack.sql("select count(*) from purchase where gateway_id = %s", int(shop.id[:-1])) == [(0,)]


async def test_large_amounts_are_signed_and_the_merchant_hears_of_others(stack, owner, web):
    shop = await shop_of(stack, owner)
    async with signed_in(stack, owner) as visitor:
        url = f"{owner.panel}/gateways/{shop.id}"
        key = secret_of(await visitor.send(await visitor.get(f"{url}/signing-key"), "/signing-key"))
        for wrong in ("0", "10000", "-5", "1.5", "x", "9" * 19):
            assert (await visitor.send(await visitor.get(url), "/hardening", unsigned_max=wrong)).status == 400, wrong
        await visitor.send(await visitor.get(url), "/hardening", unsigned_max="۳۰۰٬۰۰۰")
    assert (await shop.post(web, shop.form(Amnt="300000", **HOME))).status_code == 200
    page = await shop.post(web, shop.form(Amnt="300001", **HOME))
    assert (page.status_code, "unsigned_too_large" in page.text) == (403, True)
    assert (await shop.post(web, signed(shop.form(Amnt="300001", **HOME), key))).status_code == 200
    assert warned(stack, owner) == ["unsigned_too_large"]


def warned(stack, owner) -> list[str]:
    rows = stack.sql(
        """
        select act from activity where account_id = %s and act in ('unsigned_too_large', 'res_other_amount') order by id
        """,
        owner.account_id,
    )
    return [act for (act,) in rows]


async def test_the_same_res_with_another_amount_is_told_once_an_hour(stack, owner, web):
    shop = await shop_of(stack, owner)
    form = shop.form(**HOME)
    await shop.post(web, form)
    for amount in ("25000", "2500000"):
        assert (await shop.post(web, form | {"Amnt": amount})).status_code == 409
    assert warned(stack, owner) == ["res_other_amount"]
    ((data, text),) = stack.sql(
        """
        select a.data, m.text from activity a, message m
        where a.account_id = %s and a.act = 'res_other_amount' and m.mobile = %s and m.template = a.act
        """,
        *(owner.account_id, owner.mobile),
    )
    assert (data["posted"], data["registered"], data["res"]) == (25_000, 250_000, form["Res"])
    assert "مبلغی دیگر" in text
    stack.sql("update gateway set warned_at = now() - interval '61 minutes' where id = %s", int(shop.id[:-1]))
    await shop.post(web, form | {"Amnt": "25000"})
    assert warned(stack, owner) == ["res_other_amount"] * 2


async def test_a_suspended_gateway_answers_for_what_it_sold(stack, owner, web):
    shop = await shop_of(stack, owner)
    async with signed_in(stack, make_operator(stack, "risk")) as console:
        ((application,),) = stack.sql("select id from application where gateway_id = %s", int(shop.id[:-1]))
        from mopos.base.ids import with_check_digit

        page = await console.get(f"/console/applications/{with_check_digit(application)}")
        assert (await console.send(page, "/decision", event="suspended", reason="بررسی")).status == 200
        refused = await shop.post(web, shop.form(**HOME))
        assert (refused.status_code, "gateway_suspended" in refused.text) == (403, True)
        assert (await shop.pay_rep(web, "nobody"))["Err"] == "93"
        page = await console.get(f"/console/applications/{with_check_digit(application)}")
        assert (await console.send(page, "/decision", event="resumed", reason="درست شد")).status == 200
    bought = await shop.buy(web, **HOME)
    stack.sql("update gateway set suspended_at = now() where id = %s", int(shop.id[:-1]))
    assert (await shop.pay_rep(web, bought.res))["Err"] == "0"


async def test_closed_by_its_owner_it_answers_for_ever_and_sells_no_more(stack, owner, web):
    shop = await shop_of(stack, owner)
    bought = await shop.buy(web, **HOME)
    async with signed_in(stack, owner) as visitor:
        url = f"{owner.panel}/gateways/{shop.id}"
        page = await visitor.get(f"{url}/close")
        assert (await visitor.send(page, "/close")).status == 400
        closed = await visitor.send(page, "/close", sure="1")
        assert "Closed" in closed.text
        assert closed.tree.xpath("//main//form") == []
        token = closed.tree.xpath("//input[@name='_csrf']/@value")[0]
        for path, fields in (("domains", {"domain": "evil.ir"}), ("rmz", {"do": "rotate"}), ("sources", {})):
            await visitor.post(f"{url}/{path}", _csrf=token, **fields)
    refused = await shop.post(web, shop.form(**HOME))
    assert (refused.status_code, "gateway_closed" in refused.text) == (403, True)
    assert (await shop.pay_rep(web, bought.res))["Err"] == "0"
    assert (await shop.pay_rep(web, "nobody"))["Err"] == "93"
    assert stack.sql("select domains from gateway where id = %s", int(shop.id[:-1])) == [(["www.soovashoon.ir"],)]


async def test_gateways_of_the_command_line_work_as_before(stack, shop, web):
    assert stack.sql("select any_domain, account_id from gateway where id = %s", int(shop.id[:-1])) == [(True, None)]
    bought = await shop.buy(web, Sig="of the shop's own")
    assert (await shop.pay_rep(web, bought.res))["Err"] == "0"
    form = shop.form()
    await shop.post(web, form)
    assert (await shop.post(web, form | {"Amnt": "25000"})).status_code == 409


async def test_the_form_as_it_was_received_is_kept_where_it_differs(stack, shop, web):
    clean, odd = shop.form(), shop.form(Amnt=" ۲۵۰۰۰۰", Nam="علی\u202e\0 رضایی", Dsc="x" * 900)
    for form in (clean, odd):
        assert (await shop.post(web, form)).status_code == 200
    rows = dict(
        stack.sql(
            "select p.res, j.data from purchase p join journal j on j.purchase_id = p.id and j.version = 1 "
            "where p.gateway_id = %s and p.res = any (%s)",
            *(int(shop.id[:-1]), [clean["Res"], odd["Res"]]),
        )
    )
    assert rows[clean["Res"]] == {}
    assert rows[odd["Res"]] == {"raw": {"Amnt": " ۲۵۰۰۰۰", "Nam": "علی\u202e␀ رضایی"}}


async def test_the_list_shows_gateways_and_open_applications(stack, owner):
    gateway = await approved(stack, owner)
    async with signed_in(stack, owner) as visitor:
        draft = number_of(await apply(visitor, owner, do="save"))
        seen = await visitor.get(f"{owner.panel}/gateways")
        assert gateway in seen.text
        assert draft in seen.text
        assert WISH["title"] in seen.text
