"""Fees at the console, and what a merchant sees of them: who may, what is refused, what stands in the log."""

import pytest
from tests.edges.console.world import told
from tests.web import give_gateway, make_member, make_operator, signed_in

from mopos.base.ids import with_check_digit

TARIFF = {"above-0": "0", "rate-0": "0", "fixed-0": "1,200", "above-1": "6000000", "rate-1": "0.02", "cap-1": "40,000"}


@pytest.fixture(scope="module")
def finance(stack):
    return make_operator(stack, "finance")


async def make_plan(stack, operator, called, **fields):
    async with signed_in(stack, operator) as visitor:
        page = await visitor.get("/console/fees/new")
        blank = {f"{part}-{at}": "" for part in ("above", "rate", "fixed", "floor", "cap") for at in range(4)}
        return await visitor.send(
            page, "/new", **({"name": called, "bearer": "merchant", "reason": "قرارداد"} | blank | TARIFF | fields)
        )


def fact(page, label):
    """What a list of facts says of something."""
    found = page.tree.xpath(f"//dt[normalize-space()='{label}']/following-sibling::dd")
    return " ".join(found[0].text_content().split()) if found else None


def plan_id(page):
    return page.path.rpartition("/")[2]


async def test_a_plan_is_made_versioned_and_given(stack, shop, finance):
    made = await make_plan(stack, finance, "طرح نخست")
    assert made.status == 200
    assert "The plan is made." in made.text
    assert "above 6,000,000 Rial: 0.02% of the amount, at most 40,000 Rial" in made.text
    (row,) = told(stack, "add_fee_plan", f"fee_plan {plan_id(made)}")
    assert (row["reason"], row["brackets"]) == ("قرارداد", ["0: 0ppm +1200", "6000000: 200ppm cap 40000"])
    async with signed_in(stack, finance) as visitor:
        later = await visitor.send(
            await visitor.get(made.path), plan_id(made), **{"fixed-0": "1000", "from": "۱۴۰۷/۰۱/۰۱", "reason": "سال نو"}
        )
        assert "The version is added." in later.text
        assert "Announced" in later.text
        found = await visitor.get("/console/fees", gateway=shop.id)
        assert found.path == f"/console/fees/gateways/{shop.id}"
        assert "no plan" in found.text
        given = await visitor.send(found, shop.id, plan=plan_id(made), reason="به درخواست پذیرنده")
        assert "The gateway's plan is set." in given.text
        assert "From 1407/01/01 00:00" in given.text, "what is announced"
        quoted = await visitor.get(f"/console/fees/gateways/{shop.id}", amount="۸٬۰۰۰٬۰۰۰")
        assert fact(quoted, "Fee") == "1,600 Rial"
        assert fact(quoted, "The merchant is owed") == "7,998,400 Rial"
        of_plan = await visitor.get(f"/console/fees/plans/{plan_id(made)}", amount="200000000")
        assert fact(of_plan, "Fee") == "40,000 Rial"
        assert shop.id in of_plan.text
        assert "طرح نخست" in (await visitor.get("/console/fees")).text
        assert f"/console/fees/gateways/{shop.id}" in (await visitor.get(f"/console/gateways/{shop.id}")).links()
        ended = await visitor.send(given, shop.id, plan="", **{"from": "1407/06/01"}, reason="پایان")
        assert "No plan: no fee" in ended.text
    assert [row["plan"] for row in told(stack, "assign_fee", f"gateway {shop.id}")] == ["طرح نخست", None]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "Give the plan a name."),
        ({"name": "طرح یکتا"}, "Another plan has this name."),
        ({"bearer": "x"}, "Say whether the merchant or the buyer"),
        ({"rounding": "x"}, "ways of rounding"),
        ({"from": "1400/01/01"}, "That moment is past"),
        ({"from": "soon"}, "could not be read"),
        ({"rate-1": "half"}, "The rate must be"),
        ({"rate-1": "", "cap-1": ""}, "A bracket could not be read."),
        ({"above-0": "5"}, "must begin at 0"),
        ({"cap-1": "12x"}, "A bracket could not be read."),
        ({"floor-1": "50000"}, "cap is below its floor"),
        ({"cap-1": "1000"}, "a larger purchase costs less"),
        ({"fixed-0": "20000"}, "leaves nothing"),
        ({"reason": ""}, "reason"),
    ],
)
async def test_what_is_refused_is_said_and_nothing_typed_is_lost(stack, finance, fields, said):
    await make_plan(stack, finance, "طرح یکتا")
    before = stack.sql("select count(*) from fee_plan")
    page = await make_plan(stack, finance, "طرح دیگر", **fields)
    assert page.status in (400, 409)
    assert said.lower() in page.text.lower()
    typed = {"name": "طرح دیگر", "cap-1": "40,000"} | {name: text for name, text in fields.items() if "-" in name}
    for name, text in typed.items():
        if name not in fields or text:
            assert page.tree.xpath(f"//input[@name='{name}']/@value") == [fields.get(name, text)]
    assert stack.sql("select count(*) from fee_plan") == before


async def test_a_wrong_row_is_marked_and_more_rows_keep_what_was_typed(stack, finance):
    async with signed_in(stack, finance) as visitor:
        page = await visitor.get("/console/fees/new")
        page = await visitor.send(page, "/new", name="ردیف", bearer="buyer", reason="x", **TARIFF | {"rate-1": "x"})
        assert page.tree.xpath("//div[contains(@class, 'fee-row wrong')]//input[@name='rate-1']")
        longer = await visitor.send(page, "/new", more="1")
        assert longer.status == 200
        assert longer.tree.xpath("//input[@name='rate-7']")
        assert longer.tree.xpath("//input[@name='rate-1']/@value") == ["x"]
        assert longer.tree.xpath("//input[@name='name']/@value") == ["ردیف"]


async def test_the_public_tariff_is_a_button_away(stack, finance):
    async with signed_in(stack, finance) as visitor:
        page = await visitor.get("/console/fees/new")
        assert "1402/04/04" in page.text
        filled = await visitor.get("/console/fees/new", preset="1402")
        assert filled.tree.xpath("//input[@name='cap-1']/@value") == ["40,000"]
        made = await visitor.send(filled, "/new", name="تعرفهٔ عمومی", bearer="buyer", reason="پیش‌فرض")
        assert "The buyer pays the fee on top of the price." in made.text


async def test_others_look_and_change_nothing(stack, shop, finance):
    made = await make_plan(stack, finance, "فقط دیدن")
    async with signed_in(stack, make_operator(stack, "support")) as visitor:
        for path in ("/console/fees", made.path, f"/console/fees/gateways/{shop.id}"):
            page = await visitor.get(path)
            assert page.status == 200
            assert not page.tree.xpath("//main//form[@method='post']")
        assert (await visitor.get("/console/fees/new")).status == 403
        missing = await visitor.get("/console/fees", gateway="1000018")
        assert "There is no gateway with this number." in missing.text
        wrong = await visitor.get(made.path, amount="12")
        assert "above 10,000" in wrong.text
        assert (await visitor.get("/console/fees/plans/999999")).status == 404
    async with signed_in(stack, finance, fresh=False) as visitor:
        page = await visitor.get(made.path)
        assert (await visitor.send(page, plan_id(made), reason="x")).path == "/console/confirm"


async def test_a_plan_from_tomorrow_is_given_from_tomorrow(stack, shop, finance):
    made = await make_plan(stack, finance, "فردا", **{"from": "1407/02/01"})
    async with signed_in(stack, finance) as visitor:
        page = await visitor.get(f"/console/fees/gateways/{shop.id}")
        refused = await visitor.send(page, shop.id, plan=plan_id(made), reason="زود")
        assert (refused.status, "has not begun" in refused.text) == (409, True)
        assert (await visitor.send(page, shop.id, plan="99999", reason="x")).status == 404
        done = await visitor.send(page, shop.id, plan=plan_id(made), reason="x", **{"from": "1407/02/01"})
        assert done.status == 200
        again = await visitor.send(page, shop.id, plan=plan_id(made), reason="x", **{"from": "1407/02/01"})
        assert (again.status, "at that very moment" in again.text) == (409, True)


async def test_the_merchant_sees_plan_quote_and_what_a_sale_left(stack, web, finance):
    shop = stack.make_shop()
    owner = make_member(stack, "owner")
    give_gateway(stack, owner.account_id, shop.id)
    path = f"{owner.panel}/gateways/{shop.id}"
    async with signed_in(stack, owner) as visitor:
        assert "No fee" in (await visitor.get(path)).text
    made = await make_plan(
        stack, finance, "یک درصد", **{"rate-0": "1", "fixed-0": "", "rate-1": "", "above-1": "", "cap-1": ""}
    )
    async with signed_in(stack, finance) as visitor:
        page = await visitor.get(f"/console/fees/gateways/{shop.id}")
        await visitor.send(page, shop.id, plan=plan_id(made), reason="x")
        await visitor.send(page, shop.id, plan="", reason="x", **{"from": "1407/03/01"})
    bought = await shop.buy(web, Amnt="1000000")
    ((number,),) = stack.sql(
        "select id from purchase where res = %s and gateway_id = %s", bought.res, int(shop.id[:-1])
    )
    async with signed_in(stack, owner) as visitor:
        page = await visitor.get(path, amount="5000000")
        assert "یک درصد" in page.text
        assert "Any amount: 1% of the amount" in page.text
        assert "From 1407/03/01 00:00" in page.text
        assert fact(page, "Fee") == "50,000 Rial"
        sale = await visitor.get(f"{owner.panel}/purchases/{with_check_digit(number)}")
        assert fact(sale, "Fee") == "10,000 Rial"
        assert fact(sale, "Yours") == "990,000 Rial"
    async with signed_in(stack, make_member(stack, "developer", owner.account_id)) as visitor:
        page = await visitor.get(path)
        assert page.status == 200
        assert "Fee of this gateway" not in page.text, "who sees no money sees no fee"
