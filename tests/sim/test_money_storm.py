"""Refunds, reversals, holds, settlement runs, files and results on the same rows at once: no rule is ever broken; and a
storm that could not see a broken rule is worth nothing, so each guard is taken away in turn, and it must be seen.

`MOPOS_MONEY_STORM` says how many episodes (four merchants each); `MOPOS_STORM_SEED` where seeds begin.
"""

import os
import re

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.conftest import fresh_database
from tests.sim.money_storm import storm_on

EPISODES = int(os.environ.get("MOPOS_MONEY_STORM", "120"))
SEED = int(os.environ.get("MOPOS_STORM_SEED", "20261125")) % 100_000
# Of a database; then a fresh one, as looking at all of it takes longer the more there is.
PER_DATABASE = 60
# A sabotage that has not been seen by then is not seen.
SABOTAGE_EPISODES = 1000


def _as_on_a_disk(dsn: str) -> str:
    """Commits that take some milliseconds: where they are over at once, hardly anybody meets anybody."""
    return make_conninfo(dsn, options="-c commit_delay=3000 -c commit_siblings=0")


@pytest.mark.timeout(1800)
async def test_no_rule_is_broken(postgres):
    for first in range(0, EPISODES, PER_DATABASE):
        with fresh_database(postgres) as dsn:
            async with storm_on(_as_on_a_disk(dsn)) as storm:
                for seed in range(SEED + first, SEED + min(first + PER_DATABASE, EPISODES)):
                    assert await storm.episode(seed) == []


def _without(function: str, text: str) -> str:
    """Python that takes a piece out of a function in PostgreSQL, as SQL."""
    return f"FUNCTION {function} WITHOUT {text}"


SABOTAGE = {
    "refunds may exceed the payment": "alter table purchase drop constraint purchase_refund_max",
    "nobody keeps the balances": "alter table ledger_line disable trigger ledger_line_keeps_balances",
    "floors are not looked at": _without(
        "keep_balances", r"if losing is not null then\s+select a\.kind.*?end if;\s+end if;"
    ),
    "whoever takes from an account does not lock it": _without(
        "keep_balances", r"perform from ledger_account where id = any\(losing\)[^;]*;"
    ),
    "any line is booked": _without("keep_balances", r"if unlisted then.*?end if;"),
    "stretches may overlap": "alter table settlement drop constraint settlement_once",
    "a day may have two batches": "drop index settlement_batch_day",
    "a settlement may be paid twice": "drop index payout_of_settlement",
    "payouts may change": "alter table payout disable trigger payout_never_changes",
    "payouts move as they like": "alter table payout disable trigger payout_moves_by_the_table",
    "the books may be touched up": "alter table ledger_line disable trigger ledger_line_append_only",
    "a purchase may be held twice": "drop index hold_of_purchase",
    "reversed is also what is settled": _without(
        "check_move", r"if new\.state = 'REVERSING' and old\.state <> 'REVERSING' then.*?end if;\s+end if;"
    ),
    "one may agree to an own refund": "OWN REFUND",
}


def _break(dsn: str, sabotage: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        if found := re.fullmatch(r"FUNCTION (\w+) WITHOUT (.*)", sabotage, re.S):
            text = connection.execute("select pg_get_functiondef(%s::regproc)", [found[1]]).fetchone()[0]
            mended, times = re.subn(found[2], "", text, flags=re.S)
            assert times == 1, "there is nothing to take away"
            connection.execute(mended)
        elif sabotage == "OWN REFUND":
            checks = connection.execute(
                "select conname from pg_constraint where conrelid = 'refund'::regclass "
                "and pg_get_constraintdef(oid) like '%decided_by%asked_by%'"
            ).fetchall()
            assert len(checks) == 2
            for (name,) in checks:
                connection.execute(f"alter table refund drop constraint {name}")
        else:
            connection.execute(sabotage)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SABOTAGE)
async def test_each_sabotage_is_seen(dsn, name):
    async with storm_on(_as_on_a_disk(dsn)) as storm:
        _break(dsn, SABOTAGE[name])
        for seed in range(SEED, SEED + SABOTAGE_EPISODES):
            found = await storm.episode(seed)
            if found:
                assert any("an actor failed" not in line for line in found), found
                return
    pytest.fail("nobody saw it")
