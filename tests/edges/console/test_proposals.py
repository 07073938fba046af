"""What takes two operators: the bank asked by hand, corrections, operators among themselves, gateways."""

import asyncio

import pytest
from tests.edges.console.world import Person as World
from tests.edges.console.world import conflicted_purchase, make_new, number_of, told, unknown_purchase
from tests.stack import eventually
from tests.web import Visitor, give_gateway, make_account, make_member, make_operator, signed_in


def audit(stack) -> str:
    """`mopos audit`: its output when it is clean."""
    done = stack.run("audit")
    assert done.returncode == 0, done.stdout
    return done.stdout


def clear(stack):
    """Purchases that other tests left waiting are not what this one is about."""
    stack.sql("update purchase set next_check_at = next_check_at + interval '1 hour' where next_check_at is not null")


async def propose(stack, operator, number, act="correct_paid", **fields):
    async with signed_in(stack, operator) as visitor:
        page = await visitor.get(f"/console/purchases/{number}")
        fields = {"reason": "صورت‌حساب بانک", "bank_ref": "123456789012"} | fields
        return await visitor.send(page, "/correct", act=act, **fields)


# --- the bank is asked ------------------------------------------------------------------------------------------------


async def test_the_bank_is_asked_by_hand_and_its_answer_recorded(stack, shop, web):
    res, number = await unknown_purchase(shop, web)
    operator = make_operator(stack, "support")
    async with signed_in(stack, operator) as visitor:
        queue = await visitor.get("/console/queues?of=unknown")
        assert number in queue.text
        page = await visitor.send(queue, f"/{number}/ask-bank")
        assert page.path == f"/console/purchases/{number}"
        assert "The bank says now: The money was taken and confirmed" in page.text
        assert "250,000" in page.text
    assert shop.state(res) == "PAID"
    assert (await shop.pay_rep(web, res))["Err"] == "0"
    (row,) = told(stack, "ask_bank", number)
    assert (row["answer"], row["recorded"], row["before"], row["after"]) == ("confirmed", True, "UNKNOWN", "PAID")
    assert row["operator"] == operator


async def test_asking_about_a_paid_purchase_changes_nothing(stack, shop, web):
    bought = await shop.buy(web)
    number = number_of(shop, bought.res)
    before = stack.sql("select version from purchase where id = %s", int(number[:-1]))
    async with signed_in(stack, make_operator(stack, "finance"), lang="fa") as visitor:
        page = await visitor.send(await visitor.get(f"/console/purchases/{number}"), "/ask-bank")
        assert "پول گرفته شده و تأیید است" in page.text
    assert stack.sql("select version from purchase where id = %s", int(number[:-1])) == before
    calls = stack.sql(
        "select verb from transcript t join attempt a on a.id = t.attempt_id where a.purchase_id = %s", int(number[:-1])
    )
    await eventually(lambda: ("inquire",) in stack.sql("select verb from transcript"))
    assert calls.count(("verify",)) <= 1


async def test_a_bank_that_is_down_is_silent(stack, shop, web):
    _, number = await unknown_purchase(shop, web)
    stack.kill("bank")
    try:
        async with signed_in(stack, make_operator(stack, "risk")) as visitor:
            page = await visitor.send(await visitor.get(f"/console/purchases/{number}"), "/ask-bank")
            assert "no answer that can be trusted" in page.text
            assert "The purchase has not moved" in page.text
    finally:
        stack.start_bank()


# --- corrections ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [unknown_purchase, conflicted_purchase])
async def test_corrected_to_paid_by_two(stack, shop, web, make):
    res, number = await make(shop, web)
    one, other = make_operator(stack, "finance"), make_operator(stack, "admin")
    reference = f"77{number}0000"
    seen = await propose(stack, one, number, bank_ref=reference)
    assert seen.path.startswith("/console/proposals/")
    assert shop.state(res) != "PAID", "one operator changes nothing"
    async with signed_in(stack, one) as visitor:
        # The same operator is refused, also past the page.
        page = await visitor.get(seen.path)
        assert "This is your own proposal" in page.text
        csrf = page.tree.xpath("//input[@name='_csrf']/@value")[0]
        assert (await visitor.post(f"{seen.path}/approve", _csrf=csrf)).status == 403
    async with signed_in(stack, make_operator(stack, "support")) as visitor:
        page = await visitor.get(seen.path)
        csrf = page.tree.xpath("//input[@name='_csrf']/@value")[0]
        assert (await visitor.post(f"{seen.path}/approve", _csrf=csrf)).status == 403, "support corrects nothing"
    async with signed_in(stack, other) as visitor:
        page = await visitor.get(seen.path)
        assert "صورت‌حساب بانک" in page.text
        assert reference in page.text
        done = await visitor.send(page, "/approve", note="دیدم")
        assert "Approved" in done.text
    assert shop.state(res) == "PAID"
    answer = await shop.pay_rep(web, res)
    assert (answer["Err"], answer["Amnt"]) == ("0", "250000")
    ((state, bank_ref, code),) = stack.sql(
        "select a.state, a.bank_ref, a.bank_code from attempt a join purchase p on p.attempt_id = a.id where p.id = %s",
        int(number[:-1]),
    )
    assert (state, bank_ref, code) == ("CONFIRMED", reference, "corrected")
    (row,) = told(stack, "correct_paid", number)
    assert (row["operator"], row["proposed_by"], row["reason"], row["note"]) == (other, one, "صورت‌حساب بانک", "دیدم")
    assert "no differences" in audit(stack)
    async with signed_in(stack, other) as visitor:
        page = await visitor.get(f"/console/purchases/{number}")
        assert "corrected_paid" in page.text
        assert not page.tree.xpath("//form[contains(@action, '/correct')]"), "PAID never goes back"


async def test_corrected_to_unpaid_by_two(stack, shop, web):
    res, number = await conflicted_purchase(shop, web)
    seen = await propose(stack, make_operator(stack, "finance"), number, "correct_unpaid", bank_ref="")
    async with signed_in(stack, make_operator(stack, "finance")) as visitor:
        await visitor.send(await visitor.get(seen.path), "/approve")
    assert shop.state(res) == "DECLINED"
    assert (await shop.pay_rep(web, res))["Err"] == "10"
    ((token,),) = stack.sql("select token from purchase where id = %s", int(number[:-1]))
    page = await web.get(f"{stack.gateway}/pay/{token}?lang=en")
    assert "Payment not made" in page.text
    assert "no differences" in audit(stack)


async def test_what_a_correction_refuses(stack, shop, web):
    res, number = await conflicted_purchase(shop, web)
    one, other = make_operator(stack, "finance"), make_operator(stack, "admin")
    for fields, sentence in (
        ({"reason": ""}, "Write the reason"),
        ({"bank_ref": ""}, "Write the bank's reference"),
        ({"bank_ref": "<script>"}, "4 to 40 letters and digits"),
    ):
        seen = await propose(stack, one, number, **fields)
        assert seen.status == 400
        assert sentence in seen.text
        typed = {"reason": "صورت‌حساب بانک"} | fields
        assert seen.tree.xpath("//textarea[@name='reason']")[0].text in (typed["reason"], None, ""), "nothing is lost"
    # A reference that pays another purchase pays no second one.
    paid = await shop.buy(web)
    ((used,),) = stack.sql(
        "select a.bank_ref from attempt a join purchase p on p.attempt_id = a.id where p.id = %s",
        int(number_of(shop, paid.res)[:-1]),
    )
    seen = await propose(stack, one, number, bank_ref=used)
    assert (await propose(stack, other, number)).status == 409, "one proposal at a time"
    async with signed_in(stack, other) as visitor:
        refused = await visitor.send(await visitor.get(seen.path), "/approve")
        assert refused.status == 409
        assert "pays another attempt" in refused.text
        assert shop.state(res) == "CONFLICTED"
        turned_down = await visitor.send(await visitor.get(seen.path), "/approve", **{})
        assert turned_down.status == 409
    async with signed_in(stack, one) as visitor:
        assert "withdrawn" in (await visitor.send(await visitor.get(seen.path), "/refuse")).text
    assert "no differences" in audit(stack)


async def test_raced_approvals_do_it_once(stack, shop, web):
    res, number = await unknown_purchase(shop, web)
    seen = await propose(stack, make_operator(stack, "finance"), number, bank_ref=f"88{number}")
    visitors = [signed_in(stack, make_operator(stack, "finance")) for _ in range(4)]
    pages = [await visitor.get(seen.path) for visitor in visitors]
    done = await asyncio.gather(
        *(visitor.send(page, "/approve") for visitor, page in zip(visitors, pages, strict=True))
    )
    assert sorted(one.status for one in done) == [200, 409, 409, 409]
    assert shop.state(res) == "PAID"
    assert len(told(stack, "correct_paid", number)) == 1
    lines = stack.sql(
        "select count(*) from ledger_line l join journal j on j.id = l.journal_id where j.purchase_id = %s",
        int(number[:-1]),
    )
    assert lines == [(1,)]
    for visitor in visitors:
        await visitor.client.aclose()
    assert "no differences" in audit(stack)


async def test_a_bank_that_answers_after_all_outdates_a_proposal(stack, shop, web):
    res, number = await unknown_purchase(shop, web)
    seen = await propose(stack, make_operator(stack, "finance"), number, "correct_unpaid", bank_ref="")
    async with signed_in(stack, make_operator(stack, "finance")) as visitor:
        await visitor.send(await visitor.get(f"/console/purchases/{number}"), "/ask-bank")
        assert shop.state(res) == "PAID"
        refused = await visitor.send(await visitor.get(seen.path), "/approve")
        assert refused.status == 409
        assert "Things have changed" in refused.text
    assert shop.state(res) == "PAID"


async def test_a_proposal_ends_after_a_day(stack, shop, web):
    _, number = await unknown_purchase(shop, web)
    one = make_operator(stack, "finance")
    seen = await propose(stack, one, number)
    stack.sql("update proposal set expires_at = now() - interval '1 second' where id = %s", int(seen.path[19:]))
    async with signed_in(stack, make_operator(stack, "finance")) as visitor:
        page = await visitor.get(seen.path)
        assert "Expired" in page.text
        csrf = page.tree.xpath("//input[@name='_csrf']/@value")[0]
        assert (await visitor.post(f"{seen.path}/approve", _csrf=csrf)).status == 409
    assert (await propose(stack, one, number)).status == 200, "it may be proposed again"


# --- operators --------------------------------------------------------------------------------------------------------


async def test_an_operator_is_added_by_two(stack):
    one, other = make_operator(stack, "admin"), make_operator(stack, "admin")
    async with signed_in(stack, one) as visitor:
        page = await visitor.get("/console/operators")
        bad = await visitor.send(page, "/operators", name="Ali Rezaei!", role="risk", reason="new colleague")
        assert bad.status == 400
        proposed = await visitor.send(page, "/operators", name="new.colleague", role="risk", reason="new colleague")
    assert stack.sql("select count(*) from operator where name = 'new.colleague'") == [(0,)]
    async with signed_in(stack, other) as visitor:
        handed = await visitor.send(await visitor.get(proposed.path), "/approve")
        password = handed.tree.xpath("//*[contains(@class, 'big')]/text()")[0]
        assert handed.response.headers["cache-control"] == "no-store"
        assert password not in (await visitor.get(proposed.path)).text, "shown once"
    assert password not in stack.tables()
    ((number,),) = stack.sql("select id from operator where name = 'new.colleague'")
    async with Visitor(stack) as visitor:
        assert (await World(stack, "new.colleague", number, password).first_step(visitor)).path.endswith("/setup")
    (row,) = told(stack, "add_operator", "new.colleague")
    assert (row["operator"], row["proposed_by"], row["role"]) == (other, one, "risk")


async def test_role_and_credentials_are_changed_by_two(stack):
    name, _ = make_new(stack, "support")
    ((number,),) = stack.sql("select id from operator where name = %s", name)
    one, other = make_operator(stack, "admin"), make_operator(stack, "admin")
    victim = signed_in(stack, number)
    async with signed_in(stack, one) as first, signed_in(stack, other) as second:
        page = await first.get(f"/console/operators/{number}")
        role = await first.send(page, "/role", role="finance", reason="moved")
        assert stack.sql("select role from operator where id = %s", number) == [("support",)]
        assert "Approved" in (await second.send(await second.get(role.path), "/approve")).text
        assert stack.sql("select role from operator where id = %s", number) == [("finance",)]
        assert (await victim.get("/console")).path == "/console/sign-in", "the new role wants a new session"
        reset = await first.send(page, "/reset", reason="phone lost")
        handed = await second.send(await second.get(reset.path), "/approve")
        assert name in handed.text
    await victim.client.aclose()


async def test_one_operator_stops_another_at_once(stack):
    one, other = make_operator(stack, "admin"), make_operator(stack, "admin")
    victim = signed_in(stack, other)
    assert (await victim.get("/console")).status == 200
    async with signed_in(stack, one) as visitor:
        page = await visitor.get(f"/console/operators/{other}")
        assert (await visitor.send(page, "/disable", reason="")).status == 400
        assert (await visitor.send(page, "/disable", reason="laptop stolen")).status == 200
        own = await visitor.get(f"/console/operators/{one}")
        assert not own.tree.xpath("//form[contains(@action, '/disable')]")
    assert (await victim.get("/console")).path == "/console/sign-in"
    await victim.client.aclose()


async def test_an_rmz_is_revoked_by_two(stack, web):
    shop = stack.make_shop()
    give_gateway(stack, make_account(stack), shop.id)
    bought = await shop.buy(web)
    assert (await shop.pay_rep(web, bought.res))["Err"] == "0"
    async with signed_in(stack, make_operator(stack, "risk")) as first:
        page = await first.get(f"/console/gateways/{shop.id}")
        proposed = await first.send(page, "/revoke", reason="seen in a public repository")
    async with signed_in(stack, make_operator(stack, "risk")) as second:
        assert "Approved" in (await second.send(await second.get(proposed.path), "/approve")).text
    assert (await shop.pay_rep(web, bought.res))["Err"] == "90"
    assert told(stack, "revoke_rmz", f"gateway {shop.id}")


async def test_a_gateway_is_suspended_by_two(stack, web):
    shop = stack.make_shop()
    member = make_member(stack)
    give_gateway(stack, member.account_id, shop.id)
    ((application,),) = stack.sql(
        "insert into application (account_id, title, created_at) values (%s, 'کفش', now()) returning id",
        member.account_id,
    )
    for event, state in (("submitted", "submitted"), ("approved", "approved")):
        stack.sql(
            """
            update application set state = %s, last_event = %s, version = version + 1,
                gateway_id = case when %s = 'approved' then %s end where id = %s
            """,
            *(state, event, state, int(shop.id[:-1]), application),
        )
    async with signed_in(stack, make_operator(stack, "risk")) as first:
        page = await first.get(f"/console/gateways/{shop.id}")
        proposed = await first.send(page, "/suspend", reason="complaints of buyers")
        assert proposed.path.startswith("/console/proposals/")
        assert (await shop.post(web, shop.form())).status_code == 200
    async with signed_in(stack, make_operator(stack, "finance")) as visitor:
        page = await visitor.get(proposed.path)
        assert not page.tree.xpath("//form[contains(@action, '/approve')]"), "finance decides upon no gateway"
    async with signed_in(stack, make_operator(stack, "risk")) as second:
        done = await second.send(await second.get(proposed.path), "/approve", note="seen")
        assert "Approved" in done.text
        assert "Suspended" in (await second.get(f"/console/gateways/{shop.id}")).text
    assert (await shop.post(web, shop.form())).status_code == 403
    assert told(stack, "suspend_gateway", f"gateway {shop.id}")


# --- the log ----------------------------------------------------------------------------------------------------------


async def test_a_row_that_was_changed_past_the_guard_is_named(stack):
    for _ in range(3):
        make_new(stack)
    output = audit(stack)
    assert "the audit log ends with row" in output
    row = stack.sql("select id from audit_log order by id offset 1 limit 1")[0][0]
    kept = stack.sql("select reason from audit_log where id = %s", row)[0][0]
    stack.sql("alter table audit_log disable trigger audit_log_append_only")
    try:
        stack.sql("update audit_log set reason = 'nothing happened' where id = %s", row)
        done = stack.run("audit")
        assert done.returncode == 1
        assert f"audit log row {row}: this row is not what was written" in done.stdout
        async with signed_in(stack, make_operator(stack, "admin")) as visitor:
            for page in ("/console", "/console/system"):
                assert f"audit log row {row}" in (await visitor.get(page)).text
        stack.sql("update audit_log set reason = %s where id = %s", kept, row)
        audit(stack)
        # Cut off at the end, and known to an earlier run.
        last = stack.sql("select max(id) from audit_log")[0][0]
        stack.sql("delete from audit_log where id = %s", last)
        done = stack.run("audit")
        assert done.returncode == 1
        assert f"audit log row {last}: this row was there before and is gone" in done.stdout
    finally:
        stack.sql("alter table audit_log enable trigger audit_log_append_only")


async def test_the_log_page_tells_who_did_what_and_why(stack):
    operator = make_operator(stack, "risk")
    async with signed_in(stack, operator) as visitor:
        page = await visitor.get("/console/terminals/1")
        await visitor.send(page, "/switch", reason="کار آزمون دفتر")
        await visitor.send(await visitor.get("/console/terminals/1"), "/switch", reason="پایان آزمون دفتر")
        log = await visitor.get("/console/log", who=str(operator))
        assert "کار آزمون دفتر" in log.text
        assert "Switched a terminal off" in log.text
        assert "Switched a terminal on" in log.text
        assert "کار آزمون دفتر" not in (await visitor.get("/console/log", act="terminal_on")).text
