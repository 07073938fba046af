"""A day's payouts go out when two operators have agreed to them; until then one operator can take them back."""

from __future__ import annotations

from psycopg.errors import RestrictViolation

from mopos.actions.services import Services
from mopos.base.errors import Refused
from mopos.domain.operators import proposals
from mopos.domain.operators.model import Act, Operator, check_reason
from mopos.domain.operators.proposals import Proposal
from mopos.domain.settlement import batches
from mopos.domain.settlement.batches import Batch
from mopos.domain.settlement.states import BatchState


def about_batch(batch_id: int) -> str:
    """How the log and proposals name a batch."""
    return f"batch {batch_id}"


async def propose_approval(services: Services, operator: Operator, batch_id: int, reason: str) -> int:
    """Ask a second operator to approve a draft as it stands. Returns the proposal's number. Refuses `batch_moved`,
    `batch_incomplete` (payouts do not add up to settlements yet), `proposal_exists`, and reasons."""
    batch = await _draft(services, batch_id)
    return await proposals.propose(
        services.db,
        operator,
        Act.APPROVE_BATCH,
        subject=about_batch(batch_id),
        data={
            "batch": batch.id,
            "day": batch.day.isoformat(),
            "version": batch.version,
            "payouts": batch.payout_count,
            "total": int(batch.total),
        },
        reason=check_reason(reason),
        now=services.clock(),
    )


async def _draft(services: Services, batch_id: int) -> Batch:
    batch = await batches.find(services.db, batch_id)
    if batch is None or batch.state is not BatchState.DRAFT:
        raise Refused(["batch_moved"])
    sums = await batches.sums(services.db, batch_id)
    if sums.settlements != sums.payouts or sums.settlements + sums.refunds != batch.total:
        raise Refused(["batch_incomplete"])
    return batch


async def approve_batch(services: Services, approver: Operator, proposal: Proposal, note: str) -> None:
    """The second operator's part: the batch may be handed over. Refuses `proposal_outdated` when it is not the one that
    was proposed any more, `batch_incomplete`, `proposal_gone`."""
    data = proposal.data
    batch = await batches.find(services.db, data["batch"])
    shown = (data["version"], data["payouts"], data["total"])
    if batch is None or (batch.version, batch.payout_count, int(batch.total)) != shown:
        raise Refused(["proposal_outdated"])
    await _draft(services, batch.id)
    try:
        done = await batches.approve(
            services.db,
            batch.id,
            batch.version,
            proposal_id=proposal.id,
            operator_id=approver.id,
            note=note,
            now=services.clock(),
        )
    except RestrictViolation:
        raise Refused(["proposal_gone"]) from None
    if not done:
        raise Refused(["proposal_outdated"])


async def cancel_batch(services: Services, operator: Operator, batch_id: int, reason: str) -> None:
    """Take a batch back before it is handed over: the money is the merchants' again, refunds wait for the next batch.
    The day is planned anew when somebody says so; otherwise the next day's run takes it along. Refuses `batch_moved`,
    `batch_file_out`, and reasons."""
    code = await batches.cancel(
        services.db, batch_id, operator_id=operator.id, reason=check_reason(reason), now=services.clock()
    )
    if code is not None:
        raise Refused([code])
