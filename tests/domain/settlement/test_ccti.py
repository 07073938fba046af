"""The group Paya file against the sheet, field by field; golden files; and whatever people are called."""

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from mopos.base import xml
from mopos.base.money import Rial
from mopos.domain.settlement.ccti import (
    EMPTY,
    PROFILES,
    TEXT_LENGTH_MAX,
    Header,
    HeaderDiffers,
    Profile,
    Transfer,
    chunks,
    file_name,
    message_id,
    paper,
    write,
)

GOLDEN = Path(__file__).parents[2] / "wire" / "ccti"
PAYER = "IR750560000000001000000001"
# 30 Mordad 1405, 23:45 in Tehran: the UTC day is the same, the next one only fifteen minutes off.
AT = datetime(2026, 8, 21, 20, 15, 9, tzinfo=UTC)
TRANSFERS = (
    Transfer("IR430120000000000000000001", "فروشگاه کتاب", Rial(1_250_000), "0076229645", "تسویه 20001"),
    Transfer("IR310170000000001000000001", "شركت «رنگ & نور» <سهامي>", Rial(1_999_999_999), deposit_id="77001"),
    Transfer("IR230540000000001000000001", "علی‌رضا ۲۱", Rial(1)),
)
HEADER = Header(message_id(PAYER, 42), AT, PAYER, "شركت پرداخت موپوز", 3, Rial(2_001_250_000))

ns = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)


def read(body: bytes) -> etree._Element:
    root = xml.parse(body)
    for element in root.iter():
        element.tag = etree.QName(element).localname
    return root


def text(root: etree._Element, path: str) -> str | None:
    return root.findtext(f"CstmrCdtTrfInitn/{path}")


@ns
def test_the_sheet_field_by_field(profile: Profile):
    body = write(profile, HEADER, TRANSFERS)
    root = read(body)
    assert body.startswith(b'<?xml version="1.0" encoding="UTF-8"')
    assert (b'standalone="yes"?>' in body) is profile.standalone
    namespace = xml.parse(body).nsmap.get(None)
    assert namespace == (profile.namespace or None)
    assert text(root, "GrpHdr/MsgId") == PAYER + "000000042"
    assert text(root, "GrpHdr/CreDtTm") == "1405-05-30T23:45:09"
    for block in ("GrpHdr", "PmtInf"):
        assert text(root, f"{block}/NbOfTxs") == "3"
        assert text(root, f"{block}/CtrlSum") == "2001250000"
    assert text(root, "GrpHdr/InitgPty/Nm") == "شرکت پرداخت موپوز"
    assert text(root, "PmtInf/PmtInfId") == "1"
    assert text(root, "PmtInf/PmtMtd") == "TRF"
    method = root.find("CstmrCdtTrfInitn/PmtInf/PmtMtd")
    assert method.get("Ccy") == ("IRR" if profile.currency_on_method else None)
    day = "1405-05-30T23:45:09" if profile.moment_of_execution else "1405-05-30"
    assert text(root, "PmtInf/ReqdExctnDt") == day
    assert text(root, "PmtInf/Dbtr/Nm") == "شرکت پرداخت موپوز"
    assert text(root, "PmtInf/DbtrAcct/Id/IBAN") == PAYER
    assert text(root, "PmtInf/DbtrAgt/FinInstnId/BIC") == "BMJIIRTHXXX"


@ns
def test_the_orders_field_by_field(profile: Profile):
    rows = read(write(profile, HEADER, TRANSFERS)).findall("CstmrCdtTrfInitn/PmtInf/CdtTrfTxInf")
    assert [row.findtext("PmtId/InstrId") for row in rows] == [EMPTY, "77001", EMPTY]
    repeated = "77001" if profile.name == "mehr_iran" else EMPTY
    assert [row.findtext("PmtId/EndToEndId") for row in rows] == [EMPTY, repeated, EMPTY]
    assert [row.findtext("Amt/InstdAmt") for row in rows] == ["1250000", "1999999999", "1"]
    assert {row.find("Amt/InstdAmt").get("Ccy") for row in rows} == {"IRR"}
    names = ["فروشگاه کتاب", "شرکت «رنگ & نور» <سهامی>", "علی‌رضا 21"]
    assert [row.findtext("Cdtr/Nm") for row in rows] == names
    assert [row.findtext("CdtrAcct/Id/IBAN") for row in rows] == [one.iban for one in TRANSFERS]
    ids = ["0076229645", EMPTY, EMPTY] if profile.receiver_id else [None] * 3
    assert [row.findtext("Cdtr/Id/PrvtId/Othr/Id") for row in rows] == ids
    said = ["تسویه 20001", None, None] if profile.remittance else [None] * 3
    assert [row.findtext("RmtInf/Ustrd") for row in rows] == said


@ns
def test_golden_files(profile: Profile):
    """A change of a byte is a visible change of a file. `PAYER` is fictitious."""
    golden = GOLDEN / profile.name / file_name(HEADER.message_id)
    assert write(profile, HEADER, TRANSFERS) == golden.read_bytes()


def test_what_the_sheet_says_of_each_bank():
    known = {
        name: (p.namespace[-15:], p.currency_on_method, p.receiver_id, p.remittance) for name, p in PROFILES.items()
    }
    assert known == {
        "mehr_iran": ("", True, True, False),
        "melli": ("pain.001.001.03", False, False, True),
        "standard": ("pain.001.001.03", True, False, False),
        "pain002": ("pain.002.001.03", True, True, False),
    }


def test_days_of_jalali_months_of_31_days():
    """31 Ordibehesht is no date of any Gregorian calendar: the file is not to be checked by ISO's schema."""
    at = datetime(2026, 5, 21, 9, 0, tzinfo=UTC)
    root = read(write(PROFILES["melli"], HEADER._replace(created_at=at), TRANSFERS))
    assert text(root, "PmtInf/ReqdExctnDt") == "1405-02-31"


def test_number_name_and_paper():
    number = message_id(PAYER, 999_999_999)
    assert (len(number), file_name(number)) == (35, f"{PAYER}999999999.ccti")
    for serial in (0, 10**9):
        with pytest.raises(ValueError):
            message_id(PAYER, serial)
    with pytest.raises(ValueError):
        message_id(PAYER[2:], 1)
    body = write(PROFILES["melli"], HEADER, TRANSFERS)
    form = paper(HEADER.message_id, HEADER.orders, HEADER.total, len(body))
    assert form == (f"{PAYER}000000042.ccti", 3, 2_001_250_000, len(body))
    assert isinstance(form.total, Rial)


@pytest.mark.parametrize("wrong", [{"orders": 2}, {"total": Rial(1)}])
def test_a_header_that_lies_is_refused(wrong):
    with pytest.raises(HeaderDiffers):
        write(PROFILES["melli"], HEADER._replace(**wrong), TRANSFERS)


def test_an_order_of_nothing_is_refused():
    with pytest.raises(ValueError):
        write(PROFILES["melli"], HEADER, [TRANSFERS[0]._replace(amount=Rial(0))])


def test_a_large_file_comes_in_pieces():
    count = 20_000
    header = HEADER._replace(orders=count, total=Rial(count * 7))
    pieces = [len(piece) for piece in chunks(PROFILES["melli"], header, (_seven() for _ in range(count)))]
    assert max(pieces) < 400_000
    assert len(pieces) > 40


def _seven() -> Transfer:
    return replace_amount(TRANSFERS[0], 7)


def replace_amount(one: Transfer, rial: int) -> Transfer:
    return one._replace(amount=Rial(rial))


AWKWARD = st.text(
    st.one_of(
        st.sampled_from("&<>\"'ي ك ى ۱٢3\u200c\u200d\u200f\u202e\u2066\x00\x0b\x1f\ufffe\ud800]]>،؛«»\n\t"),
        st.characters(),
    ),
    max_size=200,
)


@given(
    names=st.lists(st.tuples(AWKWARD, st.integers(1, 2_000_000_000), AWKWARD), max_size=30),
    payer=AWKWARD,
    profile=st.sampled_from(list(PROFILES.values())),
)
def test_whatever_people_are_called_and_are_paid(names, payer, profile):
    """Any text, any amount up to Paya's ceiling: well formed, sums exact, nothing that could deceive, and the same
    again gives the same bytes."""
    transfers = [
        Transfer(TRANSFERS[0].iban, name, Rial(rial), description=described) for name, rial, described in names
    ]
    total = Rial(sum(rial for _, rial, _ in names))
    header = HEADER._replace(payer_name=payer, orders=len(names), total=total)
    body = write(profile, header, transfers)
    root = read(body)
    amounts = [int(row.findtext("Amt/InstdAmt")) for row in root.iter("CdtTrfTxInf")]
    assert amounts == [rial for _, rial, _ in names]
    assert sum(amounts) == int(text(root, "GrpHdr/CtrlSum")) == int(text(root, "PmtInf/CtrlSum"))
    for element in root.iter("Nm", "Ustrd"):
        said = element.text or ""
        assert len(said) <= TEXT_LENGTH_MAX
        assert not set(said) & set("يكى۱٢\u202e\u200f\n\x00")
        assert all(unicodedata.category(char) not in ("Cc", "Cs") for char in said)
    assert write(profile, header, iter(transfers)) == body


def test_a_name_keeps_its_half_spaces():
    root = read(write(replace(PROFILES["melli"]), HEADER, TRANSFERS))
    assert "علی‌رضا 21" in [element.text for element in root.iter("Nm")]
