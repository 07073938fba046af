"""The chart and the table of entries are whole: each has its owner, its meaning, its words."""

from mopos.base.money import Rial
from mopos.domain.ledger import meanings
from mopos.domain.ledger.chart import OWNER, Kind
from mopos.domain.ledger.entries import CORRECTION, ENTRIES, booking
from mopos.domain.payments import refunds
from mopos.domain.payments.states import MOVES
from mopos.domain.settlement import states
from mopos.edges.i18n import Lang
from mopos.edges.i18n.texts import TEXTS


def test_each_account_and_each_entry_says_what_it_is_for():
    assert set(meanings.ACCOUNTS) == set(OWNER) == set(Kind)
    assert set(meanings.ENTRIES) == {*ENTRIES, CORRECTION}
    for text in (*meanings.ACCOUNTS.values(), *meanings.ENTRIES.values()):
        assert text.endswith(".")


def test_the_console_has_words_for_all_of_them():
    for lang in Lang:
        assert {f"books.kind.{kind}" for kind in Kind} <= set(TEXTS[lang])
        assert {f"books.entry.{entry}" for entry in (*ENTRIES, CORRECTION)} <= set(TEXTS[lang])


def test_every_entry_that_a_move_names_is_in_the_table():
    named = {move.entry for move in (*MOVES, *refunds.MOVES, *states.MOVES)} - {""}
    assert named <= {*ENTRIES, CORRECTION}


def test_a_booking_leaves_out_what_is_nought():
    amounts = {"amount": Rial(100), "merchant_fee": Rial(3), "buyer_fee": Rial(0)}
    made = booking("purchase_paid", amounts, {"terminal": 1, "gateway": 7})
    assert list(zip(made.debit_kinds, made.debit_owners, made.amounts, strict=True)) == [
        ("acquirer_receivable", 1, 100),
        ("merchant_payable", 7, 3),
    ]
    assert list(zip(made.credit_kinds, made.credit_owners, strict=True)) == [("merchant_payable", 7), ("fee_income", 0)]
