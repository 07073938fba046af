"""IBAN, in Iran called Sheba (شبا): `IR`, two check digits, the bank's three, and the account's nineteen. Pure.

Sources: ISO 13616 and ISO 7064 (mod 97-10).
"""

from __future__ import annotations

import re

from mopos.base.text import latin_digits

IBAN_LENGTH = 26
_IBAN = re.compile(r"IR[0-9]{24}")
# People copy it with blanks, dashes, invisible marks, and the word "Sheba" before it.
_AROUND = re.compile(r"[\s\-\u200b-\u200f\u2066-\u2069_.:/،]|شماره|شمارهٔ|شبا|SHEBA|SHABA|IBAN")


def read_iban(text: str) -> str:
    """What somebody typed or pasted, as `IR` and digits; the `IR` may be left out. Not checked yet."""
    plain = _AROUND.sub("", latin_digits(text).upper())
    return f"IR{plain}" if plain.isascii() and plain.isdigit() else plain


def has_iban_form(iban: str) -> bool:
    """`IR` and 24 digits."""
    return _IBAN.fullmatch(iban) is not None


def is_iban(iban: str) -> bool:
    """The right form and the right check digits (mod 97-10: the first four characters moved to the end, letters as
    numbers, leave 1)."""
    return has_iban_form(iban) and int(f"{iban[4:]}1827{iban[2:4]}") % 97 == 1


def with_check_digits(bban: str) -> str:
    """The IBAN of a bank code and an account number (22 digits together)."""
    return f"IR{98 - int(f'{bban}182700') % 97:02}{bban}"
