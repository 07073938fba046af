"""Which bank issued a card: the first six digits of its number, as of 2026-06.

Two public lists agree on most rows (spec of cards, section 2). Cards of banks that were merged live on for years, so
their old numbers stay, under the name of the bank that serves them today.
"""

from __future__ import annotations

from typing import NamedTuple


class Issuer(NamedTuple):
    """A bank's short name, in the two languages of the pages."""

    fa: str
    en: str


_ISSUERS: tuple[tuple[str, str, str], ...] = (
    ("603799 170019 636214", "ملی", "Melli"),
    ("603769 903769", "صادرات", "Saderat"),
    ("589210 627381 639599 639370 636949 505801", "سپه", "Sepah"),
    ("628023", "مسکن", "Maskan"),
    ("627961", "صنعت و معدن", "Sanat-o-Madan"),
    ("627760", "پست بانک", "Post Bank"),
    ("627412", "اقتصاد نوین", "Eghtesad Novin"),
    ("502229 639347", "پاسارگاد", "Pasargad"),
    ("621986", "سامان", "Saman"),
    ("639346", "سینا", "Sina"),
    ("502806 504706", "شهر", "Shahr"),
    ("505785", "ایران زمین", "Iran Zamin"),
    ("585947 588947", "خاورمیانه", "Middle East"),
    ("606373", "قرض‌الحسنه مهر ایران", "Mehr Iran"),
    ("507677", "مؤسسه نور", "Noor"),
    ("636795 636797", "مرکزی", "Central Bank"),
    ("610433 991975", "ملت", "Mellat"),
    ("627353 585983", "تجارت", "Tejarat"),
    ("603770 639217", "کشاورزی", "Keshavarzi"),
    ("589463", "رفاه کارگران", "Refah"),
    ("627648 207177", "توسعه صادرات", "Export Development"),
    ("502908", "توسعه تعاون", "Tose'e Ta'avon"),
    ("622106 627884 639194", "پارسیان", "Parsian"),
    ("627488 502910", "کارآفرین", "Karafarin"),
    ("639607", "سرمایه", "Sarmayeh"),
    ("502938", "دی", "Day"),
    ("505416 505426", "گردشگری", "Gardeshgari"),
    ("504172", "قرض‌الحسنه رسالت", "Resalat"),
    ("606256", "مؤسسه ملل", "Melal"),
    ("628157", "مؤسسه توسعه", "Tose'e"),
    ("581874", "ایران و ونزوئلا", "Iran-Venezuela"),
)

_BY_SIX: dict[str, Issuer] = {six: Issuer(fa, en) for sixes, fa, en in _ISSUERS for six in sixes.split()}

# Blu is an own brand within Saman's numbers, told apart by eight digits.
_BLU = Issuer("بلو (سامان)", "blu (Saman)")
_BLU_EIGHT = ("62198618", "62198619")


def issuer(card: str) -> Issuer | None:
    """The issuer of a card number, masked or whole; None when nobody on the list is known by these digits."""
    return _BLU if card[:8] in _BLU_EIGHT else _BY_SIX.get(card[:6])
