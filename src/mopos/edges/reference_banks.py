"""The reference page of the banks: what each can do, what our terminal there needs, and what its codes mean."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from mopos.banks.catalogue import KINDS
from mopos.banks.kind import Kind
from mopos.banks.port import Decline, Facts
from mopos.edges.i18n.lang import Lang
from mopos.edges.i18n.texts import TEXTS

Rows = list[tuple[str, ...]]

ABILITIES = ("bank", "", "page", "verify", "reversal", "inquiry", "refund", "report", "who pays and never returns")
CREDENTIALS = ("credential", "فارسی", "English", "secret")
CODES = ("code", "outcome", "why", "فارسی", "English")
DECLINES = ("why", "English", "فارسی")


def abilities() -> Rows:
    """A row for each bank: what it can do, and how long."""
    return [(f"`{kind.name}`", kind.facts.title_en, *_abilities(kind.facts)) for kind in KINDS.values()]


def _abilities(facts: Facts) -> tuple[str, ...]:
    return (
        _time(facts.session),
        _time(facts.verify_deadline),
        _time(facts.reverse_within) if facts.reverse_within else "no",
        _yes(facts.can_inquire),
        _yes(facts.can_refund),
        _yes(facts.reports),
        "gets his money back" if facts.asks_by_ref else "is asked about",
    )


def declines() -> Rows:
    """The reasons that all banks share, as buyers read them."""
    return [
        (f"`{reason}`", TEXTS[Lang.EN][f"decline.{reason}"], TEXTS[Lang.FA][f"decline.{reason}"]) for reason in Decline
    ]


def kinds() -> Iterator[tuple[str, str, Rows, Rows]]:
    """Each bank: its heading, what is to be said of it, its credentials, its codes."""
    for kind in KINDS.values():
        facts = kind.facts
        yield f"{facts.title_en} (`{kind.name}`)", _said(kind), _credentials(kind), _codes(kind)


def _said(kind: Kind) -> str:
    where = f"{kind.facts.title_fa}. The connector is `banks/{kind.name}.py`, its simulator `banks/{kind.name}_sim.py`;"
    notes = "".join(f"\n- {note}" for note in kind.notes)
    return f"{where} the address is `{kind.base_url}`, unless a terminal has another one.\n{notes}".rstrip()


def _credentials(kind: Kind) -> Rows:
    return [(f"`{field.name}`", field.fa, field.en, _yes(field.secret)) for field in kind.fields]


def _codes(kind: Kind) -> Rows:
    return [
        (f"`{row.code}`", row.means.replace("_", " "), f"`{row.decline}`" if row.decline else "", row.fa, row.en)
        for row in kind.codes
    ]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _time(time: timedelta) -> str:
    minutes = int(time.total_seconds()) // 60
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"
