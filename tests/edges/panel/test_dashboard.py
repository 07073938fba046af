"""The dashboard: what was sold, compared with before; who is sent elsewhere."""

from datetime import UTC, datetime, timedelta

from tests.edges.panel.seeded import Seeded
from tests.stack import eventually
from tests.web import make_member, signed_in


async def test_today_is_summed_and_compared(stack):
    member = make_member(stack, "viewer")
    seeded = Seeded(stack, member.account_id)
    now = datetime.now(UTC) - timedelta(minutes=2)
    seeded.add_many(3, amount=1_000_000, at=now)
    seeded.add("DECLINED", at=now, decline="wrong_pin")
    seeded.add(amount=2_000_000, at=now, acknowledged=False)
    seeded.add_many(2, amount=1_000_000, at=now - timedelta(days=1))
    await eventually(seeded.derived)
    async with signed_in(stack, member) as visitor:
        page = await visitor.get(member.panel)
    assert page.status == 200
    (today,) = page.tree.xpath("//section[@aria-labelledby='p-today']")
    text = " ".join(today.text_content().split())
    assert "5,000,000" in text
    assert "500,000 Toman" in text
    assert "80%" in text, "four of five"
    assert "1,250,000" in text, "the average"
    assert "150% more than yesterday by this hour" in text
    assert "second password" in page.text, "why banks declined"
    assert "has not fetched by PayRep: 1" in page.text
    assert "Next settlement" in page.text


async def test_every_chart_has_its_words_and_its_numbers(stack):
    member = make_member(stack, "owner")
    seeded = Seeded(stack, member.account_id)
    seeded.add(amount=7_000_000, at=datetime.now(UTC) - timedelta(minutes=2))
    await eventually(seeded.derived)
    async with signed_in(stack, member) as visitor:
        page = await visitor.get(member.panel)
    charts = page.tree.xpath("//*[local-name()='svg'][@role='img']")
    assert len(charts) == 2
    for chart in charts:
        for name in chart.get("aria-labelledby").split():
            (told,) = chart.xpath(f"//*[@id='{name}']")
            assert told.text_content().strip()
        (table,) = chart.xpath("./ancestor::section//table")
        assert "7,000,000" in table.text_content()
    assert page.tree.xpath("//*[@style]") == []


async def test_a_new_account_is_told_where_to_begin(stack):
    member = make_member(stack, "owner")
    async with signed_in(stack, member) as visitor:
        page = await visitor.get(member.panel)
    assert "no gateway yet" in page.text


async def test_a_developer_sees_no_money(stack):
    member = make_member(stack, "developer")
    Seeded(stack, member.account_id)
    async with signed_in(stack, member) as visitor:
        page = await visitor.get(member.panel)
    assert page.path.startswith(f"{member.panel}/integration")


async def test_one_gateway_by_itself(stack):
    member = make_member(stack, "owner")
    first, second = Seeded(stack, member.account_id), Seeded(stack, member.account_id)
    first.add(amount=1_000_000, at=datetime.now(UTC) - timedelta(minutes=2))
    second.add(amount=4_000_000, at=datetime.now(UTC) - timedelta(minutes=2))
    await eventually(second.derived)
    async with signed_in(stack, member) as visitor:
        everything = await visitor.get(member.panel)
        one = await visitor.get(member.panel, gateway=second.gateway_number)
    assert "5,000,000" in everything.text
    assert "4,000,000" in one.text
    assert "5,000,000" not in one.text
    assert "1,000,000" not in one.text
