"""How every connector reads what a bank or a browser says, and what of it may be kept. Which fields there are, and what
each looks like, is told by the bank's own file."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from mopos.banks.port import Silent
from mopos.base.ids import has_check_digit

GARBAGE = Silent("garbage")
"""Bytes that are no answer, or an answer that is not whole or about something else."""

_PAN_LENGTHS = range(13, 20)
_DIGITS = re.compile(r"[0-9]{13,}")
_HIDDEN = "***"


def matching(pattern: re.Pattern[str], value: object) -> str:
    """What was said, as text, if it looks as it should; else nothing."""
    text = str(value) if isinstance(value, int | str) else ""
    return text if pattern.fullmatch(text) else ""


def without_case(fields: Mapping[str, str]) -> dict[str, str]:
    """Fields by lower-case name, for banks whose names come in changing capitals. Two that contradict one another have
    no meaning."""
    found: dict[str, str] = {}
    for name, value in fields.items():
        known = found.setdefault(name.lower(), value)
        found[name.lower()] = value if known == value else ""
    return found


def shown(pattern: re.Pattern[str], value: object) -> str:
    """A value as operators may see it: as it is, once it looks as it should and cannot be a card number."""
    text = matching(pattern, value)
    return text if text and not any(map(_may_be_a_card, _DIGITS.findall(text))) else _HIDDEN


def no_answer(body: bytes) -> str:
    """What is kept of bytes that are nothing of the bank's."""
    return f"({len(body)} bytes that are no answer)"


def redacted(
    body: bytes,
    fields: Mapping[str, re.Pattern[str]],
    *,
    inside: Iterable[str] = (),
    never_a_card: Collection[str] = (),
) -> str:
    """A JSON object as it may be kept: `fields` of it, and of the objects `inside` of it, and nothing else.
    `never_a_card`: numbers that may have a card's check digit by chance, and are none by their length."""
    try:
        found = msgspec.json.decode(body, type=dict[str, Any])
    except (ValueError, RecursionError):
        return no_answer(body)
    levels = [found, *(found[name] for name in inside if isinstance(found.get(name), dict))]
    told = []
    for name, pattern in fields.items():
        for level in levels:
            if level.get(name) is not None:
                value = level[name]
                text = (matching(pattern, value) or _HIDDEN) if name in never_a_card else shown(pattern, value)
                told.append(f"{name}={text}")
    return " ".join(told)


def _may_be_a_card(digits: str) -> bool:
    # Digits that run on longer may hold a card number anywhere.
    return len(digits) not in _PAN_LENGTHS or has_check_digit(digits)
