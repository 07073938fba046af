"""Every address of the signed-in side with every role, with nobody, with another account's ids, and without its form's
token. The rows come from the route tables, so a new address cannot be forgotten."""

import asyncio
import re

import pytest
from tests.edges.web.world import World, make_world
from tests.stack import KEY
from tests.web import Member, Visitor, make_member, make_operator, signed_in

from mopos.base.ids import unguessable
from mopos.base.secret import Secret, key_for, keyed_hash
from mopos.domain.accounts.model import ALLOWED, Allow, Role
from mopos.domain.operators.model import DUTIES, Duty, Post
from mopos.edges.console import routes as console
from mopos.edges.panel import routes as panel
from mopos.edges.phone import routes as phone
from mopos.edges.web.routes import Door, Route

ALL = [*phone.ROUTES, *panel.ROUTES, *console.ROUTES]
OF_ACCOUNTS = [row for row in ALL if isinstance(row.needs, Allow)]
OF_OPERATORS = [row for row in ALL if isinstance(row.needs, Duty)]
OF_PERSONS = [row for row in ALL if row.needs in (Door.PERSON, Door.HALF)]
OPEN = [row for row in ALL if row.needs in (Door.OPEN, Door.CONSOLE_OPEN)]
# Who may approve depends on what is proposed.
OF_ACTS = {"POST /console/proposals/{proposal}/approve"}
# Downloads: the world's rows have no file behind them.
OF_FILES = {
    "GET /panel/{account}/profile/documents/{document}",
    "GET /panel/{account}/exports/{export}",
    "GET /console/accounts/{account}/documents/{document}",
}


def name_of(row: Route) -> str:
    return f"{row.method} {row.path}"


@pytest.fixture(scope="module")
def world(stack) -> World:
    return asyncio.run(make_world(stack))


def csrf(visitor: Visitor, *, console: bool) -> str:
    """The token that a page of ours would have put into a form for this browser."""
    visit = visitor.client.cookies.get("mopos-visit")
    if visit is None:
        visit = unguessable()
        visitor.client.cookies.set("mopos-visit", visit)
    session = visitor.client.cookies.get("mopos-console" if console else "mopos") or ""
    return keyed_hash(key_for(Secret(KEY), "csrf"), f"{visit} {session}").hex()


async def call(visitor: Visitor, row: Route, path: str, *, token: bool = True):
    """The bare answer, redirects not followed."""
    if row.method == "GET":
        return await visitor.client.get(path, follow_redirects=False)
    fields = {"_csrf": csrf(visitor, console=path.startswith("/console"))} if token else {}
    origin = {"Origin": visitor.stack.gateway}
    return await visitor.client.post(path, data=fields, headers=origin, follow_redirects=False)


def test_every_area_is_there():
    assert len(OF_ACCOUNTS) > 20
    assert len(OF_OPERATORS) > 15
    assert len(OF_PERSONS) > 5
    assert OPEN


def test_no_address_stands_twice():
    names = [name_of(row) for row in ALL]
    assert sorted(names) == sorted(set(names))


def test_an_account_s_permission_stands_behind_its_number():
    assert [name_of(row) for row in OF_ACCOUNTS if not row.path.startswith("/panel/{account}")] == []
    assert [name_of(row) for row in OF_OPERATORS if not row.path.startswith("/console")] == []


@pytest.mark.parametrize("row", OF_ACCOUNTS, ids=name_of)
async def test_members_get_what_their_role_allows_and_no_more(stack, world, row):
    for role in Role:
        account = world.again() if row.method == "POST" and row.needs in ALLOWED[role] else world
        async with signed_in(stack, make_member_of(stack, account, role)) as visitor:
            answer = await call(visitor, row, account.path(row))
        if row.needs in ALLOWED[role]:
            assert_open(row, role, answer)
        else:
            assert answer.status_code == 403, (role, answer.status_code)
            assert "not_allowed" in answer.text


def assert_open(row: Route, role: str, answer) -> None:
    """The guard let it through; what the handler makes of an empty form is its own business."""
    assert ">not_allowed<" not in answer.text or name_of(row) in OF_ACTS, role
    assert answer.status_code not in (401, 405), role
    assert answer.status_code < 500, (role, answer.status_code)
    if row.method == "GET" and name_of(row) not in OF_FILES:
        assert answer.status_code in (200, 303), (role, answer.status_code, answer.text[:300])


def make_member_of(stack, account: World, role: Role) -> Member:
    return account.owner if role is Role.OWNER else make_member(stack, role, account.account_id)


@pytest.mark.parametrize("row", OF_ACCOUNTS, ids=name_of)
async def test_nobody_reaches_another_account_s_things(stack, world, row):
    stranger = make_member(stack, "owner")
    async with signed_in(stack, stranger) as visitor:
        answer = await call(visitor, row, world.path(row))
        assert answer.status_code == 404
        assert "page_not_found" in answer.text
        if len(re.findall(r"\{\w+\}", row.path)) > 1:
            # Through his own account's door, with another one's ids.
            answer = await call(visitor, row, world.path(row, account=stranger.panel.rpartition("/")[2]))
            assert answer.status_code == 404, answer.status_code


@pytest.mark.parametrize("row", OF_OPERATORS, ids=name_of)
async def test_operators_get_what_their_post_allows_and_no_more(stack, world, row):
    for post in Post:
        thing = world.again() if row.method == "POST" and row.needs in DUTIES[post] else world
        async with signed_in(stack, make_operator(stack, post)) as visitor:
            answer = await call(visitor, row, thing.path(row))
        if row.needs in DUTIES[post]:
            assert_open(row, post, answer)
        else:
            assert answer.status_code == 403, (post, answer.status_code)


@pytest.mark.parametrize("row", [*OF_ACCOUNTS, *OF_PERSONS, *OF_OPERATORS], ids=name_of)
async def test_who_is_not_signed_in_is_led_to_the_door(stack, world, row):
    async with Visitor(stack) as visitor:
        answer = await call(visitor, row, world.path(row))
    assert answer.status_code == 303
    door = "/console/sign-in" if row.path.startswith("/console") else "/sign-in"
    assert answer.headers["location"].partition("?")[0] == door


@pytest.mark.parametrize("row", [row for row in [*OF_ACCOUNTS, *OF_PERSONS] if row.needs is not Door.HALF], ids=name_of)
async def test_a_session_without_its_second_factor_opens_nothing(stack, world, row):
    async with signed_in(stack, world.owner) as visitor:
        stack.sql(
            "update session set second_factor = false, fresh_at = null where person_id = %s", world.owner.person_id
        )
        answer = await call(visitor, row, world.path(row))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in/second")


@pytest.mark.parametrize("row", [row for row in ALL if row.fresh], ids=name_of)
async def test_what_wants_a_fresh_second_factor_gets_one(stack, world, row):
    console = row.path.startswith("/console")
    who = make_operator(stack, "admin") if console else world.owner
    async with signed_in(stack, who, fresh=False) as visitor:
        answer = await call(visitor, row, world.path(row))
    assert answer.status_code == 303
    assert answer.headers["location"].partition("?")[0] == ("/console/confirm" if console else "/confirm")


@pytest.mark.parametrize("row", [row for row in ALL if row.method != "GET"], ids=name_of)
async def test_a_form_that_is_not_ours_changes_nothing(stack, world, row):
    """Attack 11: no token, another session's token, another origin, another site."""
    console = row.path.startswith("/console")
    who = make_operator(stack, "admin") if console else world.owner
    path = world.path(row)
    async with signed_in(stack, who) as visitor, signed_in(stack, who) as other:
        assert (await call(visitor, row, path, token=False)).status_code == 403
        stolen = csrf(other, console=console)
        ours = csrf(visitor, console=console)
        for fields, headers in (
            ({"_csrf": stolen}, {}),
            ({"_csrf": ours}, {"Origin": "https://evil.example"}),
            ({"_csrf": ours}, {"Origin": "null"}),
            ({"_csrf": ours}, {"Sec-Fetch-Site": "cross-site"}),
            ({"_csrf": ours}, {"Sec-Fetch-Site": "same-site"}),
        ):
            answer = await visitor.client.post(path, data=fields, headers=headers, follow_redirects=False)
            assert answer.status_code == 403, (fields, headers)
            assert "form_expired" in answer.text
        as_text = {"Content-Type": "text/plain"}
        answer = await visitor.client.post(path, content=f"_csrf={ours}", headers=as_text, follow_redirects=False)
        assert answer.status_code == 403


@pytest.mark.parametrize("row", [row for row in ALL if row.method == "GET"], ids=name_of)
async def test_pages_carry_the_house_s_headers(stack, world, row):
    who = make_operator(stack, "admin") if row.path.startswith("/console") else world.owner
    async with signed_in(stack, who) as visitor:
        answer = await call(visitor, row, world.path(row))
    if answer.status_code != 200:
        return
    assert answer.headers["x-content-type-options"] == "nosniff"
    if answer.headers["content-type"].startswith("text/html"):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy.replace("https://", "http://").split("connect-src")[0]
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] in ("same-origin", "no-referrer")
        assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|<style", answer.text)
        assert not re.search(r"""(?:src|href|action)=["']?(?:https?:)?//(?!localhost|127\.0\.0\.1)""", answer.text)
    for cookie in answer.headers.get_list("set-cookie"):
        assert "HttpOnly" in cookie
        assert "samesite=" in cookie.lower()
