"""Paid, and the shop never asked: its developers are told, once a day, before a buyer has to."""

from __future__ import annotations

from mopos.actions.notices import NOTICES
from mopos.actions.services import Services
from mopos.base.ids import with_check_digit
from mopos.base.text import persian_digits
from mopos.domain.accounts import notify, unasked


async def warn_of_unasked(services: Services) -> int:
    """Tell the accounts of gateways with payments that no PayRep was told of for an hour. Returns how many."""
    now = services.clock()
    told = 0
    for found in await unasked.find(services.db, now):
        number = with_check_digit(found.gateway_id)
        told += await unasked.tell(
            services.db,
            found,
            number=number,
            mobiles=await notify.whom_to_tell(services.db, found.account_id, notify.Event.UNACKNOWLEDGED),
            text=NOTICES["unacknowledged"].format(
                gateway=persian_digits(number), count=persian_digits(str(found.payments))
            ),
            now=now,
        )
    return told
