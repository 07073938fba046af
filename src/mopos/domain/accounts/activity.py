"""The activity log: who changed what in an account, for its own members. Append only (the database refuses the rest).

The habit: whoever changes something writes the row inside the statement of the change, so that there is never one
without the other. As a CTE beside the change, fed by it, so that a change that did not happen leaves no row:

    with changed as (update ... returning ...),
    noted as (
        insert into activity (account_id, person_id, at, act, subject, data, ip)
        select %(account_id)s, %(person_id)s, %(now)s, 'domains_changed', %(subject)s, '{}', %(ip)s from changed
    )

An act is a noun and what became of it (`member_removed`); an operator's act names `operator_id` instead of
`person_id`. What is read about it is the sentence `act.NAME` of the area's own table, in which `{subject}` stands for
the row's subject and `{other}` for `data`'s value of that name; a value that is itself the key of a sentence
(`role.admin`) is said in the reader's language. An act without a sentence is shown by its name. Nothing secret goes
into `subject` or `data`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from mopos.base.db import Database

# What fits on a screen or two; older acts are a page further.
PAGE_SIZE = 50


class Deed(NamedTuple):
    """One act. `by`: the person's name or number; empty for an operator or the house itself."""

    id: int
    at: datetime
    act: str
    subject: str
    data: Mapping[str, Any]
    by_name: str
    by_mobile: str
    by_operator: bool
    ip: str | None


_COLUMNS = (
    "a.id, a.at, a.act, a.subject, a.data, coalesce(p.name, ''), coalesce(p.mobile, ''), "
    "a.operator_id is not null, host(a.ip)"
)
_OLDER = f"""
    select {_COLUMNS} from activity a left join person p on p.id = a.person_id
    where a.account_id = %(account_id)s and (%(before_id)s::bigint is null or a.id < %(before_id)s)
    order by a.id desc limit %(limit)s
"""  # noqa: S608
_NEWER = f"""
    select {_COLUMNS} from activity a left join person p on p.id = a.person_id
    where a.account_id = %(account_id)s and a.id > %(after_id)s
    order by a.id limit %(limit)s
"""  # noqa: S608


async def page(
    db: Database, account_id: int, *, before_id: int | None = None, after_id: int | None = None
) -> list[Deed]:
    """Acts of an account, the latest first: those before an id, or the page that comes just after one (for going
    back). One more than `PAGE_SIZE` when there are more."""
    rows = await db.all(
        _NEWER if after_id is not None else _OLDER,
        {"account_id": account_id, "before_id": before_id, "after_id": after_id, "limit": PAGE_SIZE + 1},
    )
    found = [Deed(*row) for row in rows]
    return found[::-1] if after_id is not None else found
