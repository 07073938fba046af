"""`Sig`: one text, one seal, and shops' samples that agree with us to the last bit."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mopos.base.secret import Secret
from mopos.domain.payments.model import parse_form
from mopos.domain.payments.signature import is_right, new_sig_key, sign, signed_text
from mopos.edges.form import read_form

EXAMPLES = Path(__file__).parents[3] / "examples"
SIGNERS = {
    "php": ["php", str(EXAMPLES / "php/sign.php")],
    "python": [sys.executable, str(EXAMPLES / "python/sign.py")],
    "node": ["node", str(EXAMPLES / "node/sign.mjs")],
}
KEY = "0123456789abcdef" * 4
FORM = {
    "ID": "1000017",
    "Res": "A-1001",
    "Amnt": "1250000",
    "Nam": "مریم احمدی",
    "Dsc": "خرید کتاب",
    "RedirectURL": "https://shop.example.ir/return?basket=17&x=%20",
}
FORMS = {
    "plain": FORM,
    "nothing optional": {name: FORM[name] for name in ("ID", "Res", "Amnt", "RedirectURL")},
    "line breaks": FORM | {"Nam": "a\nb\r\nc\rd", "Dsc": "\n\n"},
    "blanks and signs": FORM | {"Nam": "  علی‌رضا & <b> \"'\\ \t😀", "Dsc": "é e\u0301"},
    "persian digits": FORM | {"Amnt": "۱۲۵۰۰۰۰"},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("language", SIGNERS)
def test_the_samples_sign_as_we_do(language, form):
    done = subprocess.run(
        SIGNERS[language],
        input=json.dumps(FORMS[form]).encode(),
        env=os.environ | {"MOPOS_SIG_KEY": KEY},
        capture_output=True,
        check=True,
        timeout=30,
    )
    sig = done.stdout.decode().strip()
    assert sig == sign(Secret(KEY), signed_text(FORMS[form]))
    assert is_right(sig, Secret(KEY), signed_text(FORMS[form]))


def test_the_documented_vector():
    """docs/reference/payment-form.md shows this very one."""
    sig = sign(Secret(KEY), signed_text(FORM))
    page = (Path(__file__).parents[3] / "docs/reference/payment-form.md").read_text(encoding="utf-8")
    assert sig in page
    assert KEY in page
    assert all(value in page for value in FORM.values())


def test_every_field_is_signed_and_none_reaches_into_the_next():
    seen = {signed_text(FORM)}
    for name, value in FORM.items():
        seen |= {signed_text(FORM | {name: value + "x"}), signed_text(FORM | {name: ""})}
    seen |= {signed_text(FORM | {"Nam": FORM["Nam"] + "\n" + FORM["Dsc"], "Dsc": ""})}
    seen |= {signed_text(FORM | {"Nam": "", "Dsc": FORM["Nam"] + "\n" + FORM["Dsc"]})}
    assert len(seen) == 1 + 2 * len(FORM) + 2


def test_a_browser_s_line_breaks_do_not_matter():
    """HTML sends a hidden field's line breaks as CR LF, whatever the page had."""
    page, sent = FORM | {"Dsc": "a\nb"}, FORM | {"Dsc": "a\r\nb"}
    assert signed_text(page) == signed_text(sent)


@pytest.mark.parametrize("charset", ["utf-8", "windows-1256"])
def test_what_was_posted_is_what_is_signed(charset):
    from urllib.parse import quote

    sig = sign(Secret(KEY), signed_text(FORM))
    codec = {"utf-8": "utf-8", "windows-1256": "cp1256"}[charset]
    # Persian ye is not in windows-1256; the Arabic one that such pages send is.
    form = FORM if charset == "utf-8" else FORM | {"Nam": "مريم", "Dsc": "خريد"}
    sig = sign(Secret(KEY), signed_text(form))
    body = "&".join(f"{name}={quote(value.encode(codec))}" for name, value in (form | {"SIG": sig}).items())
    new = parse_form(read_form(f"application/x-www-form-urlencoded; charset={charset}", body.encode()))
    assert is_right(new.sig, Secret(KEY), new.signed)


@pytest.mark.parametrize("wrong", ["", "x", "0" * 63, "0" * 65, "g" * 64, " " + "0" * 63, "۰" * 64, "0x" + "0" * 62])
def test_what_is_no_signature_is_no_right_one(wrong):
    assert not is_right(wrong, Secret(KEY), signed_text(FORM))


def test_keys_differ():
    assert len({new_sig_key().reveal() for _ in range(100)}) == 100
