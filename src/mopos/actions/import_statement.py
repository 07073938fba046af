"""A statement of the operator's bank account is taken in: each movement once, however often and in however many
overlapping files it comes. A file with a row that cannot be believed is refused whole, and every such row is named."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO, NamedTuple

from mopos.actions.services import Services
from mopos.base.clock import TEHRAN
from mopos.base.errors import Refused
from mopos.domain.settlement import rule_store, statement_store
from mopos.domain.settlement.statement_camt import read_camt053
from mopos.domain.settlement.statement_csv import read_csv
from mopos.domain.settlement.statements import BadRow, Line, Read, Summary, Unreadable

# Lines written at once: some hundred kilobytes of parameters.
BATCH = 1_000
# Bad rows that are named one by one; a file with more has one great fault.
BAD_ROWS_MAX = 100
_HASH_BYTES = 1 << 20
# Where an XML can only begin.
_START_BYTES = 64


class StatementRefused(Refused):
    """The file is refused. `rows`: those that cannot be believed, the first of them; `count`: how many there are."""

    def __init__(self, codes: list[str], rows: list[BadRow], count: int) -> None:
        super().__init__(codes)
        self.rows = rows
        self.count = count


class Imported(NamedTuple):
    """What came of a file."""

    statement_id: int
    summary: Summary
    new: int
    """Lines that were not known before."""
    known: int
    """Lines that an earlier file, or an earlier import of this one, has brought."""
    same_file: bool


async def import_statement(
    services: Services,
    source: BinaryIO,
    *,
    operator_id: int | None,
    iban: str = "",
    new_account: bool = False,
) -> Imported:
    """Read a file twice: to check it, then to keep its lines. Killed on the way, it is imported again and goes on.

    `iban`: of the account, where a CSV does not name it. `new_account`: the statement may be of an account that was
    never seen before. Raises `StatementRefused` (`statement_rows_wrong`, `statement_account_new` and what makes a file
    unreadable)."""
    format_ = _format_of(source)
    # In a thread of its own: a long file is read for seconds, in which payments go on.
    summary = await asyncio.to_thread(_check, format_, source, iban)
    await _check_account(services, summary.iban, new_account)
    statement_id, is_new = await statement_store.begin(
        services.db,
        summary,
        format_=format_,
        sha256=await asyncio.to_thread(_hash, source),
        operator_id=operator_id,
        now=services.clock(),
    )
    source.seek(0)
    lines = (row for row in _read(format_, source, iban) if isinstance(row, Line))
    new = 0
    while batch := await asyncio.to_thread(_some, lines):
        new += await statement_store.keep(services.db, statement_id, summary.iban, batch)
    return Imported(statement_id, summary, new, summary.lines - new, not is_new)


def _some(lines: Iterator[Line]) -> list[Line]:
    return list(islice(lines, BATCH))


def _format_of(source: BinaryIO) -> str:
    source.seek(0)
    start = source.read(_START_BYTES).replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return "camt053" if start.startswith(b"<") else "csv"


def _read(format_: str, source: BinaryIO, iban: str) -> Iterator[Read]:
    source.seek(0)
    return read_camt053(source) if format_ == "camt053" else read_csv(source, iban)


def _check(format_: str, source: BinaryIO, iban: str) -> Summary:
    bad: list[BadRow] = []
    count, summary = 0, None
    try:
        for row in _read(format_, source, iban):
            if isinstance(row, BadRow):
                count += 1
                if len(bad) < BAD_ROWS_MAX:
                    bad.append(row)
            elif isinstance(row, Summary):
                summary = row
    except Unreadable as error:
        raise StatementRefused([error.code], bad, count) from None
    if bad or summary is None:
        raise StatementRefused(["statement_rows_wrong"], bad, count)
    return summary


async def _check_account(services: Services, iban: str, new_account: bool) -> None:
    """A stranger's statement would fill suspense with a stranger's money."""
    known = await statement_store.known_accounts(services.db)
    rules = await rule_store.rules(services.db, services.clock().astimezone(TEHRAN).date())
    known |= {rules.payer_iban} if rules.payer_iban else set()
    if known and iban not in known and not new_account:
        raise StatementRefused(["statement_account_new"], [], 0)


def _hash(source: BinaryIO) -> bytes:
    source.seek(0)
    digest = hashlib.sha256()
    while chunk := source.read(_HASH_BYTES):
        digest.update(chunk)
    return digest.digest()
