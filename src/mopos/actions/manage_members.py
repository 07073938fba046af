"""Members are invited, join, get other roles and leave; an account is handed over. Each tells whom it concerns."""

from __future__ import annotations

from mopos.actions.account_notices import notice
from mopos.actions.services import Services
from mopos.base.errors import Refused
from mopos.domain.accounts import member_store, notify
from mopos.domain.accounts.member_store import By
from mopos.domain.accounts.members import Invitation, Member, read_role, refuse_touching
from mopos.domain.accounts.model import Role
from mopos.domain.accounts.notify import Event
from mopos.domain.people.model import Person, read_mobile


async def invite(services: Services, by: By, *, mobile: str, role: str, account_name: str) -> None:
    """Invite a mobile number, whether or not somebody here has it: the answer is the same. Refuses
    `invited_mobile_wrong`, `member_role_unknown`, `member_already`, `invited_already`, `invited_too_many`,
    `not_allowed`."""
    number = read_mobile(mobile)
    if number is None:
        raise Refused(["invited_mobile_wrong"])
    wanted = read_role(role)
    text = notice("invitation", account=account_name)
    became = await member_store.invite(services.db, by, mobile=number, role=wanted, text=text)
    if not became.done:
        raise Refused([_why_not(became)])


def _why_not(became: member_store.Invited) -> str:
    if became.is_member:
        return "member_already"
    if became.is_invited:
        return "invited_already"
    return "invited_too_many" if became.too_many else "not_allowed"


async def accept(services: Services, person: Person, ip: str, invitation: Invitation) -> None:
    """Become a member. Refuses `invitation_over`."""
    by = By(invitation.account_id, person.id, ip, services.clock())
    told = await notify.whom_to_tell(services.db, invitation.account_id, Event.MEMBER)
    text = notice("member_joined", account=invitation.account_name, mobile=person.mobile)
    if not await member_store.accept(services.db, by, invitation, told=told, text=text):
        raise Refused(["invitation_over"])


async def decline(services: Services, person: Person, ip: str, invitation: Invitation) -> None:
    """Say no. Refuses `invitation_over`."""
    by = By(invitation.account_id, person.id, ip, services.clock())
    if not await member_store.decline(services.db, by, invitation):
        raise Refused(["invitation_over"])


async def change_role(services: Services, by: By, member: Member, role: str, *, account_name: str) -> None:
    """Give a member another role, at once. Refuses `member_role_unknown`, `member_is_you`, `member_is_owner`,
    `member_changed`."""
    refuse_touching(member, by.person_id)
    wanted = read_role(role)
    if wanted is member.role:
        return
    told = await _told(services, by.account_id, member.mobile)
    text = notice("member_role_changed", account=account_name, mobile=member.mobile)
    if not await member_store.change_role(services.db, by, member, wanted, told=told, text=text):
        raise Refused(["member_changed"])


async def remove(services: Services, by: By, member: Member, *, account_name: str) -> None:
    """Remove a member, at once. Refuses `member_is_you`, `member_is_owner`, `member_changed`."""
    refuse_touching(member, by.person_id)
    told = await _told(services, by.account_id, member.mobile)
    text = notice("member_removed", account=account_name, mobile=member.mobile)
    if not await member_store.remove(services.db, by, member, told=told, text=text):
        raise Refused(["member_changed"])


async def leave(services: Services, by: By, role: Role, *, mobile: str, account_name: str) -> None:
    """Leave an account oneself. Refuses `owner_cannot_leave`."""
    told = await notify.whom_to_tell(services.db, by.account_id, Event.MEMBER)
    text = notice("member_left", account=account_name, mobile=mobile)
    if role is Role.OWNER or not await member_store.leave(services.db, by, mobile=mobile, told=told, text=text):
        raise Refused(["owner_cannot_leave"])


async def hand_over(services: Services, by: By, member: Member, *, mobile: str, account_name: str) -> None:
    """Make a member the owner; who was it becomes an admin. Refuses `member_is_you`, `member_changed`."""
    if member.person_id == by.person_id:
        raise Refused(["member_is_you"])
    text = notice("account_handed_over", account=account_name, mobile=member.mobile)
    if not await member_store.hand_over(services.db, by, member, told=[mobile, member.mobile], text=text):
        raise Refused(["member_changed"])


async def _told(services: Services, account_id: int, mobile: str) -> list[str]:
    """Whom the account chose, and the member himself."""
    return sorted({mobile, *await notify.whom_to_tell(services.db, account_id, Event.MEMBER)})
