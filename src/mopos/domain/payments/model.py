"""A purchase and its attempts: the rules, without a database and without a bank."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit, urlunsplit

from mopos.base.errors import Refused
from mopos.base.hosts import ascii_host, enclosing
from mopos.base.ids import (
    has_check_digit,
    looks_unguessable,
    unguessable,
    with_check_digit,
    without_check_digit,
)
from mopos.base.money import Rial
from mopos.base.text import harmless, latin_digits
from mopos.domain.payments.signature import signed_text
from mopos.domain.payments.states import PAYREP_ERR, REFUNDED_ERR, State

# Guide section 3: "the amount must be above 10,000 Rial"; 10,000 itself is refused.
AMNT_RIAL_MIN = Rial(10_001)
# Five times what one person may pay by card in a day (see the limits in docs/reference/limits): a larger number is a
# mistake in the shop, such as an amount multiplied twice.
AMNT_RIAL_MAX = Rial(10_000_000_000)
# Long enough for a GUID with a prefix; short enough for a bank's report and a phone's screen.
RES_LENGTH_MAX = 64
# A name and a description that a page and an accountant can still read.
NAM_LENGTH_MAX = 200
DSC_LENGTH_MAX = 1_000
# What old browsers and servers take as an address.
REDIRECT_LENGTH_MAX = 2_000
# Of a field as it was received, kept where it differs from what was read: as much as the longest field may have.
RAW_LENGTH_MAX = 2_000
# A buyer who was refused this often is to go back to the shop.
ATTEMPTS_MAX = 10
# Ten attempts make some fifty moves. A browser that comes back again and again without having paid makes more; from
# here on it only sees its page, and the worker asks the bank in its own time.
VERSION_MAX = 200
# A silent bank is asked at least this often.
ASK_AGAIN_MAX = timedelta(hours=1)

_TERMINAL = re.compile(r"[1-9][0-9]{0,8}")
_AMOUNT = re.compile(r"0|[1-9][0-9]{0,17}")
_FIELDS = ("ID", "Res", "Amnt", "Nam", "Dsc", "RedirectURL")


@dataclass(frozen=True, slots=True)
class NewPurchase:
    """The guide's form (section 3), parsed once and trusted from here on."""

    gateway_id: int
    res: str
    amount: Rial
    nam: str
    dsc: str
    redirect_url: str
    hosts: list[str] = field(default_factory=list)
    """The host of `redirect_url` and the domains around it: one of them must be registered."""
    sig: str = ""
    signed: str = ""
    """The text that `sig` is to be made of; empty where there is none."""
    raw: dict[str, str] | None = None
    """Fields as they were received, where something else was read from them; None: none."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """A purchase and its latest attempt, as one row of the database tells them."""

    id: int
    gateway_id: int
    gateway_name: str
    res: str
    amount: Rial
    nam: str
    dsc: str
    redirect_url: str
    buyer_ip: IPv4Address | IPv6Address
    token: str
    state: State
    version: int
    attempt_count: int
    check_count: int
    registered_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    late: bool
    acknowledged_at: datetime | None
    attempt_id: int
    terminal_id: int
    attempt_state: str
    attempt_started_at: datetime
    attempt_ended_at: datetime | None
    ref: str
    bank_token: str | None
    bank_redirect: dict[str, object] | None
    bank_ref: str | None
    trace: str
    masked_pan: str
    decline: str | None
    returned_ref: str | None = None
    """The bank's reference as the browser brought it: which question to ask, never evidence."""
    returned_pan: str = ""
    fee_rial: int = 0
    """The operator's fee, fixed when it was registered."""
    fee_by_buyer: bool = False
    """Whether the buyer pays it on top of `amount`; else the merchant bears it."""
    refund_rial: int = 0
    """What all refunds that have not failed come to."""
    refunded_rial: int = 0
    """What of it has been given back for certain."""
    entry_id: int | None = None
    """The ledger entry by which the latest attempt was paid."""
    brand_name: str = ""
    """What buyers know the shop as; empty: the gateway's own name."""
    brand_colour: str = ""
    brand_logo_hash: str = ""
    terminal_off: bool = False
    """Told of a purchase that was registered just now: operators have switched its terminal off."""

    @property
    def number(self) -> str:
        """The purchase number that people read: the id with a check digit."""
        return with_check_digit(self.id)

    @property
    def charge(self) -> Rial:
        """What the buyer pays at the bank: the amount, and the fee where the buyer bears it."""
        return self.amount + Rial(self.fee_rial) if self.fee_by_buyer else self.amount

    @property
    def err(self) -> int:
        """What `PayRep` answers (`Err`): the state's code, or that refunds have given all of it back."""
        if self.refunded_rial and self.refunded_rial == self.amount and self.state is State.PAID:
            return REFUNDED_ERR
        return PAYREP_ERR[self.state]

    @property
    def asks_for_fee(self) -> bool:
        """Whether the buyer is yet to see the fee that he bears, before anything happens."""
        return self.fee_by_buyer and self.fee_rial > 0 and self.state is State.REGISTERED and self.version == 1

    @property
    def order_number(self) -> str:
        """The number under which the bank knows the latest attempt; never used twice."""
        return str(self.attempt_id)

    @property
    def back_url(self) -> str:
        """Where the buyer returns to the shop: `RedirectURL` with `Res` and nothing else (guide section 4)."""
        return back_to_shop(self.redirect_url, self.res)

    def is_same_form(self, new: NewPurchase) -> bool:
        """Whether the same form was posted again: ID, Res, Amnt and RedirectURL; name and description may differ."""
        return (self.gateway_id, self.res, self.amount, self.redirect_url) == (
            new.gateway_id,
            new.res,
            new.amount,
            new.redirect_url,
        )

    def may_try_again(self, now: datetime) -> bool:
        """Whether the buyer may be sent to a bank (again): never while an earlier attempt may have taken the money."""
        if now >= self.expires_at:
            return False
        if self.state in (State.DECLINED, State.CANCELLED, State.REGISTERED):
            return self.attempt_count < ATTEMPTS_MAX
        return self.state is State.AT_BANK


def new_ref(terminal_id: int) -> str:
    """The unguessable part of an attempt's return address. It names the terminal, so that what the browser brings can
    be read before the attempt is looked up."""
    return f"{terminal_id}-{unguessable()}"


def terminal_of_ref(ref: str) -> int | None:
    """The terminal that a return address names. None: it is no return address."""
    number, _, secret = ref.partition("-")
    return int(number) if _TERMINAL.fullmatch(number) and looks_unguessable(secret) else None


def parse_form(fields: Mapping[str, str]) -> NewPurchase:
    """The posted fields (exact names) as a `NewPurchase`. Raises `Refused` with every problem of every field."""
    given = {name: fields.get(name, "") for name in _FIELDS}
    number = latin_digits(given["ID"]).strip()
    amount_text = latin_digits(given["Amnt"]).strip()
    res = given["Res"].strip()
    nam, dsc = harmless(given["Nam"]), harmless(given["Dsc"])
    redirect_url = given["RedirectURL"].strip()
    problems = [
        *_problems_of_id(number),
        *_problems_of_res(res),
        *_problems_of_amount(amount_text),
        *(["nam_too_long"] if len(nam) > NAM_LENGTH_MAX else []),
        *(["dsc_too_long"] if len(dsc) > DSC_LENGTH_MAX else []),
        *_problems_of_redirect(redirect_url),
    ]
    if problems:
        raise Refused(problems)
    sig = fields.get("Sig", "").strip()
    return NewPurchase(
        gateway_id=without_check_digit(number),
        res=res,
        amount=Rial(int(amount_text)),
        nam=nam,
        dsc=dsc,
        redirect_url=redirect_url,
        hosts=enclosing(urlsplit(redirect_url).hostname),
        sig=sig,
        signed=signed_text(given) if sig else "",
        raw=_raw(given, (number, res, amount_text, nam, dsc, redirect_url)),
    )


def _raw(given: dict[str, str], read: tuple[str, ...]) -> dict[str, str] | None:
    if (*given.values(),) == read:
        return None
    # PostgreSQL's JSON cannot hold a NUL; its picture stands for it.
    return {
        name: text[:RAW_LENGTH_MAX].replace("\0", "\u2400")
        for (name, text), value in zip(given.items(), read, strict=True)
        if text != value
    }


def _problems_of_id(number: str) -> list[str]:
    if not number:
        return ["id_missing"]
    # 18 digits are the most that a bigint always holds.
    return [] if len(number) <= 18 and has_check_digit(number) else ["id_unknown"]


def _problems_of_res(res: str) -> list[str]:
    if not res:
        return ["res_missing"]
    if len(res) > RES_LENGTH_MAX:
        return ["res_too_long"]
    return [] if is_plain(res) else ["res_malformed"]


def _problems_of_amount(text: str) -> list[str]:
    if not text:
        return ["amnt_missing"]
    if not _AMOUNT.fullmatch(text):
        # A number that is only too long is too large; signs, points, exponents and leading zeros are no number.
        return ["amnt_too_large"] if re.fullmatch(r"[1-9][0-9]{18,}", text) else ["amnt_not_a_number"]
    if int(text) < AMNT_RIAL_MIN:
        return ["amnt_too_small"]
    return ["amnt_too_large"] if int(text) > AMNT_RIAL_MAX else []


def _problems_of_redirect(url: str) -> list[str]:
    if not url:
        return ["redirect_missing"]
    if len(url) > REDIRECT_LENGTH_MAX:
        return ["redirect_too_long"]
    parts = _split(url)
    if parts is None:
        return ["redirect_malformed"]
    if parts.scheme.lower() not in ("http", "https"):
        return ["redirect_scheme"]
    if "@" in parts.netloc:
        return ["redirect_credentials"]
    return [] if ascii_host(parts.hostname) else ["redirect_malformed"]


def _split(url: str) -> SplitResult | None:
    """The parts of an address; None where browsers and servers could disagree on what they are."""
    if not is_plain(url) or " " in url or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    return parts if port != 0 else None


def is_plain(text: str) -> bool:
    """Whether a text has neither control nor bidi-override characters nor white space other than blanks."""
    return all(char in {"\u200c", " "} or unicodedata.category(char)[0] not in "CZ" for char in text)


def back_to_shop(redirect_url: str, res: str) -> str:
    """The shop's address with `Res` added to its query, in ASCII, ready for a header.

    What the shop put into path, query and fragment survives; only an older `Res` makes room, so that the shop cannot
    read another one than we sent."""
    parts = urlsplit(redirect_url)
    host = ascii_host(parts.hostname) or ""
    netloc = f"{host}:{parts.port}" if parts.port else host
    kept = [pair for pair in parts.query.split("&") if pair and not _names_res(pair)]
    query = "&".join([*(_ascii(pair) for pair in kept), f"Res={quote(res, safe='')}"])
    return urlunsplit((parts.scheme.lower(), netloc, _ascii(parts.path) or "/", query, _ascii(parts.fragment)))


def safe_back_to_shop(fields: Mapping[str, str]) -> str | None:
    """The way back to the shop from a form that was refused; None when the form names no usable one."""
    url, res = fields.get("RedirectURL", "").strip(), fields.get("Res", "").strip()
    if _problems_of_redirect(url):
        return None
    return url if _problems_of_res(res) else back_to_shop(url, res)


def _names_res(pair: str) -> bool:
    return any(name.lower() == "res" for name, _ in parse_qsl(pair, keep_blank_values=True))


def _ascii(part: str) -> str:
    return quote(part, safe="%/:?#[]@!$&'()*+,;=-._~")


def next_check(now: datetime, check_count: int, first_wait: timedelta, often: timedelta, until: datetime) -> datetime:
    """When to ask a silent bank again: after a wait that doubles, an hour at most; and no longer than `often` as long
    as a payment can still be confirmed, `until` the bank has given it back."""
    wait: timedelta = min(first_wait * 2 ** min(check_count, 20), ASK_AGAIN_MAX)
    return now + (min(wait, max(often, first_wait)) if now < until else wait)
