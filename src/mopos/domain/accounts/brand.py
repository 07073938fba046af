"""A merchant's look on the buyer's pages: the rules for its name, its colour and what is made of the colour.

One colour is asked for, and every other one is made from it, so that every text can be read on light and dark pages
(WCAG 2.2, criteria 1.4.3 and 1.4.11): a merchant cannot choose wrongly, and is shown what became of the choice.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from mopos.base.errors import Refused
from mopos.base.text import harmless

# One line of a phone's screen.
NAME_LENGTH_MAX = 60
# WCAG 2.2, criterion 1.4.3: the least contrast of a text with what is behind it.
CONTRAST_MIN = 4.5
# What stands behind links and outlines on the buyer's pages: `--paper`, `--card` and the tints of style.css, whose
# tints are the hardest to read on.
LIGHT_GROUNDS = ("#f3f1ec", "#ffffff", "#e6f4ec", "#fbebe9", "#fdf3df", "#eaf0f5")
DARK_GROUNDS = ("#111717", "#1a2222", "#16302a", "#3a2120", "#352b18", "#1e2c36")
WHITE, BLACK = "#ffffff", "#000000"

_COLOUR = re.compile(r"#?([0-9a-f]{6}|[0-9a-f]{3})")


class Palette(NamedTuple):
    """What is made of a merchant's colour. All are `#rrggbb`."""

    fill: str
    """The main button: the very colour."""
    on_fill: str
    """The text on it: white or black, whichever reads better."""
    light: str
    """Links, outlines and borders on light pages: the colour, darkened as far as reading needs."""
    dark: str
    """The same on dark pages, lightened."""


def read_colour(text: str) -> str:
    """`#RGB`, `RRGGBB`... as `#rrggbb`; empty for none. Raises `Refused`."""
    text = text.strip().lower()
    if not text:
        return ""
    found = _COLOUR.fullmatch(text)
    if not found:
        raise Refused(["brand_colour_malformed"])
    digits = found[1]
    return f"#{digits if len(digits) == 6 else ''.join(2 * digit for digit in digits)}"


def read_name(text: str) -> str:
    """The name that buyers see; empty for the gateway's own. Raises `Refused`."""
    name = harmless(text)
    if len(name) > NAME_LENGTH_MAX:
        raise Refused(["brand_name_too_long"])
    return name


def luminance(colour: str) -> float:
    """Relative luminance, 0 to 1 (WCAG 2.2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in _rgb(colour))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def palette(colour: str) -> Palette:
    """Everything that is made of a colour. One of white and black has a contrast of 4.58 with any colour."""
    on_fill = WHITE if contrast(colour, WHITE) >= CONTRAST_MIN else BLACK
    return Palette(colour, on_fill, _readable(colour, BLACK, LIGHT_GROUNDS), _readable(colour, WHITE, DARK_GROUNDS))


def _readable(colour: str, towards: str, grounds: tuple[str, ...]) -> str:
    """The colour, mixed with black or white as little as it takes to be read on all of `grounds`."""
    for percent in range(0, 101, 2):
        mixed = _mixed(colour, towards, percent)
        if min(contrast(mixed, ground) for ground in grounds) >= CONTRAST_MIN:
            return mixed
    return towards


def _mixed(colour: str, other: str, percent: int) -> str:
    parts = [
        round(one + (another - one) * percent / 100) for one, another in zip(_rgb(colour), _rgb(other), strict=True)
    ]
    return "#" + "".join(f"{part:02x}" for part in parts)


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def stylesheet(colour: str) -> str:
    """What a page loads beside style.css: the buyer's pages forbid styles in themselves."""
    made = palette(colour)
    return (
        f":root{{--brand:{made.light};--on-brand:{WHITE}}}\n"
        f"@media (prefers-color-scheme: dark){{:root{{--brand:{made.dark};--on-brand:{BLACK}}}}}\n"
        f".first{{background:{made.fill};border-color:var(--brand);color:{made.on_fill}}}\n"
    )


def style_name(colour: str) -> str:
    """The stylesheet's name: the colour, and a piece of the hash of what is made of it, so that a browser may keep it
    for ever."""
    return f"{colour[1:]}-{hashlib.sha256(stylesheet(colour).encode()).hexdigest()[:8]}"


def named_style(name: str) -> str | None:
    """The stylesheet of such a name; None: there is none (any more)."""
    colour = f"#{name[:6]}"
    if not re.fullmatch(r"#[0-9a-f]{6}", colour) or style_name(colour) != name:
        return None
    return stylesheet(colour)
