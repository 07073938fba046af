"""An account's members: THE table of who may do what in it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Role(StrEnum):
    """What somebody is in an account. One owner; the others as many as wanted."""

    OWNER = "owner"
    ADMIN = "admin"
    ACCOUNTANT = "accountant"
    DEVELOPER = "developer"
    VIEWER = "viewer"


class Allow(StrEnum):
    """What a page or an act of the panel needs."""

    ENTER = "enter"
    """To be a member at all: own settings, the list of gateways without money."""
    SEE_MONEY = "see_money"
    """Dashboard, purchases, their pages."""
    EXPORT = "export"
    REFUND = "refund"
    """Give a buyer money back; decide on a refund that another member asked for."""
    INTEGRATE = "integrate"
    """Samples, test console, integration log, signing key."""
    SET_GATEWAY = "set_gateway"
    """Domains, sources, hardening, branding."""
    APPLY = "apply"
    """Profile, documents, applications."""
    MANAGE_MEMBERS = "manage_members"
    SEE_ACTIVITY = "see_activity"
    HOLD_RMZ = "hold_rmz"
    """See a new Rmz, rotate, revoke: the owner's alone."""


_ALL = frozenset(Allow)
ALLOWED: dict[Role, frozenset[Allow]] = {
    Role.OWNER: _ALL,
    Role.ADMIN: _ALL - {Allow.HOLD_RMZ},
    Role.ACCOUNTANT: frozenset({Allow.ENTER, Allow.SEE_MONEY, Allow.EXPORT, Allow.REFUND}),
    Role.DEVELOPER: frozenset({Allow.ENTER, Allow.INTEGRATE}),
    Role.VIEWER: frozenset({Allow.ENTER, Allow.SEE_MONEY}),
}


class Membership(NamedTuple):
    """An account as one of its members enters it."""

    account_id: int
    account_name: str
    role: Role
    since: datetime

    def may(self, allow: Allow) -> bool:
        return allow in ALLOWED[self.role]
