"""What became of payouts, as the central bank says by file or API: the books, the batch, the merchant's `DatTasvie`
and `NoTasvie` follow, and members are told. Results may come twice, in any order, by two people at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from mopos.actions.account_notices import notice
from mopos.actions.refund import tell_failure
from mopos.actions.services import Services
from mopos.domain.accounts import notify
from mopos.domain.accounts.notify import Event
from mopos.domain.ledger.entries import booking
from mopos.domain.settlement import payouts
from mopos.domain.settlement.calendar import tehran_day
from mopos.domain.settlement.payouts import Payout
from mopos.domain.settlement.results import REASON_LENGTH_MAX, Result, Step, decide
from mopos.domain.settlement.states import PayoutState

__all__ = ["Result", "Taken", "take_results"]

# Results that one transaction writes: some hundred milliseconds, in which other runs over the same batch wait.
PAGE = 200
# Everybody who brings a result may be overtaken once; who is overtaken time and again sees rivals' results anyway.
_ROUNDS = 3


class Taken(NamedTuple):
    """What came of it. `already`: known before."""

    settled: int
    returned: int
    already: int
    refused: list[tuple[Result, str]]
    """With the code of the catalogue."""


class _Due(NamedTuple):
    result: Result
    payout: Payout
    step: Step


async def take_results(services: Services, results: Sequence[Result], *, actor: str, operator_id: int | None) -> Taken:
    """Write each result that is news. One that is known is no error; one that cannot be is refused, and the others are
    taken. `actor`: operator (a file), or worker (the API)."""
    taken = Taken(0, 0, 0, [])
    for page in _pages(results):
        left = page
        for _ in range(_ROUNDS):
            taken, left = await _take_page(services, left, taken, actor, operator_id)
            if not left:
                break
        taken.refused.extend((result, "result_contradicts") for result in left)
    return taken


async def _take_page(
    services: Services, page: Sequence[Result], taken: Taken, actor: str, operator_id: int | None
) -> tuple[Taken, list[Result]]:
    """Write what is news. What somebody else has moved in the meantime is left, to be looked at again."""
    today = tehran_day(services.clock())
    known = await payouts.by_ids(services.db, [result.payout_id for result in page])
    due: list[_Due] = []
    already = taken.already
    for result in page:
        match decide(known.get(result.payout_id), result, today):
            case None:
                already += 1
            case str(code):
                taken.refused.append((result, code))
            case step:
                due.append(_Due(result, known[result.payout_id], step))
    written = await _write(services, due, actor, operator_id) if due else set()
    done = [one for one in due if one.result in written]
    for one in done:
        if one.payout.refund_of is not None and one.step.end is PayoutState.RETURNED:
            await tell_failure(services, one.payout.account_id, one.payout.refund_of, one.payout.amount)
    settled = sum(one.step.end is PayoutState.SETTLED for one in done)
    counts = Taken(taken.settled + settled, taken.returned + len(done) - settled, already, taken.refused)
    return counts, [one.result for one in due if one.result not in written]


def _pages(results: Sequence[Result]) -> Iterator[list[Result]]:
    """In the order they came, so that a payout that was settled and then returned is both. No payout is twice in a
    page."""
    page: list[Result] = []
    ids: set[int] = set()
    for result in results:
        if result.payout_id in ids or len(page) == PAGE:
            yield page
            page, ids = [], set()
        page.append(result)
        ids.add(result.payout_id)
    if page:
        yield page


async def _write(services: Services, due: Sequence[_Due], actor: str, operator_id: int | None) -> set[Result]:
    """Settled payouts of a batch together. What gives money back to a merchant or concerns a purchase goes alone: its
    transaction takes more locks, and one at a time it takes them in the house's order."""
    groups: dict[tuple[int, int], list[_Due]] = defaultdict(list)
    for one in due:
        alone = one.payout.is_refund or one.step.end is PayoutState.RETURNED
        groups[(one.payout.batch_id, one.payout.id if alone else 0)].append(one)
    written: set[Result] = set()
    told = await _whom_to_tell(services, due)
    now = services.clock()
    for (batch_id, _), group in groups.items():
        rows = [_row(one, told) for one in group]
        done = await payouts.record(services.db, batch_id, rows, actor=actor, operator_id=operator_id, now=now)
        written |= {one.result for one in group if one.payout.id in done}
    return written


_EVENTS = {PayoutState.SETTLED: Event.PAYOUT_SETTLED, PayoutState.RETURNED: Event.PAYOUT_RETURNED}


async def _whom_to_tell(services: Services, due: Sequence[_Due]) -> dict[tuple[int, Event], list[str]]:
    """By account and event, each asked once. Of a split the merchant hears once, of the main part; of a refund the
    pages tell."""
    wanted = {
        (one.payout.account_id, _EVENTS[one.step.end])
        for one in due
        if one.payout.account_id is not None and not one.payout.is_refund
    }
    return {key: await notify.whom_to_tell(services.db, *key) for key in wanted}


def _row(one: _Due, told: dict[tuple[int, Event], list[str]]) -> dict[str, Any]:
    payout, result, step = one.payout, one.result, one.step
    entry = step.refund_entry if payout.is_refund else step.entry
    event = _EVENTS[step.end]
    mobiles: list[str] = []
    if payout.account_id is not None and not payout.is_refund and (payout.main or step.end is PayoutState.RETURNED):
        mobiles = told[(payout.account_id, event)]
    return {
        "payout": payout.id,
        "version": payout.version,
        "event": step.event,
        "from_state": payout.state,
        "to_state": step.end,
        "tracking_no": result.tracking_no.strip(),
        "on": result.on.isoformat(),
        "reason": result.reason[:REASON_LENGTH_MAX],
        "template": str(event),
        "mobiles": mobiles,
        "text": notice(str(event), account=payout.account_name, rial=int(payout.amount)),
        **booking(entry, {"amount": payout.amount}, {"gateway": payout.gateway_id}).params,
    }
