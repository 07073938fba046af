"""What a bank gives back: both forms, both calendars, three keyboards, and nothing lost."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mopos.base.errors import Refused
from mopos.base.money import Rial
from mopos.domain.settlement import result_files
from mopos.domain.settlement.result_files import ResultFile, ResultRow, read

IBAN = "IR430120000000000000000001"
FILE = "IR750560000000001000000001000000042"
HEAD = "payout,iban,amount,outcome,tracking_no,date,reason"
GOOD = f"20001,{IBAN},1250000,settled,14050904000000000001,1405-09-04,"


def one(row: str, head: str = HEAD) -> ResultRow:
    found = read(f"{head}\n{row}\n".encode())
    assert found.bad == []
    (kept,) = [*found.rows, *found.pending]
    return kept


def code_of(row: str, head: str = HEAD) -> str:
    found = read(f"{head}\n{row}\n".encode())
    assert (found.rows, found.pending) == ([], [])
    (bad,) = found.bad
    assert bad.line == 2
    return bad.code


def test_a_settled_row():
    assert one(GOOD) == ResultRow(
        2, 20001, "", None, IBAN, Rial(1_250_000), "settled", "14050904000000000001", date(2026, 11, 25), ""
    )


def test_persian_headings_digits_and_words():
    head = "شناسهٔ فایل;ردیف;شماره شبا;مبلغ (ریال);نتيجه;شمارۀ پیگیری;تاریخ;علت برگشت".replace("ۀ", "هٔ")
    head = head.replace("مبلغ (ریال)", "مبلغ ریال")
    row = f"{FILE};۳;۴۳۰۱۲۰۰۰۰۰۰۰۰۰۰۰۰۰۰۰۰۰۰۱;۱٬۲۵۰٬۰۰۰;برگشت‌خورد;۱۲۳۴;۱۴۰۵/۰۹/۰۴;حساب مسدود است"
    found = one(row, head)
    assert found[1:] == (
        *(None, FILE, 3, IBAN, Rial(1_250_000), "returned", "1234", date(2026, 11, 25)),
        "حساب مسدود است",
    )


@pytest.mark.parametrize(
    "text",
    ["1405-09-04", "1405/9/4", "14050904", "2026-11-25", "2026/11/25", "20261125", "۱۴۰۵/۰۹/۰۴", "2026-11-25T10:15:00"],
)
def test_dates_of_both_calendars(text):
    assert one(GOOD.replace("1405-09-04", text)).on == date(2026, 11, 25)


@pytest.mark.parametrize(
    ("written", "outcome"),
    [("ACSC", "settled"), ("تسويه شد", "settled"), ("Paid", "settled"), ("RJCT", "returned"), ("برگشتی", "returned")],
)
def test_words_for_outcomes(written, outcome):
    assert one(GOOD.replace("settled", written)).outcome == outcome


def test_a_pending_row_is_kept_apart():
    row = one(f"20001,{IBAN},1,در جریان,,,")
    assert (row.outcome, row.on) == ("pending", None)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (GOOD + ",", "result_row_cells"),
        (GOOD.replace(",settled", ""), "result_row_cells"),
        (GOOD + '"open', "result_row_cells"),
        (GOOD.replace("20001", ""), "result_payout_missing"),
        (GOOD.replace("20001", "P1"), "result_payout_malformed"),
        (GOOD.replace("20001", "-1"), "result_payout_malformed"),
        (GOOD.replace(IBAN, IBAN[:-1] + "2"), "result_iban_wrong"),
        (GOOD.replace(IBAN, ""), "result_iban_wrong"),
        (GOOD.replace("1250000", "1250000.0"), "result_amount_wrong"),
        (GOOD.replace("1250000", "12500.00"), "result_amount_wrong"),
        (GOOD.replace("1250000", "0"), "result_amount_wrong"),
        (GOOD.replace("1250000", "-5"), "result_amount_wrong"),
        (GOOD.replace("1250000", "9" * 19), "result_amount_wrong"),
        (GOOD.replace("settled", "ok?"), "result_outcome_unknown"),
        (GOOD.replace("settled", ""), "result_outcome_unknown"),
        (GOOD.replace("14050904000000000001", ""), "result_tracking_missing"),
        (GOOD.replace("14050904000000000001", "x" * 65), "result_tracking_malformed"),
        (GOOD.replace("14050904000000000001", "نود"), "result_tracking_malformed"),
        (GOOD.replace("1405-09-04", ""), "result_date_malformed"),
        (GOOD.replace("1405-09-04", "1405-13-04"), "result_date_malformed"),
        (GOOD.replace("1405-09-04", "1404-12-30"), "result_date_malformed"),
        (GOOD.replace("1405-09-04", "04/09/1405"), "result_date_malformed"),
        (GOOD + "ب" * 201, "result_reason_too_long"),
    ],
)
def test_bad_rows_are_named(row, code):
    assert code_of(row) == code


def test_a_bad_row_spoils_no_other():
    rows = [GOOD, "?", f'20002,{IBAN},1,settled,"1,1405-09-04,', "", GOOD.replace("20001", "20003")]
    found = read("\r\n".join([HEAD, *rows]).encode())
    assert [row.payout_id for row in found.rows] == [20001, 20003]
    assert [(bad.line, bad.code) for bad in found.bad] == [(3, "result_row_cells"), (4, "result_row_cells")]
    assert found.orders == 4


def test_the_same_said_twice_is_told_and_a_return_after_it_is_taken():
    back = GOOD.replace("settled", "returned") + "AC04"
    found = read("\n".join([HEAD, GOOD, GOOD, back]).encode())
    assert [row.outcome for row in found.rows] == ["settled", "returned"]
    assert [(bad.line, bad.code) for bad in found.bad] == [(3, "result_row_twice")]


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "cp1256"])
def test_encodings(codec):
    head = "شناسه پرداخت,شبا,مبلغ,وضعيت,شماره پيگيري,تاريخ"
    body = f"{head}\n20001,{IBAN},1250000,settled,77,1405/09/04\n".encode(codec)
    assert [row.payout_id for row in read(body).rows] == [20001]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "result_file_empty"),
        (b" \r\n ", "result_file_empty"),
        (b"a" * (result_files.FILE_BYTES_MAX + 1), "result_file_too_large"),
        (b"row,iban\n1,2\n", "result_file_columns"),
        (HEAD.replace("iban", "payout").encode(), "result_file_columns"),
        (b"<a>", "result_file_unreadable"),
        (b"<a/>", "result_file_columns"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><Document><CstmrPmtStsRpt/></Document>', "result_file_unreadable"),
        (b"\xff\xfe\x00", "result_file_unreadable"),
    ],
)
def test_files_that_are_refused_as_a_whole(body, code):
    with pytest.raises(Refused) as refused:
        read(body)
    assert [problem.code for problem in refused.value.problems] == [code]


def test_too_many_rows():
    rows = "\n".join(GOOD.replace("20001", str(number)) for number in range(1, result_files.ROWS_MAX + 2))
    with pytest.raises(Refused) as refused:
        read(f"{HEAD}\n{rows}".encode())
    assert refused.value.problems[0].code == "result_file_too_many"


REPORT = f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"><CstmrPmtStsRpt>
<GrpHdr><MsgId>R1</MsgId></GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>{FILE}</OrgnlMsgId></OrgnlGrpInfAndSts>
<OrgnlPmtInfAndSts><OrgnlPmtInfId>1</OrgnlPmtInfId>
<TxInfAndSts><StsId>1</StsId><OrgnlEndToEndId>EMPTY</OrgnlEndToEndId><TxSts>ACSC</TxSts><AcctSvcrRef>77</AcctSvcrRef>
<OrgnlTxRef><Amt><InstdAmt Ccy="IRR">1250000</InstdAmt></Amt><IntrBkSttlmDt>2026-11-25</IntrBkSttlmDt>
<CdtrAcct><Id><IBAN>{IBAN}</IBAN></Id></CdtrAcct></OrgnlTxRef></TxInfAndSts>
<TxInfAndSts><StsId>2</StsId><TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>بسته</AddtlInf></StsRsnInf>
<OrgnlTxRef><Amt><InstdAmt Ccy="IRR">5</InstdAmt></Amt><IntrBkSttlmDt>1405-09-04</IntrBkSttlmDt>
<CdtrAcct><Id><IBAN>{IBAN}</IBAN></Id></CdtrAcct></OrgnlTxRef></TxInfAndSts>
<TxInfAndSts><StsId>3</StsId><TxSts>WHAT</TxSts><OrgnlTxRef><Amt><InstdAmt>5</InstdAmt></Amt>
<CdtrAcct><Id><IBAN>{IBAN}</IBAN></Id></CdtrAcct></OrgnlTxRef></TxInfAndSts>
</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"""


@pytest.mark.parametrize("namespace", [True, False])
def test_a_status_report(namespace):
    text = REPORT if namespace else REPORT.replace(' xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"', "")
    found = read(text.encode())
    settled, returned = found.rows
    assert settled[1:] == (None, FILE, 1, IBAN, Rial(1_250_000), "settled", "77", date(2026, 11, 25), "")
    assert (returned.row, returned.outcome, returned.reason) == (2, "returned", "بسته")
    assert returned.on == date(2026, 11, 25)
    (bad,) = found.bad
    assert (bad.code, bad.line) == ("result_outcome_unknown", 11)
    assert IBAN in bad.text


ROW = st.one_of(
    st.just(GOOD), st.text(max_size=60), st.integers(1, 10**6).map(lambda number: GOOD.replace("20001", str(number)))
)


@given(st.lists(ROW, max_size=20))
def test_nothing_is_lost(rows):
    """However a file is broken, each of its lines is taken, waits, or is named."""
    body = "\n".join([HEAD, *rows]).encode("utf-8", "surrogatepass")
    found = read_or_refused(body)
    if found is None:
        return
    lines = [
        number for number, line in enumerate(result_files._LINE_END.split("\n".join(rows)), 2) if line.strip(",;\t \r")
    ]
    told = [row.line for row in (*found.rows, *found.pending, *found.bad)]
    assert sorted(told) == lines


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(body):
    read_or_refused(body)


def read_or_refused(body: bytes) -> ResultFile | None:
    try:
        return read(body)
    except Refused as refused:
        wrong = [problem.code for problem in refused.problems if not problem.code.startswith("result_file_")]
    assert wrong == []
    return None
