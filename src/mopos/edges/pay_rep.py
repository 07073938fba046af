"""`PayRep` behind the ASMX service: one call in, the guide's nine fields out (guide section 4)."""

from __future__ import annotations

import asyncio

import structlog

from mopos.actions.report_result import WRONG_ID_OR_RMZ, Report, report_result
from mopos.actions.services import Services
from mopos.banks.port import Decline
from mopos.base.clock import jalali, jalali_day
from mopos.base.db import DatabaseUnavailable
from mopos.base.money import Rial
from mopos.base.secret import Secret
from mopos.domain.payments.model import Purchase
from mopos.domain.payments.states import State
from mopos.edges.call_log import CallLog
from mopos.edges.i18n.texts import err_dsc, partly_refunded
from mopos.edges.soap.result import PayRepCall, PayRepResult
from mopos.edges.throttle import WrongGuesses

PAID = 0
TOO_MANY_CALLS = 94
OUT_OF_ORDER = 99
# What a guesser waits for an answer once it is too many; and how many may wait at once, so that waiting is free for us.
_SLOWED_S = 1.0
_SLOWED_MAX = 200

log = structlog.get_logger()


class PayRep:
    """Answers the calls of one process."""

    def __init__(self, services: Services, calls: CallLog) -> None:
        self._services = services
        self._calls = calls
        self._wrong = WrongGuesses(services.clock, services.settings.wrong_rmz_max)
        self._slowed = 0

    async def __call__(self, call: PayRepCall) -> PayRepResult:
        result = await self._answer(call)
        self._calls.pay_rep(call, result.Err)
        return result

    async def _answer(self, call: PayRepCall) -> PayRepResult:
        try:
            report = await report_result(
                self._services, call.id or "", call.rmz or Secret(""), call.res or "", call.source
            )
        except DatabaseUnavailable:
            log.error("pay_rep.out_of_order")
            return _nothing(OUT_OF_ORDER)
        if report.err == WRONG_ID_OR_RMZ and self._wrong.too_many(call.source, call.id or ""):
            await self._slow_down()
            return _nothing(TOO_MANY_CALLS)
        return result_of(report)

    async def _slow_down(self) -> None:
        if self._slowed >= _SLOWED_MAX:
            return
        self._slowed += 1
        try:
            await asyncio.sleep(_SLOWED_S)
        finally:
            self._slowed -= 1


def _nothing(err: int) -> PayRepResult:
    return PayRepResult(None, None, 0, None, err, err_dsc(err), None, None, None)


def result_of(report: Report) -> PayRepResult:
    """A report as the guide's nine fields."""
    purchase = report.purchase
    if purchase is None:
        return _nothing(report.err)
    return PayRepResult(
        Nam=purchase.nam,
        Dsc=purchase.dsc,
        Amnt=int(purchase.amount),
        # The time of the payment: there is none before it is paid.
        Dat=jalali(purchase.paid_at) if purchase.paid_at else None,
        Err=report.err,
        ErrDsc=_err_dsc(report.err, purchase),
        DatTasvie=jalali_day(report.settled.on) if report.settled else None,
        NoTasvie=report.settled.tracking_no if report.settled else None,
        IP=str(purchase.buyer_ip),
    )


def _err_dsc(err: int, purchase: Purchase) -> str:
    """Empty when there is no error, as a shop may take any text here for one; except that a part was given back, which
    it has to know."""
    if err == PAID:
        return partly_refunded(Rial(purchase.refunded_rial)) if purchase.refunded_rial else ""
    decline = Decline(purchase.decline) if purchase.state is State.DECLINED and purchase.decline else None
    return err_dsc(err, decline)
