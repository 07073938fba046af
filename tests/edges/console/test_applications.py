"""The operators' side of applications: who may do what, the queue, decisions with their reasons, suspension by two."""

import re

import pytest
from tests.edges.panel.test_applications import WISH, apply, complete, csrf, number_of
from tests.edges.panel.test_gateways import HOME, approved, fetched
from tests.stack import Shop
from tests.web import make_member, make_operator, signed_in

from mopos.base.ids import with_check_digit


@pytest.fixture
def owner(stack):
    member = make_member(stack)
    complete(stack, member)
    return member


async def submitted(stack, owner, **changed) -> str:
    async with signed_in(stack, owner) as visitor:
        return number_of(await apply(visitor, owner, **changed))


def state_of(stack, number: str) -> str:
    ((state,),) = stack.sql("select state from application where id = %s", int(number[:-1]))
    return state


async def test_the_oldest_waits_first_and_pages_go_on(stack, owner):
    first = await submitted(stack, owner)
    stack.sql("update application set submitted_at = '2020-01-01' where id = %s", int(first[:-1]))
    # Applications of many merchants, past the pages: more than two screens of them.
    stack.sql(
        """
        with a as (
            insert into application (account_id, title, site, business, monthly_rial, created_at)
            select %s, 'درخواست ' || n, 'shop' || n || '.ir', 'x', 1, now() from generate_series(1, 120) n
            returning id
        ) select count(*) from a
        """,
        owner.account_id,
    )
    stack.sql(
        """
        update application set state = 'submitted', last_event = 'submitted', version = 2,
            submitted_at = '2021-01-01'::timestamptz + id * interval '1 minute' / 2
        where account_id = %s and state = 'draft'
        """,
        owner.account_id,
    )
    async with signed_in(stack, make_operator(stack, "support")) as console:
        seen, numbers, pages = await console.get("/console/applications"), [], 0
        while True:
            pages += 1
            numbers += [link.rpartition("/")[2] for link in seen.links() if re.search(r"/applications/\d+$", link)]
            older = seen.tree.xpath("//a[@rel='next']/@href")
            if not older:
                break
            seen = await console.get(older[0])
        assert numbers[0] == first
        assert (len(numbers), len(set(numbers)), pages >= 3) == (len(numbers), len(numbers), True)
        waiting = stack.sql("select id from application where state = 'submitted' order by submitted_at, id")
        assert numbers == [with_check_digit(number) for (number,) in waiting]
        for state in ("more_info", "approved", "rejected", "suspended", "closed", "nonsense"):
            assert (await console.get("/console/applications", state=state)).status == 200
        for after in ("x_1", "2020-01-01T00:00:00+00:00_x", "_5"):
            assert (await console.get("/console/applications", after=after)).status == 404
    stack.sql(
        """
        update application set state = 'rejected', last_event = 'rejected', version = 3
        where state = 'submitted' and account_id = %s and id <> %s
        """,
        *(owner.account_id, int(first[:-1])),
    )


async def test_a_page_with_everything_to_decide_upon(stack, owner):
    number = await submitted(stack, owner)
    async with signed_in(stack, make_operator(stack, "risk")) as console:
        seen = await console.get(f"/console/applications/{number}")
        for text in (WISH["title"], "www.soovashoon.ir", "0084575948", "IR820540102680020817909002", owner.mobile):
            assert text in seen.text
        assert f"/console/accounts/{with_check_digit(owner.account_id)}" in seen.links()


async def test_a_draft_is_the_merchant_s_own_business(stack, owner):
    async with signed_in(stack, owner) as visitor:
        draft = number_of(await apply(visitor, owner, do="save"))
    async with signed_in(stack, make_operator(stack)) as console:
        assert (await console.get(f"/console/applications/{draft}")).status == 404
        assert (await console.get("/console/applications/99999999999999999999")).status == 404


MAY = {
    "support": {"messages", "more"},
    "risk": {"messages", "more", "decision", "proposal"},
    "finance": set(),
    "admin": {"messages", "more", "decision", "proposal"},
}


@pytest.mark.parametrize("role", MAY)
async def test_what_each_operator_may_do(stack, owner, role):
    number = await submitted(stack, owner)
    async with signed_in(stack, make_operator(stack, role)) as console:
        page = await console.get(f"/console/applications/{number}")
        assert page.status == 200
        token = page.tree.xpath("//input[@name='_csrf']/@value")[0]
        url = f"/console/applications/{number}"
        for act in ("messages", "more", "decision", "proposal"):
            # Without a text nothing is done, whoever asks.
            answer = await console.post(f"{url}/{act}", _csrf=token, event="approved")
            # Only an approved application can be proposed to be suspended.
            expected = (409 if act == "proposal" else 400) if act in MAY[role] else 403
            assert answer.status == expected, act
        shown = {form.get("action").rpartition("/")[2] for form in page.tree.xpath("//main//form")}
        assert shown <= MAY[role]
    assert state_of(stack, number) == "submitted"


async def test_every_decision_has_its_reason_its_event_and_its_row_in_the_log(stack, owner):
    number, operator = await submitted(stack, owner), make_operator(stack, "risk")
    url = f"/console/applications/{number}"
    async with signed_in(stack, operator) as console:
        for event, state in (
            ("rejected", "rejected"),
            ("reopened", "submitted"),
            ("approved", "approved"),
            ("suspended", "suspended"),
            ("resumed", "approved"),
            ("closed", "closed"),
        ):
            page = await console.get(url)
            assert (await console.send(page, "/decision", event=event, reason=" ")).status == 400
            assert (await console.send(page, "/decision", event=event, reason="ب" * 1001)).status == 400
            assert (await console.send(page, "/decision", event=event, reason=f"چون {event}")).status == 200
            assert state_of(stack, number) == state
            # The same page once more: it has moved on.
            assert (await console.send(page, "/decision", event=event, reason="دوباره")).status == 409
        page = await console.get(url)
        assert page.tree.xpath("//form[contains(@action, 'decision')]") == []
    rows = stack.sql(
        """
        select event, reason, operator_id from application_event
        where application_id = %s and operator_id is not null order by version
        """,
        int(number[:-1]),
    )
    # Whom the operator has looked at is whom money may be paid to.
    agreed = stack.sql(
        """
        select c.payee, c.iban, c.name, c.national_id from account c join application a on a.account_id = c.id
        where a.id = %s
        """,
        int(number[:-1]),
    )
    assert [payee for payee, *_ in agreed] == [dict(zip(("iban", "name", "national_id"), agreed[0][1:], strict=True))]
    events = ["rejected", "reopened", "approved", "suspended", "resumed", "closed"]
    assert rows == [(event, f"چون {event}", operator) for event in events]
    log = stack.sql("select act, reason, subject from audit_log where operator_id = %s order by id", operator)
    assert log == [(f"application_{event}", f"چون {event}", f"application {number}") for event in events]


async def test_two_who_decide_at_once_make_one_gateway(stack, owner):
    import asyncio

    number = await submitted(stack, owner)
    url = f"/console/applications/{number}"
    async with signed_in(stack, make_operator(stack, "risk")) as console:
        page = await console.get(url)
        tries = [console.send(page, "/decision", event=e, reason="بله") for e in ["approved"] * 4 + ["rejected"] * 2]
        statuses = sorted(answer.status for answer in await asyncio.gather(*tries))
        assert statuses == [200, 409, 409, 409, 409, 409]
    made = stack.sql("select count(*) from gateway where account_id = %s", owner.account_id)[0][0]
    assert made == (state_of(stack, number) == "approved")


async def test_suspending_with_money_pending_takes_two(stack, owner, web):
    gateway = await approved(stack, owner)
    shop = Shop(stack, gateway, await fetched(stack, owner, gateway))
    bought = await shop.buy(web, **HOME)
    ((application,),) = stack.sql("select id from application where gateway_id = %s", int(gateway[:-1]))
    url = f"/console/applications/{with_check_digit(application)}"
    first, second = make_operator(stack, "risk"), make_operator(stack, "risk")
    async with signed_in(stack, first) as console:
        page = await console.get(url)
        assert "takes two" in page.text
        token = csrf(page)
        for event in ("suspended", "closed"):
            alone = await console.post(f"{url}/decision", _csrf=token, event=event, reason="تنها")
            assert alone.status == 409
        assert state_of(stack, with_check_digit(application)) == "approved"
        await console.post(f"{url}/proposal", _csrf=token, reason="شکایت خریداران")
        twice = await console.post(f"{url}/proposal", _csrf=token, reason="شکایت خریداران")
        assert twice.status == 409
    ((proposal, act, subject, data),) = stack.sql(
        "select id, act, subject, data from proposal where proposed_by = %s", first
    )
    assert (act, subject, data["application"]) == ("suspend_gateway", f"gateway {gateway}", application)
    from tests.edges.console.deciding import approve

    await approve(stack, second, proposal, application)
    assert state_of(stack, with_check_digit(application)) == "suspended"
    assert (await shop.post(web, shop.form(**HOME))).status_code == 403
    assert (await shop.pay_rep(web, bought.res))["Err"] == "0"
    assert stack.sql("select decided_by, decision from proposal where id = %s", proposal) == [(second, "approved")]
    # Told once, as the approval of what the first one wanted.
    assert stack.sql("select act, reason from audit_log where operator_id = %s", second) == [
        ("suspend_gateway", "شکایت خریداران")
    ]
