"""The statements about people on a real PostgreSQL: what two requests in the same moment may not bring about."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime, timedelta

import pytest

from mopos.base.db import Database
from mopos.domain.people import ceremonies, codes, devices, factors, requests, sessions
from mopos.domain.people.model import DEVICES_MAX, HALF_ABSOLUTE
from mopos.domain.people.sessions import Entry

NOW = datetime(2026, 3, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
async def db(dsn):
    async with Database(dsn, pool_size=8, timeout_s=10) as opened:
        yield opened


def entry(now: datetime = NOW, instead_of: bytes | None = None) -> Entry:
    return Entry(secrets.token_bytes(32), "203.0.113.7", "test", now, now, instead_of)


async def person(db: Database, *, totp: bool = False) -> int:
    row = await db.one(
        """
        insert into person (mobile, handle, created_at, totp_sealed)
        values ('0912' || lpad(floor(random() * 1e7)::int::text, 7, '0'), %(handle)s, now(),
            case when %(totp)s then '\\x00'::bytea end)
        returning id
        """,
        {"handle": secrets.token_bytes(32), "totp": totp},
    )
    return int(row[0])


async def add(db: Database, person_id: int, *, is_first: bool = False, instead_of: bytes | None = None) -> int | None:
    return await devices.add(
        db,
        person_id=person_id,
        credential_id=secrets.token_bytes(16),
        public_key=b"key",
        sign_count=0,
        name="Pixel",
        is_phone=True,
        is_first=is_first,
        entry=entry(instead_of=instead_of),
    )


async def test_of_two_devices_revoked_in_the_same_moment_one_stays(db):
    for _ in range(10):
        person_id = await person(db)
        ids = [await add(db, person_id), await add(db, person_id)]
        done = await asyncio.gather(*(devices.revoke(db, person_id, device_id, NOW) for device_id in ids))
        assert sorted(done) == [False, True]
        assert len(await devices.devices_of(db, person_id)) == 1


async def test_as_many_devices_as_can_be(db):
    person_id = await person(db)
    made = [await add(db, person_id) for _ in range(DEVICES_MAX + 1)]
    assert made[-1] is None
    assert None not in made[:-1]


async def test_a_first_device_only_where_there_is_no_factor(db):
    person_id = await person(db)
    assert await add(db, person_id, is_first=True)
    assert await add(db, person_id, is_first=True) is None
    assert await add(db, await person(db, totp=True), is_first=True) is None


async def test_a_refused_step_leaves_the_session_as_it_was(db):
    person_id = await person(db, totp=True)
    before = entry()
    await sessions.start(
        db,
        token_hash=before.token_hash,
        person_id=person_id,
        second_factor=False,
        ip="203.0.113.7",
        agent="test",
        now=NOW,
    )
    assert await add(db, person_id, is_first=True, instead_of=before.token_hash) is None
    assert await sessions.find(db, before.token_hash, NOW) is not None


async def test_between_the_factors_there_is_half_an_hour(db):
    person_id = await person(db)
    half = entry()
    await sessions.start(
        db,
        token_hash=half.token_hash,
        person_id=person_id,
        second_factor=False,
        ip="203.0.113.7",
        agent="test",
        now=NOW,
    )
    assert await sessions.find(db, half.token_hash, NOW + HALF_ABSOLUTE - timedelta(seconds=1)) is not None
    assert await sessions.find(db, half.token_hash, NOW + HALF_ABSOLUTE) is None


async def test_a_recovery_code_lets_in_once_in_the_same_moment(db):
    person_id = await person(db, totp=True)
    await factors.new_recovery_codes(db, person_id, ["hash"], NOW)
    claimed = await factors.claim_try(db, person_id, NOW)
    assert claimed is not None
    ((code_id, _),) = claimed.recovery
    done = await asyncio.gather(
        *(
            factors.pass_recovery(db, person_id=person_id, device_id=None, code_id=code_id, entry=entry())
            for _ in range(6)
        )
    )
    assert sorted(done) == [False] * 5 + [True]


async def test_a_challenge_is_answered_once_by_whom_it_is_for(db):
    person_id = await person(db)
    id_hash = secrets.token_bytes(32)
    await ceremonies.begin(db, id_hash=id_hash, kind="phone.get", challenge=b"c", now=NOW, person_id=person_id)
    later = NOW + ceremonies.LIFE
    assert await ceremonies.take(db, id_hash=id_hash, kind="phone.get", now=NOW) is None
    assert await ceremonies.take(db, id_hash=id_hash, kind="console.get", now=NOW, person_id=person_id) is None
    assert await ceremonies.take(db, id_hash=id_hash, kind="phone.get", now=later, person_id=person_id) is None
    assert await ceremonies.take(db, id_hash=id_hash, kind="phone.get", now=NOW, person_id=person_id) == b"c"
    assert await ceremonies.take(db, id_hash=id_hash, kind="phone.get", now=NOW, person_id=person_id) is None


async def test_challenges_that_nobody_answers_do_not_heap_up(db):
    for minute in range(60):
        now = NOW + timedelta(minutes=minute)
        await ceremonies.begin(db, id_hash=secrets.token_bytes(32), kind="phone.get", challenge=b"c", now=now)
    ((left,),) = await db.all("select count(*) from ceremony")
    assert left <= 7


async def test_an_approval_is_taken_up_once_in_the_same_moment(db):
    person_id = await person(db)
    device_id = await add(db, person_id)
    ((mobile,),) = await db.all("select mobile from person")
    browser = secrets.token_bytes(32)
    await requests.ask(
        db,
        browser_hash=browser,
        mobile=mobile,
        number=42,
        choices=[42, 17, 93],
        ip="203.0.113.7",
        agent="",
        per_address_max=9,
        now=NOW,
    )
    (pending,) = await requests.pending(db, mobile, NOW)
    assert await requests.answer(db, pending.id, mobile=mobile, device_id=device_id, number=42, now=NOW) == "approved"
    assert await requests.answer(db, pending.id, mobile=mobile, device_id=device_id, number=None, now=NOW) is None
    done = await asyncio.gather(*(requests.enter(db, browser_hash=browser, entry=entry()) for _ in range(6)))
    assert sorted(done) == [False] * 5 + [True]


async def test_what_nobody_needs_any_more_is_forgotten(db):
    for age in (timedelta(hours=23), timedelta(hours=25)):
        await codes.ask(
            db,
            mobile="09121111111",
            code_hash=b"h",
            binding=str(age),
            ip="203.0.113.7",
            per_address_max=9,
            now=NOW - age,
        )
    await codes.forget(db, NOW - timedelta(days=1))
    assert await codes.waiting(db, str(timedelta(hours=23))) is not None
    assert await codes.waiting(db, str(timedelta(hours=25))) is None


async def test_signing_up_twice_in_the_same_moment_makes_one_person(db):
    for n in range(2):
        refusal = await codes.ask(
            db,
            mobile="09121111112",
            code_hash=b"h",
            binding=f"b{n}",
            ip="203.0.113.7",
            per_address_max=9,
            now=NOW,
        )
        assert refusal is None
    tried = await asyncio.gather(
        *(codes.enter(db, code_hash=b"h", binding=f"b{n}", entry=entry(NOW)) for n in range(2))
    )
    people = {one.person_id for one in tried if one and one.person_id}
    assert len(people) == 1
    ((persons, accounts),) = await db.all("select (select count(*) from person), (select count(*) from account)")
    assert (persons, accounts) == (1, 1)
