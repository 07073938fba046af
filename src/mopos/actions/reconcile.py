"""Three ways, daily: what we hold against each PSP's own report; the operator's bank account against what PSPs owe and
what we paid out; and the account's balance against the books.

What both sides say goes by in silence. Every difference becomes an exception, once, and ends by itself when the other
side comes to say the same. Money that a bank took and we did not know is asked for, and becomes a late payment.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from psycopg.errors import UniqueViolation

from mopos.actions.finish_attempt import ask_about
from mopos.actions.services import Services
from mopos.actions.take_results import Result, take_results
from mopos.base.clock import TEHRAN
from mopos.base.money import Rial
from mopos.domain.ledger.entries import booking
from mopos.domain.payments import store as payments
from mopos.domain.payments.states import ENDED_UNPAID, State
from mopos.domain.settlement import psp_store, recon_store, statement_store
from mopos.domain.settlement.matching import Finding, Item, Kind, match
from mopos.domain.settlement.psp_store import DAYS_APART_MAX, STARTED_BEFORE_DAYS, Held, OpenDay, Wanted
from mopos.domain.settlement.recognise import CameBack, Deposit, PaidOut, Unknown, recognise
from mopos.domain.settlement.recon_store import New
from mopos.domain.settlement.statement_store import Candidate, Matched, Tie, Waiting
from mopos.domain.settlement.statements import words_of

# Deposits come within days; what is older is looked at by a person.
DEPOSITS_BACK = timedelta(days=60)
# Reports older than this are compared only while they have open exceptions.
COMPARE_BACK = timedelta(days=30)
# A payout shows on the account on its day or the next; three days later it does not by itself any more.
UNSEEN_AFTER_DAYS = 3
# Payouts settled longer ago than this were looked at often enough.
UNSEEN_BACK = timedelta(days=45)
# New exceptions about payouts in one run.
UNSEEN_MAX = 1_000
# Attempts of which the bank is asked again, in these states of their purchase.
_ASKABLE = frozenset({State.AT_BANK, State.VERIFYING, State.UNKNOWN}) | ENDED_UNPAID


class Reconciled(NamedTuple):
    """What one run did."""

    days: list[Wanted]
    late: int
    """Payments that a PSP's report told us of, and the bank confirmed."""
    found: int
    vanished: int
    lines: int
    """Movements of the bank account that were recognised."""
    suspense: int
    """Movements that nobody knows."""
    tie: Tie


async def reconcile(services: Services, *, day: date | None = None) -> Reconciled:
    """Lay everything beside everything that is new, or one day again. Runs twice harmlessly."""
    now = services.clock()
    first = now.astimezone(TEHRAN).date() - COMPARE_BACK
    days = await psp_store.days_to_compare(services.db, first=first) if day is None else _one(services, day)
    days = [one for one in days if await psp_store.has_report(services.db, one)]
    late = found = vanished = 0
    for wanted in days:
        compared = await _compare_day(services, wanted)
        late, found, vanished = late + compared[0], found + compared[1], vanished + compared[2]
    lines, suspense = await recognise_lines(services)
    unseen, seen = await _look_for_payouts(services)
    tie = await statement_store.tie(services.db)
    return Reconciled(days, late, found + suspense + unseen, vanished + seen, lines, suspense, tie)


def _one(services: Services, day: date) -> list[Wanted]:
    return [Wanted(terminal_id, day) for terminal_id in services.terminals.all]


async def compare_day(services: Services, terminal_id: int, day: date) -> None:
    """Lay one day beside its report again, as somebody has just asked the bank about it."""
    await _compare_day(services, Wanted(terminal_id, day))


# --- our books and a PSP's report -----------------------------------------------------------------------------------


async def _compare_day(services: Services, wanted: Wanted) -> tuple[int, int, int]:
    """Returns how many late payments, new exceptions and vanished ones."""
    db = services.db
    findings, is_all = await _differences(services, wanted)
    late = 0
    for finding in findings:
        late += finding.kind is Kind.MISSING_HERE and await _take_late_payment(services, wanted, finding)
    if late:
        findings, is_all = await _differences(services, wanted)
    still = await recon_store.open_of_day(db, wanted.terminal_id, wanted.day)
    found = 0
    counted: dict[tuple[str, str], int] = {}
    for finding in findings:
        new = await _exception(services, wanted, finding, counted)
        if still.pop((new.kind, new.key), None) is None:
            found += await recon_store.add(db, new, services.clock()) is not None
    vanished = await recon_store.vanish(db, list(still.values()), services.clock()) if still and is_all else 0
    return late, found, vanished


async def _differences(services: Services, wanted: Wanted) -> tuple[list[Finding[Held]], bool]:
    begins = datetime.combine(wanted.day, time(), TEHRAN)
    compared = await psp_store.compare(
        services.db,
        wanted,
        first=await psp_store.first_attempt_since(services.db, begins - timedelta(days=STARTED_BEFORE_DAYS)),
        begins=begins,
        ends=begins + timedelta(days=1),
        now=services.clock(),
    )
    findings = match(compared.ours, compared.theirs, days=DAYS_APART_MAX)
    return [finding for finding in findings if finding.kind is not Kind.MATCHED], compared.is_all


async def _take_late_payment(services: Services, wanted: Wanted, finding: Finding[Held]) -> bool:
    """The PSP holds money that we do not know of: the bank is asked, and what it confirms is PAID, late. True: it is
    the merchant's now."""
    theirs = finding.theirs
    if theirs is None or theirs.what.kind != "purchase":
        return False
    named = await psp_store.named(services.db, wanted.terminal_id, theirs.what.order_number)
    if named is None or not named.latest:
        return False
    purchase = await payments.by_id(services.db, named.purchase_id)
    if purchase is None or purchase.state not in _ASKABLE:
        return False
    await ask_about(services, purchase, actor="worker")
    after = await payments.by_id(services.db, named.purchase_id)
    return after is not None and after.state is State.PAID


async def _exception(
    services: Services, wanted: Wanted, finding: Finding[Held], counted: dict[tuple[str, str], int]
) -> New:
    kind, key = str(finding.kind), finding.key
    counted[kind, key] = counted.get((kind, key), 0) + 1
    theirs, ours = finding.theirs, finding.ours
    held = ours.what if ours else theirs.what if theirs else None
    purchase_id = ours.what.purchase_id if ours else None
    if purchase_id is None and held is not None:
        named = await psp_store.named(services.db, wanted.terminal_id, held.order_number)
        purchase_id = named.purchase_id if named else None
    sign = 1 if held is not None and held.kind == "purchase" else -1
    return New(
        source="psp",
        kind=kind,
        key=key if counted[kind, key] == 1 else f"{key} #{counted[kind, key]}",
        day=wanted.day,
        amount_rial=sign * finding.difference,
        ours=_side(ours),
        theirs=_side(theirs),
        purchase_id=purchase_id,
        terminal_id=wanted.terminal_id,
        psp_line_id=theirs.what.line_id if theirs else None,
    )


def _side(item: Item[Held] | None) -> dict[str, Any]:
    if item is None:
        return {}
    held = item.what
    return {
        "kind": held.kind,
        "order": held.order_number,
        "bank_ref": held.bank_ref,
        "rial": item.rial,
        "on": item.on.isoformat(),
    }


# --- the bank account -----------------------------------------------------------------------------------------------


async def recognise_lines(services: Services) -> tuple[int, int]:
    """Look at all movements that are new or in suspense. Returns how many were recognised, and how many are newly in
    suspense."""
    known = suspense = after = 0
    while batch := await statement_store.waiting(services.db, after):
        after = batch[-1].id
        for line in batch:
            done = await _recognise(services, line)
            known += done is True
            suspense += done is False
    return known, suspense


async def _recognise(services: Services, line: Waiting) -> bool | None:
    """True: it is known now. False: it went to suspense. None: it lies there already."""
    words = sorted(words_of(line.bank_ref, line.text))
    payouts = await statement_store.candidates(services.db, words)
    first = services.clock().astimezone(TEHRAN).date() - DEPOSITS_BACK
    days = await psp_store.open_days(services.db, first=first) if line.amount_rial > 0 else []
    what = recognise(line, payouts, days)
    if isinstance(what, CameBack) and what.news and not await _take_back(services, line, what):
        what = Unknown(Kind.MISSING_HERE, payout=next((one for one in payouts if one.id == what.payout_id), None))
    if not isinstance(what, Unknown):
        return await _match(services, line, what)
    if line.state == "SUSPENSE":
        return None
    new = _unknown(line, what)
    booked = booking("credit_unknown" if line.amount_rial > 0 else "debit_unknown", _rial(line), {}).params
    now = services.clock()
    done = await statement_store.unknown(services.db, line, new, booked, effective=_effective(line), now=now)
    return None if done is None else False


async def _match(services: Services, line: Waiting, what: Deposit | PaidOut | CameBack) -> bool | None:
    matched = _deposit(line, what) if isinstance(what, Deposit) else _payout(line, what)
    try:
        done = await statement_store.matched(
            services.db, line, matched, effective=_effective(line), now=services.clock()
        )
    except UniqueViolation:
        return None  # another worker has just matched one of its days: the next run looks again
    return True if done else None


def _deposit(line: Waiting, what: Deposit) -> Matched:
    owners = {"terminal": what.terminal_id}
    in_suspense = line.state == "SUSPENSE"
    cost = booking("acquirer_cost", {"amount": Rial(what.commission_rial)}, owners).params
    return Matched(
        as_="deposit",
        terminal_id=what.terminal_id,
        days=[(day.day, day.net_rial, day.commission_rial) for day in what.days],
        booking=None if in_suspense else booking("acquirer_deposited", _rial(line), owners).params,
        more=cost if what.commission_rial else None,
        out_of_suspense=booking("suspense_to_acquirer", _rial(line), owners).params if in_suspense else None,
    )


def _payout(line: Waiting, what: PaidOut | CameBack) -> Matched:
    # The payout's own result books the money; what lay in suspense for it goes back the way it came.
    back = "debit_unknown" if line.amount_rial > 0 else "credit_unknown"
    return Matched(
        as_="payout" if isinstance(what, PaidOut) else "payout_returned",
        payout_id=what.payout_id,
        out_of_suspense=booking(back, _rial(line), {}).params if line.state == "SUSPENSE" else None,
    )


async def _take_back(services: Services, line: Waiting, what: CameBack) -> bool:
    """The statement brings the news that a payout came back. True: the books know it now."""
    result = Result(what.payout_id, "returned", what.tracking_no, line.booked_on, line.text[:200])
    taken = await take_results(services, [result], actor="central bank", operator_id=None)
    return bool(taken.returned or taken.already)


def _unknown(line: Waiting, what: Unknown) -> New:
    ours: dict[str, Any] = {}
    expected = 0
    if what.payout is not None:
        ours = _payout_side(what.payout)
        expected = what.payout.amount_rial if line.amount_rial > 0 else -what.payout.amount_rial
    elif what.day is not None:
        ours = _day_side(what.day)
        expected = what.day.deposit_rial
    differs = what.kind is Kind.AMOUNT_DIFFERS
    return New(
        source="statement",
        kind=str(what.kind),
        key=f"line {line.id}",
        day=line.booked_on,
        amount_rial=line.amount_rial - expected if differs else line.amount_rial,
        ours=ours,
        theirs={
            "bank_ref": line.bank_ref,
            "rial": line.amount_rial,
            "on": line.booked_on.isoformat(),
            "text": line.text,
        },
        payout_id=what.payout.id if what.payout else None,
        terminal_id=what.day.terminal_id if what.day else None,
        statement_line_id=line.id,
    )


def _payout_side(payout: Candidate) -> dict[str, Any]:
    return {"payout": payout.id, "rial": payout.amount_rial, "state": payout.state, "tracking_no": payout.tracking_no}


def _day_side(day: OpenDay) -> dict[str, Any]:
    return {
        "terminal": day.terminal,
        "day": day.day.isoformat(),
        "net": day.net_rial,
        "commission": day.commission_rial,
        "rial": day.deposit_rial,
    }


def _rial(line: Waiting) -> Mapping[str, Rial]:
    return {"amount": Rial(abs(line.amount_rial))}


def _effective(line: Waiting) -> datetime:
    """A statement tells days: its movements count from the beginning of theirs."""
    return datetime.combine(line.booked_on, time(), TEHRAN)


async def _look_for_payouts(services: Services) -> tuple[int, int]:
    """Payouts that were settled and that the account does not show. Returns how many were found and have vanished."""
    now = services.clock()
    vanished = await recon_store.vanish(services.db, await statement_store.seen_exceptions(services.db), now)
    found = 0
    unseen = await statement_store.unseen_payouts(
        services.db,
        after=now.astimezone(TEHRAN).date() - UNSEEN_BACK,
        days=UNSEEN_AFTER_DAYS,
        limit=UNSEEN_MAX,
    )
    for payout in unseen:
        new = New(
            source="payout",
            kind=str(Kind.MISSING_THERE),
            key=f"payout {payout.id}",
            day=payout.settled_on,
            amount_rial=payout.amount_rial,
            ours={
                "payout": payout.id,
                "rial": payout.amount_rial,
                "on": payout.settled_on.isoformat(),
                "tracking_no": payout.tracking_no,
            },
            theirs={},
            payout_id=payout.id,
        )
        found += await recon_store.add(services.db, new, now) is not None
    return found, vanished
