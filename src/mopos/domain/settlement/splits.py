"""Split rules (تسهیم): how a gateway's payout goes to several parties. Pure; amounts in Rial.

Each part is a percentage, a fixed amount, or the remainder, which exactly one party takes with every odd Rial. What is
wrong is found when a split is defined, never when it is paid: whatever the amount, the shares sum to it and none is
negative.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from mopos.base.errors import Refused
from mopos.base.iban import is_iban, read_iban
from mopos.base.money import RIAL_MAX, Rial
from mopos.base.text import harmless, latin_digits

# Acquirers that split at the payment take ten parties at most (Behpardakht, Sadad); each one is an order that costs.
PARTS_MAX = 10
# As the column `payout.payee` holds it.
PAYEE_LENGTH_MAX = 100
NATIONAL_ID_LENGTH_MAX = 11
# Parts per million: 100 %.
WHOLE_PPM = 1_000_000


class FeeFrom(StrEnum):
    """Who bears the operator's fee."""

    ALL = "all"
    """Everybody: percentages are of what is left after the fee."""
    REMAINDER = "remainder"
    """The remainder's party: percentages are of the amount before the fee."""


class Part(NamedTuple):
    """What one party gets: `ppm` (of a million), or `rial`, or, with neither, the remainder."""

    payee: str
    iban: str
    national_id: str = ""
    ppm: int | None = None
    rial: int | None = None

    @property
    def is_remainder(self) -> bool:
        return self.ppm is None and self.rial is None


class Split(NamedTuple):
    """A gateway's split. Without parts: none, all goes to the merchant."""

    parts: tuple[Part, ...] = ()
    fee_from: FeeFrom = FeeFrom.ALL


class Share(NamedTuple):
    """What a part comes to, in Rial; it may be nought."""

    part: Part
    amount: Rial


def define(parts: Sequence[Part], fee_from: str = FeeFrom.ALL) -> Split:
    """Check a split. No parts end it. Raises `Refused` with everything that is wrong (codes `split_...`)."""
    tidy = tuple(_tidy(part) for part in parts)
    codes = list(_problems(tidy, fee_from))
    if codes:
        raise Refused(codes)
    return Split(tidy, FeeFrom(fee_from))


def _tidy(part: Part) -> Part:
    return part._replace(
        payee=harmless(part.payee),
        iban=read_iban(part.iban),
        national_id=latin_digits(part.national_id).strip(),
    )


def _problems(parts: tuple[Part, ...], fee_from: str) -> Iterator[str]:
    if fee_from not in list(FeeFrom):
        yield "split_fee_from"
    if not parts:
        return
    if len(parts) > PARTS_MAX:
        yield "split_too_many"
    for part in parts:
        yield from _problems_of(part)
    if len({part.iban for part in parts}) < len(parts):
        yield "split_iban_twice"
    if sum(part.ppm or 0 for part in parts) > WHOLE_PPM:
        yield "split_percent_sum"
    if sum(part.is_remainder for part in parts) != 1:
        yield "split_remainder"


def _problems_of(part: Part) -> Iterator[str]:
    if not part.payee:
        yield "split_payee_missing"
    if len(part.payee) > PAYEE_LENGTH_MAX or len(part.national_id) > NATIONAL_ID_LENGTH_MAX:
        yield "split_payee_too_long"
    if not is_iban(part.iban):
        yield "split_iban_wrong"
    both = part.ppm is not None and part.rial is not None
    right_ppm = part.ppm is None or 0 < part.ppm <= WHOLE_PPM
    right_rial = part.rial is None or 0 < part.rial <= RIAL_MAX
    if both or not right_ppm or not right_rial:
        yield "split_share_wrong"


def divide(split: Split, net: Rial, fee: Rial) -> list[Share]:
    """What each part gets of a payout, in the order of the parts. `net`: what is paid out, after the fee; `fee`: what
    the merchant was charged for it. The shares sum to `net`.

    Fixed parts come first, in their order, as far as the money goes; then the percentages, rounded down; the rest is
    the remainder's."""
    if net < 0 or fee < 0:
        raise ValueError("nothing negative is divided")
    base = int(net) if split.fee_from is FeeFrom.ALL else int(net) + int(fee)
    left = int(net)
    amounts: dict[int, int] = {}
    wanted = [(at, part.rial) for at, part in enumerate(split.parts) if part.rial is not None]
    wanted += [(at, base * part.ppm // WHOLE_PPM) for at, part in enumerate(split.parts) if part.ppm is not None]
    for at, rial in wanted:
        amounts[at] = min(rial, left)
        left -= amounts[at]
    return [Share(part, Rial(amounts.get(at, left))) for at, part in enumerate(split.parts)]


def to_json(split: Split) -> Any:
    """As the table `split` keeps it; an empty list for none."""
    if not split.parts:
        return []
    parts = [{name: value for name, value in part._asdict().items() if value is not None} for part in split.parts]
    return {"fee_from": str(split.fee_from), "parts": parts}


def from_json(kept: Any) -> Split:
    """What the table keeps."""
    if not isinstance(kept, Mapping):
        return Split()
    return Split(tuple(Part(**part) for part in kept["parts"]), FeeFrom(kept["fee_from"]))
