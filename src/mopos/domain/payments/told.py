"""What people did with a payment's money is told where people look: a member's act in the account's activity, an
operator's in the audit log, by the very statement that does it."""

from __future__ import annotations

from typing import Any, NamedTuple


class Told(NamedTuple):
    """A row of the activity or of the audit log, and the SMS that go with it."""

    act: str
    subject: str
    """The purchase's number."""
    amount: int
    reason: str = ""
    person_id: int | None = None
    operator_id: int | None = None
    ip: str = ""

    @property
    def params(self) -> dict[str, Any]:
        """As parameters of a statement."""
        return {f"told_{name}": getattr(self, name) for name in self._fields}


# Behind a statement's CTE `event`, one row of it for what happened; `told_gateway_id` is a parameter too.
TOLD = """,
    told_activity as (
        insert into activity (account_id, person_id, at, act, subject, data, ip)
        select g.account_id, %(told_person_id)s, %(now)s, %(told_act)s, %(told_subject)s,
            jsonb_build_object('amount', %(told_amount)s::bigint), nullif(%(told_ip)s, '')::inet
        from event, gateway g
        where g.id = %(told_gateway_id)s and g.account_id is not null and %(told_operator_id)s::bigint is null
    ),
    told_log as (
        insert into audit_log (at, operator_id, act, subject, reason, data)
        select %(now)s, %(told_operator_id)s::bigint, %(told_act)s, 'purchase ' || %(told_subject)s, %(told_reason)s,
            jsonb_build_object('amount', %(told_amount)s::bigint)
        from event where %(told_operator_id)s::bigint is not null
    )
"""
