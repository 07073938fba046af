"""Text as people of three keyboards type it, made safe to keep and to show."""

from __future__ import annotations

import unicodedata

# Persian (U+06F0..) and Arabic-Indic (U+0660..) digits. Only these: other scripts' digits in an amount are a mistake.
_LATIN = str.maketrans("۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩", "01234567890123456789")
_PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")

# The half space (ZWNJ) and the joiner are letters of Persian spelling; every other format character (bidi overrides,
# isolates, zero-width spaces, tags) can make a text look like another one (Unicode TR 36).
_KEPT_FORMAT = {"\u200c", "\u200d"}


def latin_digits(text: str) -> str:
    """`۱۲۵۰` and `١٢٥٠` become `1250`; everything else stays."""
    return text.translate(_LATIN)


def persian_digits(text: str) -> str:
    """`1250` becomes `۱۲۵۰`."""
    return text.translate(_PERSIAN)


def harmless(text: str) -> str:
    """Free text without what could deceive or break: NFC, white space folded to blanks, control and bidi-override
    characters, lone surrogates and noncharacters dropped, no more than three combining marks on one letter."""
    kept: list[str] = []
    marks = 0
    for char in unicodedata.normalize("NFC", text):
        category = unicodedata.category(char)
        if char.isspace():
            kept.append(" ")
        elif category in ("Cc", "Cs", "Cn", "Co") or (category == "Cf" and char not in _KEPT_FORMAT):
            continue
        else:
            marks = marks + 1 if category in ("Mn", "Me") else 0
            if marks <= 3:
                kept.append(char)
    return " ".join("".join(kept).split())
