"""Members and invitations: who may do what to whom. Pure rules, and below them their SQL's rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from mopos.base.errors import Refused
from mopos.domain.accounts.model import ALLOWED, Allow, Role

INVITATION_LIFE = timedelta(days=7)
# The largest shops have some tens of people here; more is somebody sending messages at our cost.
INVITATIONS_OPEN_MAX = 30
# A day's invitations of an account, and of all accounts to one number.
INVITATIONS_A_DAY_MAX = 20
INVITATIONS_TO_ONE_A_DAY_MAX = 5
MEMBERS_MAX = 100

# What somebody can be invited as or changed to. An owner is made only by the owner's handing over.
GIVEN_ROLES = (Role.ADMIN, Role.ACCOUNTANT, Role.DEVELOPER, Role.VIEWER)
MANAGERS = tuple(role for role in Role if Allow.MANAGE_MEMBERS in ALLOWED[role])


class Member(NamedTuple):
    """A member as lists show it."""

    person_id: int
    name: str
    mobile: str
    role: Role
    since: datetime


class Invitation(NamedTuple):
    """An invitation that waits for an answer."""

    id: int
    account_id: int
    account_name: str
    mobile: str
    role: Role
    by_name: str
    by_mobile: str
    created_at: datetime
    expires_at: datetime

    def is_open(self, now: datetime) -> bool:
        return now < self.expires_at


def read_role(text: str) -> Role:
    """A role that may be given. Raises `Refused`."""
    if text not in GIVEN_ROLES:
        raise Refused(["member_role_unknown"])
    return Role(text)


def refuse_touching(member: Member, by_person_id: int) -> None:
    """Nobody changes or removes himself here (so that no account is left without who can manage it), and nobody the
    owner. Raises `Refused`."""
    if member.person_id == by_person_id:
        raise Refused(["member_is_you"])
    if member.role is Role.OWNER:
        raise Refused(["member_is_owner"])
