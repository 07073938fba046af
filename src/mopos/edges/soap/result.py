"""What `PayRep` is asked and what it answers (guide section 4)."""

from __future__ import annotations

from dataclasses import dataclass

from mopos.base.secret import Secret


@dataclass(frozen=True, slots=True)
class PayRepCall:
    """One call: the account number, its special password, the shop's own payment number. None: not sent."""

    id: str | None
    rmz: Secret | None
    res: str | None
    source: str
    """The address that the call came from."""
    binding: str = ""
    """`SOAP 1.1`, `SOAP 1.2`, `GET` or `POST`."""


@dataclass(frozen=True, slots=True)
class PayRepResult:
    """The guide's nine fields, in the guide's order and under its names. None: the element is left out."""

    Nam: str | None
    Dsc: str | None
    Amnt: int
    """Rial."""
    Dat: str | None
    """`1403/07/25 14:03:59`, Jalali, Tehran."""
    Err: int
    ErrDsc: str | None
    DatTasvie: str | None
    NoTasvie: str | None
    IP: str | None
