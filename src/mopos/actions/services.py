"""What an action needs from outside, handed in by the composition root."""

from __future__ import annotations

from dataclasses import dataclass

from mopos.actions.terminals import Terminals
from mopos.base.clock import Clock
from mopos.base.config import Settings
from mopos.base.db import Database
from mopos.outside.inquiry import IbanInquiry
from mopos.outside.payouts import PayoutBank
from mopos.outside.sms import Sms


@dataclass(frozen=True, slots=True)
class Services:
    """The database, our terminals at banks, the clock, the settings, and the services beside the bank."""

    db: Database
    terminals: Terminals
    clock: Clock
    settings: Settings
    report_db: Database | None = None
    sms: Sms | None = None
    """None: no message can be sent."""
    inquiry: IbanInquiry | None = None
    """None: an operator checks by hand."""
    payouts: PayoutBank | None = None
    """None: payouts go to the bank as files."""

    @property
    def reports(self) -> Database:
        """For lists and reports only: may be a replica, plans each statement for its values, changes nothing."""
        return self.report_db or self.db
