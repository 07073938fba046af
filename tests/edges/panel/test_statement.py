"""The statement of account: running balances on the page, files that an accountant can sum."""

import csv
import io
import zipfile

from lxml import etree
from tests.settled import make_shop, result, settle, submit, words_of
from tests.sim.paid import AMOUNT, FEE
from tests.stack import eventually
from tests.web import make_member, signed_in

NET = AMOUNT - FEE


def worked(stack, sales: int = 2):
    """A shop that was paid once, whose money came back."""
    shop = make_shop(stack, sales)
    _, (payout,) = settle(shop)
    submit(shop)
    result(shop, payout, "settled")
    result(shop, payout, "came_back", reason="=1+1")
    return shop


async def file_of(visitor, shop, kind: str):
    page = await visitor.get(f"{shop.panel}/statement")
    page = await _asked(visitor, shop, page, kind)
    assert "was asked for" in words_of(page)

    def is_ready() -> bool:
        return visitor.stack.sql(
            "select kind, state from export where account_id = %s order by id desc limit 1", shop.member.account_id
        ) == [("statement", "done")]

    await eventually(is_ready)
    page = await visitor.get(f"{shop.panel}/exports")
    return await visitor.client.get(page.tree.xpath("//a[@download]/@href")[0])


async def _asked(visitor, shop, page, kind: str):
    (form,) = page.tree.xpath("//main//form[@method='post']")
    values = {name: value or "" for name, value in form.form_values()} | {"format": kind}
    return await visitor.post(f"{shop.panel}/statement", **values)


async def test_every_movement_has_its_balance(stack):
    shop = worked(stack)
    async with signed_in(stack, shop.member) as visitor:
        page = await visitor.get(f"{shop.panel}/statement")
    assert "Opening balance 0" in words_of(page)
    assert f"In {2 * AMOUNT + 2 * NET:,}" in words_of(page)
    assert f"Out −{2 * FEE + 2 * NET:,}" in words_of(page)
    assert f"Closing balance {2 * NET:,}" in words_of(page)
    assert "Difference: 0" in words_of(page)
    rows = page.tree.xpath("//section//tbody/tr")
    balances = [row.xpath("./td[last()]")[0].text_content().strip().replace(",", "") for row in rows]
    whole = [0, AMOUNT, NET, NET + AMOUNT, 2 * NET, 0, 2 * NET, 2 * NET]
    assert [int(balance) for balance in balances] == whole


async def test_pages_carry_the_balance_forward(stack):
    shop = make_shop(stack, 60)
    async with signed_in(stack, shop.member) as visitor:
        page = await visitor.get(f"{shop.panel}/statement")
        seen = 0
        while True:
            rows = page.tree.xpath("//section//tbody/tr")
            seen += len(page.tree.xpath("//section//tbody/tr[not(@class)]"))
            last = rows[-1].xpath("./td[last()]")[0].text_content().strip().replace(",", "")
            onward = page.tree.xpath("//a[@rel='next']/@href")
            if not onward:
                break
            page = await visitor.get(onward[0])
            carried = page.tree.xpath("//section//tbody/tr[1]")[0].text_content()
            assert "Carried forward" in carried
            assert f"{int(last):,}" in carried
    assert seen == 120
    assert int(last) == 60 * NET


async def test_a_period_before_everything_is_empty(stack):
    shop = worked(stack)
    async with signed_in(stack, shop.member) as visitor:
        page = await visitor.get(f"{shop.panel}/statement", since="1390/01/01", until="1390/01/31")
        assert "Nothing moved" in words_of(page)
        page = await visitor.get(f"{shop.panel}/statement", since="1403/13/01")
        assert page.status == 400
        page = await visitor.get(f"{shop.panel}/statement", gateway=make_shop(stack, 1).gateway)
        assert page.status == 400


async def test_the_csv_can_be_summed_and_checks_itself(stack):
    shop = worked(stack)
    async with signed_in(stack, shop.member) as visitor:
        answer = await file_of(visitor, shop, "csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    came = sum(int(row["In (Rial)"] or 0) for row in rows)
    went = sum(int(row["Out (Rial)"] or 0) for row in rows)
    opening, closing, check = rows[0], rows[-2], rows[-1]
    assert opening["What"] == "Opening balance"
    assert closing["What"] == "Closing balance"
    assert int(opening["Balance (Rial)"]) + came - went == int(closing["Balance (Rial)"]) == 2 * NET
    assert int(check["Balance (Rial)"]) == 0
    assert len(rows) == 3 + 6
    assert rows[1]["Date (Jalali)"].startswith("14")
    assert rows[1]["Date (Gregorian)"].endswith("+03:30")
    assert [row["Note"] for row in rows if row["What"].startswith("Deposits that came back")] == ["'=1+1"]


async def test_the_xlsx_holds_numbers_and_no_formula(stack):
    shop = worked(stack)
    async with signed_in(stack, shop.member, lang="fa") as visitor:
        page = await visitor.get(f"{shop.panel}/statement")
        await _asked(visitor, shop, page, "xlsx")
        await eventually(
            lambda: stack.sql("select state from export where account_id = %s", shop.member.account_id) == [("done",)]
        )
        page = await visitor.get(f"{shop.panel}/exports")
        answer = await visitor.client.get(page.tree.xpath("//a[@download]/@href")[0])
    book = zipfile.ZipFile(io.BytesIO(answer.content))
    sheet = etree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    space = {"s": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    assert sheet.xpath("//s:f", namespaces=space) == []
    cells = {cell.get("r"): cell for cell in sheet.xpath("//s:c", namespaces=space)}
    assert "".join(cells["E2"].itertext()) == "ماندهٔ آغاز"
    assert cells["F3"].xpath("string(s:v)", namespaces=space) == str(AMOUNT)


async def test_all_gateways_stand_one_after_the_other(stack):
    shop = worked(stack)
    other = make_shop(stack, 1, account_id=shop.member.account_id)
    async with signed_in(stack, shop.member) as visitor:
        page = await visitor.get(f"{shop.panel}/statement", gateway=other.gateway)
        assert f"Closing balance {NET:,}" in words_of(page)
        (form,) = page.tree.xpath("//main//form[@method='post']")
        values = {name: value or "" for name, value in form.form_values()} | {"format": "csv", "gateway": ""}
        await visitor.post(f"{shop.panel}/statement", **values)
        await eventually(
            lambda: stack.sql("select state from export where account_id = %s", shop.member.account_id) == [("done",)]
        )
        page = await visitor.get(f"{shop.panel}/exports")
        answer = await visitor.client.get(page.tree.xpath("//a[@download]/@href")[0])
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    checks = [row for row in rows if row["What"].startswith("Check")]
    assert [(row["Gateway number"], row["Balance (Rial)"]) for row in checks] == [
        (shop.gateway, "0"),
        (other.gateway, "0"),
    ]


async def test_who_may_not_export_sees_and_does_not_fetch(stack):
    shop = make_shop(stack, 1)
    viewer = make_member(stack, "viewer", shop.member.account_id)
    async with signed_in(stack, viewer) as visitor:
        page = await visitor.get(f"{shop.panel}/statement")
        assert page.status == 200
        assert page.tree.xpath("//main//form[@method='post']") == []
