"""A merchant's developer tries `PayRep` in the panel: what it would say, without saying it to the shop."""

from __future__ import annotations

from mopos.actions.report_result import GATEWAY_STOPPED, RES_UNKNOWN, Report, report_of, report_result
from mopos.actions.services import Services
from mopos.base.ids import with_check_digit
from mopos.base.secret import Secret
from mopos.domain.payments import store
from mopos.domain.payments.model import RES_LENGTH_MAX

WRONG_RMZ_ERR = 90


async def try_pay_rep(services: Services, gateway_id: int, res: str) -> Report:
    """What `PayRep` answers to a right `Rmz` from an allowed address. Nothing is acknowledged: the shop has not asked.

    The gateway must be known to be the asker's."""
    known = res if len(res) <= RES_LENGTH_MAX and "\0" not in res else ""
    found = await store.for_pay_rep(services.db, gateway_id, known, None)
    if found is None or found.purchase is None:
        return Report(GATEWAY_STOPPED if found and found.stopped else RES_UNKNOWN)
    return await report_of(services, found.purchase, found.settled_upto)


async def check_rmz(services: Services, gateway_id: int, rmz: Secret) -> bool:
    """Whether an `Rmz` is the gateway's. No purchase is asked about, so nothing can be acknowledged."""
    report = await report_result(services, with_check_digit(gateway_id), rmz, "")
    return report.err != WRONG_RMZ_ERR
