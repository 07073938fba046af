"""The banks behind an IBAN (Sheba, شبا). The number itself is `base/iban.py`'s.

The banks' codes are public lists that agree; where a list disagrees the row says so. A code that is not listed is no
reason to refuse a number whose check digits are right: new banks come.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mopos.base.iban import IBAN_LENGTH, has_iban_form, is_iban, read_iban, with_check_digits

__all__ = [
    "BANKS",
    "IBAN_LENGTH",
    "IranianBank",
    "bank_code",
    "has_iban_form",
    "in_fours",
    "is_iban",
    "read_iban",
    "with_check_digits",
]


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


def bank_code(iban: str) -> str:
    """The bank's three digits."""
    return iban[4:7]


def in_fours(iban: str) -> str:
    """`IR43 0120 0000 ...`: as it is printed, and read aloud."""
    return " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))
