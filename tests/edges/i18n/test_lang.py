"""Which language a reader gets."""

import pytest

from mopos.edges.i18n import Lang, choose


@pytest.mark.parametrize(
    ("switch", "accept_language", "expected"),
    [
        (None, None, "fa"),
        (None, "", "fa"),
        (None, "fa-IR,fa;q=0.9,en;q=0.8", "fa"),
        (None, "en-GB,en;q=0.9,fa;q=0.8", "en"),
        (None, "de,en;q=0.5", "en"),
        (None, "de,fr;q=0.5", "fa"),
        (None, "*", "fa"),
        (None, "EN", "en"),
        (None, "en;q=0.5,fa;q=0.5", "en"),
        (None, "fa;q=0.1, en ; q=0.2", "en"),
        (None, "en;q=0", "fa"),
        (None, "en;q=high", "fa"),
        (None, "en;level=1", "fa"),
        (None, "english", "fa"),
        (None, "x," * 10_000 + "en", "fa"),
        ("en", "fa", "en"),
        ("EN", "fa", "en"),
        ("fa", "en", "fa"),
        ("de", "en", "en"),
        ("", "en", "en"),
    ],
)
def test_the_switch_wins_then_what_the_browser_likes_best(
    switch: str | None, accept_language: str | None, expected: str
) -> None:
    assert choose(switch, accept_language) == expected


def test_each_language_knows_its_direction_and_the_other_one() -> None:
    assert [(lang, lang.dir, lang.other) for lang in Lang] == [("fa", "rtl", "en"), ("en", "ltr", "fa")]
