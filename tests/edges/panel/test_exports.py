"""Exports: asked for on a page, made by the running worker, downloaded; nothing in them is taken for a formula."""

import csv
import io
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree
from tests.edges.panel.seeded import Seeded
from tests.stack import eventually
from tests.web import make_member, signed_in

from mopos.edges.panel.sheets import harmless_cell

DANGEROUS = ["=1+1", "+CMD|' /C calc'!A0", "-2+3", "@SUM(A1)", "＝1+1", "＋1", "  =1"]


async def export(visitor, member, kind: str, **query: str):
    """Ask for an export, wait for it, download it."""
    page = await visitor.get(f"{member.panel}/exports", **query)
    page = await visitor.send(page, "/exports", format=kind)
    assert "was asked for" in page.text
    assert page.response.headers["refresh"]

    def is_ready() -> bool:
        return visitor.stack.sql(
            "select state = 'done' from export where account_id = %s order by id desc limit 1", member.account_id
        ) == [(True,)]

    await eventually(is_ready)
    page = await visitor.get(f"{member.panel}/exports")
    assert "refresh" not in page.response.headers
    return await visitor.client.get(page.tree.xpath("//a[@download]/@href")[0])


async def test_csv_is_what_excel_opens_and_no_formula(stack):
    member = make_member(stack, "accountant")
    seeded = Seeded(stack, member.account_id)
    for text in DANGEROUS:
        seeded.add(nam=text, dsc='شرح، با «کاما» و "نشانه"')
    seeded.add("DECLINED", res="-5", amount=999_999)
    async with signed_in(stack, member, lang="fa") as visitor:
        page = await visitor.get(f"{member.panel}/exports")
        await visitor.send(page, "/exports", format="csv")
    async with signed_in(stack, member) as visitor:
        answer = await export(visitor, member, "csv")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert b"\r\n" in answer.content
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(rows) == len(DANGEROUS) + 1
    assert [row["Name"] for row in rows[1:]] == [f"'{text}" for text in reversed(DANGEROUS)]
    assert rows[1]["Description"] == 'شرح، با «کاما» و "نشانه"'
    assert rows[0]["Res"] == "'-5"
    assert rows[0]["Amount (Rial)"] == "999999"
    assert rows[0]["Bank's reason"].startswith("There was not enough money")
    assert rows[1]["Registered"].endswith("+03:30")
    assert rows[1]["Registered (Jalali)"].startswith("14")


@pytest.mark.parametrize("text", [*DANGEROUS, "\t=1", "\r=1", "\n=1", "－1", "＠x"])
def test_a_cell_that_could_be_a_formula_is_text(text):
    assert harmless_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "علی", "R-1", "1234", "a=b", "'quoted"])
def test_other_cells_stay_as_they_are(text):
    assert harmless_cell(text) == text


async def test_xlsx_has_numbers_text_and_the_reader_s_direction(stack):
    member = make_member(stack, "accountant")
    seeded = Seeded(stack, member.account_id)
    seeded.add(nam="=1+1", dsc="https://evil.example", res="00123", amount=1_250_000)
    async with signed_in(stack, member, lang="fa") as visitor:
        page = await visitor.get(f"{member.panel}/exports")
        await visitor.send(page, "/exports", format="xlsx")
        await eventually(
            lambda: stack.sql("select state from export where account_id = %s", member.account_id) == [("done",)]
        )
        page = await visitor.get(f"{member.panel}/exports")
        answer = await visitor.client.get(page.tree.xpath("//a[@download]/@href")[0])
    book = zipfile.ZipFile(io.BytesIO(answer.content))
    sheet = etree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    space = {"s": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    (view,) = sheet.xpath("//s:sheetView", namespaces=space)
    assert view.get("rightToLeft") == "1"
    assert view.xpath("s:pane/@state", namespaces=space) == ["frozen"]
    assert sheet.xpath("//s:f", namespaces=space) == []
    assert sheet.xpath("//s:hyperlink", namespaces=space) == []
    cells = {cell.get("r"): cell for cell in sheet.xpath("//s:c", namespaces=space)}
    assert cells["E2"].get("t") in (None, "n")
    assert cells["E2"].xpath("string(s:v)", namespaces=space) == "1250000"
    assert "".join(cells["B2"].itertext()) == "00123"
    assert "".join(cells["F2"].itertext()) == "=1+1"
    assert "".join(cells["A1"].itertext()) == "شماره خرید"


async def test_only_what_the_filter_wants_is_exported(stack):
    member = make_member(stack, "owner")
    seeded, other = Seeded(stack, member.account_id), Seeded(stack, member.account_id)
    seeded.add_many(3, amount=250_000)
    wanted = seeded.add("CANCELLED", amount=300_000)
    other.add("CANCELLED", amount=300_000)
    async with signed_in(stack, member) as visitor:
        answer = await export(visitor, member, "csv", state="CANCELLED", gateway=seeded.gateway_number)
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["Purchase number"] for row in rows] == [wanted]
    acts = stack.sql("select act from activity where account_id = %s", member.account_id)
    assert ("export_asked",) in acts


async def test_more_than_one_page_of_rows(stack):
    member = make_member(stack, "owner")
    seeded = Seeded(stack, member.account_id)
    seeded.add_many(2_100)
    async with signed_in(stack, member) as visitor:
        answer = await export(visitor, member, "csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [int(row["Purchase number"][:-1]) for row in rows] == sorted(seeded.ids, reverse=True)


async def test_wrong_filters_and_formats_are_refused(stack):
    member = make_member(stack, "owner")
    Seeded(stack, member.account_id)
    async with signed_in(stack, member) as visitor:
        page = await visitor.get(f"{member.panel}/exports")
        assert (await visitor.send(page, "/exports", format="pdf")).status == 400
        assert (await visitor.send(page, "/exports", format="csv", query="since=1403%2F13%2F01")).status == 400
        assert (await visitor.send(page, "/exports", format="csv", query="gateway=18")).status == 400
    assert stack.sql("select count(*) from export where account_id = %s", member.account_id) == [(0,)]


async def test_an_account_waits_for_its_exports(stack):
    member = make_member(stack, "owner")
    Seeded(stack, member.account_id)
    stack.sql(
        """
        insert into export (account_id, person_id, format, query, lang, created_at, expires_at)
        select %s, %s, 'csv', '', 'en', now(), now() + interval '1 day' from generate_series(1, 3)
        """,
        *(member.account_id, member.person_id),
    )
    async with signed_in(stack, member) as visitor:
        page = await visitor.send(await visitor.get(f"{member.panel}/exports"), "/exports", format="csv")
    assert page.status == 409
    assert "not ready yet" in page.text


async def test_a_killed_worker_s_export_is_taken_up_again(stack):
    member = make_member(stack, "owner")
    Seeded(stack, member.account_id).add()
    stack.sql(
        """
        insert into export
            (account_id, person_id, format, query, lang, state, tries, next_try_at, created_at, expires_at)
        values (%s, %s, 'csv', '', 'en', 'running', 1, now() + interval '1 second', now(), now() + interval '1 day')
        """,
        *(member.account_id, member.person_id),
    )
    await eventually(
        lambda: stack.sql("select state, tries from export where account_id = %s", member.account_id) == [("done", 2)]
    )


async def test_an_export_that_kills_its_worker_each_time_has_failed(stack):
    member = make_member(stack, "owner")
    stack.sql(
        """
        insert into export
            (account_id, person_id, format, query, lang, state, tries, next_try_at, created_at, expires_at)
        values (%s, %s, 'csv', '', 'en', 'running', 5, now(), now(), now() + interval '1 day')
        """,
        *(member.account_id, member.person_id),
    )
    await eventually(
        lambda: stack.sql("select state from export where account_id = %s", member.account_id) == [("failed",)]
    )


async def test_files_are_closed_to_others_and_to_other_accounts(stack):
    member = make_member(stack, "owner")
    Seeded(stack, member.account_id).add()
    async with signed_in(stack, member) as visitor:
        answer = await export(visitor, member, "csv")
    ((export_id, name),) = stack.sql("select id, path from export where account_id = %s", member.account_id)
    file = stack.folder / "data" / "exports" / name
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_bytes() == answer.content
    stranger = make_member(stack, "owner")
    async with signed_in(stack, stranger) as visitor:
        assert (await visitor.client.get(f"{stranger.panel}/exports/{export_id}")).status_code == 404
    async with signed_in(stack, make_member(stack, "viewer", member.account_id)) as visitor:
        assert (await visitor.client.get(f"{member.panel}/exports/{export_id}")).status_code == 403
    stack.sql("update export set expires_at = %s where id = %s", datetime.now(UTC) - timedelta(seconds=1), export_id)
    async with signed_in(stack, member) as visitor:
        assert (await visitor.client.get(f"{member.panel}/exports/{export_id}")).status_code == 404
