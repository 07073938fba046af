"""The statement that ties the books is the one that the documentation shows, and it sees a Rial that is missing."""

import re
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from tests.sim.paid import merchants

from mopos.domain.ledger.ties import TIE

pytestmark = pytest.mark.storage

PAGE = Path(__file__).parents[3] / "docs/howto/tie-the-books.md"


def test_the_page_shows_this_very_statement():
    shown = re.search(r"```sql\n(.*?)```", PAGE.read_text(), re.S)
    assert shown
    assert shown[1].rstrip().rstrip(";") == TIE.rstrip()


def test_it_ties_and_sees_one_rial_that_is_missing(dsn):
    merchants(dsn, 2, 3, datetime(2026, 11, 24, tzinfo=UTC), amount=100_000, fee=1_000)
    with psycopg.connect(dsn) as connection:
        assert connection.execute(TIE).fetchone() == (600_000, 0, 6_000, 0, 594_000, 0, 0)
        connection.execute(
            "update ledger_balance set credit_rial = credit_rial - 1 where account_id = "
            "(select min(id) from ledger_account where kind = 'merchant_payable')"
        )
        row = connection.execute(TIE).fetchone()
        assert row is not None
        assert row[-1] == 1
