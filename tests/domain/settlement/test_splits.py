"""Splits: what may be defined, and that shares sum to the Rial whatever is divided."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mopos.base.errors import Refused
from mopos.base.iban import with_check_digits
from mopos.base.money import RIAL_MAX, Rial
from mopos.domain.settlement.splits import (
    PARTS_MAX,
    WHOLE_PPM,
    FeeFrom,
    Part,
    Split,
    define,
    divide,
    from_json,
    to_json,
)


def iban(number: int) -> str:
    return with_check_digits(f"012{number:019}")


def remainder(number=0):
    return Part("فروشگاه", iban(number))


def percent(number, ppm):
    return Part(f"شریک {number}", iban(number), ppm=ppm)


def fixed(number, rial):
    return Part(f"شریک {number}", iban(number), rial=rial)


def amounts(split, net, fee=0):
    return [int(share.amount) for share in divide(split, Rial(net), Rial(fee))]


@st.composite
def splits(draw):
    """Any split that can be defined."""
    count = draw(st.integers(1, PARTS_MAX))
    left = WHOLE_PPM
    parts = [remainder()]
    for number in range(1, count):
        if left and draw(st.booleans()):
            ppm = draw(st.integers(1, left))
            left -= ppm
            parts.append(percent(number, ppm))
        else:
            parts.append(fixed(number, draw(st.integers(1, 10**12))))
    return define(draw(st.permutations(parts)), draw(st.sampled_from(list(FeeFrom))))


rials = st.one_of(st.integers(0, 10**4), st.integers(0, 10**13)).map(Rial)


@given(splits(), rials, rials)
def test_shares_sum_to_the_rial_and_none_is_negative(split, net, fee):
    shares = divide(split, net, fee)
    assert sum(share.amount for share in shares) == net
    assert all(share.amount >= 0 for share in shares)
    assert [share.part for share in shares] == list(split.parts)


@given(splits(), rials, rials)
def test_nobody_gets_more_than_was_agreed(split, net, fee):
    for part, amount in divide(split, net, fee):
        if part.rial is not None:
            assert amount <= part.rial
        if part.ppm is not None:
            assert amount <= (net + fee) * part.ppm / WHOLE_PPM + 1


@given(splits(), rials, rials)
def test_a_split_is_kept_and_read_as_it_was(split, net, fee):
    assert from_json(to_json(split)) == split


@given(splits(), rials)
def test_without_a_fee_it_does_not_matter_who_bears_it(split, net):
    assert amounts(split._replace(fee_from=FeeFrom.ALL), net) == amounts(
        split._replace(fee_from=FeeFrom.REMAINDER), net
    )


def test_the_largest_amount_there_is():
    split = define([remainder(), percent(1, 333_333), fixed(2, RIAL_MAX)])
    assert sum(amounts(split, RIAL_MAX)) == RIAL_MAX


@pytest.mark.parametrize(
    ("split", "net", "fee", "shares"),
    [
        # The odd Rial is the remainder's.
        (define([percent(1, 333_333), remainder()]), 100, 0, [33, 67]),
        # Fixed parts come first, wherever they stand.
        (define([percent(1, 500_000), fixed(2, 30), remainder()]), 100, 0, [50, 30, 20]),
        # Too little: cut in their order.
        (define([fixed(1, 70), remainder(), fixed(2, 50)]), 100, 0, [70, 0, 30]),
        (define([percent(1, 1_000_000), remainder(), fixed(2, 60)]), 100, 0, [40, 0, 60]),
        # All bear the fee: a tenth of what is left.
        (define([percent(1, 100_000), remainder()]), 900, 100, [90, 810]),
        # The remainder's party bears it: a tenth of the whole.
        (define([percent(1, 100_000), remainder()], "remainder"), 900, 100, [100, 800]),
        (define([remainder()]), 5, 2, [5]),
    ],
)
def test_by_hand(split, net, fee, shares):
    assert amounts(split, net, fee) == shares


WRONG = iban(1)[:-1] + "0"


@pytest.mark.parametrize(
    ("parts", "fee_from", "codes"),
    [
        ([percent(1, 500_000)], "all", ["split_remainder"]),
        ([remainder(0), remainder(1)], "all", ["split_remainder"]),
        ([remainder(), percent(1, 600_000), percent(2, 400_001)], "all", ["split_percent_sum"]),
        ([remainder(), percent(1, 0)], "all", ["split_share_wrong"]),
        ([remainder(), percent(1, -1)], "all", ["split_share_wrong"]),
        ([remainder(), fixed(1, 0)], "all", ["split_share_wrong"]),
        ([remainder(), fixed(1, RIAL_MAX + 1)], "all", ["split_share_wrong"]),
        ([remainder(), Part("شریک", iban(1), ppm=1, rial=1)], "all", ["split_share_wrong"]),
        ([remainder(), Part("شریک", WRONG, ppm=1)], "all", ["split_iban_wrong"]),
        ([remainder(), Part("  ", iban(1), ppm=1)], "all", ["split_payee_missing"]),
        ([remainder(), Part("ن" * 101, iban(1), ppm=1)], "all", ["split_payee_too_long"]),
        ([remainder(1), percent(1, 5)], "all", ["split_iban_twice"]),
        ([remainder()], "buyer", ["split_fee_from"]),
        ([remainder(), *(fixed(n, 1) for n in range(1, PARTS_MAX + 1))], "all", ["split_too_many"]),
    ],
)
def test_what_is_refused_when_it_is_defined(parts, fee_from, codes):
    with pytest.raises(Refused) as refused:
        define(parts, fee_from)
    assert [problem.code for problem in refused.value.problems] == codes


def test_as_people_write_it():
    typed = Part("  شریک   یک ", "43 0120 0000 0000 0000 0000 01", "۰۰۱۳۵۴۲۴۱۹")
    (part,) = define([typed]).parts
    assert part == Part("شریک یک", "IR430120000000000000000001", "0013542419")


def test_no_parts_end_it():
    assert define([]) == Split()
    assert to_json(define([])) == []
    assert divide(Split(), Rial(0), Rial(0)) == []
