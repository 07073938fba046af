"""Operators: THE table of who may do what in the console, and which acts need two of them."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from mopos.base.errors import Refused


class Post(StrEnum):
    """An operator's role."""

    SUPPORT = "support"
    RISK = "risk"
    FINANCE = "finance"
    ADMIN = "admin"


class Duty(StrEnum):
    """What a page or an act of the console needs."""

    LOOK = "look"
    """Accounts, purchases, queues, the log: every operator."""
    ANSWER = "answer"
    """Write to merchants on their applications; stop a person whose phone was stolen."""
    DECIDE = "decide"
    """Approve, reject, suspend and close gateways."""
    ASK_BANK = "ask_bank"
    CORRECT = "correct"
    """Force a purchase's state: always by two."""
    SWITCH = "switch"
    """Terminals on and off."""
    RUN_JOBS = "run_jobs"
    REFUND = "refund"
    """Give a buyer money back, reverse a payment; decide on refunds that need a second person."""
    SETTLE = "settle"
    """Settlement runs, batches, files, results, holds, the calendar, payees."""
    SET_MONEY = "set_money"
    """Fees, and the rules of settlement."""
    RECONCILE = "reconcile"
    """Statements, differences, corrections of the books."""
    MANAGE_OPERATORS = "manage_operators"


DUTIES: dict[Post, frozenset[Duty]] = {
    Post.SUPPORT: frozenset({Duty.LOOK, Duty.ANSWER, Duty.ASK_BANK}),
    Post.RISK: frozenset({Duty.LOOK, Duty.ANSWER, Duty.DECIDE, Duty.ASK_BANK, Duty.SWITCH}),
    Post.FINANCE: frozenset(
        {Duty.LOOK, Duty.ASK_BANK, Duty.CORRECT, Duty.REFUND, Duty.SETTLE, Duty.SET_MONEY, Duty.RECONCILE}
    ),
    Post.ADMIN: frozenset(Duty),
}


class Act(StrEnum):
    """What only two operators do: one proposes it, another one approves it."""

    CORRECT_PAID = "correct_paid"
    CORRECT_UNPAID = "correct_unpaid"
    SUSPEND_GATEWAY = "suspend_gateway"
    """With money pending; without any, one operator is enough."""
    REVOKE_RMZ = "revoke_rmz"
    RESET_PERSON = "reset_person"
    ADD_OPERATOR = "add_operator"
    RESET_OPERATOR = "reset_operator"
    CHANGE_ROLE = "change_role"
    APPROVE_BATCH = "approve_batch"
    """A day's payouts."""
    APPROVE_REFUND = "approve_refund"
    """By an operator, above the amount that one person may give back."""
    SET_DEBT = "set_debt"
    """How far a merchant's balance may fall below nought."""
    CORRECT_ENTRY = "correct_entry"
    """Take back an entry of the books by one that names it."""


# Who may propose an act, and who may approve it.
NEEDS: dict[Act, Duty] = {
    Act.CORRECT_PAID: Duty.CORRECT,
    Act.CORRECT_UNPAID: Duty.CORRECT,
    Act.SUSPEND_GATEWAY: Duty.DECIDE,
    Act.REVOKE_RMZ: Duty.DECIDE,
    Act.RESET_PERSON: Duty.DECIDE,
    Act.ADD_OPERATOR: Duty.MANAGE_OPERATORS,
    Act.RESET_OPERATOR: Duty.MANAGE_OPERATORS,
    Act.CHANGE_ROLE: Duty.MANAGE_OPERATORS,
    Act.APPROVE_BATCH: Duty.SETTLE,
    Act.APPROVE_REFUND: Duty.REFUND,
    Act.SET_DEBT: Duty.SETTLE,
    Act.CORRECT_ENTRY: Duty.RECONCILE,
}

# A proposal that nobody decided in a day was about a state of things that is gone.
PROPOSAL_LIFE = timedelta(hours=24)
# A one-time password waits for its operator for a day.
SETUP_LIFE = timedelta(hours=24)
# Ten tries for a name from an address, and fifty for an address (an office behind one), in half an hour. Counting by
# address too means that nobody can lock out somebody who sits elsewhere.
TRIES_MAX = 10
ADDRESS_TRIES_MAX = 50
TRIES_FORGOTTEN_AFTER = timedelta(minutes=30)
# Of codes after a right password, from anywhere: whoever gets this far knows the password. A passkey still opens.
WRONG_CODES_MAX = 20
WRONG_CODES_LOCK = timedelta(minutes=30)
# NIST SP 800-63B (revision 4) wants 15 for passwords alone; with a second factor always there, 12 are enough.
PASSWORD_LENGTH_MIN = 12
# argon2 takes as long for a megabyte as it is told to; nobody types more than this.
PASSWORD_LENGTH_MAX = 200
REASON_LENGTH_MAX = 1000
_DIFFERENT_LETTERS_MIN = 5

_NAME = re.compile(r"[a-z][a-z0-9._-]{1,39}")


class Operator(NamedTuple):
    """An operator who is signed in."""

    id: int
    name: str
    title: str
    post: Post

    def may(self, duty: Duty) -> bool:
        return duty in DUTIES[self.post]

    @property
    def shown(self) -> str:
        """As lists and the log name this operator."""
        return self.title or self.name


def check_name(name: str) -> str:
    """An operator's sign-in name, in small letters. Raises `Refused`."""
    name = name.strip().lower()
    if not _NAME.fullmatch(name):
        raise Refused(["operator_name_malformed"])
    return name


def check_password(password: str, name: str) -> None:
    """A new password. Raises `Refused` for one that is short, or that a guesser tries first."""
    if len(password) < PASSWORD_LENGTH_MIN or len(password) > PASSWORD_LENGTH_MAX:
        raise Refused(["password_length"])
    guessed = len(set(password.lower())) < _DIFFERENT_LETTERS_MIN
    if guessed or name in password.lower() or "mopos" in password.lower():
        raise Refused(["password_guessable"])


def about_purchase(number: str) -> str:
    """How the log and proposals name a purchase: numbers of purchases and of gateways may be the same."""
    return f"purchase {number}"


def about_gateway(number: str) -> str:
    """The same of a gateway."""
    return f"gateway {number}"


def about_person(person_id: int) -> str:
    """The same of a person."""
    return f"person {person_id}"


def number_in(subject: str) -> str:
    """The number in such a name."""
    return subject.rpartition(" ")[2]


def check_reason(text: str) -> str:
    """Why an act is done: every dangerous one needs it. Raises `Refused`."""
    reason = text.strip()
    if not reason:
        raise Refused(["act_reason_missing"])
    if len(reason) > REASON_LENGTH_MAX:
        raise Refused(["act_reason_too_long"])
    return reason
