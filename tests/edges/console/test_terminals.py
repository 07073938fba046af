"""Terminals: health from what banks really answered, and the switch, which loses nothing. Jobs and the system page."""

import pytest
from tests.edges.console.world import told
from tests.stack import eventually
from tests.web import make_operator, signed_in

from mopos.banks.sim.buyer import read_form

KEY_MUST_NOT_BE_SEEN = "canary-secret-key"


async def switch(stack, operator, reason="بانک خراب است"):
    async with signed_in(stack, operator) as visitor:
        page = await visitor.get("/console/terminals/1")
        return await visitor.send(page, "/switch", reason=reason)


async def test_a_terminal_that_is_off_takes_no_purchase_and_loses_none(stack, shop, web):
    operator = make_operator(stack, "risk")
    at_the_bank = await shop.post(web, shop.form())
    waits = read_form(at_the_bank.text, str(at_the_bank.url), having="Token")
    assert (await switch(stack, operator, reason="")).status == 400
    assert "The terminal is off" in (await switch(stack, operator)).text
    form = shop.form()
    page = await shop.post(web, form, headers={"Accept-Language": "en"})
    assert page.status_code == 502
    assert "http://shop.test/back?Res=" in page.text
    assert shop.state(form["Res"]) == "REGISTERED"
    # The bank was not even asked.
    attempts = stack.sql(
        "select a.state, a.bank_code, a.bank_token from attempt a join purchase p on p.id = a.purchase_id "
        "where p.gateway_id = %s and p.res = %s",
        int(shop.id[:-1]),
        form["Res"],
    )
    assert attempts == [("FAILED", "terminal_off", None)]
    # Trying again costs no attempt while it is off; who was at the bank already goes on.
    for _ in range(12):
        assert (await shop.post(web, form)).status_code == 502
    assert waits is not None
    assert (await shop.pay_rep(web, form["Res"]))["Err"] == "1"
    async with signed_in(stack, operator) as visitor:
        assert "بانک خراب است" in (await visitor.get("/console/terminals/1")).text
        assert "Off" in (await visitor.get("/console")).text
    assert "The terminal is on" in (await switch(stack, operator, reason="درست شد")).text
    page = await shop.post(web, form)
    assert read_form(page.text, str(page.url), having="Token")
    assert [row["reason"] for row in told(stack, "terminal_off", "sandbox 10000001")][-1] == "بانک خراب است"
    assert stack.run("audit").returncode == 0


async def test_pressing_twice_switches_once(stack):
    operator = make_operator(stack, "admin")
    async with signed_in(stack, operator) as visitor:
        page = await visitor.get("/console/terminals/1")
        before = len(told(stack, "terminal_off", "sandbox 10000001"))
        for _ in range(2):
            await visitor.send(page, "/switch", reason="دو بار")
        assert len(told(stack, "terminal_off", "sandbox 10000001")) == before + 1
        await visitor.send(await visitor.get("/console/terminals/1"), "/switch", reason="روشن")


async def test_health_is_what_the_bank_answered(stack, shop, web):
    for _ in range(3):
        await shop.buy(web)
    await eventually(lambda: stack.sql("select count(*) >= 6 from transcript")[0][0])
    async with signed_in(stack, make_operator(stack, "support")) as visitor:
        assert "Well" in (await visitor.get("/console/terminals")).text
        stack.kill("bank")
        try:
            for _ in range(4):
                await shop.post(web, shop.form())
            await eventually(
                lambda: stack.sql("select count(*) >= 4 from transcript where outcome <> 'answered'")[0][0]
            )
            page = await visitor.get("/console/terminals/1")
            assert "Sick" in page.text
            assert "not_connected" in page.text
            assert "Sick" in (await visitor.get("/console")).text
        finally:
            stack.start_bank()


async def test_what_was_said_to_the_bank_is_kept_without_its_secrets(stack, shop, web):
    bought = await shop.buy(web, "paid")
    await eventually(lambda: stack.sql("select count(*) > 0 from transcript where verb = 'verify'")[0][0])
    rows = stack.sql("select request || ' ' || answer from transcript")
    text = "\n".join(row[0] for row in rows)
    ((token, secret),) = stack.sql(
        "select a.bank_token, a.ref from attempt a join purchase p on p.attempt_id = a.id where p.res = %s", bought.res
    )[:1]
    assert "order=" in text
    assert token not in text
    assert secret not in text
    assert "6037990000000014" not in text


async def test_transcripts_are_forgotten_after_ninety_days(stack, dsn):
    from datetime import UTC, datetime, timedelta

    from mopos.base.db import Database
    from mopos.domain.operators import transcripts
    from mopos.domain.operators.transcripts import Call

    now = datetime.now(UTC)
    async with Database(dsn, pool_size=1, timeout_s=10) as db:
        calls = [Call(1, now - timedelta(days=days), "verify", "answered", 200, 5, "", "") for days in (1, 89, 91, 400)]
        await transcripts.write(db, calls)
        assert await transcripts.forget_old(db, now) == 2
        assert await transcripts.forget_old(db, now) == 0


async def test_a_failed_job_is_tried_again(stack):
    ((job,),) = stack.sql(
        """
        insert into procrastinate_jobs (queue_name, task_name, status, attempts, args)
        values ('default', 'forget_old_console_rows', 'failed', 3, '{"timestamp": 1}') returning id
        """
    )
    async with signed_in(stack, make_operator(stack, "support")) as visitor:
        page = await visitor.get("/console/jobs")
        assert "forget_old_console_rows" in page.text
        assert not page.tree.xpath("//form[contains(@action, '/retry')]")
        assert "Alive" in page.text
    async with signed_in(stack, make_operator(stack, "admin")) as visitor:
        page = await visitor.get("/console/jobs")
        assert (await visitor.send(page, f"/{job}/retry", reason="")).status == 400
        done = await visitor.send(page, f"/{job}/retry", reason="the database is back")
        assert "waits again" in done.text
        assert (await visitor.send(page, f"/{job}/retry", reason="again")).status == 409
    await eventually(lambda: stack.sql("select count(*) from procrastinate_jobs where id = %s", job) == [(0,)])
    assert told(stack, "retry_job", "forget_old_console_rows")[-1]["reason"] == "the database is back"


@pytest.mark.parametrize("role", ["support", "admin"])
async def test_the_system_page_shows_no_secret(stack, role):
    async with signed_in(stack, make_operator(stack, role)) as visitor:
        page = await visitor.get("/console/system")
        assert "0005_console" in page.text
        assert "MOPOS_SECRET_KEY" in page.text
        assert KEY_MUST_NOT_BE_SEEN not in page.response.text
        assert "sandbox-key" not in page.response.text


async def test_a_terminal_s_page_tells_its_settings_and_rules(stack, tmp_path):
    # Its own, as every process remembers a rule some seconds longer than it is there.
    shop = stack.make_shop()
    file = tmp_path / "mellat.json"
    file.write_text('{"terminal": "4321", "user": "shop", "password": "canary-console-password"}')
    file.chmod(0o600)
    async with signed_in(stack, make_operator(stack, "support")) as visitor:
        page = await visitor.get("/console/terminals/1")
        assert "Any amount" in page.text
        assert "MOPOS_SANDBOX_*" in page.text
        assert "There is no general rule" in page.text
        made = stack.run("terminal", "add", "mellat", "second", "--min=500,000", f"--credentials={file}")
        number = made.stdout.partition(":")[0].removeprefix("terminal ")
        try:
            rules = [("route", "add", "1"), ("route", "add", number, f"--merchant={shop.id}", "--max=5,000,000")]
            assert [stack.run(*rule).returncode for rule in rules] == [0, 0]
            page = await visitor.get(f"/console/terminals/{number}")
            ((key,),) = stack.sql("select key_name from terminal where id = %s", int(number))
            for said in ("500,000", "5,000,000", shop.id, key, "Takes part from", "Added a terminal", "Added a rule"):
                assert said in page.text, said
            assert "canary-console-password" not in page.response.text
            assert "cannot be read" not in page.text
            stack.sql("update terminal set name = 'moved' where id = %s returning 1", int(number))
            for address in (f"/console/terminals/{number}", "/console/terminals"):
                page = await visitor.get(address)
                assert "Its credentials cannot be read" in page.text
                assert "Sick" in page.text
            stack.sql("update terminal set name = 'second' where id = %s returning 1", int(number))
        finally:
            for (rule,) in stack.sql("select id from routing_rule order by id desc"):
                stack.run("route", "remove", str(rule))
            stack.run("terminal", "disable", number, "--reason=tried")
        page = await visitor.get(f"/console/terminals/{number}")
        assert "There is no general rule" in page.text
        assert "Removed a rule" in page.text
