"""Purchases written straight into the database, consistent down to the journal and the ledger, for tests of reports."""

from __future__ import annotations

import itertools
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import psycopg
from tests.stack import Stack
from tests.web import make_account

from mopos.base.ids import with_check_digit

_numbers = itertools.count(1)
# The events that lead to each state, with what the journal keeps of them.
_PATHS = {
    "REGISTERED": (),
    "AT_BANK": (("sent_to_bank", "AT_BANK", "system"),),
    "EXPIRED": (("sent_to_bank", "AT_BANK", "system"), ("expired", "EXPIRED", "worker")),
}
_ENDS = {
    "PAID": "bank_confirmed",
    "DECLINED": "bank_declined",
    "CANCELLED": "buyer_cancelled",
    "CONFLICTED": "bank_differs",
    "UNKNOWN": "bank_silent",
}


def _path(state: str):
    if state in _PATHS:
        return _PATHS[state]
    back = (("sent_to_bank", "AT_BANK", "system"), ("returned", "VERIFYING", "buyer"))
    return (*back, (_ENDS[state], state, "system"))


@dataclass
class Seeded:
    """An account with a gateway, and a hand that writes purchases for it."""

    stack: Stack
    account_id: int = 0
    gateway_id: int = 0
    ids: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.account_id = self.account_id or make_account(self.stack)
        ((self.gateway_id,),) = self.stack.sql(
            "insert into gateway (name, rmz_hash, created_at, account_id) values (%s, %s, now(), %s) returning id",
            *(f"درگاه {next(_numbers)}", secrets.token_bytes(32), self.account_id),
        )

    @property
    def gateway_number(self) -> str:
        return with_check_digit(self.gateway_id)

    def add(self, state: str = "PAID", **changed) -> str:
        """One purchase; its number with the check digit."""
        with psycopg.connect(self.stack.dsn) as connection:
            return with_check_digit(self._write(connection, state, **changed))

    def add_many(self, times: int, state: str = "PAID", **changed) -> list[int]:
        with psycopg.connect(self.stack.dsn) as connection:
            return [self._write(connection, state, **changed) for _ in range(times)]

    def _write(
        self,
        connection: psycopg.Connection,
        state: str,
        *,
        res: str = "",
        amount: int = 250_000,
        nam: str = "علی رضایی",
        dsc: str = "کتاب",
        at: datetime | None = None,
        card: str = "603799******1234",
        ref: str = "",
        decline: str = "insufficient_funds",
        acknowledged: bool = True,
        late: bool = False,
        raw: str | None = None,
    ) -> int:
        at = at or datetime.now(UTC)
        number = next(_numbers)
        events = _path(state)
        ended = at + timedelta(seconds=90)
        paid = state == "PAID"
        told = paid or state == "CONFLICTED"
        waits = state in ("REGISTERED", "AT_BANK", "VERIFYING", "UNKNOWN")
        one = connection.execute
        # Triggers and foreign keys are for those who move purchases; this writes how they end.
        one("set session_replication_role = replica")
        ((purchase_id, attempt_id),) = one("select nextval('purchase_id_seq'), nextval('attempt_id_seq')").fetchall()
        one(
            """
            insert into purchase (id, gateway_id, res, amount_rial, nam, dsc, redirect_url, buyer_ip, token, state,
                last_event, version, attempt_id, next_check_at, registered_at, expires_at, paid_at, late,
                acknowledged_at)
            overriding system value
            values (%s, %s, %s, %s, %s, %s, 'https://shop.test/back', '192.0.2.7', %s, %s, %s, %s, %s, %s, %s, %s, %s,
                %s, %s)
            """,
            (
                *(purchase_id, self.gateway_id, res or f"S{number}", amount, nam, dsc, secrets.token_urlsafe(16)),
                *(state, events[-1][0] if events else "registered", 1 + len(events), attempt_id),
                # Far away, so that no worker asks a bank about it.
                *(at + timedelta(days=1000) if waits else None, at, at + timedelta(minutes=20)),
                *(ended if paid else None, late, ended if paid and acknowledged else None),
            ),
        )
        ends = {"PAID": "CONFIRMED", "CONFLICTED": "CONFLICTED"}
        attempt = "LIVE" if waits else ends.get(state, "FAILED")
        one(
            """
            insert into attempt (id, purchase_id, terminal_id, bank, ref, state, bank_ref, trace, masked_pan, decline,
                bank_code, started_at, ended_at)
            overriding system value values (%s, %s, 1, 'sandbox', %s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            (
                *(attempt_id, purchase_id, secrets.token_urlsafe(16), attempt),
                *((ref or f"9{number:011}", f"{number:06}", card) if told else (None, "", "")),
                *((decline, "51") if state == "DECLINED" else (None, "")),
                *(at, None if waits else ended),
            ),
        )
        before = "REGISTERED"
        rows = [("registered", "", before, "merchant", {"raw": raw} if raw else {})]
        for event, after, actor in events:
            rows.append((event, before, after, actor, {"reason": decline} if event == "bank_declined" else {}))
            before = after
        for version, (event, start, end, actor, data) in enumerate(rows, start=1):
            when = at if version == 1 else ended if version == len(rows) else at + timedelta(seconds=version)
            one(
                """
                insert into journal (purchase_id, version, attempt_id, event, from_state, to_state, actor, at, data)
                values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
                """,
                (purchase_id, version, attempt_id, event, start, end, actor, when, psycopg.types.json.Jsonb(data)),
            )
        if paid:
            one(
                """
                insert into ledger_line (journal_id, entry, debit_id, credit_id, amount_rial, booked_at, effective_at)
                select j.id, 'purchase_paid', d.id, c.id, %s, j.at, j.at
                from journal j, ledger_account d, ledger_account c
                where j.purchase_id = %s and j.to_state = 'PAID' and d.kind = 'acquirer_receivable' and d.owner = 1
                    and c.kind = 'merchant_payable' and c.owner = %s
                """,
                (amount, purchase_id, self.gateway_id),
            )
        self.ids.append(purchase_id)
        return purchase_id

    def derived(self) -> bool:
        """Whether the worker has come up to the journal's end."""
        ((so,),) = self.stack.sql(
            "select position >= (select coalesce(max(id), 0) from journal) from progress where name = 'journal'"
        )
        return so
