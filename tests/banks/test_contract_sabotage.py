"""The contract can fail: the sandbox's connector is broken on purpose, in one way after another, and each time the
check that is there for it turns red."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from tests.banks import contract
from tests.banks import test_contract as checks
from tests.banks.contract import DEADLINE_S, Process, gateway_at

from mopos.banks.kind import Access
from mopos.banks.port import (
    Accepted,
    Attempt,
    Confirmed,
    Decline,
    Declined,
    GivenBack,
    Opened,
    Order,
    Pending,
    Returned,
    Silent,
)
from mopos.banks.sandbox import KIND, Sandbox
from mopos.banks.sandbox_sim import SIM
from mopos.banks.wire import Wire
from mopos.base.money import Rial


class Broken(Sandbox):
    """The right connector. What each of the others does wrong is what it overrides."""

    def __init__(self, access: Access) -> None:
        self.access = access
        super().__init__(access)

    async def verify(self, attempt: Attempt) -> Any:
        return self.spoilt(await super().verify(attempt), attempt)

    async def inquire(self, attempt: Attempt) -> Any:
        return self.spoilt(await super().inquire(attempt), attempt)

    def spoilt(self, answer: Any, attempt: Attempt) -> Any:
        return answer


def yes(attempt: Attempt) -> Confirmed:
    return Confirmed(attempt.amount, attempt.number, "123456789012", "123456", "603799******0014")


class PendingIsYes(Broken):
    def spoilt(self, answer: Any, attempt: Attempt) -> Any:
        return yes(attempt) if isinstance(answer, Pending) else answer


class SilenceIsNo(Broken):
    async def open(self, order: Order) -> Any:
        return declined_if_silent(await super().open(order))

    async def probe(self) -> Any:
        return declined_if_silent(await super().probe())

    def spoilt(self, answer: Any, attempt: Attempt) -> Any:
        return declined_if_silent(answer)


def declined_if_silent(answer: Any) -> Any:
    return Declined(Decline.OTHER) if isinstance(answer, Silent) else answer


class SilenceIsYes(Broken):
    def spoilt(self, answer: Any, attempt: Attempt) -> Any:
        return yes(attempt) if isinstance(answer, Silent) else answer


class TenTimes(Broken):
    def spoilt(self, answer: Any, attempt: Attempt) -> Any:
        return replace(answer, amount=Rial(int(answer.amount) * 10)) if isinstance(answer, Confirmed) else answer


class AsksForToman(Broken):
    async def open(self, order: Order) -> Any:
        return await super().open(replace(order, amount=Rial(int(order.amount) // 10)))


class SaysOurAmount(Broken):
    def spoilt(self, answer: Any, attempt: Attempt) -> Any:
        return replace(answer, amount=attempt.amount) if isinstance(answer, Confirmed) else answer


class SecondYesIsNo(Broken):
    def spoilt(self, answer: Any, attempt: Attempt) -> Any:
        told: set[str] = self.__dict__.setdefault("told", set())
        if not isinstance(answer, Confirmed) or attempt.number not in told:
            told.update({attempt.number} if isinstance(answer, Confirmed) else ())
            return answer
        return Declined(Decline.OTHER, "2")


class AnyPaymentWillDo(Broken):
    """It knows a payment by the reference that the browser brings, and looks no further."""

    def spoilt(self, answer: Any, attempt: Attempt) -> Any:
        paid: dict[str, Confirmed] = self.__dict__.setdefault("paid", {})
        if isinstance(answer, Confirmed):
            paid[answer.bank_ref] = answer
            return answer
        known = paid.get(attempt.bank_ref or "")
        return answer if known is None else replace(known, order_number=attempt.number)


class ANoIsForgotten(Broken):
    def spoilt(self, answer: Any, attempt: Attempt) -> Any:
        return Pending() if isinstance(answer, Declined) else answer


class NoReasons(Broken):
    def spoilt(self, answer: Any, attempt: Attempt) -> Any:
        return replace(answer, reason=Decline.OTHER) if isinstance(answer, Declined) else answer


class NoCodes(Broken):
    def spoilt(self, answer: Any, attempt: Attempt) -> Any:
        return replace(answer, code="") if isinstance(answer, Declined) else answer


class GivenBackIsYes(Broken):
    def spoilt(self, answer: Any, attempt: Attempt) -> Any:
        return yes(attempt) if checks.is_given_back(answer) else answer


class TheBrowsersWord(Broken):
    """What the browser says is so."""

    def read_return(self, fields: Any) -> Returned:
        self.brought = super().read_return(fields)
        return self.brought

    def spoilt(self, answer: Any, attempt: Attempt) -> Any:
        return yes(attempt) if self.brought.claims_paid else Declined(Decline.OTHER, "51")


class ReadsTwoSpellings(Broken):
    def read_return(self, fields: Any) -> Returned:
        spelled = fields.get("RefNum", "").strip(" 0")
        return replace(super().read_return(fields), bank_ref=spelled or None, claims_paid=True)


class KeepsWholeNumbers(Broken):
    def read_return(self, fields: Any) -> Returned:
        return replace(super().read_return(fields), masked_pan=fields.get("SecurePan", ""))


class VerifiesWhenAsked(Broken):
    async def inquire(self, attempt: Attempt) -> Any:
        return await self.verify(attempt)


class UnknownIsNo(Broken):
    def spoilt(self, answer: Any, attempt: Attempt) -> Any:
        return Declined(Decline.OTHER) if attempt.token is None else answer


class StumblesOverReturns(Broken):
    def read_return(self, fields: Any) -> Returned:
        return replace(super().read_return(fields), code=str(int(fields["ResCode"])))


class RaisesOnGarbage(Broken):
    def spoilt(self, answer: Any, attempt: Attempt) -> Any:
        if answer == Silent("garbage"):
            raise ValueError("no answer")
        return answer


class NeverReverses(Broken):
    async def reverse(self, attempt: Attempt) -> Any:
        return Declined(Decline.GIVEN_BACK, "0")


class RefundsTwice(Broken):
    async def refund(self, attempt: Attempt, refund_number: str, amount: Rial) -> Any:
        times = self.__dict__["times"] = self.__dict__.get("times", 0) + 1
        return await super().refund(attempt, f"{refund_number}{times}", amount)


class RefundsNothing(Broken):
    async def refund(self, attempt: Attempt, refund_number: str, amount: Rial) -> Any:
        return GivenBack("123456789012")


class KnownEverywhere(Broken):
    async def probe(self) -> Any:
        return Accepted()


class HidesNothing(Broken):
    def __init__(self, access: Access) -> None:
        super().__init__(access)
        self._wire = Wire(
            access.base_url, deadline_s=access.deadline_s, redact=lambda body: body.decode(), on_call=access.on_call
        )


class PrintsItsKey(Broken):
    def __repr__(self) -> str:
        return f"Sandbox(key={self.access.credentials['key'].reveal()})"


class SaysNotWhatItIsAbout(Broken):
    def __init__(self, access: Access) -> None:
        heard = access.on_call
        quiet = replace(access, on_call=lambda call: heard(replace(call, about="")) if heard else None)
        super().__init__(quiet)


class OpensTwice(Broken):
    """Asks for a token again, under another number, when it has one."""

    async def open(self, order: Order) -> Any:
        opened = await super().open(order)
        again = await super().open(replace(order, number=f"9{order.number}"))
        return again if isinstance(opened, Opened) else opened


class ReportsTomorrow(Broken):
    async def report(self, day: date, after: str = "") -> Any:
        return ()


SABOTAGE: list[tuple[type[Broken], Callable[..., Any], dict[str, Any]]] = [
    (PendingIsYes, checks.test_who_is_still_on_the_page_has_not_paid, {}),
    (PendingIsYes, checks.test_forged_returns_change_nothing, {}),
    (PendingIsYes, checks.test_the_return_of_another_order_pays_nothing, {"verified_first": False}),
    (PendingIsYes, checks.test_a_return_may_hold_anything, {}),
    (SilenceIsNo, checks.test_silence_at_open, {"fault": "late"}),
    (SilenceIsNo, checks.test_silence_at_verify, {"fault": "error"}),
    (SilenceIsNo, checks.test_silence_at_inquire, {"fault": "garbage"}),
    (SilenceIsNo, checks.test_a_true_answer_that_is_cut_off_is_silence, {}),
    (SilenceIsNo, checks.hears_silence, {"no_answers": checks.NO_ANSWERS}),
    (SilenceIsYes, checks.test_silence_at_verify, {"fault": "silent"}),
    (SilenceIsYes, checks.test_a_yes_under_another_status_is_no_yes, {"status": "500 Internal Server Error"}),
    (SilenceIsYes, checks.test_with_wrong_credentials_we_are_nobody, {}),
    (TenTimes, checks.test_paid, {}),
    (TenTimes, checks.test_every_rial_arrives, {"amount": 10_001}),
    (AsksForToman, checks.test_open_leads_to_the_banks_page, {}),
    (SaysOurAmount, checks.test_another_amount_than_ordered, {}),
    (SecondYesIsNo, checks.test_asked_again_after_a_yes_it_is_the_same_yes, {}),
    (SecondYesIsNo, checks.test_a_double_return_is_one_payment, {}),
    (AnyPaymentWillDo, checks.test_the_reference_of_another_order_pays_nothing, {"verified_first": True}),
    (ANoIsForgotten, checks.test_refused, {"card": "insufficient_funds"}),
    (ANoIsForgotten, checks.test_cancelled, {}),
    (ANoIsForgotten, checks.test_three_wrong_passwords, {}),
    (ANoIsForgotten, checks.test_the_session_ends, {}),
    (ANoIsForgotten, checks.test_after_the_deadline_the_bank_has_given_it_back, {}),
    (NoReasons, checks.test_refused, {"card": "issuer_down"}),
    (NoCodes, checks.test_refused, {"card": "expired_card"}),
    (GivenBackIsYes, checks.test_after_the_deadline_the_bank_has_given_it_back, {}),
    (TheBrowsersWord, checks.test_forged_returns_change_nothing, {}),
    (KeepsWholeNumbers, checks.test_a_whole_card_number_is_never_a_masked_one, {}),
    (VerifiesWhenAsked, checks.test_an_inquiry_changes_nothing, {}),
    (UnknownIsNo, checks.test_without_what_it_is_asked_by_nothing_is_known, {}),
    (StumblesOverReturns, checks.test_a_return_may_hold_anything, {}),
    (ReadsTwoSpellings, checks.test_a_reference_is_read_as_it_stands_or_not_at_all, {}),
    (RaisesOnGarbage, checks.hears_silence, {"no_answers": checks.NO_ANSWERS}),
    (RaisesOnGarbage, checks.test_a_true_answer_whose_members_change_their_types_is_no_other_yes, {}),
    (NeverReverses, checks.test_a_reversal_gives_all_back_once, {}),
    (NeverReverses, checks.test_too_late_to_reverse, {}),
    (NeverReverses, checks.test_cancelled, {}),
    (NeverReverses, checks.test_silence_at_reverse, {"fault": "late"}),
    (RefundsTwice, checks.test_a_refund_in_parts, {}),
    (RefundsTwice, checks.test_silence_at_refund, {"fault": "late"}),
    (RefundsNothing, checks.test_a_refund_in_parts, {}),
    (KnownEverywhere, checks.test_with_wrong_credentials_we_are_nobody, {}),
    (HidesNothing, checks.test_nothing_secret_is_kept, {}),
    (PrintsItsKey, checks.test_nothing_secret_is_kept, {}),
    (SaysNotWhatItIsAbout, checks.test_each_call_about_an_order_says_so, {}),
    (OpensTwice, checks.test_paid, {}),
    (ReportsTomorrow, checks.test_a_report_where_the_bank_gives_one, {}),
]


# Every check that stands there, once.
GREEN = {row[1].__name__: row[1:] for row in SABOTAGE}


@pytest.fixture(scope="module")
def process() -> Iterator[Process]:
    """The sandbox bank."""
    one = contract.start_own("sandbox")
    yield one
    one.stop()


CALLS = ("open", "verify", "settle", "inquire", "reverse", "refund")


async def run(
    broken: type[Broken], check: Callable[..., Any], more: dict[str, Any], process: Process, caplog: Any
) -> None:
    """Run a check with a connector of a class."""
    wanted = inspect.signature(check).parameters
    more = {**more, **({"caplog": caplog} if "caplog" in wanted else {})}
    kind = replace(KIND, make=broken)
    if "kind" in wanted:
        await check(kind=kind, sim=SIM, **more)
        return
    deadline_s = DEADLINE_S if "impatient" in wanted else contract.PATIENT_S
    async with gateway_at(kind, SIM, process.url, deadline_s=deadline_s, process=process) as gateway:
        who = next(name for name in ("gateway", "impatient", "later") if name in wanted)
        try:
            await check(**{who: gateway}, **more)
        finally:
            # A check that fails half-way leaves faults behind.
            for call in CALLS:
                await gateway.plan(call)


@pytest.mark.parametrize(
    ("broken", "check", "more"), SABOTAGE, ids=[f"{row[0].__name__}-{row[1].__name__}" for row in SABOTAGE]
)
async def test_the_check_turns_red(
    broken: type[Broken],
    check: Callable[..., Any],
    more: dict[str, Any],
    process: Process,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises((AssertionError, ValueError, KeyError)):
        await run(broken, check, more, process, caplog)


@pytest.mark.parametrize(
    ("check", "more"),
    GREEN.values(),
    ids=GREEN,
)
async def test_and_is_green_when_nothing_is_broken(
    check: Callable[..., Any], more: dict[str, Any], process: Process, caplog: pytest.LogCaptureFixture
) -> None:
    await run(Broken, check, more, process, caplog)
