"""The SQL of accounts: answers that come too late, and statements that stay quick however much is kept."""

import re
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from mopos.actions.check_iban import check_iban
from mopos.actions.manage_members import accept, change_role, decline, hand_over, invite, leave, remove
from mopos.actions.services import Services
from mopos.actions.terminals import Terminals
from mopos.base.config import Settings
from mopos.base.db import Database
from mopos.domain.accounts import activity, document_store, member_store, notify, profiles
from mopos.domain.accounts.document_store import NewDocument
from mopos.domain.accounts.documents import DocumentKind
from mopos.domain.accounts.iban import with_check_digits
from mopos.domain.accounts.member_store import By
from mopos.domain.accounts.model import Role
from mopos.domain.accounts.notify import Event
from mopos.domain.accounts.profile import Kind, Profile
from mopos.domain.people.model import Person
from mopos.outside.inquiry import NoAnswer, NoSuchAccount, Owner

NOW = datetime(2026, 1, 1, 9, tzinfo=UTC)
PROFILE = Profile(Kind.NATURAL, "علی رضایی", "0076229645", "", "", "تهران")
IBANS = [with_check_digits(f"012000000000000000000{number}") for number in range(9)]
GROWING = ("member", "invitation", "activity", "document", "message", "account", "person")


class Bank:
    """An inquiry service whose answer takes as long as `meanwhile`."""

    def __init__(self, answer, meanwhile=None):
        self.answer, self.meanwhile, self.asked = answer, meanwhile, []

    async def owner_of(self, iban, national_id):
        self.asked.append((iban, national_id))
        if self.meanwhile:
            await self.meanwhile()
        return self.answer


class Noting(Database):
    """A database that keeps what it was asked."""

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self.asked: dict[str, dict] = {}

    async def all(self, statement, params=None):
        self.asked[statement] = dict(params or {})
        return await super().all(statement, params)


@pytest.fixture
async def db(dsn):
    async with Noting(dsn, pool_size=2, timeout_s=10) as database:
        yield database


def services_of(db, inquiry=None) -> Services:
    return Services(
        db=db, terminals=Terminals.single(None), clock=lambda: NOW, settings=Settings(database_url=""), inquiry=inquiry
    )


async def person(db, mobile) -> Person:
    row = await db.one(
        "insert into person (mobile, handle, created_at) values (%(mobile)s, sha256(%(bytes)s), now()) returning id",
        {"mobile": mobile, "bytes": mobile.encode()},
    )
    return Person(row[0], mobile, "")


async def account(db, owner: Person) -> By:
    row = await db.one(
        """
        with a as (insert into account (name, created_at) values ('فروشگاه', now()) returning id)
        insert into member (account_id, person_id, role, since) select id, %(person_id)s, 'owner', now() from a
        returning account_id
        """,
        {"person_id": owner.id},
    )
    return By(row[0], owner.id, "192.0.2.1", NOW)


async def set_iban(db, by, iban, now=NOW):
    return await profiles.save_iban(
        db, by.account_id, iban, shown="", told=[], text="", person_id=by.person_id, ip=by.ip, now=now
    )


async def set_profile(db, by, **changed):
    await profiles.save(db, by.account_id, PROFILE._replace(**changed), person_id=by.person_id, ip=by.ip, now=NOW)


async def standing(db, by) -> str:
    return (await profiles.find(db, by.account_id)).bank.standing


async def test_an_answer_about_what_was_changed_meanwhile_is_dropped(db):
    by = await account(db, await person(db, "09120000001"))
    await set_profile(db, by)
    await set_iban(db, by, IBANS[0])
    bank = Bank(Owner("علی رضایی", True), lambda: set_iban(db, by, IBANS[1]))
    assert await check_iban(services_of(db, bank), by.account_id) is False
    assert await standing(db, by) == "open"
    bank.meanwhile = lambda: set_profile(db, by, national_id="1583250689")
    assert await check_iban(services_of(db, bank), by.account_id) is False
    assert await standing(db, by) == "open"
    assert bank.asked == [(IBANS[0], "0076229645"), (IBANS[1], "0076229645")]


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (Owner("علی", True), "matches"),
        (Owner("", True), "matches"),
        (Owner("مریم", False), "other"),
        (Owner("", False), "other"),
        (Owner("شرکت", None), "unclear"),
        (NoSuchAccount(), "missing"),
        (NoAnswer("timeout"), "open"),
    ],
)
async def test_each_answer_is_kept(db, answer, wanted):
    by = await account(db, await person(db, "09120000001"))
    await set_profile(db, by)
    await set_iban(db, by, IBANS[0])
    assert await check_iban(services_of(db, Bank(answer)), by.account_id) is (wanted != "open")
    assert await standing(db, by) == wanted


async def test_who_asks_twice_pays_once(db):
    by = await account(db, await person(db, "09120000001"))
    bank = Bank(NoAnswer("timeout"))
    assert await check_iban(services_of(db, bank), by.account_id) is False
    await set_profile(db, by)
    await set_iban(db, by, IBANS[0])
    for _ in range(3):
        await check_iban(services_of(db, bank), by.account_id)
    assert len(bank.asked) == 1
    assert await check_iban(services_of(db, None), by.account_id) is False


async def test_ibans_are_counted_by_the_day(db):
    by = await account(db, await person(db, "09120000001"))
    for iban in IBANS[: profiles.IBAN_CHANGES_MAX]:
        assert await set_iban(db, by, iban) is True
    assert await set_iban(db, by, IBANS[profiles.IBAN_CHANGES_MAX - 1]) is False
    assert await set_iban(db, by, IBANS[8]) is None
    assert await set_iban(db, by, IBANS[8], NOW + timedelta(days=1, seconds=1)) is True
    with pytest.raises(LookupError):
        await set_iban(db, by._replace(account_id=1), IBANS[0])


async def test_who_has_lost_the_role_meanwhile_changes_nothing(db):
    """The statements look again by themselves, however late they come."""
    owner, admin, viewer = [await person(db, f"0912000000{number}") for number in range(3)]
    by = await account(db, owner)
    for who, role in ((admin, "admin"), (viewer, "viewer")):
        await db.one(
            "insert into member (account_id, person_id, role, since) values (%(a)s, %(p)s, %(r)s, now())",
            {"a": by.account_id, "p": who.id, "r": role},
        )
    found = await member_store.member(db, by.account_id, viewer.id)
    was_admin = by._replace(person_id=admin.id)
    await db.one("update member set role = 'viewer' where person_id = %(id)s", {"id": admin.id})
    no = {"told": [], "text": ""}
    assert not await member_store.change_role(db, was_admin, found, Role.ADMIN, **no)
    assert not await member_store.remove(db, was_admin, found, **no)
    assert not await member_store.hand_over(db, was_admin, found, **no)
    assert not any(await member_store.invite(db, was_admin, mobile="09121111111", role=Role.VIEWER, text=""))
    assert await db.all("select 1 from activity") == []


async def go_every_way(db) -> None:
    """Every statement of the account's room once."""
    owner, guest, other = [await person(db, f"0912000000{number}") for number in range(3)]
    by = await account(db, owner)
    services = services_of(db, Bank(Owner("علی", True)))
    await set_profile(db, by)
    await set_iban(db, by, IBANS[0])
    await check_iban(services, by.account_id)
    for who, answer in ((guest, accept), (other, decline)):
        await invite(services, by, mobile=who.mobile, role="viewer", account_name="")
        (invitation,) = await member_store.invitations_to(db, who.mobile, NOW)
        await answer(services, who, by.ip, invitation)
    await invite(services, by, mobile=other.mobile, role="viewer", account_name="")
    (invitation,) = await member_store.invitations(db, by.account_id)
    await member_store.withdraw(db, by, invitation.id)
    await invite(services, by, mobile=other.mobile, role="viewer", account_name="")
    (invitation,) = await member_store.invitations_to(db, other.mobile, NOW)
    await accept(services, other, by.ip, invitation)
    found = await member_store.member(db, by.account_id, guest.id)
    await change_role(services, by, found, "admin", account_name="")
    found = await member_store.member(db, by.account_id, guest.id)
    await leave(services, by._replace(person_id=other.id), Role.VIEWER, mobile=other.mobile, account_name="")
    await hand_over(services, by, found, mobile=owner.mobile, account_name="")
    was_owner = await member_store.member(db, by.account_id, owner.id)
    await remove(services, by._replace(person_id=guest.id), was_owner, account_name="")
    await member_store.members(db, by.account_id)
    new = NewDocument(DocumentKind.OTHER, "a.pdf", "application/pdf", 1, b"x" * 32, "p")
    assert (await document_store.add(db, by, new)).done
    (document,) = await document_store.documents(db, by.account_id)
    await document_store.document(db, by.account_id, document.id)
    await document_store.remove(db, by, document.id)
    await notify.choice(db, by.account_id)
    await notify.choose(db, by.account_id, {Event.MEMBER: []}, person_id=owner.id, ip=by.ip, now=NOW)
    assert len(await activity.page(db, by.account_id)) == 18
    await activity.page(db, by.account_id, after_id=1)


@pytest.mark.storage
async def test_no_statement_reads_a_whole_table(db, dsn):
    await go_every_way(db)
    assert len(db.asked) >= 24
    with psycopg.connect(dsn, cursor_factory=psycopg.ClientCursor) as connection:
        # Small tables are read whole because that is cheaper; this shows which statements have no other way.
        connection.execute("set enable_seqscan = off")
        for statement, params in db.asked.items():
            plan = "\n".join(line for (line,) in connection.execute(f"explain {statement}", params))
            scanned = [table for table in re.findall(r"Seq Scan on (\w+)", plan) if table in GROWING]
            assert scanned == [], f"{statement}\n{plan}"
