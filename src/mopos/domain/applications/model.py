"""An application for a gateway: what a merchant writes in it, and what must be there before it is sent. Pure rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mopos.base.errors import Refused
from mopos.base.hosts import is_address, read_domain
from mopos.base.ids import with_check_digit
from mopos.base.money import Rial
from mopos.base.text import harmless, latin_digits
from mopos.domain.applications.states import State

# What fits above an amount on a phone's screen, as buyers see it while they pay.
TITLE_LENGTH_MAX = 60
# An address as typed, before it is read as a domain (a domain itself has 253 characters at most).
SITE_LENGTH_MAX = 200
# A page of text: what is sold, to whom, how it is delivered.
BUSINESS_LENGTH_MAX = 1_000
# Fewer words than these tell an operator nothing.
BUSINESS_LENGTH_MIN = 20
# More than the largest merchants of the country sell; a larger number is a slip of the finger.
MONTHLY_RIAL_MAX = Rial(100_000_000_000_000)
# Several shops, each with its own application; more at once is somebody who plays.
UNDECIDED_MAX = 5
MESSAGE_LENGTH_MAX = 2_000
REASON_LENGTH_MAX = 1_000
# A talk of hundreds of messages belongs on the telephone.
MESSAGES_MAX = 200

_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_SEPARATORS = re.compile(r"[\s,٬،]")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a merchant has written so far."""

    title: str
    site: str
    """A domain as DNS writes it, once it can be read as one; what was typed until then."""
    business: str
    monthly: Rial | None


@dataclass(frozen=True, slots=True)
class Application:
    """An application as one row of the database tells it."""

    id: int
    account_id: int
    gateway_id: int | None
    state: State
    version: int
    title: str
    site: str
    business: str
    monthly: Rial | None
    created_at: datetime
    submitted_at: datetime | None
    decided_at: datetime | None

    @property
    def number(self) -> str:
        """The number that people read."""
        return with_check_digit(self.id)

    @property
    def wish(self) -> Wish:
        """What is written in it."""
        return Wish(self.title, self.site, self.business, self.monthly)


@dataclass(frozen=True, slots=True)
class Profile:
    """What an operator must know of the account before a gateway is asked for."""

    name: str
    national_id: str
    iban: str


def read_wish(form: Mapping[str, str]) -> Wish:
    """The fields of the page. Raises `Refused` for what could not even be kept in a draft: too long, or no number."""
    title, site = harmless(form.get("title", "")), latin_digits(form.get("site", "")).strip()
    business, number = form.get("business", "").strip(), _SEPARATORS.sub("", latin_digits(form.get("monthly", "")))
    business = "\n".join(harmless(line) for line in business.splitlines())
    problems = [
        *(["title_too_long"] if len(title) > TITLE_LENGTH_MAX else []),
        *(["site_malformed"] if len(site) > SITE_LENGTH_MAX or not site.isprintable() else []),
        *(["business_too_long"] if len(business) > BUSINESS_LENGTH_MAX else []),
        *(["monthly_not_a_number"] if number and not _is_monthly(number) else []),
    ]
    if problems:
        raise Refused(problems)
    return Wish(title, read_domain(site) or site, business, Rial(int(number)) if number else None)


def _is_monthly(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None and int(text) <= MONTHLY_RIAL_MAX


def problems_before_sending(wish: Wish, profile: Profile) -> list[str]:
    """Codes of everything that is still missing, all at once."""
    return [
        *(["profile_name_missing"] if not profile.name else []),
        *(["profile_id_missing"] if not profile.national_id else []),
        *(["profile_iban_missing"] if not profile.iban else []),
        *(["title_missing"] if not wish.title else []),
        *_problems_of_site(wish.site),
        *_problems_of_business(wish.business),
        *(["monthly_missing"] if wish.monthly is None else []),
    ]


def _problems_of_site(site: str) -> list[str]:
    if not site:
        return ["site_missing"]
    # A developer's own machine may be registered later; nobody sells there.
    return [] if read_domain(site) == site and site != "localhost" and not is_address(site) else ["site_malformed"]


def _problems_of_business(business: str) -> list[str]:
    if not business:
        return ["business_missing"]
    return ["business_too_short"] if len(business) < BUSINESS_LENGTH_MIN else []


def read_message(text: str) -> str:
    """A message as it is kept, with its lines. Raises `Refused`."""
    plain = "\n".join(harmless(line) for line in text.strip().splitlines()).strip()
    if not plain:
        raise Refused(["message_missing"])
    if len(plain) > MESSAGE_LENGTH_MAX:
        raise Refused(["message_too_long"])
    return plain


def read_reason(text: str) -> str:
    """Why an operator decides so: always said, and read by the merchant. Raises `Refused`."""
    plain = "\n".join(harmless(line) for line in text.strip().splitlines()).strip()
    if not plain:
        raise Refused(["reason_missing"])
    if len(plain) > REASON_LENGTH_MAX:
        raise Refused(["reason_too_long"])
    return plain
