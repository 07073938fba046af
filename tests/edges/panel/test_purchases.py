"""The list of purchases: every field of its filter, paging, saved filters, and a purchase's own page."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from tests.edges.panel.seeded import Seeded
from tests.stack import eventually
from tests.web import make_member, signed_in

from mopos.base.ids import with_check_digit


@pytest.fixture(scope="module")
def member(stack):
    return make_member(stack, "owner")


@pytest.fixture(scope="module")
def sold(stack, member):
    """Two gateways with purchases of every kind, all of them derived by the running worker."""
    first = Seeded(stack, member.account_id)
    second = Seeded(stack, member.account_id)
    now = datetime.now(UTC)
    numbers = {
        # 1403 was a leap year: its Esfand had thirty days. 30 Esfand 1403 was 20 March 2025.
        "leap": first.add(at=datetime(2025, 3, 20, 8, 0, tzinfo=UTC), res="LEAP"),
        "last_second": first.add(at=datetime(2025, 3, 20, 20, 29, 59, tzinfo=UTC), res="LAST"),
        "new_year": first.add(at=datetime(2025, 3, 20, 20, 30, 0, tzinfo=UTC), res="NEW"),
        "paid": first.add(at=now - timedelta(hours=30), res="ORD-1", amount=250_000, nam="زهرا كريمي", dsc="لپ‌تاپ ۱۴"),
        "declined": first.add("DECLINED", at=now - timedelta(hours=29), res="ORD-2", amount=3_900_000, nam="Sara"),
        "cancelled": first.add("CANCELLED", at=now - timedelta(hours=28), res="ORD-3", amount=999_000),
        "conflicted": first.add("CONFLICTED", at=now - timedelta(hours=27), res="X-1", ref="555000111222"),
        "unknown": first.add("UNKNOWN", at=now - timedelta(hours=26), res="X-2"),
        "open": first.add("AT_BANK", at=now - timedelta(hours=25), res="X-3"),
        "unfetched": first.add(at=now - timedelta(hours=24), res="X-4", acknowledged=False, card="610433******7777"),
        "late": first.add(at=now - timedelta(hours=23), res="X-5", late=True, dsc="لپ تاپ"),
        "other": second.add(at=now - timedelta(hours=22), res="ORD-1", amount=12_000_000, ref="777000111222"),
    }
    asyncio.run(eventually(first.derived))
    return numbers, first, second


# What is typed, and which purchases are found by it, the newest first.
SEARCHES = [
    ({"res": "ORD-1"}, ["other", "paid"]),
    ({"res": "ORD-*"}, ["other", "cancelled", "declined", "paid"]),
    ({"res": "ORD"}, []),
    ({"ref": "777000111222"}, ["other"]),
    ({"ref": "۷۷۷۰۰۰۱۱۱۲۲۲"}, ["other"]),
    ({"ref": "555000111222"}, ["conflicted"]),
    ({"text": "کریمی"}, ["paid"]),
    ({"text": "كريمي زهرا"}, ["paid"]),
    ({"text": "لپتاپ 14"}, ["paid"]),
    ({"text": "sara"}, ["declined"]),
    ({"text": "کریمی نیست"}, []),
    ({"text": "---"}, []),
    ({"amount": "3900000"}, ["declined"]),
    ({"amount": "۳٬۹۰۰٬۰۰۰"}, ["declined"]),
    ({"amount_min": "900,000", "amount_max": "4 000 000"}, ["cancelled", "declined"]),
    ({"amount_min": "3900001"}, ["other"]),
    ({"state": "DECLINED"}, ["declined"]),
    ({"state": ["DECLINED", "CANCELLED"]}, ["cancelled", "declined"]),
    ({"state": "UNKNOWN"}, ["unknown"]),
    ({"state": "CONFLICTED"}, ["conflicted"]),
    ({"state": ["AT_BANK", "UNKNOWN"]}, ["open", "unknown"]),
    ({"card": "7777"}, ["unfetched"]),
    ({"card": "6104 33** **** 7777"}, ["unfetched"]),
    ({"card": "603799-7777"}, []),
    ({"ack": "no"}, ["unfetched"]),
    ({"since": "1403/12/30", "until": "1403/12/30"}, ["last_second", "leap"]),
    ({"since": "۱۴۰۴/۰۱/۰۱", "until": "۱۴۰۴/۱/۱"}, ["new_year"]),
    ({"until": "1404-01-01"}, ["new_year", "last_second", "leap"]),
    ({"until": "1403/12/29"}, []),
    ({"late": "1"}, ["late"]),
    ({"res": "ORD-1", "amount_min": "10000000"}, ["other"]),
    ({"text": "کتاب", "state": "CANCELLED"}, ["cancelled"]),
    ({"card": "1234", "text": "لپتاپ"}, ["paid"]),
]


@pytest.mark.parametrize(
    ("typed", "expected"), SEARCHES, ids=lambda value: str(value) if isinstance(value, dict) else ""
)
async def test_every_field_finds_what_it_says(stack, member, sold, typed, expected):
    numbers, *_ = sold
    async with signed_in(stack, member) as visitor:
        page = await visitor.get(f"{member.panel}/purchases", **typed)
    assert page.status == 200
    assert found(page) == [numbers[name] for name in expected]


def found(page) -> list[str]:
    """The purchase numbers of a list."""
    return [link.text_content() for link in page.tree.xpath("//table[contains(@class, 'cards')]//th//a")]


async def test_a_purchase_is_found_by_its_number_and_a_gateway_by_its_own(stack, member, sold):
    numbers, first, second = sold
    async with signed_in(stack, member) as visitor:
        assert found(await visitor.get(f"{member.panel}/purchases", number=numbers["late"])) == [numbers["late"]]
        page = await visitor.get(f"{member.panel}/purchases", gateway=second.gateway_number)
        assert found(page) == [numbers["other"]]
        assert len(found(await visitor.get(f"{member.panel}/purchases", gateway=first.gateway_number))) == 11
        page = await visitor.get(f"{member.panel}/purchases", number=numbers["late"], gateway=second.gateway_number)
        assert found(page) == []


WRONG = [
    ("number", "123", "purchase number"),
    ("amount", "12.5", "in Rial"),
    ("amount_min", "ten", "in Rial"),
    ("since", "1403/12/31", "no date"),
    ("since", "2025-03-20x", "no date"),
    ("until", "1402/12/30", "no date"),
    ("card", "123", "last four"),
    ("card", "6037991234567890", "whole card"),
    ("state", "RICH", "no such state"),
    ("text", "x" * 101, "too long"),
    ("gateway", "18", "not one of"),
]


@pytest.mark.parametrize(("name", "value", "sentence"), WRONG)
async def test_what_cannot_be_read_is_told_at_its_field_and_nothing_is_lost(stack, member, sold, name, value, sentence):
    async with signed_in(stack, member) as visitor:
        page = await visitor.get(f"{member.panel}/purchases", **({"res": "KEPT"} | {name: value}))
    assert page.status == 400
    assert sentence in page.text
    assert page.tree.xpath("//input[@name='res']/@value") == ["KEPT"]
    if name not in ("state", "gateway"):
        (field,) = page.tree.xpath(f"//input[@name='{name}']")
        assert field.get("value") == value
        assert field.get("aria-invalid") == "true"


async def test_dates_in_the_wrong_order_and_amounts_too(stack, member, sold):
    async with signed_in(stack, member) as visitor:
        page = await visitor.get(f"{member.panel}/purchases", since="1404/02/01", until="1404/01/01")
        assert page.status == 400
        assert "before the first" in page.text
        page = await visitor.get(f"{member.panel}/purchases", amount_min="5000000", amount_max="20000")
        assert page.status == 400


async def test_paging_there_and_back_misses_and_repeats_nothing_while_new_ones_come(stack):
    member = make_member(stack, "viewer")
    seeded = Seeded(stack, member.account_id)
    other = Seeded(stack, member.account_id)
    for _ in range(4):
        seeded.add_many(30, dsc="قهوه")
        other.add_many(5, dsc="قهوه")
    there = sorted(seeded.ids + other.ids, reverse=True)
    await eventually(seeded.derived)
    for query in ({}, {"text": "قهوه"}, {"text": "قهوه رضایی"}, {"amount_max": "300000"}, {"state": "PAID"}):
        async with signed_in(stack, member) as visitor:
            page = await visitor.get(f"{member.panel}/purchases", **query)
            pages = [found(page)]
            seeded.add(dsc="تازه", amount=99_000_000, nam="", state="EXPIRED")
            while older := page.tree.xpath("//nav[@class='pager']//a[@rel='next']/@href"):
                page = await visitor.get(older[0])
                pages.append(found(page))
            went = [number for numbers in pages for number in numbers]
            assert [number for number in went if int(number[:-1]) in there] == [
                with_check_digit(number) for number in there
            ]
            assert len(set(went)) == len(went)
            back = [pages[-1]]
            while newer := page.tree.xpath("//nav[@class='pager']//a[@rel='prev']/@href"):
                page = await visitor.get(newer[0])
                back.append(found(page))
            assert {with_check_digit(number) for number in there} <= {number for part in back for number in part}
            assert not page.tree.xpath("//nav[@class='pager']//a[@rel='prev']")


async def test_nobody_sees_another_account_s_purchase(stack, sold):
    numbers, *_ = sold
    stranger = make_member(stack, "owner")
    Seeded(stack, stranger.account_id)
    async with signed_in(stack, stranger) as visitor:
        assert (await visitor.get(f"{stranger.panel}/purchases/{numbers['paid']}")).status == 404
        assert found(await visitor.get(f"{stranger.panel}/purchases", number=numbers["paid"])) == []
        assert found(await visitor.get(f"{stranger.panel}/purchases", res="ORD-1")) == []
        assert found(await visitor.get(f"{stranger.panel}/purchases", ref="777000111222")) == []
        assert found(await visitor.get(f"{stranger.panel}/purchases", text="کریمی")) == []
        assert found(await visitor.get(f"{stranger.panel}/purchases", state="CONFLICTED")) == []


@pytest.mark.parametrize(("role", "status"), [("accountant", 200), ("viewer", 200), ("developer", 403)])
async def test_who_sees_money(stack, member, sold, role, status):
    numbers, *_ = sold
    async with signed_in(stack, make_member(stack, role, member.account_id)) as visitor:
        assert (await visitor.get(f"{member.panel}/purchases")).status == status
        assert (await visitor.get(f"{member.panel}/purchases/{numbers['paid']}")).status == status


async def test_a_purchase_s_page_tells_everything(stack, member):
    seeded = Seeded(stack, member.account_id)
    raw = {"Nam": " علي <b>", "Res": "P-1", "Extra": "1"}
    number = seeded.add(res="P-1", nam="علی", ref="888000111222", raw=raw)
    async with signed_in(stack, member) as visitor:
        page = await visitor.get(f"{member.panel}/purchases/{number}")
    assert page.status == 200
    for text in ("888000111222", "603799******1234", "192.0.2.7", "The bank confirmed the payment", "Purchase paid"):
        assert text in page.text, text
    assert "<b>" not in page.response.text
    assert "علي <b>" in page.text
    assert "Extra" in page.text
    assert "(Melli)" in page.text
    steps = page.tree.xpath("//ol[@class='timeline']/li")
    assert len(steps) == 5, "four events, and the first PayRep"


async def test_a_declined_purchase_tells_why_in_persian(stack, member, sold):
    numbers, *_ = sold
    async with signed_in(stack, member, lang="fa") as visitor:
        page = await visitor.get(f"{member.panel}/purchases/{numbers['declined']}")
    assert "موجودی حساب کافی نبود" in page.text
    assert "بانک پرداخت را نپذیرفت" in page.text


async def test_pay_rep_is_shown_and_nothing_is_acknowledged(stack, member):
    seeded = Seeded(stack, member.account_id)
    number = seeded.add(res="NOT-YET", acknowledged=False)
    async with signed_in(stack, member) as visitor:
        page = await visitor.get(f"{member.panel}/purchases/{number}")
    (table,) = page.tree.xpath("//table[.//code[text()='ErrDsc']]")
    shown = {row.xpath(".//code")[0].text: row.xpath(".//td")[0].text_content() for row in table.xpath(".//tbody/tr")}
    assert list(shown) == ["Nam", "Dsc", "Amnt", "Dat", "Err", "ErrDsc", "DatTasvie", "NoTasvie", "IP"]
    assert shown["Err"] == "0"
    assert shown["Amnt"] == "250000"
    assert stack.sql("select acknowledged_at from purchase where id = %s", int(number[:-1])) == [(None,)]


async def test_a_filter_is_kept_under_a_name_by_whom_it_belongs_to(stack, member, sold):
    numbers, *_ = sold
    async with signed_in(stack, member) as visitor:
        page = await visitor.get(f"{member.panel}/purchases", res="ORD-1", amount_min="۱۰٬۰۰۰٬۰۰۰")
        page = await visitor.send(page, "/saved", name="بزرگ‌ها")
        assert "The filter was saved" in page.text
        assert found(page) == [numbers["other"]]
        page = await visitor.get(f"{member.panel}/purchases")
        (link,) = page.tree.xpath("//ul[@class='saved-list']//a")
        assert link.text_content() == "بزرگ‌ها"
        assert found(await visitor.get(link.get("href"))) == [numbers["other"]]
        async with signed_in(stack, make_member(stack, "admin", member.account_id)) as colleague:
            theirs = await colleague.get(f"{member.panel}/purchases")
            assert theirs.tree.xpath("//ul[@class='saved-list']//a") == []
        page = await visitor.send(page, "/remove")
        assert page.tree.xpath("//ul[@class='saved-list']//a") == []
        refused = await visitor.send(await visitor.get(f"{member.panel}/purchases", res="ORD-1"), "/saved", name=" ")
        assert refused.status == 400
        assert "a name" in refused.text
