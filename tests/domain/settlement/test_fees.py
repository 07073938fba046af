"""Fees: what people type becomes brackets, brackets become fees, and PostgreSQL counts as we do, to the Rial."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from mopos.base.errors import Refused
from mopos.base.money import RIAL_MAX as BIGINT_MAX
from mopos.base.money import Rial
from mopos.domain.settlement.fees import (
    BRACKETS_MAX,
    PPM,
    PRESETS,
    RIAL_MAX,
    Assigned,
    Bearer,
    Bracket,
    Plan,
    Rounding,
    Version,
    check,
    percent,
    present_and_next,
    quote,
    read_bearer,
    read_bracket,
    read_line,
    read_name,
    read_rounding,
    terms,
)

SMALLEST = Rial(10_001)
LARGEST = 10_000_000_000
NOW = datetime(2026, 11, 25, tzinfo=UTC)
TARIFF = PRESETS["1402"].brackets


def version(*brackets: Bracket, bearer: Bearer = Bearer.MERCHANT) -> Version:
    return Version(NOW, bearer, brackets)


@pytest.mark.parametrize(
    ("amount", "fee"),
    [
        (10_001, 1_200),
        (6_000_000, 1_200),
        (6_000_001, 1_200),  # 1,200.0002
        (6_002_499, 1_200),  # 1,200.4998
        (6_002_500, 1_201),  # half a Rial is a whole one
        (10_000_000, 2_000),
        (199_999_999, 40_000),
        (200_000_000, 40_000),
        (10_000_000_000, 40_000),
    ],
)
def test_the_public_tariff(amount, fee):
    said = quote(version(*TARIFF), Rial(amount))
    assert (said.fee, said.charge, said.net, said.by_buyer) == (fee, amount, amount - fee, False)
    said = quote(version(*TARIFF, bearer=Bearer.BUYER), Rial(amount))
    assert (said.fee, said.charge, said.net, said.by_buyer) == (fee, amount + fee, amount, True)


@pytest.mark.parametrize(
    ("rounding", "amount", "fee"),
    [
        (Rounding.UP, 10_001, 101),
        (Rounding.HALF_UP, 10_049, 100),
        (Rounding.HALF_UP, 10_050, 101),
        (Rounding.DOWN, 10_099, 100),
        (Rounding.UP, 10_100, 101),
        (Rounding.DOWN, 10_100, 101),
    ],
)
def test_who_gets_the_part_of_a_rial(rounding, amount, fee):
    assert Bracket(0, 10_000, rounding=rounding).fee(amount) == fee


def test_without_a_version_nothing_is_taken():
    assert quote(None, Rial(50_000))[:4] == (50_000, 0, 50_000, 50_000)


@pytest.mark.parametrize(
    ("text", "bracket"),
    [
        ("0: 0ppm +1200", Bracket(0, 0, fixed_rial=1_200)),
        ("6000000: 200ppm cap 40000", Bracket(6_000_000, 200, cap_rial=40_000)),
        ("6,000,000: 0.02% cap 40,000", Bracket(6_000_000, 200, cap_rial=40_000)),
        ("۶٬۰۰۰٬۰۰۰: ۰.۰۲٪ CAP ۴۰٬۰۰۰ +۱٬۰۰۰ floor 500", Bracket(6_000_000, 200, 1_000, 500, 40_000)),
        ("0:1", Bracket(0, 10_000)),
        (" 0 : 2.5% + 1_000 ", Bracket(0, 25_000, fixed_rial=1_000)),
        ("0: 100%", Bracket(0, PPM)),
        ("0: 0.0001%", Bracket(0, 1)),
        ("0: 0% cap 0", Bracket(0, 0, cap_rial=0)),
    ],
)
def test_a_line_is_a_bracket(text, bracket):
    assert read_line(text) == bracket
    assert read_line(str(bracket)) == bracket


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "fee_bracket_unreadable"),
        ("0", "fee_bracket_unreadable"),
        ("0: ", "fee_bracket_unreadable"),
        ("zero: 1%", "fee_bracket_unreadable"),
        ("-1: 1%", "fee_bracket_unreadable"),
        ("0: 1% max 5", "fee_bracket_unreadable"),
        ("0: 1% cap 5 cap 6", "fee_bracket_unreadable"),
        ("0: 1% cap", "fee_bracket_unreadable"),
        ("0: 1% +1.5", "fee_bracket_unreadable"),
        ("0: 100.0001%", "fee_rate_wrong"),
        ("0: 0.00001%", "fee_rate_wrong"),
        ("0: 1000001ppm", "fee_rate_wrong"),
        ("0: 1e3", "fee_rate_wrong"),
        ("0: -1%", "fee_rate_wrong"),
        ("0: ppm", "fee_rate_wrong"),
        ("10000000001: 1%", "fee_rial_too_large"),
        ("0: 1% cap 99999999999999999999", "fee_bracket_unreadable"),
    ],
)
def test_a_line_that_is_none(text, code):
    with pytest.raises(Refused) as refused:
        read_line(text)
    assert [problem.code for problem in refused.value.problems] == [code]


@pytest.mark.parametrize(
    ("brackets", "codes"),
    [
        ([], ["fee_brackets_missing"]),
        ([Bracket(at, 1) for at in range(BRACKETS_MAX + 1)], ["fee_brackets_too_many"]),
        ([Bracket(5, 1)], ["fee_first_not_nought"]),
        ([Bracket(0, 1), Bracket(0, 2)], ["fee_bracket_twice"]),
        ([Bracket(0, 1, floor_rial=5, cap_rial=4)], ["fee_cap_below_floor"]),
        ([Bracket(5, 1, floor_rial=5, cap_rial=4)], ["fee_first_not_nought", "fee_cap_below_floor"]),
        ([Bracket(0, PPM)], ["fee_eats_amount"]),
        ([Bracket(0, 0, fixed_rial=10_001)], ["fee_eats_amount"]),
        ([Bracket(0, 0, floor_rial=10_001)], ["fee_eats_amount"]),
        ([Bracket(0, 10_000), Bracket(1_000_000, 5_000)], ["fee_falls"]),
    ],
)
def test_brackets_that_are_no_version(brackets, codes):
    with pytest.raises(Refused) as refused:
        check(brackets, SMALLEST)
    assert [problem.code for problem in refused.value.problems] == codes


def test_brackets_are_put_in_order():
    assert check(TARIFF[::-1], SMALLEST) == TARIFF
    # A floor keeps a lower rate above from making a larger purchase cheaper.
    assert len(check([Bracket(0, 10_000), Bracket(1_000_000, 5_000, floor_rial=10_000)], SMALLEST)) == 2


def test_words_that_are_none():
    for read, text, code in (
        (read_bearer, "me", "fee_bearer_unknown"),
        (read_rounding, "half_even", "fee_rounding_unknown"),
        (read_name, " \u200b ", "fee_plan_name_missing"),
        (read_name, "ن" * 61, "fee_plan_name_too_long"),
    ):
        with pytest.raises(Refused, match=code):
            read(text)
    assert (read_bearer("buyer"), read_rounding("up"), read_name(" تعرفهٔ  عمومی ")) == (
        Bearer.BUYER,
        Rounding.UP,
        "تعرفهٔ عمومی",
    )
    assert [percent(ppm) for ppm in (0, 1, 200, 10_000, 12_500, PPM)] == ["0", "0.0001", "0.02", "1", "1.25", "100"]
    assert read_bracket(above="", rate="") == Bracket(0, 0)


def test_what_holds_when():
    def at(days: int) -> datetime:
        return NOW + timedelta(days=days)

    cheap = Plan(1, "cheap", Bearer.MERCHANT, (version(Bracket(0, 1)), Version(at(10), Bearer.MERCHANT, TARIFF)))
    dear = Plan(2, "dear", Bearer.BUYER, (Version(at(-9), Bearer.BUYER, TARIFF), Version(at(4), Bearer.BUYER, TARIFF)))
    found = terms([Assigned(at(20), None), Assigned(at(0), dear), Assigned(at(5), cheap)])
    assert [(term.since, term.plan and term.plan.name, term.version and term.version.valid_from) for term in found] == [
        (at(0), "dear", at(-9)),
        (at(4), "dear", at(4)),
        (at(5), "cheap", at(0)),
        (at(10), "cheap", at(10)),
        (at(20), None, None),
    ]
    assert present_and_next(found, at(-1)) == (None, found[0])
    assert present_and_next(found, at(4)) == (found[1], found[2])
    assert present_and_next(found, at(30)) == (found[4], None)


# --- properties -------------------------------------------------------------------------------------------------------

rials = st.one_of(st.integers(0, 100_000), st.integers(0, RIAL_MAX))
amounts = st.one_of(st.integers(1, 200_000), st.integers(1, LARGEST), st.integers(1, BIGINT_MAX - 2 * RIAL_MAX))
rates = st.one_of(st.integers(0, 20_000), st.integers(0, PPM), st.just(PPM))


@st.composite
def brackets_(draw) -> tuple[Bracket, ...]:
    edges = sorted({0, *draw(st.lists(rials, max_size=4))})
    rounding = draw(st.sampled_from(Rounding))
    return tuple(_bracket(draw, above, rounding) for above in edges)


def _bracket(draw, above: int, rounding: Rounding) -> Bracket:
    floor = draw(st.one_of(st.just(0), rials))
    cap = draw(st.one_of(st.none(), st.integers(floor, RIAL_MAX)))
    return Bracket(above, draw(rates), draw(st.one_of(st.just(0), rials)), floor, cap, rounding)


@given(brackets=brackets_(), amount=amounts)
def test_a_fee_stays_within_its_bounds(brackets, amount):
    bracket = version(*brackets).bracket(amount)
    fee = quote(version(*brackets), Rial(amount)).fee
    assert 0 <= fee <= amount
    assert fee >= min(bracket.floor_rial, amount)
    assert bracket.cap_rial is None or fee <= bracket.cap_rial
    exact = bracket.fixed_rial * PPM + amount * bracket.ppm
    if bracket.floor_rial < fee < min(amount, bracket.cap_rial or amount):
        assert abs(fee * PPM - exact) < PPM


@given(brackets=brackets_(), pair=st.tuples(st.integers(10_001, LARGEST), st.integers(10_001, LARGEST)))
def test_what_check_lets_through_never_falls_and_leaves_something(brackets, pair):
    try:
        checked = version(*check(brackets, SMALLEST))
    except Refused:
        assume(False)
    smaller, larger = sorted(pair)
    assert quote(checked, Rial(smaller)).fee <= quote(checked, Rial(larger)).fee
    for amount in {*pair, *(b.above_rial + step for b in checked.brackets for step in (0, 1)), 10_001, LARGEST}:
        if 10_001 <= amount <= LARGEST:
            assert quote(checked, Rial(amount)).net >= 1


@pytest.fixture(scope="module")
def sql(shared_dsn):
    with psycopg.connect(shared_dsn, autocommit=True) as connection:
        yield connection


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(brackets=brackets_(), more=st.lists(amounts, min_size=5, max_size=20), buyer=st.booleans())
@example(brackets=(Bracket(0, PPM, rounding=Rounding.UP),), more=[BIGINT_MAX - 2 * RIAL_MAX], buyer=True)
# What numeric division would have rounded before its time: 0.9999995 Rial at the twelfth digit.
@example(brackets=(Bracket(0, 999_999, rounding=Rounding.DOWN),), more=[10**13 - 1, 10**12 + 1], buyer=False)
def test_postgresql_counts_the_same(sql, brackets, more, buyer):
    edges = [b.above_rial + step for b in brackets for step in (-1, 0, 1) if b.above_rial + step > 0]
    asked = [*more, *edges, 10_001, LARGEST]
    bearer = Bearer.BUYER if buyer else Bearer.MERCHANT
    with sql.transaction(force_rollback=True):
        (gateway,) = sql.execute(
            "insert into gateway (name, rmz_hash, created_at) values ('x', sha256('x'), %s) returning id", [NOW]
        ).fetchone()
        (plan,) = sql.execute(
            "insert into fee_plan (name, bearer, created_at) values ('p', %s, %s) returning id", [bearer, NOW]
        ).fetchone()
        # An older and a later version, which must not be looked at.
        for days, rows in ((-1, (Bracket(0, 7),)), (0, brackets), (1, (Bracket(0, 9),))):
            put_version(sql, plan, NOW + timedelta(days=days), rows)
        sql.execute("insert into gateway_fee values (%s, %s, %s)", [gateway, NOW, plan])
        said = sql.execute(
            """
            select amount, f.fee_rial, f.by_buyer from unnest(%s::bigint[]) with ordinality as asked (amount, place)
            left join lateral fee_of(%s, asked.amount, %s) f on true order by place
            """,
            [asked, gateway, NOW + timedelta(hours=1)],
        ).fetchall()
    ours = version(*brackets, bearer=bearer)
    assert said == [(amount, ours.bracket(amount).fee(amount), buyer) for amount in asked]


def put_version(sql, plan, valid_from, brackets):
    with sql.cursor() as cursor:
        cursor.execute(
            """
            insert into fee_bracket (plan_id, valid_from, above_rial, ppm, fixed_rial, floor_rial, cap_rial, rounding)
            select %s, %s, b.* from
                unnest(%s::bigint[], %s::int[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[]) b
            """,
            [
                plan,
                valid_from,
                [b.above_rial for b in brackets],
                [b.ppm for b in brackets],
                [b.fixed_rial for b in brackets],
                [b.floor_rial for b in brackets],
                [b.cap_rial for b in brackets],
                [b.rounding for b in brackets],
            ],
        )


def test_postgresql_inlines_it_and_short_circuits(sql):
    """What every purchase pays for: without a plan one look at an index, and nothing behind it is run."""
    plan = "\n".join(
        line
        for (line,) in sql.execute("explain (analyze, costs off, timing off) select * from fee_of(1, 50000, now())")
    )
    assert "gateway_fee" in plan, "the function is inlined"
    assert "Function Scan" not in plan
    assert [line for line in plan.splitlines() if "fee_bracket" in line and "never executed" not in line] == []


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("update fee_bracket set ppm = 5", "append only"),
        ("delete from gateway_fee", "append only"),
        ("update fee_plan set bearer = 'buyer'", "append only"),
        ("insert into fee_bracket (plan_id, valid_from, above_rial, ppm) values (1, now(), 5, 1)", "begins above 0"),
    ],
)
def test_the_database_keeps_what_was_in_force(sql, statement, why):
    with sql.transaction(force_rollback=True):
        sql.execute(
            """
            insert into fee_plan (id, name, bearer, created_at) overriding system value
            values (1, 'p', 'merchant', now())
            """
        )
        put_version(sql, 1, NOW, [Bracket(0, 5)])
        with pytest.raises(psycopg.Error, match=why), sql.transaction():
            sql.execute(statement)
