"""Actions against a real PostgreSQL, and a bank that does what the test's script says."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from mopos.actions import manage_account
from mopos.actions.finish_attempt import finish_attempt
from mopos.actions.register_purchase import register_purchase
from mopos.actions.send_to_bank import send_to_bank
from mopos.actions.services import Services
from mopos.actions.terminals import Terminals
from mopos.banks.port import (
    Attempt,
    Confirmed,
    Decline,
    Declined,
    Facts,
    GivenBack,
    Opened,
    Order,
    Pending,
    Redirect,
    Returned,
    Silent,
    Unverified,
)
from mopos.base.config import Settings
from mopos.base.db import Database
from mopos.base.money import Rial
from mopos.domain.payments import store
from mopos.domain.payments.model import Purchase, parse_form


@dataclass
class Account:
    """What the bank knows of one order."""

    order: Order
    state: str = "open"  # open, taken, verified, cancelled, declined, given_back
    amount: Rial | None = None
    ref: str = ""
    refunds: dict[str, int] = field(default_factory=dict)

    @property
    def kept(self) -> int:
        return int(self.amount or 0) - sum(self.refunds.values()) if self.state == "verified" else 0


FACTS = Facts(
    "scripted",
    "بانک آزمون",
    "Test bank",
    timedelta(minutes=10),
    timedelta(minutes=15),
    timedelta(hours=3),
    True,
    reports=True,
)


@dataclass
class ScriptedBank:
    """A bank with its own book. `silent` names verbs that stay silent; `after` acts before a verb is silent."""

    book: dict[str, Account] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    silent_though_done: set[str] = field(default_factory=set)
    calls: list[tuple[str, str]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    facts: Facts = FACTS

    async def open(self, order: Order) -> Opened | Declined | Silent:
        self.calls.append(("open", order.number))
        if "open" in self.silent:
            return Silent("timeout")
        assert order.number not in self.book, "an order number was used twice"
        self.book[order.number] = Account(order)
        return Opened(f"T{order.number}", Redirect("POST", "https://bank.test/pay", {"Token": f"T{order.number}"}))

    def read_return(self, fields) -> Returned:
        return Returned(fields.get("State") == "OK", fields.get("RefNum"))

    def buyer_pays(self, number: str, *, amount: int | None = None, ref: str | None = None) -> None:
        account = self.book[number]
        assert account.state == "open", "nobody pays twice"
        account.state = "taken"
        account.amount = Rial(amount) if amount else account.order.amount
        account.ref = ref or f"RRN{number}"

    async def verify(self, attempt: Attempt) -> Confirmed | Declined | Pending | Silent:
        self.calls.append(("verify", attempt.number))
        account = self.book[attempt.number]
        if "verify" in self.silent:
            return Silent("timeout")
        if account.state == "taken":
            account.state = "verified"
        if "verify" in self.silent_though_done:
            return Silent("timeout")
        answer = self._answer(account)
        assert not isinstance(answer, Unverified)
        return answer

    async def inquire(self, attempt: Attempt) -> Confirmed | Unverified | Declined | Pending | Silent:
        self.calls.append(("inquire", attempt.number))
        if "inquire" in self.silent:
            return Silent("timeout")
        return self._answer(self.book[attempt.number])

    async def reverse(self, attempt: Attempt) -> Declined | Silent:
        self.calls.append(("reverse", attempt.number))
        account = self.book[attempt.number]
        if "reverse" in self.silent:
            return Silent("timeout")
        if "reverse" in self.refused or account.refunds or account.state not in ("verified", "given_back"):
            return Declined(Decline.OTHER, "-7")
        account.state = "given_back"
        return Silent("timeout") if "reverse" in self.silent_though_done else Declined(Decline.GIVEN_BACK, "0")

    async def refund(self, attempt: Attempt, refund_number: str, amount: Rial) -> GivenBack | Declined | Silent:
        self.calls.append(("refund", refund_number))
        account = self.book[attempt.number]
        if "refund" in self.silent:
            return Silent("timeout")
        if refund_number not in account.refunds:
            if "refund" in self.refused or amount > account.kept:
                return Declined(Decline.OTHER, "-8")
            account.refunds[refund_number] = int(amount)
        assert account.refunds[refund_number] == amount, "a refund number was used twice"
        return Silent("timeout") if "refund" in self.silent_though_done else GivenBack(f"RF{refund_number}")

    def _answer(self, account: Account) -> Confirmed | Unverified | Declined | Pending:
        match account.state:
            case "open":
                return Pending()
            case "taken":
                return Unverified()
            case "verified":
                assert account.amount is not None
                return Confirmed(account.amount, account.order.number, account.ref, "123456", "603799******0014")
            case other:
                reasons = {
                    "cancelled": Decline.CANCELLED,
                    "declined": Decline.INSUFFICIENT_FUNDS,
                    "closed": Decline.SESSION_EXPIRED,
                    "given_back": Decline.GIVEN_BACK,
                }
                return Declined(reasons[other], "51")

    def captured(self) -> dict[str, int]:
        """What the bank took and keeps: order number to Rial."""
        return {n: a.kept for n, a in self.book.items() if a.state == "verified"}


class Hand:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def bank() -> ScriptedBank:
    return ScriptedBank()


@pytest.fixture
async def services(dsn, bank, clock) -> AsyncIterator[Services]:
    settings = Settings(database_url=dsn, secret_key=SecretStr("k" * 32), public_url="https://pay.test")
    async with Database(dsn, pool_size=8, timeout_s=10) as db:
        yield Services(db=db, terminals=Terminals.single(bank), clock=clock, settings=settings)


class Shop:
    """A merchant with a gateway, who posts forms."""

    def __init__(self, services: Services, credentials: manage_account.Credentials) -> None:
        self.services = services
        self.id, self.rmz = credentials
        self._count = 0

    def form(self, **changed: str) -> dict[str, str]:
        self._count += 1
        fields = {"ID": self.id, "Res": f"R{self._count}", "Amnt": "250000", "Nam": "علی", "Dsc": "کتاب"}
        return fields | {"RedirectURL": "https://shop.test/back"} | changed

    async def post(self, form: dict[str, str]) -> Purchase:
        return (await register_purchase(self.services, parse_form(form), "192.0.2.7")).purchase

    async def at_bank(self, **changed: str) -> Purchase:
        """A purchase whose buyer stands before the bank's page."""
        purchase, is_new = await register_purchase(self.services, parse_form(self.form(**changed)), "192.0.2.7")
        assert await send_to_bank(self.services, purchase, is_new=is_new) is not None
        return await self.now(purchase)

    async def paid(self, **changed: str) -> Purchase:
        """A purchase whose buyer has paid."""
        purchase = await self.at_bank(**changed)
        self.services.terminals.of(1).buyer_pays(purchase.order_number)
        await finish_attempt(self.services, purchase.ref, {"State": "OK", "RefNum": "whatever"})
        return await self.now(purchase)

    async def now(self, purchase: Purchase) -> Purchase:
        found = await store.by_token(self.services.db, purchase.token)
        assert found is not None
        return found


@pytest.fixture
async def shop(services) -> Shop:
    made = await manage_account.create_account(services.db, services.clock, services.settings, "فروشگاه آزمون")
    return Shop(services, made)


@pytest.fixture
def with_settings(services):
    """The same services with other settings."""
    return lambda **changed: replace(services, settings=services.settings.model_copy(update=changed))
