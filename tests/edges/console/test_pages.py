"""Every page of the console, with each role, in both languages."""

import pytest
from tests.stack import eventually
from tests.web import give_gateway, make_member, make_operator, signed_in

from mopos.domain.people.model import shown_mobile

ROLES = ("support", "risk", "finance", "admin")
PAGES = {
    "/console": ROLES,
    "/console/queues": ROLES,
    "/console/queues?of=conflicted": ROLES,
    "/console/queues?of=late": ROLES,
    "/console/accounts": ROLES,
    "/console/accounts?text=آزمون": ROLES,
    "/console/purchases": ROLES,
    "/console/purchases?state=PAID&state=UNKNOWN&amount_min=1": ROLES,
    "/console/proposals": ROLES,
    "/console/terminals": ROLES,
    "/console/terminals/1": ROLES,
    "/console/jobs": ROLES,
    "/console/log": ROLES,
    "/console/log?act=sign_in": ROLES,
    "/console/operators": ("admin",),
    "/console/security": ROLES,
    "/console/system": ROLES,
    "/console/confirm": ROLES,
}


@pytest.fixture(scope="module")
def people(stack):
    return {role: make_operator(stack, role) for role in ROLES}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("role", ROLES)
async def test_a_page_is_for_its_roles(stack, people, page, role):
    for lang in ("fa", "en"):
        async with signed_in(stack, people[role], lang=lang) as visitor:
            seen = await visitor.get(page)
            assert seen.status == (200 if role in PAGES[page] else 403), seen.text
            assert seen.tree.get("lang") == lang
            assert seen.heading


async def test_nobody_sees_nothing(stack):
    from tests.web import Visitor

    async with Visitor(stack) as visitor:
        for page in PAGES:
            seen = await visitor.get(page)
            assert seen.path == "/console/sign-in", page


async def test_a_member_is_nobody_here(stack):
    async with signed_in(stack, make_member(stack)) as visitor:
        assert (await visitor.get("/console")).path == "/console/sign-in"


async def test_a_purchase_with_everything(stack, web):
    shop = stack.make_shop("فروشگاه پرونده")
    member = make_member(stack)
    give_gateway(stack, member.account_id, shop.id)
    bought = await shop.buy(web, "paid")
    ((number, attempt),) = stack.sql(
        "select id, attempt_id from purchase where gateway_id = %s and res = %s", int(shop.id[:-1]), bought.res
    )
    await eventually(lambda: stack.sql("select count(*) from transcript where attempt_id = %s", attempt) == [(2,)])
    async with signed_in(stack, make_operator(stack, "support")) as visitor:
        # The search leads to the page, by what a caller says.
        from mopos.base.ids import with_check_digit

        seen = await visitor.get("/console/purchases", number=with_check_digit(number))
        assert seen.path == f"/console/purchases/{with_check_digit(number)}"
        for word in ("bank_confirmed", "purchase_paid", "acquirer_receivable", "CONFIRMED", "verify", bought.res):
            assert word in seen.text, word
        assert "250,000" in seen.text
        assert stack.sql("select masked_pan from attempt where id = %s", attempt)[0][0] in seen.text
        # Nothing that opens the buyer's page or is a secret.
        ((token, ref),) = stack.sql(
            "select p.token, a.ref from purchase p join attempt a on a.id = p.attempt_id where p.id = %s", number
        )
        html = seen.response.text
        assert token not in html
        assert ref not in html
        by_res = await visitor.get("/console/purchases", res=bought.res, gateway=shop.id)
        assert with_check_digit(number) in by_res.text


async def test_accounts_are_found_by_what_a_caller_says(stack):
    shop = stack.make_shop()
    member = make_member(stack)
    give_gateway(stack, member.account_id, shop.id)
    stack.sql("update account set name = 'کفش گام نو' where id = %s", member.account_id)
    async with signed_in(stack, make_operator(stack, "support")) as visitor:
        for text in (member.mobile, shop.id, "گام نو", member.panel.rpartition("/")[2]):
            seen = await visitor.get("/console/accounts", text=text)
            assert "کفش گام نو" in seen.text, text
        assert "کفش گام نو" not in (await visitor.get("/console/accounts", text="100%")).text
        seen = await visitor.get(f"/console/accounts/{member.panel.rpartition('/')[2]}")
        assert shop.id in seen.text
        assert shown_mobile(member.mobile) in seen.text
        assert (await visitor.get(f"/console/gateways/{shop.id}")).status == 200


@pytest.mark.parametrize("path", ["accounts/18", "accounts/17", "purchases/18", "purchases/abc", "gateways/18"])
async def test_what_is_not_there_is_not_found(stack, people, path):
    async with signed_in(stack, people["admin"]) as visitor:
        assert (await visitor.get(f"/console/{path}")).status == 404
