"""Rules about members, and whom an account tells of what."""

from datetime import UTC, datetime

import pytest

from mopos.base.errors import Refused
from mopos.domain.accounts.members import GIVEN_ROLES, MANAGERS, Member, read_role, refuse_touching
from mopos.domain.accounts.model import Role
from mopos.domain.accounts.notify import ALWAYS, DEFAULTS, Event, choice_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("role", GIVEN_ROLES)
def test_roles_that_can_be_given(role):
    assert read_role(str(role)) is role


@pytest.mark.parametrize("text", ["", "owner", "OWNER", "boss", "admin "])
def test_roles_that_cannot(text):
    with pytest.raises(Refused, match="member_role_unknown"):
        read_role(text)


def test_who_manages():
    assert set(MANAGERS) == {Role.OWNER, Role.ADMIN}


@pytest.mark.parametrize(
    ("role", "person_id", "code"),
    [
        (Role.OWNER, 1, "member_is_owner"),
        (Role.OWNER, 2, "member_is_you"),
        (Role.ADMIN, 2, "member_is_you"),
        (Role.ADMIN, 1, None),
        (Role.VIEWER, 1, None),
    ],
)
def test_who_can_be_touched_by_person_2(role, person_id, code):
    member = Member(person_id, "", "09120000000", role, NOW)
    if code is None:
        refuse_touching(member, 2)
    else:
        with pytest.raises(Refused, match=code):
            refuse_touching(member, 2)


def test_an_account_s_choice():
    assert choice_of({}) == DEFAULTS
    assert choice_of({"amount": ["viewer", "no such role"]})[Event.AMOUNT] == {Role.VIEWER}
    assert choice_of({"amount": []})[Event.AMOUNT] == frozenset()
    assert choice_of({"member": ["viewer"]})[Event.MEMBER] == {Role.VIEWER, Role.OWNER}
    assert choice_of({"member": "all"})[Event.MEMBER] == DEFAULTS[Event.MEMBER]
    assert choice_of({"credentials": []})[Event.CREDENTIALS] == ALWAYS[Event.CREDENTIALS] == {Role.OWNER}
    assert choice_of({"gone event": ["owner"]}) == DEFAULTS
