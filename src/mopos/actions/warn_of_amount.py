"""A form's amount looks changed on its way through the browser: the merchant is told, seldom enough to listen."""

from __future__ import annotations

from datetime import timedelta

from mopos.actions.notices import NOTICES
from mopos.actions.services import Services
from mopos.base.ids import with_check_digit
from mopos.base.money import Rial
from mopos.base.text import persian_digits
from mopos.domain.accounts import gateways, notify
from mopos.domain.payments.model import NewPurchase

# Who plays with a form does it again and again: one message an hour says as much as a hundred.
WARN_EVERY = timedelta(hours=1)


async def warn_of_amount(
    services: Services, new: NewPurchase, act: str, buyer_ip: str, *, registered: Rial | None = None
) -> None:
    """Write the warning `act` (`res_other_amount`, `unsigned_too_large`) to the account's activity and send its SMS, at
    most once an hour for each gateway. The form itself is refused by the caller. A gateway without an account has
    nobody to tell."""
    now = services.clock()
    account_id = await gateways.account_to_warn(services.db, new.gateway_id, before=now - WARN_EVERY)
    if account_id is None:
        return
    number = with_check_digit(new.gateway_id)
    await gateways.warn(
        services.db,
        new.gateway_id,
        before=now - WARN_EVERY,
        now=now,
        act=act,
        data={
            "gateway": number,
            "res": new.res,
            "posted": int(new.amount),
            **({"registered": int(registered)} if registered else {}),
        },
        ip=buyer_ip,
        mobiles=await notify.whom_to_tell(services.db, account_id, notify.Event.AMOUNT),
        text=NOTICES[act].format(gateway=persian_digits(number)),
    )
