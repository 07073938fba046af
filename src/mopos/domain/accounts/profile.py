"""An account's profile: who the merchant is, and where the money goes. Pure rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from mopos.base.errors import Refused
from mopos.base.text import harmless
from mopos.domain.accounts.iban import has_iban_form, is_iban, read_iban
from mopos.domain.accounts.identity import digits_of, is_legal_id, is_national_id

# As the columns of `account` hold it.
NAME_LENGTH_MAX = 100
ENAMAD_LENGTH_MAX = 100
ADDRESS_LENGTH_MAX = 500
# The tax office's economic code has 12 digits, old ones 11 to 14, and since 1402 it may be the national or legal id.
_TAX_CODE = re.compile(r"[0-9]{10,14}")


UNNAMED = "?"


class Kind(StrEnum):
    """What the merchant is in law."""

    NATURAL = "natural"
    LEGAL = "legal"


class Profile(NamedTuple):
    """What a merchant says about himself, without the bank account."""

    kind: Kind
    name: str
    national_id: str
    """Ten digits of a person, eleven of a company; empty: not given yet."""
    enamad: str
    tax_code: str
    address: str


class BankAccount(NamedTuple):
    """Where the money goes, and what is known about whose it is."""

    iban: str
    """Empty: not given yet."""
    checked_at: datetime | None
    """None: nobody has answered yet."""
    matches: bool | None
    """Whether it belongs to the national id. None with a date: the bank told a name that a person has to compare."""
    owner: str
    """In the bank's words: for operators only, as anybody could ask about anybody's number here. `UNNAMED` when there
    is an account and the bank told no name; empty with an answer when there is no such account."""

    @property
    def standing(self) -> str:
        """`none`, `open` (nobody knows yet), `matches`, `other`, `unclear`, or `missing` (the bank knows no such)."""
        if not self.iban:
            return "none"
        if self.checked_at is None:
            return "open"
        if self.matches is None:
            return "unclear"
        if self.matches:
            return "matches"
        return "other" if self.owner else "missing"


class Account(NamedTuple):
    """An account, whole."""

    id: int
    profile: Profile
    bank: BankAccount
    created_at: datetime

    @property
    def lacks(self) -> list[str]:
        """Which fields must be filled in before a gateway can be applied for, in the form's order."""
        wanted = {
            "name": self.profile.name,
            "national_id": self.profile.national_id,
            "address": self.profile.address,
            "iban": self.bank.iban,
        }
        return [name for name, value in wanted.items() if not value]


def read_profile(form: Mapping[str, str]) -> Profile:
    """A profile as it was typed in. Raises `Refused` with all that is wrong."""
    kind = form.get("kind", "")
    tidy = {name: harmless(form.get(name, "")) for name in ("name", "enamad", "address")}
    national_id, tax_code = digits_of(form.get("national_id", "")), digits_of(form.get("tax_code", ""))
    if problems := [*_wrong(kind, national_id, tax_code), *_out_of_bounds(tidy)]:
        raise Refused(problems)
    return Profile(Kind(kind), tidy["name"], national_id, tidy["enamad"], tax_code, tidy["address"])


def _wrong(kind: str, national_id: str, tax_code: str) -> Iterator[str]:
    if kind not in tuple(Kind):
        yield "account_kind_unknown"
    elif national_id and kind == Kind.LEGAL and not is_legal_id(national_id):
        yield "legal_id_wrong"
    elif national_id and kind == Kind.NATURAL and not is_national_id(national_id):
        yield "national_id_wrong"
    if tax_code and not _TAX_CODE.fullmatch(tax_code):
        yield "tax_code_wrong"


def _out_of_bounds(tidy: Mapping[str, str]) -> Iterator[str]:
    if not tidy["name"]:
        yield "account_name_missing"
    bounds = {"name": NAME_LENGTH_MAX, "enamad": ENAMAD_LENGTH_MAX, "address": ADDRESS_LENGTH_MAX}
    yield from (f"account_{name}_too_long" for name, bound in bounds.items() if len(tidy[name]) > bound)


def read_bank_account(text: str) -> str:
    """An IBAN as it was typed in. Raises `Refused`."""
    iban = read_iban(text)
    if not has_iban_form(iban):
        raise Refused(["iban_malformed"])
    if not is_iban(iban):
        raise Refused(["iban_wrong_digits"])
    return iban
