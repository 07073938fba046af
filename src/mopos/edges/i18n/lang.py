"""Which language a reader gets."""

from __future__ import annotations

from enum import StrEnum

# Browsers send well under 100 characters; a longer list is cut rather than walked.
_HEADER_LENGTH_MAX = 500


class Lang(StrEnum):
    """The languages of all pages. The values are those of HTML's `lang`."""

    FA = "fa"
    EN = "en"

    @property
    def dir(self) -> str:
        """HTML's `dir`."""
        return "rtl" if self is Lang.FA else "ltr"

    @property
    def other(self) -> Lang:
        """The language that the switch leads to."""
        return Lang.EN if self is Lang.FA else Lang.FA


def choose(query_lang: str | None, accept_language: str | None) -> Lang:
    """The switch (`?lang=`) wins, then the best of the two that the browser asks for; Persian where nobody says."""
    switched = _known(query_lang or "")
    if switched:
        return switched
    wishes = [_wish(part) for part in (accept_language or "")[:_HEADER_LENGTH_MAX].split(",")]
    known = [(lang, weight) for lang, weight in wishes if lang and weight > 0]
    # `max` keeps the first of equals, as RFC 9110 leaves their order to us.
    best, _ = max(known, key=lambda wish: wish[1], default=(Lang.FA, 1.0))
    return best


def _wish(part: str) -> tuple[Lang | None, float]:
    """`en-GB;q=0.8` as (EN, 0.8): RFC 9110 section 12.5.4. A weight that cannot be read counts as no wish."""
    name, _, parameter = part.partition(";")
    lang = _known(name.strip().partition("-")[0])
    key, _, weight = parameter.strip().partition("=")
    if not key:
        return lang, 1.0
    try:
        return lang, float(weight) if key.strip().lower() == "q" else 0.0
    except ValueError:
        return lang, 0.0


def _known(name: str) -> Lang | None:
    return next((lang for lang in Lang if lang == name.lower()), None)
