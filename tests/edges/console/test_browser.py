"""The console in a real browser: a passkey as second factor, and axe on every page, in both languages and two sizes."""

import pytest
from tests.browser import give_authenticator, scrolls_sideways, violations
from tests.conftest import fresh_database, open_folder
from tests.edges.console.world import conflicted_purchase, make_person, number_of, unknown_purchase
from tests.stack import running
from tests.web import give_gateway, make_member, make_operator, signed_in


@pytest.fixture(scope="module")
def stack(postgres):
    """At a name to which passkeys can be bound."""
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        with running(dsn, folder, host="localhost", MOPOS_ASK_AGAIN_S="600") as stack:
            yield stack
        assert "Traceback" not in stack.logs()


async def test_a_passkey_is_added_and_opens(stack, chromium):
    person = await make_person(stack)
    context = await chromium.new_context(base_url=stack.gateway, locale="fa-IR")
    context.set_default_timeout(20_000)
    page = await context.new_page()
    await give_authenticator(page)

    async def first_step() -> None:
        await page.goto("/console/sign-in")
        await page.fill("[name=name]", person.name)
        await page.fill("[name=password]", person.password)
        await page.click("main button")
        await page.wait_for_url("**/sign-in/second*")

    await first_step()
    await page.fill("[name=code]", person.code())
    await page.click("main form:has([name=code]) button")
    await page.wait_for_url("**/console")
    await page.goto("/console/security")
    await page.fill("#passkey-name", "لپ‌تاپ میز من")
    await page.click("form[data-passkey=create] button")
    await page.wait_for_url("**/security?done=console_passkey_added")
    assert stack.sql("select name from operator_device where operator_id = %s", person.id) == [("لپ‌تاپ میز من",)]
    await page.click(".tools form button")
    await page.wait_for_url("**/console/sign-in?done=*")

    await first_step()
    await page.click("form[data-passkey=get] button")
    await page.wait_for_url("**/console")
    stack.sql("update session set fresh_at = now() - interval '1 hour' where operator_id = %s", person.id)
    await page.goto("/console/operators")
    await page.wait_for_url("**/console/confirm*")
    await page.click("form[data-passkey=get] button")
    await page.wait_for_url("**/console/operators")
    factors = stack.sql("select act, data ->> 'factor' from audit_log where operator_id = %s order by id", person.id)
    assert factors[-2:] == [("sign_in", "passkey"), ("confirm", "passkey")]

    # Taken away, it opens nothing any more.
    stack.sql("update operator_device set revoked_at = now() where operator_id = %s", person.id)
    await first_step()
    await page.click("form[data-passkey=get] button")
    await page.wait_for_function("document.querySelector('form[data-passkey] [role=status]').textContent.length > 0")
    assert "/second" in page.url
    await context.close()


async def pages(stack, shop, web, admin, finance) -> list[str]:
    """An address for each page, with something on it."""
    member = make_member(stack)
    give_gateway(stack, member.account_id, shop.id)
    paid = await shop.buy(web)
    _, unknown = await unknown_purchase(shop, web)
    await conflicted_purchase(shop, web)
    async with signed_in(stack, finance) as visitor:
        seen = await visitor.get(f"/console/purchases/{unknown}")
        proposal = await visitor.send(seen, "/correct", act="correct_paid", bank_ref="123456789012", reason="نامهٔ بانک")
    stack.sql(
        "insert into procrastinate_jobs (queue_name, task_name, status) values ('default', 'send_messages', 'failed')"
    )
    account = member.panel.rpartition("/")[2]
    return [
        *("/console/sign-in", "/console", "/console/queues", "/console/purchases", "/console/accounts"),
        *(f"/console/purchases/{unknown}", f"/console/purchases/{number_of(shop, paid.res)}"),
        *(f"/console/accounts/{account}", f"/console/gateways/{shop.id}"),
        *("/console/proposals", proposal.path, "/console/terminals", "/console/terminals/1", "/console/jobs"),
        *("/console/log", "/console/operators", f"/console/operators/{finance}", "/console/security"),
        *("/console/system", "/console/confirm"),
    ]


@pytest.mark.parametrize(("lang", "width"), [("fa", 390), ("en", 1280)])
async def test_axe_finds_nothing(stack, chromium, web, lang, width):
    admin, finance = make_operator(stack, "admin"), make_operator(stack, "finance")
    paths = await pages(stack, stack.make_shop(), web, admin, finance)
    async with signed_in(stack, admin) as visitor:
        token = visitor.client.cookies["mopos-console"]
    found = []
    context = await chromium.new_context(base_url=stack.gateway, viewport={"width": width, "height": 900})
    await context.add_cookies([{"name": "mopos-console", "value": token, "url": stack.gateway}])
    page = await context.new_page()
    for path in paths:
        answer = await page.goto(f"{path}?lang={lang}")
        assert answer.status == 200, path
        found += [f"{path} {wrong}" for wrong in await violations(page)]
        if await scrolls_sideways(page):
            found.append(f"{path} is wider than the screen")
    assert found == []
