"""Money is `Rial`: a whole number of Iranian Rial that knows what it is.

Floats, strings and bare integers are refused where a `Rial` is wanted, so that no Toman and no rounding can slip in
unseen. Toman exists only where text is made for people.
"""

from __future__ import annotations

from typing import Self

# PostgreSQL's bigint, and the WSDL's `long`, end here.
RIAL_MAX = 2**63 - 1


class Rial(int):
    """An amount in Rial: an integer, never a float. Adding and taking away two `Rial` gives a `Rial`."""

    __slots__ = ()

    def __new__(cls, amount: int) -> Self:
        if type(amount) is not int and not isinstance(amount, Rial):
            raise TypeError(f"Rial wants an int, not {type(amount).__name__}")
        if abs(amount) > RIAL_MAX:
            raise ValueError("an amount of Rial must fit into 64 bits")
        return super().__new__(cls, amount)

    def __add__(self, other: int) -> Rial:
        return Rial(int(self) + int(_only_rial(other)))

    def __sub__(self, other: int) -> Rial:
        return Rial(int(self) - int(_only_rial(other)))

    def __repr__(self) -> str:
        return f"Rial({int(self)})"

    __str__ = int.__repr__


def _only_rial(amount: int) -> Rial:
    if not isinstance(amount, Rial):
        raise TypeError(f"only Rial can be added to or taken from Rial, not {type(amount).__name__}")
    return amount
