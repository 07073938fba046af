"""The signed-in side as tests use it: a visitor with cookies who fills in forms as a browser without scripts would,
and people, accounts and operators that are there without having signed up page by page."""

from __future__ import annotations

import hashlib
import itertools
import secrets
from dataclasses import dataclass, field
from urllib.parse import urljoin

import httpx2
from lxml import html
from tests.stack import Stack, browser

from mopos.base.ids import with_check_digit

_numbers = itertools.count(1)


@dataclass
class Seen:
    """A page that a visitor has got."""

    response: httpx2.Response
    tree: html.HtmlElement = field(init=False)

    def __post_init__(self):
        self.tree = html.fromstring(self.response.content or b"<html></html>")

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def path(self) -> str:
        return self.response.url.path

    @property
    def text(self) -> str:
        return " ".join(self.tree.text_content().split())

    @property
    def heading(self) -> str:
        found = self.tree.xpath("//h1")
        return " ".join(found[0].text_content().split()) if found else ""

    def links(self) -> list[str]:
        return [str(link) for link in self.tree.xpath("//main//a/@href")]


class Visitor:
    """A browser without scripts: cookies, redirects, forms with their hidden fields."""

    def __init__(self, stack: Stack, lang: str = "en") -> None:
        self.stack = stack
        self.client = browser(
            follow_redirects=True,
            base_url=stack.gateway,
            headers={"Accept-Language": lang, "Sec-Fetch-Site": "same-origin"},
        )

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.client.aclose()

    async def get(self, path: str, **query: str) -> Seen:
        return Seen(await self.client.get(path, params=query or None))

    async def send(self, seen: Seen, action: str = "", files=None, **fields: str) -> Seen:
        """Fill in the form of a page whose action ends in `action` (the only one in `main`, if none is named)."""
        forms = [form for form in seen.tree.xpath("//main//form") if (form.get("action") or seen.path).endswith(action)]
        assert forms, f"no form {action!r} on {seen.path}: {seen.text[:300]}"
        form = forms[0]
        values = {name: value or "" for name, value in form.form_values()} | fields
        url = urljoin(str(seen.response.url), form.get("action") or "")
        if (form.get("method") or "get").lower() == "get":
            return Seen(await self.client.get(url, params=values))
        return Seen(await self.client.post(url, data=values, files=files, headers={"Origin": self.stack.gateway}))

    async def post(self, path: str, **fields: str) -> Seen:
        """Post without any page before it: what an attacker's form would do."""
        return Seen(await self.client.post(path, data=fields, headers={"Origin": self.stack.gateway}))


@dataclass(frozen=True)
class Member:
    """Somebody with a role in an account."""

    person_id: int
    mobile: str
    account_id: int

    @property
    def panel(self) -> str:
        return f"/panel/{with_check_digit(self.account_id)}"


def make_account(stack: Stack, name: str = "فروشگاه آزمون") -> int:
    ((account_id,),) = stack.sql("insert into account (name, created_at) values (%s, now()) returning id", name)
    return account_id


def make_person(stack: Stack) -> tuple[int, str]:
    mobile = f"0912{next(_numbers):03}{secrets.randbelow(10**4):04}"
    ((person_id,),) = stack.sql(
        "insert into person (mobile, handle, created_at) values (%s, %s, now()) returning id",
        mobile,
        secrets.token_bytes(32),
    )
    return person_id, mobile


def make_member(stack: Stack, role: str = "owner", account_id: int | None = None) -> Member:
    """A person with a role in an account: a new one, unless one is named."""
    account_id = account_id or make_account(stack)
    person_id, mobile = make_person(stack)
    stack.sql(
        "insert into member (account_id, person_id, role, since) values (%s, %s, %s, now())",
        *(account_id, person_id, role),
    )
    return Member(person_id, mobile, account_id)


def make_operator(stack: Stack, role: str = "admin") -> int:
    ((operator_id,),) = stack.sql(
        """
        insert into operator (name, role, handle, password_hash, created_at) values (%s, %s, %s, '', now()) returning id
        """,
        f"op{secrets.token_hex(4)}",
        role,
        secrets.token_bytes(32),
    )
    return operator_id


def signed_in(stack: Stack, who: Member | int, *, lang: str = "en", fresh: bool = True) -> Visitor:
    """A visitor who is signed in: as a member, or as an operator (by id)."""
    token = secrets.token_urlsafe(32)
    person_id, operator_id = (who.person_id, None) if isinstance(who, Member) else (None, who)
    stack.sql(
        """
        insert into session
            (token_hash, person_id, operator_id, created_at, seen_at, fresh_at, second_factor, ip, agent)
        values (%s, %s, %s, now(), now(), case when %s then now() end, true, '127.0.0.1', 'test')
        """,
        *(hashlib.sha256(token.encode()).digest(), person_id, operator_id, fresh),
    )
    visitor = Visitor(stack, lang)
    visitor.client.cookies.set("mopos-console" if operator_id else "mopos", token)
    return visitor


def give_gateway(stack: Stack, account_id: int, gateway_number: str) -> None:
    """An existing gateway (`stack.make_shop().id`) becomes an account's."""
    stack.sql("update gateway set account_id = %s where id = %s", account_id, int(gateway_number[:-1]))
