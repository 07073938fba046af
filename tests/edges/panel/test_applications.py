"""A merchant applies for a gateway, by the pages of the running panel; operators' moves are made on their own pages."""

import pytest
from tests.web import Member, make_member, make_operator, signed_in

WISH = {
    "title": "کتاب‌فروشی سووشون",
    "site": "https://www.Soovashoon.ir/shop",
    "business": "فروش کتاب‌های فارسی با پست در سراسر کشور",
    "monthly": "۱٬۲۰۰٬۰۰۰٬۰۰۰",
}


def complete(stack, member: Member) -> None:
    """The account's profile, as its own pages would have left it."""
    stack.sql(
        """
        update account set name = 'سووشون', national_id = '0084575948', iban = 'IR820540102680020817909002'
        where id = %s
        """,
        member.account_id,
    )


@pytest.fixture
def owner(stack):
    member = make_member(stack)
    complete(stack, member)
    return member


async def apply(visitor, member, do="submit", **changed):
    blank = await visitor.get(f"{member.panel}/applications/new")
    return await visitor.send(blank, "/applications", do=do, **(WISH | changed))


def number_of(seen) -> str:
    return seen.path.rpartition("/")[2]


async def test_a_draft_is_kept_and_sent(stack, owner):
    async with signed_in(stack, owner) as visitor:
        draft = await apply(visitor, owner, do="save", business="", monthly="")
        assert (draft.status, "Draft" in draft.text) == (200, True)
        number = number_of(draft)
        assert stack.sql("select site, state, version from application where id = %s", int(number[:-1])) == [
            ("www.soovashoon.ir", "draft", 1)
        ]
        sent = await visitor.send(draft, number, do="submit", **WISH)
        assert "Submitted" in sent.text
        rows = stack.sql(
            "select title, monthly_rial, submitted_at is not null from application where id = %s", int(number[:-1])
        )
        assert rows == [(WISH["title"], 1_200_000_000, True)]
        acts = stack.sql("select act from activity where account_id = %s order by id", owner.account_id)
        assert acts == [("application_started",), ("application_submitted",)]
        assert stack.sql("select text from message where mobile = %s", owner.mobile)[0][0].startswith("موپوز")


async def test_everything_missing_is_said_at_once_and_nothing_is_lost(stack):
    owner = make_member(stack)
    async with signed_in(stack, owner) as visitor:
        refused = await apply(visitor, owner, title="", site="co.ir", business="کتاب", monthly="")
        assert refused.status == 400
        alert = refused.tree.xpath("//*[@role='alert']//li")
        assert len(alert) == 6, [line.text_content() for line in alert]
        assert refused.tree.xpath("//input[@name='site']/@value") == ["co.ir"]
        assert refused.tree.xpath("//textarea[@name='business']")[0].text.strip() == "کتاب"
        # The draft is there all the same.
        assert stack.sql("select state from application where account_id = %s", owner.account_id) == [("draft",)]


@pytest.mark.parametrize(
    "site", ["ir", "co.ir", "localhost", "127.0.0.1", "8.8.8.8", "a@b.ir", "*.shop.ir", "shop..ir"]
)
async def test_what_is_no_shop_s_domain(stack, owner, site):
    async with signed_in(stack, owner) as visitor:
        refused = await apply(visitor, owner, site=site)
        assert (refused.status, refused.tree.xpath("//p[@id='e-site-1']") != []) == (400, True)


async def test_taken_back_changed_and_closed(stack, owner):
    async with signed_in(stack, owner) as visitor:
        sent = await apply(visitor, owner)
        number = number_of(sent)
        assert sent.tree.xpath("//main//input[@name='title']") == [], "what is being decided upon cannot be changed"
        draft = await visitor.send(sent, "/take-back")
        assert draft.tree.xpath("//input[@name='title']/@value") == [WISH["title"]]
        unsure = await visitor.send(draft, "/close")
        assert unsure.status == 400
        closed = await visitor.send(draft, "/close", sure="1")
        assert "Closed" in closed.text
        # Whoever still has the old page open changes nothing.
        late = await visitor.send(draft, number, do="submit", **WISH)
        assert late.status == 409
        assert stack.sql("select state from application where id = %s", int(number[:-1])) == [("closed",)]


async def test_a_question_an_answer_and_a_no(stack, owner):
    operator = make_operator(stack, "risk")
    async with signed_in(stack, owner) as visitor, signed_in(stack, operator) as console:
        number = number_of(await apply(visitor, owner))
        page = await console.get(f"/console/applications/{number}")
        await console.send(page, "/decision", event="", reason="")  # no event: nothing is decided
        more = await console.post(
            f"/console/applications/{number}/more", _csrf=csrf(page), reason="نشانی فروشگاه را بنویسید"
        )
        assert more.status == 200
        asked = await visitor.get(f"{owner.panel}/applications/{number}")
        assert "نشانی فروشگاه را بنویسید" in asked.text
        assert "A MoPos operator" in asked.text
        again = await visitor.send(asked, number, do="submit", **(WISH | {"business": WISH["business"] + "، تهران"}))
        assert "Submitted" in again.text
        wrote = await visitor.send(again, "/messages", text="سلام\nنشانی را نوشتم")
        assert "نشانی را نوشتم" in wrote.text
        page = await console.get(f"/console/applications/{number}")
        assert "نشانی را نوشتم" in page.text
        answered = await console.send(page, "/messages", text="سپاس")
        assert answered.status == 200
        await console.send(page, "/decision", event="rejected", reason="سایت در دسترس نیست")
        told = await visitor.get(f"{owner.panel}/applications/{number}")
        assert "سایت در دسترس نیست" in told.text
        assert "سپاس" in told.text
    texts = stack.sql("select template from message where mobile = %s order by id", owner.mobile)
    assert [t for (t,) in texts] == [
        "application_submitted",
        "application_more_wanted",
        "application_submitted",
        "application_message",
        "application_rejected",
    ]


def csrf(seen) -> str:
    return seen.tree.xpath("//main//input[@name='_csrf']/@value")[0]


async def test_empty_and_endless_messages(stack, owner):
    async with signed_in(stack, owner) as visitor:
        sent = await apply(visitor, owner)
        assert (await visitor.send(sent, "/messages", text="  \n ")).status == 400
        long = await visitor.send(sent, "/messages", text="ا" * 2001)
        assert (long.status, long.tree.xpath("//textarea[@name='text']")[0].text.strip()) == (400, "ا" * 2001)
        application_id = int(number_of(sent)[:-1])
        stack.sql(
            """
            insert into application_message (application_id, person_id, text, at)
            select %s, %s, 'x', now() from generate_series(1, 200)
            """,
            *(application_id, owner.person_id),
        )
        assert (await visitor.send(sent, "/messages", text="یکی دیگر")).status == 409


async def test_five_undecided_are_enough(stack, owner):
    async with signed_in(stack, owner) as visitor:
        for _ in range(5):
            assert (await apply(visitor, owner, do="save")).status == 200
        sixth = await apply(visitor, owner, do="save")
        assert (sixth.status, sixth.tree.xpath("//input[@name='title']/@value")) == (409, [WISH["title"]])


@pytest.mark.parametrize("role", ["accountant", "developer", "viewer"])
async def test_roles_that_may_not_apply(stack, owner, role):
    member = make_member(stack, role, owner.account_id)
    async with signed_in(stack, owner) as visitor:
        number = number_of(await apply(visitor, owner))
    async with signed_in(stack, member) as visitor:
        for path in ("applications", "applications/new", f"applications/{number}"):
            assert (await visitor.get(f"{member.panel}/{path}")).status == 403


async def test_another_account_s_application_is_no_application(stack, owner):
    other = make_member(stack)
    async with signed_in(stack, owner) as visitor:
        number = number_of(await apply(visitor, owner))
    async with signed_in(stack, other) as visitor:
        assert (await visitor.get(f"{other.panel}/applications/{number}")).status == 404
        blank = await visitor.get(f"{other.panel}/applications/new")
        for act in ("", "/take-back", "/close", "/messages"):
            answer = await visitor.post(
                f"{other.panel}/applications/{number}{act}", _csrf=csrf(blank), text="x", sure="1", do="submit"
            )
            assert answer.status == 404
    assert stack.sql("select state from application where id = %s", int(number[:-1])) == [("submitted",)]
