"""The floor of SQL: the very statements of one purchase, recorded from the actions, replayed by pgbench."""

from datetime import timedelta

from psycopg import sql

from mopos.actions.finish_attempt import finish_attempt
from mopos.actions.register_purchase import register_purchase
from mopos.actions.report_result import report_result
from mopos.actions.send_to_bank import send_to_bank
from mopos.actions.services import Services
from mopos.banks.port import Confirmed, Facts, Opened, Redirect, Returned
from mopos.base.clock import system_clock
from mopos.base.config import Settings
from mopos.base.db import Database
from mopos.base.secret import Secret
from mopos.domain.payments import store
from mopos.domain.payments.model import parse_form

# What differs from purchase to purchase, as pgbench makes it from one random number, or takes it from the first answer.
VARIED = {
    "res": "'b' || (:n)::text",
    "token": "lpad((:n)::text, 22, 't')",
    "ref": "lpad((:n)::text, 22, 'q')",
    "bank_token": "md5((:n)::text)",
    "bank_ref": "(:n)::text",
    "id": "(:id)::bigint",
    "attempt_id": "(:attempt_id)::bigint",
}


class Recorder(Database):
    """A database that keeps what it was asked."""

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self.asked: list[tuple[str, dict]] = []

    async def all(self, statement, params=None):
        self.asked.append((statement, dict(params or {})))
        return await super().all(statement, params)


class YesBank:
    """A bank that says yes to everything, at once."""

    facts = Facts("bench", "", "", timedelta(minutes=15), timedelta(minutes=30))

    async def open(self, order):
        fields = {"Token": "0" * 32}
        return Opened("0" * 32, Redirect("POST", "http://127.0.0.1:8001/pay", fields))

    def read_return(self, fields):
        return Returned(claims_paid=True, bank_ref="1")

    async def verify(self, attempt):
        return Confirmed(attempt.amount, attempt.number, attempt.number, "123456", "603799******0014")


async def record(dsn: str, settings: Settings, id_: str, rmz: str) -> list[tuple[str, dict]]:
    """The statements of one purchase: form, return, invoice, PayRep twice."""
    async with Recorder(dsn, pool_size=1, timeout_s=10) as db:
        services = Services(db=db, bank=YesBank(), terminal_id=1, clock=system_clock, settings=settings)
        form = {"ID": id_, "Res": "recorded", "Amnt": "1250000", "Nam": "مریم احمدی", "Dsc": "رمان سووشون، ۲ جلد"}
        form |= {"RedirectURL": "https://shop.example.ir/return?basket=17"}
        purchase, is_new = await register_purchase(services, parse_form(form), "127.0.0.1")
        await send_to_bank(services, purchase, is_new=is_new)
        await finish_attempt(services, purchase.ref, {})
        await store.by_token(db, purchase.token)
        for _ in range(2):
            report = await report_result(services, id_, Secret(rmz), "recorded")
            assert report.err == 0
        return db.asked


def as_script(asked: list[tuple[str, dict]]) -> str:
    """One purchase as a pgbench script."""
    lines = ["\\set n random(1, 1000000000000000)"]
    for number, (statement, params) in enumerate(asked):
        shown = statement
        for name, value in params.items():
            shown = shown.replace(f"%({name})s", VARIED.get(name) or sql.Literal(value).as_string(None))
        one_line = " ".join(line.split("--")[0] for line in shown.split("\n")).strip()
        # Only the first answer is needed later: the ids of the new purchase and its attempt.
        lines.append(f"{one_line} \\gset" if number == 0 else f"{one_line};")
    return "\n".join(lines) + "\n"
