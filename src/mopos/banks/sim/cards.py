"""THE table of the simulated banks' test cards: one row, one way in which a payment can go.

The bank's page lists it, the bank behaves by it, the tests walk through it, and `docs/reference/test-cards.md` is made
from it. The numbers have a right check digit and are all zeros inside, so they belong to nobody.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from mopos.banks.issuers import issuer
from mopos.base.money import Rial

# Works on every card that asks for no other one, beside the dynamic password that the page shows on request.
STATIC_PASSWORD = "12345"  # noqa: S105 - it opens nothing but the sandbox
EXAMPLE_CVV2 = "123"
EXAMPLE_MONTH = "12"
EXAMPLE_YEAR = "10"


class Fault(StrEnum):
    """What goes wrong with one answer to the gateway."""

    SLOW = "slow"
    """The right answer, after two thirds of the gateway's deadline."""
    LATE = "late"
    """The bank does what it was asked, and holds the answer until the gateway has given up."""
    GARBAGE = "garbage"
    """The bank does what it was asked, and answers with bytes that are no answer."""
    ERROR = "error"
    """HTTP 500, and nothing was done."""
    SILENT = "silent"
    """Nothing is done, and no answer comes before the gateway has given up."""
    REFUSED = "refused"
    """The bank says no, and nothing was done."""


class Ending(StrEnum):
    """What becomes of the buyer's browser after paying."""

    RETURNS = "returns"
    STAYS = "stays"
    """The page ends with "you may close this window"."""
    RETURNS_TWICE = "returns_twice"
    """The bank itself posts the true return first, from its own machine; then the browser brings it again."""
    FORGED_FIRST = "forged_first"
    """Before any money is taken, the bank itself posts two forged returns, as an attacker would who knows the return
    address: one says OK with a made-up reference, one says Failed. Then the buyer pays and returns."""


class Card(NamedTuple):
    """One test card."""

    slug: str
    number: str
    fa: str
    en: str
    code: int = 0
    """The bank's code when it refuses this card at once; 0: it takes the money."""
    on_verify: tuple[Fault, ...] = ()
    """What happens to the first, second... answer to `verify` about an order paid with it; afterwards all is well."""
    on_inquire: tuple[Fault, ...] = ()
    on_reverse: tuple[Fault, ...] = ()
    on_refund: tuple[Fault, ...] = ()
    ending: Ending = Ending.RETURNS
    takes_one_in: int = 1
    """It takes this part of the amount only."""

    def takes(self, amount: Rial) -> Rial:
        """What is really taken when `amount` was ordered; one Rial at least."""
        return Rial(max(1, int(amount) // self.takes_one_in))


CARDS: tuple[Card, ...] = (
    Card("paid", "6037990000000014", "پرداخت موفق", "paid"),
    Card("insufficient_funds", "6104330000000011", "موجودی کافی نیست", "not enough balance", code=51),
    Card("wrong_pin", "6219860000000019", "رمز دوم همیشه نادرست است", "second password always wrong", code=55),
    Card("expired_card", "6221060000000012", "تاریخ کارت گذشته است", "expired card", code=54),
    Card("wrong_card", "5022290000000026", "کارت نامعتبر است", "invalid card", code=56),
    Card("not_permitted", "5022290000000042", "این کارت اجازهٔ خرید اینترنتی ندارد", "not permitted", code=57),
    Card("issuer_down", "5022290000000018", "بانک صادرکننده پاسخ نمی‌دهد", "issuer is down", code=91),
    Card("limit_exceeded", "6037690000000010", "مبلغ از سقف مجاز بیشتر است", "above the card's limit", code=61),
    Card(
        "verify_slow",
        "5892100000000016",
        "پرداخت می‌شود؛ بانک تأیید را دیر می‌گوید",
        "paid; the bank confirms slowly",
        on_verify=(Fault.SLOW,),
    ),
    Card(
        "verify_late",
        "6273530000000011",
        "پرداخت می‌شود؛ پاسخ تأیید بانک پس از مهلت می‌رسد",
        "paid; the first confirmation comes after the deadline",
        on_verify=(Fault.LATE,),
    ),
    Card(
        "verify_garbage",
        "6037990000000022",
        "پرداخت می‌شود؛ پاسخ نخست تأیید ناخواناست",
        "paid; the first confirmation is garbage",
        on_verify=(Fault.GARBAGE,),
    ),
    Card(
        "verify_error",
        "6104330000000029",
        "پرداخت می‌شود؛ پاسخ نخست تأیید خطای ۵۰۰ است",
        "paid; the first confirmation is an HTTP 500",
        on_verify=(Fault.ERROR,),
    ),
    Card(
        "inquiry_silent",
        "6219860000000027",
        "پرداخت می‌شود؛ تأیید و سپس دو استعلام بی‌پاسخ می‌ماند",
        "paid; the confirmation and then two inquiries stay unanswered",
        on_verify=(Fault.ERROR,),
        on_inquire=(Fault.ERROR, Fault.LATE),
    ),
    Card(
        "amount_differs",
        "6221060000000020",
        "بانک یک‌دهم مبلغ را برمی‌دارد، گویی ریال و تومان را جابه‌جا گرفته است",
        "the bank takes a tenth of the amount, as if it mistook Rial for Toman",
        takes_one_in=10,
    ),
    Card(
        "never_returns",
        "5022290000000034",
        "پرداخت می‌شود؛ خریدار به فروشگاه بازنمی‌گردد",
        "paid; the buyer never returns",
        ending=Ending.STAYS,
    ),
    Card(
        "returns_twice",
        "6037690000000028",
        "پرداخت می‌شود؛ بازگشت دو بار فرستاده می‌شود",
        "paid; the return comes twice",
        ending=Ending.RETURNS_TWICE,
    ),
    Card(
        "forged_return",
        "5892100000000024",
        "پیش از پرداخت، بازگشت‌های جعلی فرستاده می‌شود",
        "paid, after two forged returns",
        ending=Ending.FORGED_FIRST,
    ),
    Card(
        "reverse_silent",
        "6037990000000030",
        "پرداخت می‌شود؛ برگشت آن یک بار انجام‌نشده و یک بار انجام‌شده بی‌پاسخ می‌ماند",
        "paid; its reversal stays unanswered twice, not done at first, then done",
        on_reverse=(Fault.SILENT, Fault.LATE),
    ),
    Card(
        "reverse_refused",
        "6104330000000037",
        "پرداخت می‌شود؛ بانک برگشت آن را نمی‌پذیرد",
        "paid; the bank refuses to reverse it",
        on_reverse=(Fault.REFUSED,),
    ),
    Card(
        "refund_silent",
        "6219860000000035",
        "پرداخت می‌شود؛ بازپرداخت آن یک بار انجام‌نشده و یک بار انجام‌شده بی‌پاسخ می‌ماند",
        "paid; its refund stays unanswered twice, not done at first, then done",
        on_refund=(Fault.SILENT, Fault.LATE),
    ),
    Card(
        "refund_refused",
        "6221060000000038",
        "پرداخت می‌شود؛ بانک نخستین بازپرداخت آن را نمی‌پذیرد",
        "paid; the bank refuses its first refund",
        on_refund=(Fault.REFUSED,),
    ),
)

BY_NUMBER: dict[str, Card] = {card.number: card for card in CARDS}
BY_SLUG: dict[str, Card] = {card.slug: card for card in CARDS}


def spaced(number: str) -> str:
    """`6037 9900 0000 0014`, as it stands on the plastic."""
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def render_reference() -> str:
    """The text of `docs/reference/test-cards.md`."""
    rows = "\n".join(_row(card) for card in CARDS)
    return _REFERENCE.format(rows=rows, password=STATIC_PASSWORD, month=EXAMPLE_MONTH, year=EXAMPLE_YEAR)


def _row(card: Card) -> str:
    bank = issuer(card.number)
    name = bank.en if bank else "-"
    return f"| `{card.number}` | {name} | {card.fa} | {card.en} | `{card.slug}` | {_at_the_bank(card)} |"


def _at_the_bank(card: Card) -> str:
    if card.code:
        return f"refused, code {card.code}"
    parts = [f"verify: {_faults(card.on_verify)}"] if card.on_verify else []
    parts += [f"inquiry: {_faults(card.on_inquire)}"] if card.on_inquire else []
    parts += [f"reversal: {_faults(card.on_reverse)}"] if card.on_reverse else []
    parts += [f"refund: {_faults(card.on_refund)}"] if card.on_refund else []
    parts += [f"takes 1/{card.takes_one_in}"] if card.takes_one_in != 1 else []
    parts += [card.ending.replace("_", " ")] if card.ending is not Ending.RETURNS else []
    return "; ".join(parts) or "takes the money"


def _faults(faults: tuple[Fault, ...]) -> str:
    return ", ".join(faults) + ", then right"


_REFERENCE = """\
# Test cards of the simulated banks

<!-- Made from src/mopos/banks/sim/cards.py; change it there. -->

The simulated banks take these cards and no others, and no real money. Never type a real card there.

- Second password (رمز دوم): `{password}`, or the dynamic one that the page shows when asked.
- CVV2: any three or four digits. Expiry: any month that has not passed, for example month `{month}`, year `{year}`.
- To cancel, use the page's cancel button: there is no card for it.
- A wrong second password may be tried again; the third one ends the payment with code 75.

| Card number | Bank | نتیجه | What happens | Name | At the bank |
| --- | --- | --- | --- | --- | --- |
{rows}

*slow*: the right answer after two thirds of the gateway's deadline. *late*: the bank does what it was asked, and
answers only after the gateway has given up. *garbage*: it does what it was asked, and its answer cannot be read.
*error*: an HTTP 500, and nothing was done. *silent*: nothing is done, and no answer comes before the gateway has given
up. *refused*: the bank says no, and nothing was done. *stays*: the buyer's browser is not sent back. *returns twice*:
the bank posts the return from its own machine, then the browser brings it again. *forged first*: before any money is
taken, the bank itself posts two forged returns (OK with a made-up reference; Failed), as somebody would who has learned
the return address.

Money that is taken and not verified in time is given back by the bank by itself, as real banks do.
"""
