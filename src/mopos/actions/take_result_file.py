"""A bank's file of results is laid beside our payouts, row by row; what is certain is taken, the rest is named.

Nothing is lost: every row of the file is taken, known already, pending, or bad with its reason. The same file may be
sent again as often as somebody likes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mopos.actions.services import Services
from mopos.actions.take_results import Result, take_results
from mopos.base.money import Rial
from mopos.domain.operators.model import Operator
from mopos.domain.settlement import file_store, payouts, result_files
from mopos.domain.settlement.calendar import tehran_day
from mopos.domain.settlement.file_store import Named
from mopos.domain.settlement.result_files import RETURNED, SETTLED, BadRow, ResultRow
from mopos.domain.settlement.results import decide

# Payouts that are looked at by one statement.
_PAGE = 1_000


class Sum(NamedTuple):
    """How many rows, and what they come to."""

    rows: int
    rial: Rial


class Report(NamedTuple):
    """What came of a file; or, of a check, what would come of it."""

    rows: int
    settled: Sum
    returned: Sum
    already: int
    pending: int
    bad: list[BadRow]
    """In the file's order."""
    batches: list[int]
    """Whose payouts the file is about."""

    @property
    def ties(self) -> bool:
        return self.rows == self.settled.rows + self.returned.rows + self.already + self.pending + len(self.bad)


class _Checked(NamedTuple):
    read: result_files.ResultFile
    rows: dict[Result, ResultRow]
    news: list[Result]
    already: int
    bad: list[BadRow]
    batches: set[int]


async def check_file(services: Services, body: bytes) -> Report:
    """What a file would do. Changes nothing. Raises `Refused` for a file that cannot be read as a whole."""
    checked = await _check(services, body)
    return _report(checked, _total(checked, SETTLED), _total(checked, RETURNED))


async def take_file(services: Services, operator: Operator | None, body: bytes) -> Report:
    """Take all that is certain. `operator` None: the command line. Raises `Refused` as above. A bad row stops no
    other."""
    checked = await _check(services, body)
    operator_id = operator.id if operator else None
    taken = await take_results(services, checked.news, actor="operator", operator_id=operator_id)
    refused = dict(taken.refused)
    checked = checked._replace(
        news=[result for result in checked.news if result not in refused],
        bad=[*checked.bad, *(_bad(checked.rows[result], code) for result, code in taken.refused)],
        # What somebody else brought while we looked.
        already=checked.already + taken.already,
    )
    settled, returned = _total(checked, SETTLED), _total(checked, RETURNED)
    return _report(checked, settled._replace(rows=taken.settled), returned._replace(rows=taken.returned))


async def _check(services: Services, body: bytes) -> _Checked:
    read = result_files.read(body)
    matched, bad = await _match(services, read.rows)
    checked = _Checked(read, dict(matched), [], 0, bad, set())
    today = tehran_day(services.clock())
    for page in _pages(matched):
        known = await payouts.by_ids(services.db, [result.payout_id for result, _ in page])
        checked.batches.update(payout.batch_id for payout in known.values())
        for result, row in page:
            match decide(known.get(result.payout_id), result, today):
                case None:
                    checked = checked._replace(already=checked.already + 1)
                case str(code):
                    bad.append(_bad(row, code))
                case _:
                    checked.news.append(result)
    return checked


def _pages(matched: Sequence[tuple[Result, ResultRow]]) -> list[Sequence[tuple[Result, ResultRow]]]:
    return [matched[at : at + _PAGE] for at in range(0, len(matched), _PAGE)]


async def _match(services: Services, rows: Sequence[ResultRow]) -> tuple[list[tuple[Result, ResultRow]], list[BadRow]]:
    """The payout that each row is about: named right, with our IBAN and our amount."""
    ids = sorted({row.payout_id for row in rows if row.payout_id is not None})
    files = sorted({row.message_id for row in rows if row.message_id})
    found = await file_store.named(services.db, ids, files) if rows else []
    by_id = {one.id: one for one in found}
    by_place: dict[tuple[str | None, int], Named] = {(one.file_id, one.row): one for one in found if one.file_id}
    matched: list[tuple[Result, ResultRow]] = []
    bad: list[BadRow] = []
    for row in rows:
        one = _named(row, by_id, by_place)
        if one is None:
            bad.append(_bad(row, "result_payout_unknown"))
        elif (one.iban, one.amount) != (row.iban, row.amount) or row.on is None:
            bad.append(_bad(row, "result_payout_differs"))
        else:
            matched.append((Result(one.id, row.outcome, row.tracking_no, row.on, row.reason), row))
    return matched, bad


def _named(row: ResultRow, by_id: dict[int, Named], by_place: dict[tuple[str | None, int], Named]) -> Named | None:
    placed = by_place.get((row.message_id, row.row)) if row.message_id and row.row is not None else None
    if row.payout_id is None:
        return placed
    one = by_id.get(row.payout_id)
    # Told twice, by number and by file or place, it must be the same one.
    elsewhere = one is not None and (
        row.message_id not in ("", one.file_id) or (row.message_id and row.row not in (None, one.row))
    )
    return None if elsewhere else one


def _bad(row: ResultRow, code: str) -> BadRow:
    shown = f"{row.payout_id or f'{row.message_id} {row.row}'} {row.iban} {int(row.amount)} {row.outcome}"
    return BadRow(row.line, code, shown)


def _total(checked: _Checked, outcome: str) -> Sum:
    those = [result for result in checked.news if result.outcome == outcome]
    return Sum(len(those), Rial(sum(int(checked.rows[result].amount) for result in those)))


def _report(checked: _Checked, settled: Sum, returned: Sum) -> Report:
    bad = sorted([*checked.read.bad, *checked.bad], key=lambda one: one.line)
    rows, pending = checked.read.orders, len(checked.read.pending)
    return Report(rows, settled, returned, checked.already, pending, bad, sorted(checked.batches))
