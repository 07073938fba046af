"""Credentials at rest: which key seals, which opens, to which row they are bound, and how the key is changed."""

from dataclasses import replace

import pytest
from pydantic import SecretStr
from tests.actions.banks_of_kinds import RIGHT

from mopos.actions.credentials import (
    KeyUnknown,
    access_to,
    keys,
    name_of,
    open_credentials,
    own_key,
    seal_credentials,
)
from mopos.actions.manage_terminals import Wanted, add_terminal, find
from mopos.actions.rotate_terminal_key import rotate_key
from mopos.banks.catalogue import KINDS
from mopos.base.config import Settings
from mopos.base.secret import Secret
from mopos.domain.routing import store
from mopos.domain.routing.model import Terminal

OLD, NEW, OTHER = ("old-canary-" * 4, "new-canary-" * 4, "other-canary-" * 4)


def settings_with(*terminal_keys: str) -> Settings:
    return Settings(secret_key=SecretStr("k" * 32), terminal_keys=SecretStr(", ".join(terminal_keys)))


def sealed(settings: Settings, kind: str = "mellat", name: str = "main") -> Terminal:
    key_name, secret = seal_credentials(settings, kind, name, KINDS[kind].check(RIGHT[kind]))
    return Terminal(3, kind, name, sealed=secret, key_name=key_name)


def revealed(credentials: dict[str, Secret]) -> dict[str, str]:
    return {field: secret.reveal() for field, secret in credentials.items()}


def test_the_first_key_seals_and_all_of_them_open() -> None:
    of_old = sealed(settings_with(OLD))
    both = settings_with(NEW, OLD)
    assert revealed(open_credentials(both, of_old)) == RIGHT["mellat"]
    of_new = sealed(both)
    assert of_new.key_name == name_of(Secret(NEW)) != of_old.key_name == name_of(Secret(OLD))
    with pytest.raises(KeyUnknown):
        open_credentials(settings_with(NEW), of_old)


def test_the_key_without_a_setting_is_always_the_last() -> None:
    """When MOPOS_TERMINAL_KEYS is set for the first time, what was sealed before still opens."""
    before = sealed(settings_with())
    now = settings_with(NEW)
    assert revealed(open_credentials(now, before)) == RIGHT["mellat"]
    own = name_of(own_key(now))
    assert list(keys(settings_with())) == [own]
    assert list(keys(settings_with(NEW, OLD))) == [name_of(Secret(NEW)), name_of(Secret(OLD)), own]
    # Named in the list as well, it stands where it was named.
    assert list(keys(settings_with(own_key(now).reveal(), NEW))) == [own, name_of(Secret(NEW))]


def test_what_is_sealed_opens_in_its_own_row_only() -> None:
    settings = settings_with(OLD)
    one = sealed(settings)
    for other in (replace(one, name="second"), replace(one, bank="sadad"), replace(one, sealed=one.sealed[:-1] + b"x")):
        with pytest.raises(ValueError, match="sealed with another key, or changed"):
            open_credentials(settings, other)


def test_nothing_prints_a_key_or_a_credential() -> None:
    settings = settings_with(OLD)
    one = sealed(settings)
    with pytest.raises(KeyUnknown) as unknown:
        open_credentials(settings_with(NEW), one)
    seen = [repr(one), repr(unknown.value), repr(settings), repr(keys(settings)), repr(open_credentials(settings, one))]
    seen.append(repr(access_to(settings, one)))
    secret = RIGHT["mellat"]["password"]
    assert [text for text in seen for canary in (OLD, NEW, secret) if canary in text] == []


def test_how_a_terminal_is_reached() -> None:
    settings = settings_with(OLD).model_copy(update={"sandbox_url": "http://box.test", "sandbox_session_s": 77.0})
    one = sealed(settings)
    assert access_to(settings, one).base_url == KINDS["mellat"].base_url
    assert access_to(settings, one).facts == KINDS["mellat"].facts
    own = access_to(settings, replace(one, base_url="http://elsewhere.test", deadlines={"session": 120}))
    assert (own.base_url, own.facts.session.total_seconds()) == ("http://elsewhere.test", 120)
    sandbox = access_to(settings, Terminal(1, "sandbox", "10000001", base_url="http://not-this.test"))
    assert (sandbox.base_url, sandbox.facts.session.total_seconds()) == ("http://box.test", 77)
    assert revealed(dict(sandbox.credentials)) == {"terminal": "10000001", "key": "sandbox-key"}


# --- another key ------------------------------------------------------------------------------------------------------


async def rotate(services, settings):
    return await rotate_key(services.db, services.clock, settings, operator_id=None, reason="yearly")


async def add(services, settings, kind, name="main"):
    return await add_terminal(
        services.db,
        services.clock,
        settings,
        kind,
        name,
        Wanted(credentials=RIGHT[kind]),
        valid_from=None,
        operator_id=None,
        reason="contract",
    )


async def told(services, act):
    return await services.db.all(
        "select subject, reason, data from audit_log where act = %(act)s order by id", {"act": act}
    )


async def test_the_key_is_changed_and_twice_is_once(services) -> None:
    none, old, both = settings_with(), settings_with(OLD), settings_with(NEW, OLD)
    first = await add(services, none, "saman")
    second = await add(services, old, "mellat")
    third = await add(services, both, "sadad")
    rotated = await rotate(services, both)
    assert (rotated.resealed, rotated.failed, rotated.in_use) == (2, [], [])
    assert (rotated.key_name, rotated.unused) == (name_of(Secret(NEW)), [name_of(Secret(OLD))])
    rows = await services.db.all("select id, key_name, sealed from terminal order by id")
    assert [row[1] for row in rows] == ["", *[rotated.key_name] * 3]
    again = await rotate(services, both)
    assert again == rotated._replace(resealed=0)
    assert await services.db.all("select id, key_name, sealed from terminal order by id") == rows
    alone = settings_with(NEW)
    for kind, made in (("saman", first), ("mellat", second), ("sadad", third)):
        assert revealed(open_credentials(alone, await find(services.db, made.id))) == RIGHT[kind]
    log = await told(services, "reseal_terminal")
    assert log == [
        ("saman main", "yearly", {"terminal": first.id, "from": first.key_name, "to": rotated.key_name}),
        ("mellat main", "yearly", {"terminal": second.id, "from": second.key_name, "to": rotated.key_name}),
    ]


async def test_a_terminal_whose_key_is_gone_stays_and_others_go_on(services) -> None:
    lost = await add(services, settings_with(OTHER), "mellat", "lost")
    spoiled = await add(services, settings_with(OLD), "mellat", "spoiled")
    well = await add(services, settings_with(OLD), "mellat", "well")
    await services.db.one(
        "update terminal set sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1) where id = %(id)s",
        {"id": spoiled.id},
    )
    rotated = await rotate(services, settings_with(NEW, OLD))
    assert rotated.resealed == 1
    assert [
        f"terminal {one.id} (mellat {one.name})" in said
        for one, said in zip((lost, spoiled), rotated.failed, strict=True)
    ] == [
        True,
        True,
    ]
    assert sorted(rotated.in_use) == sorted([name_of(Secret(OTHER)), name_of(Secret(OLD))])
    assert rotated.unused == []
    assert (await find(services.db, well.id)).key_name == rotated.key_name
    assert await find(services.db, lost.id) == lost


async def test_a_gateway_with_both_keys_opens_what_is_sealed_by_either(services) -> None:
    """What a running process reads before and after is opened alike; only one without the new key is shut out."""
    old, both = settings_with(OLD), settings_with(NEW, OLD)
    made = await add(services, old, "mellat")
    before = (await store.routing(services.db)).terminals[-1]
    await rotate(services, both)
    after = (await store.routing(services.db)).terminals[-1]
    assert before == made != after
    assert revealed(open_credentials(both, before)) == revealed(open_credentials(both, after)) == RIGHT["mellat"]
    with pytest.raises(KeyUnknown):
        open_credentials(old, after)


async def test_who_sets_new_credentials_meanwhile_wins(services) -> None:
    old = settings_with(OLD)
    made = await add(services, old, "mellat")
    newer = sealed(old)
    await services.db.one("update terminal set sealed = %(s)s where id = %(id)s", {"s": newer.sealed, "id": made.id})
    by = store.By(None, "late", services.clock())
    assert not await store.reseal(services.db, made, "abcd", b"late", by)
    assert (await find(services.db, made.id)).sealed == newer.sealed
    assert await told(services, "reseal_terminal") == []
