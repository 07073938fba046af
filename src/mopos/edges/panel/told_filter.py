"""A filter in words, for people who look at what an export or a list holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mopos.domain.reports.model import FIELDS
from mopos.edges.i18n.lang import Lang

_CHOICES = {"state": "stand", "ack": "purchases.ack"}


def told(fields: Mapping[str, Sequence[str]], t: Mapping[str, str], lang: Lang) -> list[tuple[str, str]]:
    """Label and value of each field that is set. Empty: all purchases."""
    comma = "، " if lang is Lang.FA else ", "
    return [
        (t[f"purchases.{name}"], comma.join(_value(name, value, t) for value in fields[name]))
        for name in FIELDS
        if fields.get(name)
    ]


def _value(name: str, value: str, t: Mapping[str, str]) -> str:
    return t.get(f"{_CHOICES[name]}.{value}", value) if name in _CHOICES else value
