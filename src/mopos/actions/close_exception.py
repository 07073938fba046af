"""An operator closes an exception by an act that fits it: the act writes its entry, if money moves, and its reason.

A payment that the bank took and we did not know is no act of one operator: the bank is asked, and where its API does
not tell, two operators correct the purchase (`correct_by_hand`); the exception then vanishes by itself.
"""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from psycopg.errors import CheckViolation, UniqueViolation

from mopos.actions.services import Services
from mopos.base.clock import TEHRAN
from mopos.base.errors import Refused
from mopos.base.ids import has_check_digit, without_check_digit
from mopos.base.money import Rial
from mopos.base.text import latin_digits
from mopos.domain.ledger.entries import booking
from mopos.domain.operators import terminals
from mopos.domain.operators.model import Operator, check_reason
from mopos.domain.settlement import recon_store
from mopos.domain.settlement.closing import Act, Fits, acts_for
from mopos.domain.settlement.recon_store import Closing, Found

# As long as gateways' numbers can be.
_NUMBER_LENGTH_MAX = 18


async def close_exception(
    services: Services,
    operator: Operator,
    found: Found,
    act: str,
    reason: str,
    *,
    gateway: str = "",
    terminal: str = "",
) -> None:
    """Close an exception. `gateway`, `terminal`: whose the money is, where the act asks for it. Raises `Refused`:
    `act_reason_missing`, `exception_act`, `exception_gateway`, `exception_terminal`, `exception_gone`,
    `exception_floor`."""
    reason = check_reason(reason)
    fitting = next((one for one in acts_for(found) if one.act == act), None)
    if fitting is None:
        raise Refused(["exception_gone" if not found.is_open else "exception_act"])
    owners = await _owners(services, found, fitting, gateway, terminal)
    now = services.clock()
    closing = Closing(
        act=fitting.act,
        reason=reason,
        bookings=[booking(one.entry, {"amount": Rial(one.rial)}, owners).params for one in fitting.entries],
        effective_at=datetime.combine(found.day, time(), TEHRAN),
        deposit=_deposit_of(found, fitting),
        data={"rial": fitting.rial, **owners},
    )
    try:
        done = await recon_store.close(services.db, found, closing, operator_id=operator.id, now=now)
    except CheckViolation as error:
        if error.diag.constraint_name != "ledger_floor":
            raise
        raise Refused(["exception_floor"]) from None
    except UniqueViolation:
        done = False
    if not done:
        raise Refused(["exception_gone"])


async def _owners(services: Services, found: Found, fitting: Fits, gateway: str, terminal: str) -> dict[str, int]:
    """Whose accounts the act's entries move, as the exception itself or the operator names them."""
    owners: dict[str, int] = {}
    if fitting.needs == "gateway":
        owners["gateway"] = await _gateway(services, gateway)
    elif found.gateway_id is not None:
        owners["gateway"] = found.gateway_id
    if fitting.needs == "terminal":
        owners["terminal"] = await _terminal(services, terminal)
    elif found.terminal_id is not None:
        owners["terminal"] = found.terminal_id
    return owners


async def _gateway(services: Services, text: str) -> int:
    number = latin_digits(text).strip()
    if len(number) > _NUMBER_LENGTH_MAX or not has_check_digit(number):
        raise Refused(["exception_gateway"])
    gateway_id = without_check_digit(number)
    if not await recon_store.has_gateway(services.db, gateway_id):
        raise Refused(["exception_gateway"])
    return gateway_id


async def _terminal(services: Services, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > _NUMBER_LENGTH_MAX:
        raise Refused(["exception_terminal"])
    found = await terminals.find(services.db, int(text), services.clock())
    if found is None:
        raise Refused(["exception_terminal"])
    return found.id


def _deposit_of(found: Found, fitting: Fits) -> dict[str, Any] | None:
    """The day that a deposit with another amount pays after all."""
    if fitting.act not in (Act.TO_ACQUIRER, Act.TO_ACQUIRER_REST) or "day" not in found.ours:
        return None
    return {"day": found.ours["day"], "net": found.ours["net"], "commission": found.ours["commission"]}
