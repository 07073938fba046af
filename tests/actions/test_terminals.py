"""Terminals are made, changed, switched and tested; rules lead to them; each change is told, and no credential is."""

from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr
from tests.actions.banks_of_kinds import CANARIES, RIGHT, simulator, wrong

from mopos.actions import manage_routes
from mopos.actions.credentials import KeyUnknown, open_credentials
from mopos.actions.manage_routes import Gap, Routes, add_rule, all_gaps, gaps, remove_rule, where_to
from mopos.actions.manage_terminals import (
    TAKES_PART_AFTER,
    Wanted,
    add_terminal,
    change_terminal,
    find,
    meaning,
    probe,
    shown,
    switch_terminal,
)
from mopos.actions.read_terminal import TerminalRefused
from mopos.actions.terminals import REFRESH_S
from mopos.banks.catalogue import KINDS
from mopos.banks.port import Accepted, Decline, Declined, Silent
from mopos.base.errors import Refused
from mopos.base.ids import with_check_digit
from mopos.base.money import Rial
from mopos.build import build_services
from mopos.domain.operators import log, transcripts
from mopos.domain.operators.transcripts import Call
from mopos.domain.payments.model import AMNT_RIAL_MAX, AMNT_RIAL_MIN
from mopos.domain.routing import store
from mopos.domain.routing.model import Rule, Terminal

MELLAT = RIGHT["mellat"]


@pytest.fixture
def terminals(services):
    return Managed(services)


class Managed:
    """The actions, as the command line calls them."""

    def __init__(self, services):
        self.services = services
        self._of_all = (services.db, services.clock, services.settings)
        self._by = {"operator_id": None, "reason": "contract 12"}

    def add(self, kind="mellat", name="main", *, since=None, credentials=None, **wanted):
        given = Wanted(credentials=RIGHT.get(kind) if credentials is None else credentials, **wanted)
        return add_terminal(*self._of_all, kind, name, given, valid_from=since, **self._by)

    def change(self, terminal_id, **wanted):
        return change_terminal(*self._of_all, terminal_id, Wanted(**wanted), **self._by)

    def switch(self, terminal_id, on, reason="ill"):
        db, clock, _ = self._of_all
        return switch_terminal(db, clock, terminal_id, on=on, operator_id=None, reason=reason)

    def find(self, terminal_id):
        return find(self.services.db, terminal_id)

    async def told(self, subject="mellat main"):
        return [(one.act, one.reason, dict(one.data)) for one in await log.about(self.services.db, subject)]

    def rule(self, terminal_id, *, merchant=None, least=None, most=None, priority=100, weight=1):
        db, clock, _ = self._of_all
        bounds = {"merchant": merchant, "least": least, "most": most, "priority": priority, "weight": weight}
        return add_rule(db, clock, terminal_id, **bounds, **self._by)


# --- a new one --------------------------------------------------------------------------------------------------------


async def test_a_new_terminal_is_kept_sealed_and_told(terminals):
    now = terminals.services.clock()
    made = await terminals.add(least="500,000", most="۵۰٬۰۰۰٬۰۰۰", deadlines={"session": "600"})
    assert await terminals.find(made.id) == made
    assert (made.amount_from, made.amount_upto, made.deadlines) == (500_000, 50_000_000, {"session": 600})
    assert open_credentials(terminals.services.settings, made)["password"].reveal() == MELLAT["password"]
    assert await terminals.told() == [
        (
            "add_terminal",
            "contract 12",
            {
                "terminal": made.id,
                "base_url": "",
                "key_name": made.key_name,
                "deadlines": {"session": 600},
                "amount_from_rial": 500_000,
                "amount_upto_rial": 50_000_000,
                "valid_from": (now + TAKES_PART_AFTER).isoformat(),
            },
        )
    ]


async def test_it_takes_part_once_every_process_knows_it(terminals):
    """At least ten seconds from now, and two readings of each process, however soon it is wanted."""
    now = terminals.services.clock()
    assert timedelta(seconds=10) <= TAKES_PART_AFTER >= timedelta(seconds=2 * REFRESH_S)
    soon = await terminals.add(name="soon", since=now + timedelta(seconds=1))
    later = await terminals.add(name="later", since=now + timedelta(days=1))
    assert [one.valid_from for one in (soon, later)] == [now + TAKES_PART_AFTER, now + timedelta(days=1)]
    for wrong_moment in (now - timedelta(seconds=1), now + timedelta(days=4 * 366)):
        with pytest.raises(TerminalRefused, match="--from must be"):
            await terminals.add(name="never", since=wrong_moment)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("those known are sandbox, mellat", {"kind": "melat"}),
        ("name must have 1 to 60", {"name": " \u202e "}),
        ("name must have 1 to 60", {"name": "x" * 61}),
        ("mellat gives out: password is missing", {"credentials": {**MELLAT, "password": ""}}),
        ("user is missing; password is missing", {"credentials": {"terminal": "1"}}),
        ("terminal is malformed", {"credentials": {**MELLAT, "terminal": "canary"}}),
        ("colour is not asked for", {"credentials": {**MELLAT, "colour": "canary"}}),
        ("--min must be a whole number", {"least": "1.5"}),
        ("--max must be a whole number", {"most": "-1"}),
        ("--max must be a whole number", {"most": "9" * 30}),
        ("--min is above --max", {"least": "2000000", "most": "1000000"}),
        ("as small as 10,000 Rial", {"most": "10000"}),
        ("as large as 99,000,000,000 Rial", {"least": "99000000000"}),
        ("--session must be 60 to 604800 seconds", {"deadlines": {"session": "59"}}),
        ("--verify-deadline must be", {"deadlines": {"verify_deadline": "x"}}),
        ("zarinpal", {"kind": "zarinpal", "credentials": {**RIGHT["zarinpal"], "currency": "USD"}}),
        ("sadad never reverses", {"kind": "sadad", "deadlines": {"reverse_within": "60"}}),
        ("must be https://host", {"url": "ftp://bank.test"}),
        ("must be https://host", {"url": "https://user:canary@bank.test"}),
        ("must be https://host", {"url": "https://bank.test/?key=canary"}),
        ("must begin with https://", {"url": "http://bank.test"}),
        ("must begin with https://", {"url": "http://192.0.2.7:8001"}),
        ("cannot be read", {"url": "https://[canary"}),
        ("cannot be read", {"url": "https://10.0.0.300"}),
        ("names no host", {"url": "https://10.0.300"}),
        ("names no host", {"url": "https://bank..test"}),
        ("names no host", {"url": "https://bank,test"}),
        ("names no host", {"url": f"https://{'b' * 64}.test"}),
    ],
)
async def test_what_is_refused_in_one_line_without_a_value(terminals, said, wanted):
    with pytest.raises(TerminalRefused) as refused:
        await terminals.add(**wanted)
    line = str(refused.value)
    assert said in line
    assert "\n" not in line
    secrets = ["canary", *(value for canaries in CANARIES.values() for value in canaries.values())]
    assert [secret for secret in (*secrets, MELLAT["password"]) if secret in line or secret in repr(refused)] == []
    assert await terminals.services.db.all("select 1 from terminal where id > 1") == []


async def test_a_name_is_used_once_at_a_bank(terminals):
    await terminals.add()
    await terminals.add("saman", "main")
    with pytest.raises(TerminalRefused, match="mellat has a terminal main already"):
        await terminals.add()


@pytest.mark.parametrize(
    "url",
    [
        "https://bank.test",
        "https://bank.test:8443/path/",
        "http://127.0.0.1:8001",
        "http://sims:9",
        "https://[2001:db8::7]:8443",
        "https://Bank_1.test",
    ],
)
async def test_where_a_bank_may_be(terminals, url):
    assert (await terminals.add(url=url)).base_url == url.rstrip("/")


# --- changes ----------------------------------------------------------------------------------------------------------


async def test_what_is_changed_is_told_and_the_rest_stays(terminals):
    made = await terminals.add(least="500000", deadlines={"session": "600"})
    changed = await terminals.change(made.id, most="1000000", deadlines={"session": "none", "verify_deadline": "900"})
    assert changed == replace(made, amount_upto=Rial(1_000_000), deadlines={"verify_deadline": 900})
    assert await terminals.find(made.id) == changed
    act, _, data = (await terminals.told())[0]
    assert (act, data) == (
        "set_terminal",
        {
            "terminal": made.id,
            "changed": {
                "deadlines": [{"session": 600}, {"verify_deadline": 900}],
                "amount_upto_rial": [None, 1_000_000],
            },
        },
    )
    back = await terminals.change(made.id, most="none", least="none", deadlines={"verify_deadline": "none"})
    assert (back.amount_from, back.amount_upto, back.deadlines) == (0, None, {})
    with pytest.raises(TerminalRefused, match="nothing is different"):
        await terminals.change(made.id, most="none")
    with pytest.raises(TerminalRefused, match="there is no terminal 999"):
        await terminals.change(999, most="none")


async def test_new_credentials_are_told_without_them(terminals):
    made = await terminals.add()
    changed = await terminals.change(made.id, credentials=wrong("mellat"))
    opened = open_credentials(terminals.services.settings, await terminals.find(made.id))
    assert opened["password"].reveal() == CANARIES["mellat"]["password"]
    assert changed.sealed != made.sealed
    act, _, data = (await terminals.told())[0]
    assert (act, data) == ("set_terminal", {"terminal": made.id, "changed": {}, "credentials": "new"})


async def test_two_who_change_at_once_do_not_undo_each_other(terminals):
    made = await terminals.add()
    db, by = terminals.services.db, store.By(None, "late", terminals.services.clock())
    await terminals.change(made.id, most="1000000")
    assert not await store.change(db, made, replace(made, amount_from=Rial(500_000)), by, {})
    assert (await terminals.find(made.id)).amount_from == 0
    assert len(await terminals.told()) == 2


async def test_the_sandbox_s_terminal_gets_credentials_of_its_own(terminals):
    """Nothing but its credentials changes: it stays where the settings had it, with their times."""
    before = await terminals.find(1)
    assert before.sealed is None
    for wanted in ({"url": "http://127.0.0.1:1"}, {"deadlines": {"session": "60"}}):
        with pytest.raises(TerminalRefused, match="from MOPOS_SANDBOX_"):
            await terminals.change(1, **wanted)
    await terminals.change(1, most="1000000")
    after = await terminals.change(1, credentials=wrong("sandbox"))
    settings = terminals.services.settings
    assert after.base_url == settings.sandbox_url
    assert after.deadlines == {
        "session": settings.sandbox_session_s,
        "verify_deadline": settings.sandbox_give_back_s,
        "reverse_within": settings.sandbox_reverse_s,
    }
    assert await terminals.find(1) == after
    assert open_credentials(settings, after)["key"].reveal() == CANARIES["sandbox"]["key"]


async def test_the_switch(terminals):
    await terminals.switch(1, on=False)
    ((_, _, reason),) = await terminals.services.db.all("select id, disabled_at, disabled_reason from terminal")
    assert reason == "ill"
    with pytest.raises(TerminalRefused, match="terminal 1 is off already"):
        await terminals.switch(1, on=False)
    with pytest.raises(Refused):
        await terminals.switch(1, on=True, reason=" ")
    await terminals.switch(1, on=True, reason="well")
    assert [row[:2] for row in await terminals.told("sandbox 10000001")] == [
        ("terminal_on", "well"),
        ("terminal_off", "ill"),
    ]


async def test_what_a_list_shows(terminals):
    made = await terminals.add()
    await terminals.rule(made.id)
    db, clock, settings = terminals.services.db, terminals.services.clock, terminals.services.settings
    first, second = await shown(db, clock, settings)
    assert (first.terminal, first.rules, first.key_known) == (await terminals.find(1), [], True)
    assert (second.terminal, second.fares.health, second.key_known) == (made, "quiet", True)
    assert [rule.terminal_id for rule in second.rules] == [made.id]
    lost = settings.model_copy(update={"secret_key": SecretStr("x" * 32)})
    assert [one.key_known for one in await shown(db, clock, lost)] == [True, False]


async def test_credentials_that_do_not_open_are_shown_and_are_no_health(terminals):
    made = await terminals.add()
    db, clock, settings = terminals.services.db, terminals.services.clock, terminals.services.settings
    assert [(one.opens, one.health) for one in await shown(db, clock, settings)] == [(True, "quiet")] * 2
    lost = settings.model_copy(update={"secret_key": SecretStr("x" * 32)})
    assert [(one.opens, one.health) for one in await shown(db, clock, lost)] == [(True, "quiet"), (False, "sick")]
    await db.all("update terminal set name = 'another' where id = %(id)s", {"id": made.id})
    _, changed = await shown(db, clock, settings)
    assert (changed.key_known, changed.opens, changed.health) == (True, False, "sick")
    await terminals.switch(made.id, on=False)
    assert (await shown(db, clock, settings))[1].health == "off"


async def test_a_bank_that_answers_everything_and_opens_nothing_is_not_well(terminals, shop):
    db, clock, settings = terminals.services.db, terminals.services.clock, terminals.services.settings

    async def answered(purchase):
        call = Call(purchase.attempt_id, clock(), "open", "answered", 200, 50, "", "24")
        await transcripts.write(db, [call] * 2)
        return (await shown(db, clock, settings))[0].fares

    fares = [await answered(await shop.post(shop.form())) for _ in range(5)]
    assert [one.health for one in fares] == ["quiet", "quiet", "well", "well", "sick"]
    assert (fares[-1].answered_percent, fares[-1].attempts, fares[-1].opened) == (100, 5, 0)
    fares = await answered(await shop.at_bank())
    assert (fares.health, fares.opened, fares.paid) == ("well", 1, 0)


async def test_all_terminals_that_can_be_made_are_listed(terminals):
    db, clock, settings = terminals.services.db, terminals.services.clock, terminals.services.settings
    await db.all(
        "insert into terminal (bank, name) select 'saman', n::text from generate_series(1, %(n)s) n", {"n": 998}
    )
    made = await terminals.add()
    listed = await shown(db, clock, settings)
    assert (len(listed), listed[-1].terminal) == (store.TERMINALS_MAX, made)
    with pytest.raises(TerminalRefused, match="there are 1000 terminals already"):
        await terminals.add(name="one more")


# --- tests of a terminal ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_a_bank_tells_whether_it_accepts_us(terminals, kind):
    """Right and wrong credentials of every kind, on and off; and a bank that is not there."""
    with simulator(kind) as url:
        right = await terminals.add(kind, "right", url=url)
        stranger = await terminals.add(kind, "wrong", url=url, credentials=wrong(kind))
        await terminals.switch(right.id, on=False)
        settings = terminals.services.settings
        assert await probe(settings, await terminals.find(right.id)) == Accepted()
        said = await probe(settings, stranger)
        assert isinstance(said, Declined), said
        assert said.reason is Decline.NOT_ACCEPTED
        assert meaning(KINDS[kind], said.code), f"{kind} has no words for {said.code}"
    assert isinstance(await probe(settings, right), Silent)


async def test_the_sandbox_is_tested_by_the_settings(terminals):
    with simulator("sandbox") as url:
        settings = terminals.services.settings.model_copy(update={"sandbox_url": url})
        assert await probe(settings, await terminals.find(1)) == Accepted()


async def test_what_cannot_be_opened_is_not_tested(terminals):
    made = await terminals.add()
    settings = terminals.services.settings
    with pytest.raises(KeyUnknown, match=f"terminal {made.id} "):
        await probe(settings, replace(made, key_name="00000000"))
    with pytest.raises(TerminalRefused, match="do not open"):
        await probe(settings, replace(made, name="another"))


async def test_a_terminal_that_cannot_be_asked_at_all_is_told_in_one_line(terminals):
    made = await terminals.add()
    with pytest.raises(
        TerminalRefused, match=f"terminal {made.id} .* cannot be asked .InvalidURL.: look at its address"
    ):
        await probe(terminals.services.settings, replace(made, base_url="https://10.0.0.300"))


# --- rules ------------------------------------------------------------------------------------------------------------


async def test_a_rule_is_made_told_and_taken_away(terminals, shop):
    made = await terminals.add()
    rule, to = await terminals.rule(made.id, merchant=shop.id, least="500,000", most="50,000,000", weight=2)
    assert to == made
    assert (await store.routing(terminals.services.db)).rules == [rule]
    facts = {
        "rule": rule.id,
        "terminal": made.id,
        "gateway": shop.id,
        "amount_from_rial": 500_000,
        "amount_upto_rial": 50_000_000,
        "priority": 100,
        "weight": 2,
    }
    assert (await terminals.told())[0] == ("add_route", "contract 12", facts)
    db, clock = terminals.services.db, terminals.services.clock
    await remove_rule(db, clock, rule.id, operator_id=None, reason="over")
    assert (await terminals.told())[0] == ("remove_route", "over", facts)
    assert (await store.routing(db)).rules == []
    with pytest.raises(TerminalRefused, match=f"there is no rule {rule.id}"):
        await remove_rule(db, clock, rule.id, operator_id=None, reason="over")


async def test_rules_that_are_refused(terminals, shop):
    made = await terminals.add(least="500000", most="1000000")
    await terminals.rule(made.id)
    cases = [
        ("by another rule already", {}),
        ("there is no gateway", {"merchant": with_check_digit(999)}),
        ("takes no such amounts: it takes from 500,000 to 1,000,000 Rial", {"least": "1000001"}),
        ("takes no such amounts", {"most": "499999"}),
        ("--min is above --max", {"least": "900000", "most": "800000"}),
        ("priority and weight are", {"priority": 0}),
        ("priority and weight are", {"weight": 1001}),
    ]
    for said, wanted in cases:
        with pytest.raises(TerminalRefused, match=said):
            await terminals.rule(made.id, **wanted)
    with pytest.raises(TerminalRefused, match="there is no terminal 999"):
        await terminals.rule(999)
    with pytest.raises(Refused):
        await terminals.rule(made.id, merchant=f"{int(shop.id) + 1}")
    assert len((await store.routing(terminals.services.db)).rules) == 1


def terminal(number: int, least: int = 0, most: int | None = None) -> Terminal:
    return Terminal(number, "mellat", f"t{number}", amount_from=Rial(least), amount_upto=Rial(most) if most else None)


def rule(number: int, to: int, gateway: int | None = None, least: int = 0, most: int | None = None) -> Rule:
    return Rule(number, to, gateway, Rial(least), Rial(most) if most else None, 100, 1)


def test_amounts_that_find_no_terminal(clock):
    small, large = terminal(1, most=1_000_000), terminal(2, least=3_000_001)
    hole = (Rial(1_000_001), Rial(3_000_000))
    assert gaps([small, large], [], clock()) == [Gap(None, *hole)]
    assert gaps([terminal(1)], [], clock()) == []
    assert gaps([], [], clock()) == [Gap(None, AMNT_RIAL_MIN, AMNT_RIAL_MAX)]
    both = [rule(1, 1), rule(2, 2)]
    assert gaps([small, large], both, clock()) == [Gap(None, *hole)]
    # A merchant's own rule replaces the general ones: what it does not take goes nowhere.
    own = rule(3, 1, gateway=5, least=20_000)
    assert gaps([terminal(1)], [rule(1, 1), own], clock()) == [Gap(5, AMNT_RIAL_MIN, Rial(19_999))]
    assert gaps([replace(small, disabled_at=clock())], [rule(1, 1)], clock()) == [
        Gap(None, AMNT_RIAL_MIN, AMNT_RIAL_MAX)
    ]


def test_amounts_that_are_no_whole_toman_are_a_gap_of_their_own(clock):
    """Terminal 1 speaks Toman and takes anything; terminal 2 takes up to 1,000,000 Rial."""
    two = Routes([terminal(1), terminal(2, most=1_000_000)], [], {1: 10})
    assert all_gaps(two, clock()) == [Gap(None, Rial(1_000_001), AMNT_RIAL_MAX, whole=False)]
    assert all_gaps(replace(two, unit_rial={}), clock()) == []
    none = Routes([terminal(1, most=1_000_000)], [], {1: 10})
    everything = Gap(None, AMNT_RIAL_MIN, AMNT_RIAL_MAX, whole=False)
    assert all_gaps(none, clock()) == [Gap(None, Rial(1_000_001), AMNT_RIAL_MAX), everything]
    for amount, numbers in ((2_000_010, [1]), (2_000_011, []), (1_000_000, [1, 2]), (999_999, [2])):
        assert [one.id for group in where_to(two, 5, Rial(amount), clock()) for one, _ in group] == numbers


async def test_the_unit_of_a_terminal_is_that_of_its_credentials(terminals):
    toman = await terminals.add("zarinpal", "toman", credentials={**RIGHT["zarinpal"], "currency": "IRT"})
    await terminals.add("zarinpal", "rial", credentials={**RIGHT["zarinpal"], "currency": "IRR"})
    services = build_services(terminals.services.settings, terminals.services.db, terminals.services.clock)
    try:
        assert (await manage_routes.routes(services)).unit_rial == {toman.id: 10}
    finally:
        await services.terminals.aclose()


def test_amounts_in_words():
    assert [
        manage_routes.amounts_of(rule(1, 1, least=least, most=most))
        for least, most in ((0, None), (5_000, None), (0, 7_000), (5_000, 7_000))
    ] == [
        "of any amount",
        "from 5,000 Rial on",
        "up to 7,000 Rial",
        "from 5,000 to 7,000 Rial",
    ]
