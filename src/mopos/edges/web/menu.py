"""The menus: what stands beside a page, in order, for who may go there."""

from __future__ import annotations

from typing import NamedTuple

from mopos.domain.accounts.model import Allow
from mopos.domain.operators.model import Duty
from mopos.edges.web.ask import Ask


class Entry(NamedTuple):
    """A link of a menu."""

    text: str
    url: str
    needs: Allow | Duty
    current: bool = False


# Key of the sentence, address, what it needs.
_PANEL: tuple[tuple[str, str, Allow], ...] = (
    ("menu.dashboard", "", Allow.SEE_MONEY),
    ("menu.purchases", "/purchases", Allow.SEE_MONEY),
    ("menu.refunds", "/refunds", Allow.SEE_MONEY),
    ("menu.deposits", "/deposits", Allow.SEE_MONEY),
    ("menu.statement", "/statement", Allow.SEE_MONEY),
    ("menu.exports", "/exports", Allow.EXPORT),
    ("menu.gateways", "/gateways", Allow.ENTER),
    ("menu.integration", "/integration", Allow.INTEGRATE),
    ("menu.profile", "/profile", Allow.APPLY),
    ("menu.members", "/members", Allow.MANAGE_MEMBERS),
    ("menu.notifications", "/notifications", Allow.MANAGE_MEMBERS),
    ("menu.settings", "/settings", Allow.SET_GATEWAY),
    ("menu.activity", "/activity", Allow.SEE_ACTIVITY),
)
_CONSOLE: tuple[tuple[str, str, Duty], ...] = (
    ("menu.overview", "/console", Duty.LOOK),
    ("menu.applications", "/console/applications", Duty.LOOK),
    ("menu.accounts", "/console/accounts", Duty.LOOK),
    ("menu.search", "/console/purchases", Duty.LOOK),
    ("menu.queues", "/console/queues", Duty.LOOK),
    ("menu.refunds", "/console/refunds", Duty.LOOK),
    ("menu.proposals", "/console/proposals", Duty.LOOK),
    ("menu.settlement", "/console/settlement", Duty.LOOK),
    ("menu.batches", "/console/batches", Duty.LOOK),
    ("menu.payouts", "/console/payouts", Duty.LOOK),
    ("menu.holds", "/console/holds", Duty.LOOK),
    ("menu.payees", "/console/payees", Duty.LOOK),
    ("menu.calendar", "/console/calendar", Duty.LOOK),
    ("menu.money_rules", "/console/money-rules", Duty.LOOK),
    ("menu.splits", "/console/splits", Duty.LOOK),
    ("menu.fees", "/console/fees", Duty.LOOK),
    ("menu.books", "/console/books", Duty.LOOK),
    ("menu.reconciliation", "/console/reconciliation", Duty.LOOK),
    ("menu.exceptions", "/console/exceptions", Duty.LOOK),
    ("menu.statements", "/console/statements", Duty.LOOK),
    ("menu.terminals", "/console/terminals", Duty.LOOK),
    ("menu.jobs", "/console/jobs", Duty.LOOK),
    ("menu.log", "/console/log", Duty.LOOK),
    ("menu.operators", "/console/operators", Duty.MANAGE_OPERATORS),
    ("menu.system", "/console/system", Duty.LOOK),
    ("menu.security", "/console/security", Duty.LOOK),
)


def menu_of(ask: Ask) -> list[Entry]:
    """The menu of an area, without what its reader may not open. Empty before signing in."""
    if ask.area == "console":
        rows: list[tuple[str, str, Allow | Duty]] = list(_CONSOLE) if ask.maybe_operator else []
        root = "/console"
    elif ask.maybe_membership:
        root = ask.panel
        rows = [(key, root + path, needs) for key, path, needs in _PANEL]
    else:
        return []
    here = str(ask.request.url.path)
    if ask.area == "panel":
        # Applications have no entry of their own: they become gateways.
        here = here.replace(f"{root}/applications", f"{root}/gateways")
        # A settlement is looked at from a deposit.
        here = here.replace(f"{root}/settlements/", f"{root}/deposits/")
    elif ask.area == "console":
        # Nor have gateways and people here: they are found by their accounts.
        here = here.replace("/console/gateways/", "/console/accounts/").replace(
            "/console/people/", "/console/accounts/"
        )
        # A file of results is about batches.
        here = "/console/batches" if here == "/console/results" else here
    found = [Entry(ask.t[key], url, needs) for key, url, needs in rows if ask.may(needs)]
    return [entry._replace(current=_is_in(here, entry.url, root)) for entry in found]


def _is_in(here: str, url: str, root: str) -> bool:
    return here == url or (url != root and here.startswith(f"{url}/"))
