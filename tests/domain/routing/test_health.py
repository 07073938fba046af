"""How a terminal is judged by what its bank answered; the clock is the test's own."""

from collections import deque
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mopos.domain.routing.health import CALLS_MAX, WINDOW, Fitness, Health, Why

BEGIN = datetime(2026, 11, 25, 9, tzinfo=UTC)


class Told:
    """A terminal's health, told one thing after the other."""

    def __init__(self) -> None:
        self.health, self.now = Health(), BEGIN

    def later(self, seconds: float) -> "Told":
        self.now += timedelta(seconds=seconds)
        return self

    def calls(self, story: str, ms: float = 80) -> "Told":
        """`.` was answered, `x` was silent."""
        for call in story:
            self.health.heard(call == ".", ms, self.now)
        return self

    @property
    def fitness(self) -> Fitness:
        return self.health.fitness(self.now)


@pytest.mark.parametrize(
    ("story", "sick"),
    [
        ("", False),
        ("xx", False),
        ("xxx", True),
        ("xx.xx", True),  # four of five
        ("x.x.", False),  # too few to speak of a share, and half is not more than half
        ("x.x.x", True),
        ("x.x.x.", True),  # once sick, an answer to another question does not make it well
        ("........xx", False),
    ],
)
def test_silence_makes_sick(story, sick):
    assert (Told().calls(story).health.why is Why.SILENT) == sick


def test_old_calls_say_nothing_of_now():
    told = Told().calls("x.x.").later(61)
    assert told.calls("xx").health.why is None, "two silences are all that is known of this minute"
    assert told.health.figures()["calls"] == 2


def test_one_buyer_s_silences_count_once_however_often_he_tries():
    """Each try has an order number of its own; what he buys stays the same."""
    told = Told()
    for number in range(1, 11):
        told.health.opens(str(number), told.now, "purchase 1")
        told.health.heard(False, 80, told.now, str(number))
        told.health.opened(str(number), None, told.now)
    assert told.health.why is None
    told.health.heard(False, 80, told.now, "77")
    told.health.heard(False, 80, told.now, "77")
    assert told.health.why is None, "nor does it count how often we ask what became of one order"
    told.health.heard(False, 80, told.now, "78")
    assert told.health.why is Why.SILENT, "but three buyers are no accident"


def test_one_buyer_does_not_make_most_calls_silent():
    told = Told().calls(".")
    for number in range(1, 11):
        told.health.opens(str(number), told.now, "purchase 1")
        told.health.heard(False, 80, told.now, str(number))
        told.health.opened(str(number), None, told.now)
        told.later(1)
    figures = told.health.figures()
    assert (figures["silent"], figures["calls"]) == (1, 2), "nor do they hide what others were answered"
    assert told.calls("..").later(70).health.why is None
    told.health.heard(False, 80, told.now, "77")
    assert told.health.figures() == {"calls": 1, "silent": 1, "in_a_row": 1, "refused": 0, "slow": 0}


def test_one_buyer_s_refusals_count_once():
    told = Told()
    for number in range(1, 11):
        told.health.opens(str(number), told.now, "purchase 1")
        told.health.opened(str(number), False, told.now)
    assert told.health.why is None


def test_an_order_that_is_accepted_tells_more_than_a_probe_that_says_nothing():
    told = Told()
    for number in range(3):
        told.health.opened(str(number), False, told.now)
    told.calls(".").health.probed(None, told.now)
    told.health.opened("3", None, told.now)
    assert told.health.why is Why.REFUSED
    told.health.opened("4", True, told.now)
    assert (told.health.why, told.fitness) == (None, Fitness.WELL)


def test_refusals_make_sick_until_the_bank_knows_us():
    told = Told()
    for number in range(3):
        assert told.fitness is Fitness.WELL
        told.health.opened(str(number), False, told.now)
    assert (told.health.why, told.fitness) == (Why.REFUSED, Fitness.USELESS)
    told.calls(".").health.probed(None, told.now)
    assert told.health.why is Why.REFUSED, "an answer alone is not enough"
    told.health.probed(True, told.now)
    assert told.fitness is Fitness.WELL


def test_an_accepted_order_between_refusals_starts_the_count_again():
    told = Told()
    for accepted in (False, False, True, None, False, False):
        told.health.opened("1", accepted, told.now)
    assert told.health.why is None


def test_a_refusal_that_looks_like_silence_is_told_as_what_it_is():
    told = Told()
    for number in range(3):
        told.calls("x").health.opened(str(number), False, told.now)
    assert told.health.why is Why.REFUSED
    told.calls("x").health.probed(False, told.now)
    assert told.health.why is Why.REFUSED


def test_after_silence_any_answer_will_do():
    told = Told().calls("xxx")
    told.calls("x").health.probed(None, told.now)
    assert told.health.why is Why.SILENT
    told.calls(".").health.probed(None, told.now)
    assert (told.health.why, told.fitness) == (None, Fitness.WELL)
    assert told.calls("xx").health.why is None, "it begins with a clean sheet"


def test_a_bank_that_answers_but_does_not_know_us_stays_sick():
    told = Told().calls("xxx")
    told.calls(".").health.probed(False, told.now)
    assert told.health.why is Why.REFUSED


def test_probes_come_every_two_seconds_and_more_seldom_for_one_that_keeps_failing():
    told = Told()
    waits = []
    for _ in range(8):
        told.calls("xxx")
        assert not told.health.is_to_be_probed(told.now)
        waits.append((told.health.probe_at - told.now).total_seconds())
        told.later(waits[-1])
        assert told.health.is_to_be_probed(told.now)
        told.calls(".").health.probed(True, told.now)
        assert not told.health.is_to_be_probed(told.now), "a well one is left alone"
        told.later(1)
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]
    told.later(120).calls("xxx")
    assert told.health.probe_at - told.now == timedelta(seconds=2)


def test_slow_is_not_sick_and_passes():
    told = Told().calls("." * 9, ms=4_000)
    assert told.fitness is Fitness.WELL, "nine calls are too few"
    assert told.calls(".", ms=4_000).fitness is Fitness.SLOW
    assert told.health.why is None
    assert told.calls(".", ms=100).fitness is Fitness.WELL, "ten of eleven are less than nineteen of twenty"
    told.calls("." * 9, ms=4_000)
    assert told.fitness is Fitness.SLOW
    assert told.later(61).fitness is Fitness.WELL


def test_who_waits_for_long_and_alone_is_a_sign():
    told = Told()
    told.health.opens("7", told.now)
    assert told.later(3).fitness is Fitness.WELL
    assert told.later(0.1).fitness is Fitness.SLOW
    told.calls(".")
    assert told.fitness is Fitness.WELL, "others are answered"
    told.later(0.1).health.opens("8", told.now)
    told.health.opened("7", None, told.now)
    assert told.later(4).fitness is Fitness.SLOW
    told.health.opened("8", True, told.now)
    assert told.fitness is Fitness.WELL


def test_without_credentials_nothing_helps():
    told = Told()
    told.health = Health(Why.NO_CREDENTIALS)
    assert not told.health.is_to_be_probed(told.now)
    told.calls("...")
    for number in range(3):
        told.health.opened(str(number), False, told.now)
    assert (told.health.why, told.fitness) == (Why.NO_CREDENTIALS, Fitness.USELESS)


STEPS = st.lists(st.tuples(st.booleans(), st.floats(0, 8_000), st.floats(0, 30)), max_size=400)


@given(STEPS)
def test_its_figures_are_those_of_the_window(steps):
    """However calls come, what is counted is what a recount of the latest minute gives, and memory is bounded."""
    health, now = Health(), BEGIN
    kept: deque[tuple[datetime, bool, bool]] = deque(maxlen=CALLS_MAX)
    row = 0
    for answered, ms, wait in steps:
        now += timedelta(seconds=wait)
        health.heard(answered, ms, now)
        kept.append((now, not answered, ms > 3_000))
        row = 0 if answered else row + 1
        recent = [call for call in kept if now - call[0] <= WINDOW]
        assert health.figures() == {
            "calls": len(recent),
            "silent": sum(silent for _, silent, _ in recent),
            "slow": sum(slow for _, _, slow in recent),
            "in_a_row": row,
            "refused": 0,
        }
        if row >= 3:
            assert health.why is Why.SILENT


@given(st.lists(st.booleans(), max_size=60))
def test_a_bank_that_mostly_answers_is_never_called_sick(answers):
    """With an answer after each silence, at most half are silent."""
    told = Told()
    for answered in answers:
        told.calls("." if answered else ".x.")
    assert told.health.why is None
