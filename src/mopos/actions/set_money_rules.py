"""An operator sets a rule of settlement from a day on, or says of a day whether banks are open. The past stays."""

from __future__ import annotations

from datetime import date

from mopos.actions.services import Services
from mopos.base.errors import Refused
from mopos.domain.operators.model import Operator, check_reason
from mopos.domain.settlement import rule_store
from mopos.domain.settlement.calendar import Closure, tehran_day
from mopos.domain.settlement.ccti import PROFILES
from mopos.domain.settlement.channels import Channel
from mopos.domain.settlement.rules import RULES, parse

# What somebody types to have a rule as code knows it again.
AS_CODE_HAS_IT = "default"


async def set_rule(
    services: Services, operator: Operator | None, name: str, valid_from: date, value: str, reason: str
) -> None:
    """Set a rule from a day of Tehran on. `value` as it was typed; `default` takes settings back. `operator` None: the
    command line. Refuses `rule_unknown`, `rule_value_wrong`, `rule_in_past`, `act_reason_missing`,
    `act_reason_too_long`."""
    if value.strip() == AS_CODE_HAS_IT and name in RULES:
        kept = None
    else:
        kept = parse(name, value)
        if name == "profile" and kept not in PROFILES:
            raise Refused(["rule_value_wrong"])
    now = services.clock()
    if valid_from < tehran_day(now):
        raise Refused(["rule_in_past"])
    await rule_store.set_rule(
        services.db,
        name,
        valid_from,
        kept,
        operator_id=operator.id if operator else None,
        reason=check_reason(reason),
        now=now,
    )


async def set_closure(
    services: Services, operator: Operator | None, day: date, channel: Channel | None, closed: bool, reason: str
) -> None:
    """Say that banks are closed (or open) on a day, whatever the calendar says. `channel` None: both. The reason is
    shown beside the day. Refuses `closure_in_past`, `act_reason_missing`, `act_reason_too_long`."""
    now = services.clock()
    if day < tehran_day(now):
        raise Refused(["closure_in_past"])
    reason = check_reason(reason)
    if len(reason) > CLOSURE_REASON_MAX:
        raise Refused(["act_reason_too_long"])
    closure = Closure(day, channel, closed, reason)
    await rule_store.set_closure(services.db, closure, operator_id=operator.id if operator else None, now=now)


# As the column holds it: it is shown in a calendar's cell.
CLOSURE_REASON_MAX = 200


async def remove_closure(
    services: Services, operator: Operator | None, day: date, channel: Channel | None, reason: str
) -> None:
    """The calendar counts again. Refuses `closure_in_past`, `closure_gone`, and reasons as above."""
    now = services.clock()
    if day < tehran_day(now):
        raise Refused(["closure_in_past"])
    if not await rule_store.remove_closure(
        services.db,
        day,
        channel,
        operator_id=operator.id if operator else None,
        reason=check_reason(reason),
        now=now,
    ):
        raise Refused(["closure_gone"])
