"""IBAN, in Iran called Sheba (شبا): `IR`, two check digits, the bank's three, and the account's nineteen. Pure.

Sources: ISO 13616 and ISO 7064 (mod 97-10). The banks' codes are public lists that agree; where a list disagrees the
row says so. A code that is not listed is no reason to refuse a number whose check digits are right: new banks come.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from mopos.base.text import latin_digits

IBAN_LENGTH = 26
_IBAN = re.compile(r"IR[0-9]{24}")
# People copy it with blanks, dashes, invisible marks, and the word "Sheba" before it.
_AROUND = re.compile(r"[\s\-\u200b-\u200f\u2066-\u2069_.:/،]|شماره|شمارهٔ|شبا|SHEBA|SHABA|IBAN")


class IranianBank(NamedTuple):
    """A row of the table. Its name is the sentence `bank.CODE`."""

    bic: str
    """Eight letters; empty: not known."""
    now: str = ""
    """The code of the bank that it has become part of; its old numbers go on working."""
    certain: bool = True
    """False: only some lists have this code for this bank."""


BANKS: Mapping[str, IranianBank] = {
    "010": IranianBank("BMJIIRTH"),
    "011": IranianBank("BOIMIRTH"),
    "012": IranianBank("BKMTIRTH"),
    "013": IranianBank("REFAIRTH"),
    "014": IranianBank("BKMNIRTH"),
    "015": IranianBank("SEPBIRTH"),
    "016": IranianBank("KESHIRTH"),
    "017": IranianBank("MELIIRTH"),
    "018": IranianBank("BTEJIRTH"),
    "019": IranianBank("BSIRIRTH"),
    "020": IranianBank("EDBIIRTH"),
    "021": IranianBank("PBIRIRTH"),
    "022": IranianBank("TTBIIRTH"),
    "051": IranianBank("BTOSIRTH"),
    "052": IranianBank("GHVMIRTH", now="015"),
    "053": IranianBank("KBIDIRTH"),
    "054": IranianBank("BKPAIRTH"),
    "055": IranianBank("BEGNIRTH"),
    "056": IranianBank("SABCIRTH"),
    "057": IranianBank("BKBPIRTH"),
    "058": IranianBank("SRMBIRTH"),
    "059": IranianBank("SINAIRTH"),
    "060": IranianBank("MEHRIRTH"),
    "061": IranianBank("CIYBIRTH"),
    "062": IranianBank("AYBKIRTH", now="017"),
    "063": IranianBank("ANSBIRTH", now="015"),
    "064": IranianBank("TOSMIRTH"),
    "065": IranianBank("", now="015"),
    "066": IranianBank("DAYBIRTH"),
    "069": IranianBank("IRZAIRTH"),
    "070": IranianBank("RESAIRTH"),
    "073": IranianBank("KSACIRTH", now="015"),
    "075": IranianBank("TOUSIRTH"),
    "078": IranianBank("KHMIIRTH"),
    "079": IranianBank("", now="015"),
    "080": IranianBank("NOORIRTH"),
    "090": IranianBank("MEHRIRTH", certain=False),
    "095": IranianBank("IVBBIRTH"),
}


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


def bank_code(iban: str) -> str:
    """The bank's three digits."""
    return iban[4:7]


def in_fours(iban: str) -> str:
    """`IR43 0120 0000 ...`: as it is printed, and read aloud."""
    return " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))
