"""A second operator approves what a first one proposed: it is done by the very statement that approves it."""

from __future__ import annotations

from typing import NamedTuple

from mopos.actions import decide_application, decide_batch, help_people, hold_money, manage_operators
from mopos.actions.correct_by_hand import correct
from mopos.actions.correct_entry import correct_entry
from mopos.actions.manage_operators import Handed
from mopos.actions.reverse import reverse_by_two
from mopos.actions.services import Services
from mopos.base.errors import Refused
from mopos.base.ids import without_check_digit
from mopos.base.secret import keyed_hash, new_rmz
from mopos.domain.operators import changes, merchants, proposals, store
from mopos.domain.operators.changes import Approval, By
from mopos.domain.operators.model import NEEDS, Act, Operator, Post, number_in
from mopos.domain.operators.proposals import Proposal


class Done(NamedTuple):
    """What came of an approval. `handed`: a one-time password, to be shown to who approved, once."""

    handed: Handed | None = None


async def approve(services: Services, approver: Operator, proposal: Proposal, *, note: str, ip: str) -> Done:
    """Do what was proposed. Raises `Refused`: `not_allowed`, `proposal_own`, `proposal_gone`, `proposal_outdated`, and
    what each act refuses."""
    _check(services, approver, proposal)
    match proposal.act:
        case Act.CORRECT_PAID | Act.CORRECT_UNPAID:
            await correct(services, approver, proposal, note)
        case Act.SUSPEND_GATEWAY:
            await decide_application.suspend(
                services,
                proposal.data["application"],
                proposal.reason,
                operator_id=approver.id,
                ip=ip,
                approval=decide_application.Approval(proposal.id, note),
            )
        case Act.REVOKE_RMZ:
            await _revoke_rmz(services, approver, proposal, note)
        case Act.APPROVE_REFUND:
            await reverse_by_two(services, approver, proposal, note)
        case Act.RESET_PERSON:
            await help_people.reset(services, approver, proposal, note)
        case Act.APPROVE_BATCH:
            await decide_batch.approve_batch(services, approver, proposal, note)
        case Act.SET_DEBT:
            await hold_money.set_debt(services, approver, proposal, note)
        case Act.CORRECT_ENTRY:
            await correct_entry(services, approver, proposal, note)
        case _:
            return Done(await _about_operator(services, approver, proposal, note))
    return Done()


def _check(services: Services, approver: Operator, proposal: Proposal) -> None:
    if approver.id == proposal.proposed_by:
        raise Refused(["proposal_own"])
    if not approver.may(NEEDS[proposal.act]):
        raise Refused(["not_allowed"])
    if not proposal.is_open(services.clock()):
        raise Refused(["proposal_gone"])


async def _revoke_rmz(services: Services, approver: Operator, proposal: Proposal, note: str) -> None:
    # Known to nobody: made, hashed and forgotten here.
    nobodys = keyed_hash(services.settings.rmz_key, new_rmz().reveal())
    done = await merchants.revoke_rmz(
        services.db,
        without_check_digit(number_in(proposal.subject)),
        nobodys_hash=nobodys,
        number=number_in(proposal.subject),
        approval=Approval(proposal.id, approver.id, note),
        now=services.clock(),
    )
    if not done:
        raise Refused(["proposal_outdated"])


async def _about_operator(services: Services, approver: Operator, proposal: Proposal, note: str) -> Handed | None:
    by = By(approver.id, proposal.reason, Approval(proposal.id, approver.id, note))
    if proposal.act is Act.ADD_OPERATOR:
        return await manage_operators.add_operator(
            services.db,
            services.clock,
            name=proposal.subject,
            title=proposal.data["title"],
            post=Post(proposal.data["role"]),
            by=by,
        )
    if proposal.act is Act.RESET_OPERATOR:
        handed = await manage_operators.reset_operator(services.db, services.clock, proposal.subject, by)
        if handed is None:
            raise Refused(["proposal_outdated"])
        return handed
    operator_id = await store.number_of(services.db, proposal.subject)
    post = Post(proposal.data["role"])
    if operator_id is None or not await changes.change_post(
        services.db, operator_id, post, by=by, now=services.clock()
    ):
        raise Refused(["operator_last_admin"])
    return None


async def turn_down(services: Services, operator: Operator, proposal: Proposal, note: str) -> str:
    """Refused by another operator (who could have approved), or withdrawn by its own. Returns which."""
    own = operator.id == proposal.proposed_by
    if not own:
        _check(services, operator, proposal)
    decision = "withdrawn" if own else "refused"
    if not await proposals.turn_down(
        services.db, proposal, operator, decision=decision, note=note, now=services.clock()
    ):
        raise Refused(["proposal_gone"])
    return decision
