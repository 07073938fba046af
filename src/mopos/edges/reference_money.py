"""The reference pages of the money after the purchase: the ledger, and the moves of refunds, batches, payouts, holds
and exceptions."""

from __future__ import annotations

from mopos.domain.ledger import meanings
from mopos.domain.ledger.chart import GROWS_BY_DEBIT, OWNER, Kind
from mopos.domain.ledger.entries import CORRECTION, ENTRIES
from mopos.domain.payments import refunds
from mopos.domain.settlement import states

Rows = list[tuple[str, ...]]

# In the order in which a Rial meets them.
NOUNS = {
    "refund": "Refunds",
    "hold": "Holds",
    "batch": "Batches",
    "payout": "Payouts",
    "exception": "Exceptions of reconciliation",
    "line": "Lines of the operator's bank account",
}


def accounts() -> Rows:
    """The chart: kind, whose, by which side it grows, what for."""
    return [
        (f"`{kind}`", OWNER[kind] or "the operator", "debit" if kind in GROWS_BY_DEBIT else "credit", text)
        for kind, text in ((kind, meanings.ACCOUNTS[kind]) for kind in Kind)
    ]


def entries() -> Rows:
    """Every entry with its lines and its sentence."""
    rows: Rows = []
    for entry, lines in ENTRIES.items():
        shown = "<br>".join(f"`{line.debit}` → `{line.credit}`: {_amount(line.amount)}" for line in lines)
        rows.append((f"`{entry}`", shown, meanings.ENTRIES[entry]))
    return [
        *rows,
        (f"`{CORRECTION}`", "those of the entry that it names, the other way round", meanings.ENTRIES[CORRECTION]),
    ]


def _amount(name: str) -> str:
    return name.replace("_", " ")


def moves() -> dict[str, tuple[Rows, str]]:
    """By noun: its moves as rows, and as a drawing."""
    listed = [(refunds.NOUN, str(move.start or ""), *map(str, move[1:])) for move in refunds.MOVES]
    listed += [tuple(map(str, move)) for move in states.MOVES]
    found: dict[str, tuple[Rows, str]] = {}
    for noun in NOUNS:
        ours = [move[1:] for move in listed if move[0] == noun]
        rows: Rows = [
            (f"`{start}`" if start else "", event, f"`{end}`", who, entry) for start, event, end, who, entry in ours
        ]
        arrows = "\n".join(f"    {start or '[*]'} --> {end}: {event}" for start, event, end, _, _ in ours)
        found[noun] = (rows, f"```mermaid\nstateDiagram-v2\n{arrows}\n```")
    return found
