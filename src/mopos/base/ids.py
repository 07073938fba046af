"""Numbers that people type, and references that nobody may guess."""

from __future__ import annotations

import re
import secrets

_UNGUESSABLE = re.compile(r"[A-Za-z0-9_-]{22}")


def with_check_digit(number: int) -> str:
    """The number with one more digit (Luhn, ISO/IEC 7812-1): a mistyped digit or two swapped neighbours are noticed."""
    return f"{number}{_luhn(str(number) + '0') * 9 % 10}"


def has_check_digit(text: str) -> bool:
    """Whether `text` is a number whose last digit is its right check digit."""
    return text.isascii() and text.isdigit() and len(text) >= 2 and _luhn(text) == 0


def without_check_digit(text: str) -> int:
    """The number that `with_check_digit` was given. Raises `ValueError` when the check digit is wrong."""
    if not has_check_digit(text):
        raise ValueError("wrong check digit")
    return int(text[:-1])


def unguessable() -> str:
    """A reference of 128 random bits for an address, such as an attempt's return address: 22 URL-safe characters."""
    return secrets.token_urlsafe(16)


def looks_unguessable(text: str) -> bool:
    """Whether `text` has the form of an `unguessable` reference, so that asking the database for it makes sense."""
    return _UNGUESSABLE.fullmatch(text) is not None


def _luhn(digits: str) -> int:
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (doubled + sum(int(digit) for digit in digits[-1::-2])) % 10
