"""The SQL of one purchase: the very statements, recorded from the actions, as pgbench replays them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from psycopg import sql

from mopos.actions.finish_attempt import finish_attempt
from mopos.actions.register_purchase import register_purchase
from mopos.actions.report_result import report_result
from mopos.actions.send_to_bank import send_to_bank
from mopos.actions.services import Services
from mopos.actions.terminals import Terminals
from mopos.banks.port import Attempt, Confirmed, Facts, Opened, Order, Redirect, Returned
from mopos.base.clock import system_clock
from mopos.base.config import Settings
from mopos.base.db import Database, Params, Row
from mopos.base.secret import Secret
from mopos.domain.payments import store
from mopos.domain.payments.model import parse_form

Statement = tuple[str, dict[str, Any]]

# pgbench makes every purchase from one random number.
ANY_NUMBER = "\\set n random(1, 1000000000000000)"
# What differs from purchase to purchase: made from that number, or taken from the first statement's answer.
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

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn, pool_size=1, timeout_s=10)
        self.asked: list[Statement] = []

    async def all(self, sql: str, params: Params | None = None) -> list[Row]:
        self.asked.append((sql, dict(params or {})))
        return await super().all(sql, params)


class YesBank:
    """A bank that says yes to everything, at once."""

    facts = Facts("bench", "", "", timedelta(minutes=15), timedelta(minutes=30))

    async def open(self, order: Order) -> Opened:
        return Opened("0" * 32, Redirect("POST", "http://127.0.0.1:8001/pay", {"Token": "0" * 32}))

    def read_return(self, fields: Mapping[str, str]) -> Returned:
        return Returned(claims_paid=True, bank_ref="1")

    async def verify(self, attempt: Attempt) -> Confirmed:
        return Confirmed(attempt.amount, attempt.number, attempt.number, "123456", "603799******0014")

    async def inquire(self, attempt: Attempt) -> Confirmed:
        return await self.verify(attempt)

    async def reverse(self, attempt: Attempt) -> Any:
        raise NotImplementedError


async def record(settings: Settings, id_: str, rmz: str) -> list[Statement]:
    """The statements of one purchase: form, return, invoice, PayRep twice."""
    async with Recorder(settings.database_url or "") as db:
        services = Services(db=db, terminals=Terminals.single(YesBank()), clock=system_clock, settings=settings)
        form = {"ID": id_, "Res": "recorded", "Amnt": "1250000", "Nam": "مریم احمدی", "Dsc": "رمان سووشون، ۲ جلد"}
        form |= {"RedirectURL": "https://shop.example.ir/return?basket=17"}
        purchase, is_new = await register_purchase(services, parse_form(form), "127.0.0.1")
        await send_to_bank(services, purchase, is_new=is_new)
        await finish_attempt(services, purchase.ref, {})
        await store.by_token(db, purchase.token)
        for _ in range(2):
            report = await report_result(services, id_, Secret(rmz), "recorded")
            assert report.err == 0, report
        return db.asked


def as_script(asked: Sequence[Statement]) -> str:
    """One purchase as a pgbench script."""
    first, *others = (_filled_in(*statement, VARIED) for statement in asked)
    # Only the first answer is needed later: the ids of the new purchase and its attempt.
    return "\n".join([ANY_NUMBER, rf"{first} \gset", *(f"{line};" for line in others), ""])


def as_look(look: Statement, res: str, number: int) -> str:
    """One statement as a pgbench script, of one of the purchases `res` followed by 0, 1... below `number`."""
    line = _filled_in(*look, {"res": f"{sql.Literal(res).as_string(None)} || (:n)::text"})
    return "\n".join([rf"\set n random(0, {number - 1})", f"{line};", ""])


def _filled_in(statement: str, params: dict[str, Any], varied: Mapping[str, str]) -> str:
    for name, value in params.items():
        statement = statement.replace(f"%({name})s", varied.get(name) or sql.Literal(value).as_string(None))
    return " ".join(line.split("--")[0] for line in statement.split("\n")).strip()
