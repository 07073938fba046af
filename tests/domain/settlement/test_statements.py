"""Statements of the bank account: what is read from each sample, what is refused and by which row, memory, attacks."""

import io
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from mopos.domain.settlement.statement_camt import read_camt053
from mopos.domain.settlement.statement_csv import read_csv
from mopos.domain.settlement.statements import (
    BadRow,
    Line,
    Repeats,
    Summary,
    Unreadable,
    read_date,
    read_rial,
    words_of,
)

WIRE = Path(__file__).parents[2] / "wire" / "statements"
IBAN = "IR430120000000000000000001"
DAY = date(2026, 11, 24)


def read(name: str, **more):
    source = io.BytesIO((WIRE / name).read_bytes())
    return list(read_camt053(source) if name.endswith(".xml") else read_csv(source, **more))


@pytest.mark.parametrize("name", ["camt053_02.xml", "camt053_08.xml", "fa_two_columns.csv", "en_signed.csv"])
def test_all_samples_tell_the_same(name):
    *lines, summary = read(name)
    assert all(isinstance(line, Line) for line in lines)
    assert {(line.ref, line.on, line.rial) for line in lines} == {
        ("DEP20261123001", DAY, 24_600_000),
        ("TRF20261124001", DAY, -9_000_000),
        ("FEE20261124001", DAY, -15_000),
    }
    assert summary == Summary(IBAN, 3, 24_600_000, 9_015_000, DAY, DAY, 100_000_000, 115_585_000)
    words = {line.ref: words_of(line.ref, line.text) for line in lines}
    assert "10000001" in words["DEP20261123001"]
    assert "00000000000000020001" in words["TRF20261124001"]


def test_an_entry_that_books_several_transfers_is_read_as_these():
    *lines, summary = read("camt053_batch.xml")
    assert [(line.ref, line.rial) for line in lines] == [("20001", -300), ("20002", -400)]
    assert (summary.debits, summary.closing) == (700, 300)


def test_every_bad_row_of_camt_is_named():
    bad = [row for row in read("camt053_wrong.xml") if isinstance(row, BadRow)]
    assert [(row.row, row.why) for row in bad] == [
        (1, "amount"),
        (2, "currency"),
        (3, "direction"),
        (4, "date"),
        (5, "ref"),
        (6, "status"),
        (0, "balance"),
    ]
    assert bad[0].value == "12.5"
    assert bad[1].value == "USD"


def test_every_bad_row_of_a_csv_is_named():
    found = read("wrong_rows.csv")
    assert [(row.row, row.why) for row in found if isinstance(row, BadRow)] == [
        (3, "date"),
        (4, "direction"),
        (5, "ref"),
        (6, "amount"),
    ]
    assert [row.ref for row in found if isinstance(row, Line)] == ["A5"]


def test_a_doctype_is_refused():
    with pytest.raises(Unreadable) as refused:
        read("camt053_doctype.xml")
    assert refused.value.code == "statement_unreadable"


def camt(text: str = "", **changed: str) -> list:
    body = (WIRE / "camt053_08.xml").read_text(encoding="utf-8")
    for old, new in changed.items():
        body = body.replace(old, new)
    return list(read_camt053(io.BytesIO(text.encode() or body.encode())))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("<html/>", "statement_unreadable"),
        ("<Document/>", "statement_unreadable"),
        ("<Document", "statement_unreadable"),
        ('<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.99"/>', "statement_unreadable"),
        ('<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"/>', "statement_unreadable"),
        (f"{'<a>' * 5000}", "statement_unreadable"),
    ],
)
def test_what_is_no_statement(text, code):
    with pytest.raises(Unreadable) as refused:
        camt(text)
    assert refused.value.code == code


def test_an_account_that_is_none_and_balances_that_are_missing():
    with pytest.raises(Unreadable, match="statement_iban_missing"):
        camt(IR430120000000000000000001="IR430120000000000000000002")
    with pytest.raises(Unreadable, match="statement_balance_missing"):
        camt(CLBD="ITBD")


def test_balances_that_do_not_add_up():
    found = camt(**{"100000000": "100000001"})
    assert [row.why for row in found if isinstance(row, BadRow)] == ["balance"]


def test_pending_entries_are_not_on_the_account():
    body = (WIRE / "camt053_08.xml").read_text(encoding="utf-8")
    pending = body.replace("<Ntry>", "<Ntry><!-- x -->", 1)
    one = body[body.index("<Ntry>") : body.index("</Ntry>") + 7].replace("BOOK", "PDNG")
    found = list(read_camt053(io.BytesIO(pending.replace("</Stmt>", one + "</Stmt>").encode())))
    assert sum(isinstance(row, Line) for row in found) == 3


def test_several_days_of_one_account_follow_one_another():
    body = (WIRE / "camt053_08.xml").read_text(encoding="utf-8")
    first = body[body.index("<Stmt>") : body.index("</Stmt>") + 7]
    second = first.replace("2026-11-24", "2026-11-25").replace("100000000", "115585000", 1)
    second = second.replace('<Amt Ccy="IRR">115585000', '<Amt Ccy="IRR">131170000')
    second = second.replace('<Amt Ccy="IRR">131170000', '<Amt Ccy="IRR">115585000', 1)
    *lines, summary = camt(body.replace("</Stmt>", "</Stmt>" + second))
    assert not [row for row in lines if isinstance(row, BadRow)]
    assert (len(lines), summary.opening, summary.closing) == (6, 100_000_000, 131_170_000)
    assert (summary.from_on, summary.to_on) == (DAY, date(2026, 11, 25))
    gap = [row for row in camt(body.replace("</Stmt>", "</Stmt>" + first)) if isinstance(row, BadRow)]
    assert [row.why for row in gap] == ["balance"]
    other = first.replace(IBAN, "IR310170000000001000000001")
    with pytest.raises(Unreadable, match="statement_accounts"):
        camt(body.replace("</Stmt>", "</Stmt>" + other))


def table(*rows: str, head: str = "date,reference,debit,credit,description", told: str = f"iban,{IBAN}") -> list:
    return list(read_csv(io.BytesIO("\n".join([*([told] if told else []), head, *rows]).encode())))


def test_movements_that_look_alike_are_not_taken_for_copies():
    *lines, _ = table("2026-11-24,A,,10,x", "2026-11-24,A,,10,y", "2026-11-24,A,,10,z", "2026-11-25,A,,10,x")
    assert [line.ref for line in lines] == ["A", "A#2", "A#3", "A"]
    repeats = Repeats()
    assert [repeats.numbered("r", DAY, 1) for _ in range(3)] == ["r", "r#2", "r#3"]


@pytest.mark.parametrize(
    ("head", "row", "rial"),
    [
        ("تاریخ;شماره پیگیری;مبلغ;شرح", "۱۴۰۵/۹/۳;A;‎-۱٬۲۵۰;x", -1_250),
        ("تاريخ\tكد پيگيري\tبدهكار\tبستانكار", "1405-09-03\tA\t-\t1,250", 1_250),
        ("Date,Reference,Withdrawal (Rials),Deposit (Rials)", '2026/11/24,A,"1,250.00",', -1_250),
        ("date,ref,amount", "14050903,A,+1250", 1_250),
        ("date,ref,amount", "2026-11-24 10:00:00,A,1250-", -1_250),
        ("date,ref,amount", '2026-11-24,A,"(1,250)"', -1_250),
    ],
)
def test_headings_digits_and_signs(head, row, rial):
    line, _ = list(read_csv(io.BytesIO(f"{head}\n{row}\n".encode("utf-16")), IBAN))
    assert (line.ref, line.on, line.rial) == ("A", DAY, rial)


def test_running_balances_in_either_direction():
    head = "date,reference,amount,balance"
    up = ["2026-11-24,A,10,110", "2026-11-24,B,-20,90", "2026-11-25,C,5,95"]
    assert table(*up, head=head)[-1][-2:] == (100, 95)
    assert table(*reversed(up), head=head)[-1][-2:] == (100, 95)
    lost = [row for row in table(up[0], up[2], head=head) if isinstance(row, BadRow)]
    assert [(row.row, row.why) for row in lost] == [(4, "balance")]


@pytest.mark.parametrize(
    ("told", "head", "code"),
    [
        (f"iban,{IBAN}", "date,amount", "statement_columns"),
        (f"iban,{IBAN}", "تاریخ,شماره سند,مبلغ (تومان)", "statement_toman"),
        ("", "date,reference,amount", "statement_iban_missing"),
        ("iban,IR430120000000000000000002", "date,reference,amount", "statement_iban_missing"),
        (f"iban,{IBAN}\nopening balance,x", "date,reference,amount", "statement_balance_missing"),
    ],
)
def test_a_csv_that_is_no_statement(told, head, code):
    with pytest.raises(Unreadable) as refused:
        table("2026-11-24,A,10", head=head, told=told)
    assert refused.value.code == code


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", b"a,b\x00\n", b"\x80\x81", b"", b'"' + b"x" * 300_000])
def test_bytes_that_are_no_text(body):
    with pytest.raises(Unreadable):
        list(read_csv(io.BytesIO(body), IBAN))


def test_a_row_of_another_account_is_refused():
    head = "date,reference,amount,iban"
    found = table("2026-11-24,A,10,IR310170000000001000000001", head=head)
    assert [row.why for row in found if isinstance(row, BadRow)] == ["iban"]


def test_dates_and_amounts():
    assert read_date("1404/12/30") is None  # no leap year
    assert read_date("1403/12/30") == date(2025, 3, 20)
    assert read_date("2026-02-29") is None
    assert read_date("24/11/2026") is None
    assert read_rial("1,000.5") is None
    assert read_rial("-1") is None
    assert read_rial("٢٬٠٠٠") == 2_000
    assert read_rial("9" * 19) is None


_MEASURED = """
import resource, sys
from mopos.domain.settlement.statement_camt import read_camt053
from mopos.domain.settlement.statements import Line
with open(sys.argv[1], "rb") as source:
    lines = sum(isinstance(row, Line) for row in read_camt053(source))
print(lines, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_a_long_statement_does_not_fill_memory(tmp_path):
    """Twenty times as long needs no more but the marks of its references."""
    body = (WIRE / "camt053_08.xml").read_text(encoding="utf-8")
    first = body.index("<Ntry>")
    one = body[first : body.index("</Ntry>") + 7]

    def measure(many):
        path = tmp_path / f"{many}.xml"
        with path.open("w", encoding="utf-8") as out:
            out.write(body[:first].replace(">115585000<", f">{100_000_000 + many * 24_600_000}<"))
            for number in range(many):
                out.write(one.replace("DEP20261123001", f"D{number}"))
            out.write("</Stmt></BkToCstmrStmt></Document>")
        ran = subprocess.run([sys.executable, "-c", _MEASURED, path], capture_output=True, text=True, check=True)
        lines, megabytes = map(int, ran.stdout.split())
        assert lines == many
        return megabytes, path.stat().st_size / 2**20

    short, _ = measure(2_000)
    long, size = measure(40_000)
    assert size > 15
    assert long - short < size / 2
