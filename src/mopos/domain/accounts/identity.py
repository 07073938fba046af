"""Iran's two identity numbers: a person's national id (کد ملی) and a company's legal id (شناسهٔ ملی). Pure.

Both carry a check digit, so a slip of the hand is noticed before anybody asks a register.
"""

from __future__ import annotations

import re

from mopos.base.text import latin_digits

NATIONAL_ID_DIGITS = 10
LEGAL_ID_DIGITS = 11
# Of the ten first digits of a legal id, in order, twice.
_LEGAL_WEIGHTS = (29, 27, 23, 19, 17) * 2
# What people put between the digits of a number that they copy from a card.
_BETWEEN = re.compile(r"[\s\-\u200b-\u200f_/.]")


def digits_of(text: str) -> str:
    """`۰۰۱-۲۳۴۵۶۷-۸` as `0012345678`; what is no digit stays, for the rule to refuse."""
    return _BETWEEN.sub("", latin_digits(text))


def is_national_id(text: str) -> bool:
    """Ten digits with the right check digit: the first nine weigh 10 to 2, r is their sum modulo 11, and the last is r
    where r < 2, otherwise 11 - r. Ten equal digits would pass, and are nobody's."""
    if not _is_digits(text, NATIONAL_ID_DIGITS) or len(set(text)) == 1:
        return False
    rest = sum(int(digit) * weight for digit, weight in zip(text, range(10, 1, -1), strict=False)) % 11
    return int(text[-1]) == (rest if rest < 2 else 11 - rest)


def is_legal_id(text: str) -> bool:
    """Eleven digits with the right check digit: to each of the first ten the tenth and two are added, the sum of them
    by 29, 27, 23, 19, 17 (twice) modulo 11 is the last one, 10 counting as 0. The six in the middle, the company's own
    number, are not all nought."""
    if not _is_digits(text, LEGAL_ID_DIGITS) or text[3:9] == "000000":
        return False
    added = int(text[9]) + 2
    total = sum((int(digit) + added) * weight for digit, weight in zip(text, _LEGAL_WEIGHTS, strict=False))
    return int(text[-1]) == total % 11 % 10


def _is_digits(text: str, count: int) -> bool:
    return len(text) == count and text.isascii() and text.isdigit()
