"""A gateway's payouts are split between several parties. A merchant's own split waits for an operator, who looks at the
parties: nobody is paid whom no operator has seen, so that a stolen session is no way to the money."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mopos.actions.account_notices import notice
from mopos.actions.services import Services
from mopos.base.errors import Refused
from mopos.domain.accounts import notify
from mopos.domain.accounts.notify import Event
from mopos.domain.operators.model import Operator, check_reason
from mopos.domain.settlement import payees, split_store
from mopos.domain.settlement.splits import FeeFrom, Part, define


async def set_splits(
    services: Services,
    gateway_id: int,
    parts: Sequence[Part],
    *,
    fee_from: str = FeeFrom.ALL,
    person_id: int | None = None,
    operator_id: int | None = None,
    valid_from: datetime | None = None,
    reason: str = "",
) -> int:
    """Keep a split from a moment on (now, where none is given); no parts end it. Returns its number. Members are told.
    Refuses `split_...` (see `domain/settlement/splits.py`), `split_in_past`."""
    split = define(parts, fee_from)
    now = services.clock()
    begins = valid_from or now
    if begins < now:
        raise Refused(["split_in_past"])
    owner = await payees.account_of(services.db, gateway_id)
    told = await notify.whom_to_tell(services.db, owner.id, Event.BANK_ACCOUNT) if owner else []
    kept = await split_store.add(
        services.db,
        gateway_id,
        split,
        valid_from=begins,
        person_id=person_id,
        operator_id=operator_id,
        reason=reason,
        mobiles=told,
        text=notice("split_changed", account=owner.name if owner else ""),
        now=now,
    )
    if kept is None:
        raise Refused(["split_in_past"])
    return kept


async def agree_to_split(services: Services, operator: Operator, split_id: int, reason: str) -> None:
    """An operator has looked at a merchant's split: from now on it is paid by. Refuses `payee_moved` where somebody has
    agreed already, `act_reason_missing`, `act_reason_too_long`."""
    if not await split_store.agree(
        services.db, split_id, operator_id=operator.id, reason=check_reason(reason), now=services.clock()
    ):
        raise Refused(["payee_moved"])
