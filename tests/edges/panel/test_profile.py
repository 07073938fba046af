"""A merchant's profile, bank account and documents, page by page against the running gateway."""

import hashlib
import stat

import pytest
from tests.conftest import fresh_database, open_folder
from tests.domain.accounts.test_documents import PDF_FILE, bomb, picture
from tests.stack import running
from tests.web import make_member, make_operator, signed_in

from mopos.domain.accounts.documents import BYTES_MAX, KEPT_MAX, UPLOAD_BYTES_MAX
from mopos.domain.accounts.iban import in_fours, with_check_digits
from mopos.domain.accounts.profiles import ANSWERS_MAX
from mopos.edges.i18n.texts import TEXTS
from mopos.outside.iban_inquiry_sim import OTHER_PERSON

NATIONAL_ID, OTHER_NATIONAL_ID, LEGAL_ID = "0076229645", "1583250689", "10380284790"
FORM = {"kind": "natural", "name": "فروشگاه <b>نمونه</b>", "national_id": NATIONAL_ID, "address": "تهران"}


def iban(ending: str) -> str:
    return with_check_digits("012".ljust(20, "0") + ending)


@pytest.fixture(scope="module")
def stack(postgres):
    """A gateway with an inquiry service that it can ask."""
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        with running(dsn, folder, with_services=True) as stack:
            yield stack
        assert "Traceback" not in stack.logs()


def account(stack, member) -> dict:
    columns = "kind, name, national_id, iban, iban_owner, iban_checked_at, iban_matches, enamad, tax_code, address"
    (row,) = stack.sql(f"select {columns} from account where id = %s", member.account_id)
    return dict(zip(columns.split(", "), row, strict=True))


def acts(stack, member) -> list[str]:
    rows = stack.sql("select act from activity where account_id = %s order by id", member.account_id)
    return [act for (act,) in rows]


async def fill_in(visitor, member, **changed):
    return await visitor.send(await visitor.get(f"{member.panel}/profile"), "/profile", **FORM | changed)


async def give_iban(visitor, member, number):
    return await visitor.send(await visitor.get(f"{member.panel}/profile/iban"), "/iban", iban=number)


async def check_again(visitor, member):
    token = (await visitor.get(f"{member.panel}/profile")).tree.xpath("//main//input[@name='_csrf']/@value")[0]
    return await visitor.post(f"{member.panel}/profile/iban/check", _csrf=token)


# --- profile ---


@pytest.mark.parametrize("role", ["owner", "admin", "accountant", "developer", "viewer"])
@pytest.mark.parametrize("page", ["profile", "profile/iban", "profile/documents"])
async def test_who_may(stack, role, page):
    member = make_member(stack, role)
    async with signed_in(stack, member) as visitor:
        assert (await visitor.get(f"{member.panel}/{page}")).status == (200 if role in ("owner", "admin") else 403)
        other = make_member(stack)
        assert (await visitor.get(f"{other.panel}/{page}")).status == 404


async def test_a_profile_is_kept_and_shown(stack):
    member = make_member(stack)
    async with signed_in(stack, member) as visitor:
        page = await fill_in(visitor, member, national_id="۰۰۷-۶۲۲۹۶۴-۵", tax_code="", enamad="12")
        assert page.status == 200
        assert "Saved." in page.text
        assert page.tree.xpath("//input[@name='name']/@value") == ["فروشگاه <b>نمونه</b>"]
        kept = account(stack, member)
        assert kept["national_id"] == NATIONAL_ID
        assert kept["enamad"] == "12"
        # The same once more changes nothing, and is not noted.
        await fill_in(visitor, member, enamad="12")
    assert acts(stack, member) == ["profile_changed"]
    ((data,),) = stack.sql("select data from activity where account_id = %s", member.account_id)
    assert data == {"fields": ["profile.name", "profile.national_id", "profile.enamad", "profile.address"]}


@pytest.mark.parametrize("lang", ["en", "fa"])
async def test_wrong_ids_are_told_and_nothing_typed_is_lost(stack, lang):
    member = make_member(stack)
    async with signed_in(stack, member, lang=lang) as visitor:
        page = await fill_in(visitor, member, national_id="0076229646", tax_code="x", address="یک\nدو")
        assert page.status == 400
        assert TEXTS[lang]["problem.national_id_wrong"] in page.text
        assert TEXTS[lang]["problem.tax_code_wrong"] in page.text
        assert page.tree.xpath("//input[@name='national_id']/@value") == ["0076229646"]
        assert page.tree.xpath("//input[@name='tax_code']/@aria-invalid") == ["true"]
        assert page.tree.xpath("//textarea[@name='address']")[0].text.split() == ["یک", "دو"]
        page = await fill_in(visitor, member, kind="legal")
        assert TEXTS[lang]["problem.legal_id_wrong"] in page.text
        assert page.tree.xpath("//select[@name='kind']/option[@selected]/@value") == ["legal"]
        assert account(stack, member)["address"] == ""
        assert (await fill_in(visitor, member, kind="legal", national_id=LEGAL_ID)).status == 200


async def test_a_form_that_is_not_ours_changes_nothing(stack):
    member = make_member(stack)
    async with signed_in(stack, member) as visitor:
        for path in ("profile", "profile/iban", "profile/iban/check", "profile/documents"):
            assert (await visitor.post(f"{member.panel}/{path}", **FORM, iban=iban("01"))).status == 403
    assert acts(stack, member) == []


# --- bank account ---


@pytest.mark.parametrize(
    ("ending", "standing", "matches", "owner"),
    [
        ("01", "matches", True, "علی رضایی"),
        ("02", "other", False, OTHER_PERSON),
        ("03", "missing", False, ""),
        ("05", "open", None, ""),
        ("06", "open", None, ""),
    ],
)
async def test_the_bank_is_asked_whose_it_is(stack, ending, standing, matches, owner):
    member = make_member(stack)
    async with signed_in(stack, member) as visitor:
        await fill_in(visitor, member)
        page = await give_iban(visitor, member, in_fours(iban(ending)).lower())
        assert page.path.endswith("/profile")
        assert in_fours(iban(ending)) in page.text
        assert "Bank Mellat" in page.text
        assert TEXTS["en"][f"iban_standing.{standing}"] in page.text
        assert TEXTS["en"][f"iban_says.{standing}"] in page.text
        # Whoever could read the name here could ask for anybody's.
        assert OTHER_PERSON not in page.text
    kept = account(stack, member)
    assert (kept["iban_matches"], kept["iban_owner"]) == (matches, owner)
    assert (kept["iban_checked_at"] is None) == (standing == "open")
    assert acts(stack, member) == ["profile_changed", "iban_changed", *(["iban_checked"] * (standing != "open"))]
    ((text,),) = stack.sql("select text from message where mobile = %s", member.mobile)
    assert "شبای حساب" in text


async def test_a_company_s_account(stack):
    member = make_member(stack)
    async with signed_in(stack, member) as visitor:
        await fill_in(visitor, member, kind="legal", national_id=LEGAL_ID)
        page = await give_iban(visitor, member, iban("11"))
        assert TEXTS["en"]["iban_says.matches"] in page.text
        page = await give_iban(visitor, member, iban("12"))
        assert TEXTS["en"]["iban_says.unclear"] in page.text
    kept = account(stack, member)
    assert kept["iban_matches"] is None
    assert kept["iban_owner"]


async def test_another_national_id_or_iban_takes_the_answer_back(stack):
    member = make_member(stack)
    async with signed_in(stack, member) as visitor:
        await fill_in(visitor, member)
        await give_iban(visitor, member, iban("01"))
        assert account(stack, member)["iban_matches"] is True
        stack.sql("update account set iban_asked_at = now() where id = %s", member.account_id)
        page = await fill_in(visitor, member, national_id=OTHER_NATIONAL_ID)
        # It was asked a moment ago: the answer to the new question waits for the button.
        assert TEXTS["en"]["iban_says.open"] in page.text
        assert account(stack, member)["iban_checked_at"] is None
        stack.sql("update account set iban_asked_at = null where id = %s", member.account_id)
        page = await check_again(visitor, member)
        assert TEXTS["en"]["done.iban_asked"] in page.text
        assert account(stack, member)["iban_matches"] is True
        await give_iban(visitor, member, iban("06"))
        kept = account(stack, member)
        assert (kept["iban_matches"], kept["iban_owner"], kept["iban_checked_at"]) == (None, "", None)
        # Another name is no other question, and keeps the answer.
        await give_iban(visitor, member, iban("01"))
        await fill_in(visitor, member, name="ن", national_id=OTHER_NATIONAL_ID)
        assert account(stack, member)["iban_matches"] is True
        # Who asks all day gets no more answers.
        for _ in range(ANSWERS_MAX):
            stack.sql("update account set iban_asked_at = null where id = %s", member.account_id)
            await check_again(visitor, member)
        assert acts(stack, member).count("iban_checked") == ANSWERS_MAX


async def test_without_a_national_id_nobody_is_asked(stack):
    member = make_member(stack)
    async with signed_in(stack, member) as visitor:
        page = await give_iban(visitor, member, iban("01"))
        assert TEXTS["en"]["profile.bank.wants_id"] in page.text
        assert account(stack, member)["iban_checked_at"] is None
        page = await fill_in(visitor, member)
        assert TEXTS["en"]["iban_says.matches"] in page.text


async def test_an_unknown_bank_is_a_warning(stack):
    member = make_member(stack)
    async with signed_in(stack, member) as visitor:
        page = await give_iban(visitor, member, with_check_digits("9990000000000000000001"))
        assert TEXTS["en"]["profile.bank.unknown"] in page.text


@pytest.mark.parametrize("lang", ["en", "fa"])
async def test_wrong_ibans_are_told(stack, lang):
    member = make_member(stack)
    async with signed_in(stack, member, lang=lang) as visitor:
        page = await give_iban(visitor, member, "IR43 0120 0000 0000 0000 0000 02")
        assert page.status == 400
        assert TEXTS[lang]["problem.iban_wrong_digits"] in page.text
        assert page.tree.xpath("//input[@name='iban']/@value") == ["IR43 0120 0000 0000 0000 0000 02"]
        assert TEXTS[lang]["problem.iban_malformed"] in (await give_iban(visitor, member, "12")).text
    assert account(stack, member)["iban"] == ""


async def test_an_iban_wants_a_fresh_factor_and_is_not_changed_all_day(stack):
    member = make_member(stack)
    async with signed_in(stack, member, fresh=False) as visitor:
        answer = await visitor.client.get(f"{member.panel}/profile/iban", follow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/confirm?next=")
    async with signed_in(stack, member) as visitor:
        for ending in range(21, 26):
            assert (await give_iban(visitor, member, iban(str(ending)))).status == 200
        page = await give_iban(visitor, member, iban("26"))
        assert page.status == 429
        assert TEXTS["en"]["problem.iban_changed_too_often"] in page.text
        # The one that it is already is no change.
        assert (await give_iban(visitor, member, iban("25"))).status == 200
    assert account(stack, member)["iban"] == iban("25")


# --- documents ---


async def upload(visitor, member, body, name="card.png", kind="national_card", media_type="image/png"):
    page = await visitor.get(f"{member.panel}/profile/documents")
    return await visitor.send(page, "/documents", files={"file": (name, body, media_type)}, document=kind)


async def test_a_document_is_sent_listed_downloaded_and_removed(stack):
    member = make_member(stack)
    body = picture("JPEG")
    async with signed_in(stack, member) as visitor:
        page = await upload(visitor, member, body, '../../../کارت "ملی".svg', media_type="image/svg+xml")
        assert TEXTS["en"]["done.document_added"] in page.text
        assert "کارت ملی.svg" in page.text
        ((document_id, path, sha, media_type),) = stack.sql(
            "select id, path, sha256, media_type from document where account_id = %s", member.account_id
        )
        assert media_type == "image/jpeg"
        assert sha == hashlib.sha256(body).digest()
        file = stack.folder / "data" / "documents" / path
        assert file.read_bytes() == body
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700

        url = f"{member.panel}/profile/documents/{document_id}"
        got = await visitor.client.get(url)
        assert got.content == body
        assert got.headers["content-type"] == "image/jpeg"
        assert got.headers["content-disposition"] == f'attachment; filename="mopos-document-{document_id}.jpg"'
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers["content-security-policy"].startswith("default-src 'none'")

        page = await upload(visitor, member, body)
        assert page.status == 409
        assert TEXTS["en"]["problem.document_known"] in page.text
        assert len(list(file.parent.iterdir())) == len(stack.sql("select 1 from document"))

        page = await visitor.send(await visitor.get(f"{member.panel}/profile/documents"), f"/{document_id}/remove")
        assert TEXTS["en"]["done.document_removed"] in page.text
        assert (await visitor.get(url)).status == 404
        assert file.exists()  # somebody may have decided on it
    assert acts(stack, member) == ["document_added", "document_removed"]


async def test_another_account_s_document_is_not_there(stack):
    member, other = make_member(stack), make_member(stack)
    async with signed_in(stack, member) as visitor:
        await upload(visitor, member, PDF_FILE)
        ((document_id,),) = stack.sql("select id from document where account_id = %s", member.account_id)
        assert (await visitor.get(f"{member.panel}/profile/documents/{document_id}")).status == 200
    async with signed_in(stack, other) as visitor:
        assert (await visitor.get(f"{other.panel}/profile/documents/{document_id}")).status == 404
        assert (await visitor.get(f"{member.panel}/profile/documents/{document_id}")).status == 404
        page = await upload(visitor, other, PDF_FILE)  # their own, so that there is a form with a token
        token = page.tree.xpath("//main//input[@name='_csrf']/@value")[0]
        removed = await visitor.post(f"{other.panel}/profile/documents/{document_id}/remove", _csrf=token)
        assert removed.status == 404
    for bad in ("..%2f..%2fsecret-key", "-1", "1e3", "9" * 30):
        async with signed_in(stack, member) as visitor:
            assert (await visitor.get(f"{member.panel}/profile/documents/{bad}")).status == 404


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<html><script>alert(1)</script></html>", "document_type_unknown"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "document_type_unknown"),
        (b"<!-- -->" + PDF_FILE, "document_type_unknown"),
        (PDF_FILE + b"<script>alert(1)</script>", "document_broken"),
        (b"", "document_missing"),
        (PDF_FILE + b"\n" * BYTES_MAX + b"%%EOF", "document_too_large"),
        (bomb(60_000, 60_000), "document_picture_too_large"),
        (picture("JPEG")[:300], "document_broken"),
    ],
    ids=["html", "svg", "html-before-pdf", "html-behind-pdf", "empty", "large", "bomb", "cut"],
)
async def test_what_is_no_document(stack, body, code):
    member = make_member(stack)
    async with signed_in(stack, member, lang="fa") as visitor:
        page = await upload(visitor, member, body, "card.png", kind="bank_letter")
        assert page.status >= 400
        assert TEXTS["fa"][f"problem.{code}"] in page.text
        assert page.tree.xpath("//select[@name='document']/option[@selected]/@value") == ["bank_letter"]
    assert stack.sql("select 1 from document where account_id = %s", member.account_id) == []
    assert acts(stack, member) == []


async def test_a_body_beyond_all_bounds(stack):
    member = make_member(stack)
    async with signed_in(stack, member) as visitor:
        assert (await upload(visitor, member, PDF_FILE + b" " * UPLOAD_BYTES_MAX)).status == 413


async def test_a_large_body_is_read_from_nobody_who_is_not_signed_in(stack):
    member = make_member(stack)
    async with signed_in(stack, member) as visitor:
        visitor.client.cookies.delete("mopos")
        files = {"file": ("a.pdf", PDF_FILE + b" " * 1_000_000, "application/pdf")}
        answer = await visitor.client.post(f"{member.panel}/profile/documents", files=files)
        assert answer.url.path == "/sign-in"


async def test_kinds_and_numbers_have_bounds(stack):
    member = make_member(stack)
    async with signed_in(stack, member) as visitor:
        assert (await upload(visitor, member, PDF_FILE, kind="passport")).status == 400
        for number in range(KEPT_MAX):
            assert (await upload(visitor, member, PDF_FILE + b"\n" * number)).status == 200
        page = await upload(visitor, member, PDF_FILE + b"\n" * KEPT_MAX)
        assert page.status == 409
        assert TEXTS["en"]["problem.too_many_documents"] in page.text


async def test_a_file_that_was_changed_on_disk_is_not_handed_out(stack):
    member = make_member(stack)
    async with signed_in(stack, member) as visitor:
        await upload(visitor, member, PDF_FILE)
        ((document_id, path),) = stack.sql("select id, path from document where account_id = %s", member.account_id)
        (stack.folder / "data" / "documents" / path).write_bytes(PDF_FILE + b"!")
        assert (await visitor.get(f"{member.panel}/profile/documents/{document_id}")).status == 404


async def test_an_operator_s_session_opens_nothing_here(stack):
    member = make_member(stack)
    async with signed_in(stack, make_operator(stack)) as visitor:
        page = await visitor.get(f"{member.panel}/profile")
        assert page.path == "/sign-in" or page.status == 404
