"""An operator brings the bank's file of what became of payouts: each row is bound to its payout, and taken."""

from __future__ import annotations

from typing import NamedTuple

from mopos.actions.services import Services
from mopos.actions.take_results import Result, Taken, take_results
from mopos.domain.operators.model import Operator
from mopos.domain.settlement import file_store, result_files
from mopos.domain.settlement.file_store import Named
from mopos.domain.settlement.result_files import BadRow, ResultRow


class TakenFile(NamedTuple):
    """What came of a file. Each of its rows is in one of these: nothing is lost."""

    orders: int
    taken: Taken
    pending: int
    """Orders of which the bank says that they are still on their way."""
    bad: list[BadRow]
    """Rows that could not be read, that name no payout of ours or differ from it, or that contradict what is known;
    with line and code, in the order of lines."""


async def take_result_file(services: Services, operator: Operator, body: bytes) -> TakenFile:
    """Take what a file says. Good rows are taken, bad ones are named; the same file may come again. Raises `Refused`
    for a file that cannot be read as a whole (`result_files.read`)."""
    found = result_files.read(body)
    named = await _named(services, found.rows)
    bad = list(found.bad)
    results: list[Result] = []
    lines: dict[Result, ResultRow] = {}
    for row in found.rows:
        bound = _bind(row, named)
        if isinstance(bound, str):
            bad.append(_bad(row, bound))
            continue
        assert row.on is not None  # noqa: S101 - only pending rows have no day
        result = Result(bound.id, row.outcome, row.tracking_no, row.on, row.reason)
        results.append(result)
        lines[result] = row
    taken = await take_results(services, results, actor="operator", operator_id=operator.id)
    bad += [_bad(lines[result], code) for result, code in taken.refused]
    return TakenFile(found.orders, taken, len(found.pending), sorted(bad))


_Named = dict[int | tuple[str, int], Named]


async def _named(services: Services, rows: list[ResultRow]) -> _Named:
    """The payouts that a file may be about, by number, and by file and row."""
    ids = sorted({row.payout_id for row in rows if row.payout_id is not None})
    files = sorted({row.message_id for row in rows if row.message_id})
    found: _Named = {}
    for one in await file_store.named(services.db, ids, files):
        found[one.id] = one
        if one.file_id is not None:
            found[one.file_id, one.row] = one
    return found


def _bind(row: ResultRow, named: _Named) -> Named | str:
    """The payout that a row is about, or the code of why there is none. Everything that the row says must agree."""
    by_number = named.get(row.payout_id) if row.payout_id is not None else None
    by_place = named.get((row.message_id, row.row)) if row.message_id and row.row is not None else None
    wanted = (row.payout_id is not None, bool(row.message_id and row.row is not None))
    bound = [one for one, is_wanted in zip((by_number, by_place), wanted, strict=True) if is_wanted]
    first = bound[0]
    if first is None or None in bound:
        return "result_payout_unknown"
    same = all(one == first for one in bound) and row.message_id in ("", first.file_id)
    return first if same and (row.iban, row.amount) == (first.iban, first.amount) else "result_payout_differs"


def _bad(row: ResultRow, code: str) -> BadRow:
    names = [str(row.payout_id or ""), row.message_id, str(row.row or "")]
    said = [*names, row.iban, str(int(row.amount)), row.outcome, row.tracking_no]
    return BadRow(row.line, code, " ".join(part for part in said if part))
