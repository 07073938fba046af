"""An entry of the books that an operator's act wrote by mistake is taken back by two operators. The old entry stays,
and the new one names it."""

from __future__ import annotations

from mopos.actions.services import Services
from mopos.base.errors import Refused
from mopos.domain.ledger import balances, corrections
from mopos.domain.operators import proposals
from mopos.domain.operators.model import Act, Operator, check_reason, number_in
from mopos.domain.operators.proposals import Proposal


def about_entry(entry_id: int) -> str:
    """How the log and proposals name an entry."""
    return f"entry {entry_id}"


async def propose_correction(services: Services, operator: Operator, entry_id: int, reason: str) -> int:
    """Ask a second operator to take an entry back. Returns the proposal's number. Raises `Refused`:
    `entry_not_correctable`, `entry_corrected`, `proposal_exists`, and reasons."""
    reason = check_reason(reason)
    entry = await balances.entry(services.db, entry_id)
    code = corrections.why_not(entry) if entry else "entry_not_correctable"
    if entry is None or code:
        raise Refused([code or "entry_not_correctable"])
    return await proposals.propose(
        services.db,
        operator,
        Act.CORRECT_ENTRY,
        subject=about_entry(entry_id),
        data={
            "exception": entry.subject_id,
            "entry": entry.entry,
            "amount": sum(line.rial for line in entry.lines),
        },
        reason=reason,
        now=services.clock(),
    )


async def correct_entry(services: Services, approver: Operator, proposal: Proposal, note: str) -> None:
    """The second operator's part: it is taken back, and the exception is open again. Raises `Refused`:
    `proposal_outdated`, `correction_floor`, `proposal_gone`."""
    done = await corrections.take_back(
        services.db,
        int(number_in(proposal.subject)),
        reason=proposal.reason,
        proposal_id=proposal.id,
        operator_id=approver.id,
        note=note,
        now=services.clock(),
    )
    if not done:
        raise Refused(["proposal_outdated"])
