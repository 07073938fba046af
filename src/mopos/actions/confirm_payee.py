"""An operator agrees to where an account's money goes, and to whom. Merchants may change their name, national id and
IBAN at any time; from that moment nothing is paid out until an operator has looked at the new ones."""

from __future__ import annotations

from collections.abc import Mapping

from mopos.actions.services import Services
from mopos.base.errors import Refused
from mopos.domain.operators.model import Operator, check_reason
from mopos.domain.settlement import payees


async def confirm_payee(
    services: Services, operator: Operator | None, account_id: int, shown: Mapping[str, str], reason: str
) -> None:
    """Agree to `iban`, `name` and `national_id` as they were shown. `operator` None: the command line. Refuses
    `payee_incomplete` where one is empty, `payee_moved` where the account is no longer what was shown, and reasons."""
    reason = check_reason(reason)
    if not all(shown.get(name) for name in ("iban", "name", "national_id")):
        raise Refused(["payee_incomplete"])
    if not await payees.confirm(
        services.db,
        account_id,
        shown,
        operator_id=operator.id if operator else None,
        reason=reason,
        now=services.clock(),
    ):
        raise Refused(["payee_moved"])
