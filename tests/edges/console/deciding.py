"""A second operator's yes, by the action itself: its page has tests of its own."""

from mopos.actions import decide_application
from mopos.actions.decide_application import Approval
from mopos.actions.services import Services
from mopos.actions.terminals import Terminals
from mopos.base.clock import system_clock
from mopos.base.config import Settings
from mopos.base.db import Database


async def approve(stack, operator_id: int, proposal_id: int, application_id: int) -> None:
    """Approve the suspension of a gateway."""
    settings = Settings(database_url=stack.dsn, secret_key=stack.environment["MOPOS_SECRET_KEY"])
    async with Database(stack.dsn, pool_size=1, timeout_s=10) as db:
        services = Services(db=db, terminals=Terminals.single(None), clock=system_clock, settings=settings)
        await decide_application.suspend(
            services,
            application_id,
            "شکایت خریداران",
            operator_id=operator_id,
            ip="127.0.0.1",
            approval=Approval(proposal_id, "موافقم"),
        )
