"""The reference pages of the documentation, written from the code so that they cannot rot.

`make docs` writes them; a test fails when a page differs from what the code says.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import typer
from pydantic import SecretStr

from mopos.banks.sim import cards
from mopos.base.config import Settings
from mopos.base.errors import PAYREP_ERRORS, PROBLEMS
from mopos.domain.applications import states as applications
from mopos.domain.payments.states import MOVES, PAYREP_ERR, State
from mopos.domain.settlement import result_files
from mopos.domain.settlement.ccti import PROFILES, DepositId, Profile
from mopos.edges import reference_banks, reference_money
from mopos.edges.i18n.lang import Lang
from mopos.edges.i18n.texts import TEXTS

_NOTE = "<!-- Written from the code by `make docs`. Do not edit. -->"


def pages(cli: typer.Typer) -> dict[str, str]:
    """Every generated page: file name to text. The command line stands above the edges, so it is handed in."""
    return {
        "states.md": states(),
        "ledger.md": ledger(),
        "application-states.md": application_states(),
        "errors.md": errors(),
        "settings.md": settings(),
        "cli.md": command_line(cli),
        "banks.md": banks(),
        "test-cards.md": cards.render_reference(),
        "payout-files.md": payout_files(),
        "result-files.md": results_of_payouts(),
    }


def states() -> str:
    """The states of a purchase, what each shows outside, and every move."""
    meanings = [(f"`{state}`", TEXTS[Lang.EN][f"state.{state}.title"], str(PAYREP_ERR[state])) for state in State]
    moves = [
        (f"`{move.start}`" if move.start else "", move.event, f"`{move.end}`", move.who, move.entry) for move in MOVES
    ]
    arrows = "\n".join(f"    {move.start or '[*]'} --> {move.end}: {move.event}" for move in MOVES)
    return _page(
        "The states of a purchase",
        "From `domain/payments/states.py`. The same rows stand in PostgreSQL, which refuses every other move.",
        _table(("state", "what the buyer's page says", "PayRep `Err`"), meanings),
        "## Moves",
        _table(("from", "event", "to", "who", "ledger entry"), moves),
        f"```mermaid\nstateDiagram-v2\n{arrows}\n```",
        "The money after the purchase, from `domain/payments/refunds.py` and `domain/settlement/states.py`, has "
        "states and moves of its own. Each move is a row of `money_event`, with who, when and why; the entries are "
        "those of [the ledger](ledger.md).",
        *(
            part
            for noun, (rows, drawing) in reference_money.moves().items()
            for part in (
                f"## {reference_money.NOUNS[noun]}",
                _table(("from", "event", "to", "who", "ledger entry"), rows),
                drawing,
            )
        ),
    )


def ledger() -> str:
    """The chart of accounts, and every entry."""
    return _page(
        "The ledger",
        "From `domain/ledger/chart.py` and `domain/ledger/entries.py`. A line moves Rial from the account that it "
        "debits to the one that it credits, so it balances by its very shape; lines with one number are one entry, "
        "written by the statement that makes the move. Nothing is ever changed. PostgreSQL keeps the balances, "
        "refuses a line that is not listed, and takes no account with a floor below it. `mopos ledger balance` prints"
        " the trial balance of now or of any past moment, `mopos ledger statement` an account's lines; `mopos audit` "
        "proves both from the lines and the seals over them.",
        "## Accounts",
        _table(("account", "whose", "grows by", "what for"), reference_money.accounts()),
        "## Entries",
        "`debit` → `credit`: which of the event's amounts. A line of nought is not written.",
        _table(("entry", "lines", "what happened"), reference_money.entries()),
    )


def application_states() -> str:
    """The states of an application for a gateway, and every move."""
    meanings = [(f"`{state}`", TEXTS[Lang.EN][f"application.state.{state}"]) for state in applications.State]
    moves = [
        (f"`{move.start}`" if move.start else "", move.event, f"`{move.end}`", move.who) for move in applications.MOVES
    ]
    arrows = "\n".join(f"    {move.start or '[*]'} --> {move.end}: {move.event}" for move in applications.MOVES)
    return _page(
        "The states of an application for a gateway",
        "From `domain/applications/states.py`. The same rows stand in PostgreSQL, which refuses every other move. Each "
        "move is kept with who, when and why, and told by SMS.",
        _table(("state", "what its page says"), meanings),
        "## Moves",
        _table(("from", "event", "to", "who"), moves),
        f"```mermaid\nstateDiagram-v2\n{arrows}\n```",
    )


def banks() -> str:
    """The banks that MoPos speaks to: what each can do, its credentials, its codes."""
    return _page(
        "Banks",
        "From `banks/catalogue.py` and the file of each bank. How to add one: "
        "[a new bank in an afternoon](../howto/add-a-bank.md). All of them keep one contract, which "
        "`tests/banks/test_contract.py` tests against their simulators.",
        "*Page*: how long a buyer may stay there. *Verify*: what is not confirmed so long after a payment, the bank "
        "gives back by itself. *Reversal*: so long after a payment the bank gives all of it back. *Inquiry*: it can be "
        "asked without confirming. *Refund*: it gives money back to the card later, also a part. A contract may have "
        "other times; they are a terminal's own.",
        "Outcomes of codes: *done*; *already*, a yes for the order that it is bound to and no other; *not yet*, the "
        "buyer may still pay; *no*, it was not done and will not be; *unsure*, to be asked again, as is every code "
        "that does not stand in a bank's table.",
        _table(reference_banks.ABILITIES, reference_banks.abilities()),
        "## Why a payment is declined",
        "From `banks/port.py`: each bank's codes map onto these, and buyers read this.",
        _table(reference_banks.DECLINES, reference_banks.declines()),
        *(
            part
            for heading, said, credentials, codes in reference_banks.kinds()
            for part in (
                f"## {heading}",
                said,
                _table(reference_banks.CREDENTIALS, credentials),
                _table(reference_banks.CODES, codes),
            )
        ),
    )


def payout_files() -> str:
    """The group Paya file: its fields, and what each bank's profile does with those that differ."""
    shown = [
        (
            f"`{profile.name}`",
            profile.title_en,
            f"`{profile.namespace}`" if profile.namespace else "none",
            *("yes" if wanted else "" for wanted in _differences(profile)),
            profile.source,
        )
        for profile in PROFILES.values()
    ]
    headings = ("name", "bank", "namespace", "`PmtMtd` Ccy", "`Othr/Id`", "`RmtInf`", "standalone", "deposit id twice")
    return _page(
        "Payout files",
        "From `domain/settlement/ccti.py`. No bank has published the group Paya file (`.ccti`): it is read off six "
        "independent generators. It is an XML in the manner of pain.001 with **Jalali** dates, so ISO's schema does "
        "not fit it: there is a 31 Ordibehesht. Its name is its `MsgId` and `.ccti`: the payer's IBAN and nine digits "
        "that no other file has. `BIC` is the Central Bank's, amounts are whole Rial, text is folded to Persian "
        "letters and Latin digits. What is not there is `EMPTY`. A file is not kept: it is written again from its "
        "payouts, byte for byte, and compared with the hash that was kept.",
        "Satna orders above Paya's ceiling go into a file of their own in the same form; no public sample of such a "
        "file is known, and most banks want these few orders typed at their site.",
        "## Profiles",
        "How to add one: [add a bank's profile](../howto/add-a-bank-profile.md). `melli` wants a paper form that names "
        "the file and its length in bytes; the console shows both.",
        _table((*headings, "with time", "source"), shown),
    )


def _differences(profile: Profile) -> tuple[bool, ...]:
    return (
        profile.currency_on_method,
        profile.receiver_id,
        profile.remittance,
        profile.standalone,
        profile.deposit_id is DepositId.BOTH,
        profile.moment_of_execution,
    )


def results_of_payouts() -> str:
    """The columns, words and elements of files that tell what became of payouts."""
    columns = [
        (f"`{name}`", ", ".join(headings), _COLUMNS_MEAN[name]) for name, headings in result_files.COLUMNS.items()
    ]
    words = [
        (f"`{outcome}`", ", ".join(word for word, meant in result_files.OUTCOMES.items() if meant == outcome))
        for outcome in (result_files.SETTLED, result_files.RETURNED, result_files.PENDING)
    ]
    refusals = [
        (f"`{problem.code}`", TEXTS[Lang.EN][f"problem.{problem.code}"], TEXTS[Lang.FA][f"problem.{problem.code}"])
        for problem in PROBLEMS
        if problem.code.startswith("result_")
    ]
    return _page(
        "Result files",
        "From `domain/settlement/result_files.py`. What became of a file's orders, as a bank gives it back. No public "
        "sample of a bank's own file is known, so two forms are read, and both are ours: whoever has another one turns "
        "it into the CSV. Each row is taken, waits, or is named with its line and a code; nothing is guessed and "
        "nothing is lost. The same file may come again, with more rows or the same.",
        "## CSV",
        "UTF-8 (also UTF-16 with a mark, or Windows-1256); comma, semicolon or tab; one row a line. Headings are known "
        "by any of these names, with either keyboard's letters; other columns are passed by. A row names its payout by "
        "`payout`, or by `message_id` and `row`; `iban` and `amount` must be ours.",
        _table(("column", "headings", ""), columns),
        _table(("outcome", "words"), words),
        "## Status report",
        "An XML in the manner of pain.002, with any namespace or none, and without a DOCTYPE. Each `TxInfAndSts` is a "
        "row: `StsId` its number in the file, `OrgnlEndToEndId` our payout's number or `EMPTY`, `TxSts` the outcome, "
        "`AcctSvcrRef` the tracking number, `StsRsnInf/AddtlInf` or `StsRsnInf/Rsn/Cd` the reason, and under "
        "`OrgnlTxRef` `Amt/InstdAmt`, `IntrBkSttlmDt`, `CdtrAcct/Id/IBAN`. `OrgnlGrpInfAndSts/OrgnlMsgId` names the "
        "file.",
        "## What can be wrong",
        _table(("code", "English", "فارسی"), refusals),
    )


_COLUMNS_MEAN = {
    "payout": "our payout's number",
    "message_id": "the file's number, with or without `.ccti`",
    "row": "the order's place in the file, from 1",
    "iban": "the receiver's Sheba; `IR`, blanks and dashes as one likes",
    "amount": "whole Rial, with or without separators",
    "outcome": "one of the words below",
    "tracking_no": "of a settled order, up to 64 characters",
    "date": "of an order that ended: Jalali or Gregorian, year first; the year tells which",
    "reason": "of a returned order, up to 200 characters",
}


def errors() -> str:
    """The catalogue of refusals, in order of precedence, and PayRep's errors."""
    refusals = [
        (
            f"`{problem.code}`",
            problem.field,
            str(problem.status),
            "yes" if problem.try_again else "",
            TEXTS[Lang.EN][f"problem.{problem.code}"],
            TEXTS[Lang.FA][f"problem.{problem.code}"],
        )
        for problem in PROBLEMS
    ]
    answers = [
        (str(err), f"`{code}`", TEXTS[Lang.EN][f"payrep.{code}"], TEXTS[Lang.FA][f"payrep.{code}"])
        for err, code in PAYREP_ERRORS.items()
    ]
    return _page(
        "Errors",
        "From `base/errors.py`. A code never changes its meaning. A page lists all problems of a request at once, in "
        "this order; the first one gives it its HTTP status. *Again*: the very same request may succeed later.",
        _table(("code", "field", "HTTP", "again", "English", "فارسی"), refusals),
        "## PayRep: `Err` and `ErrDsc`",
        "`ErrDsc` is Persian, as the guide is, and empty when `Err` is 0. 12, 14, 15 and 16 are kept for refunds and "
        "reversals.",
        _table(("Err", "code", "English", "`ErrDsc`"), answers),
    )


def settings() -> str:
    """Every setting with its default and its reason."""
    rows = [
        (f"`MOPOS_{name.upper()}`", _default(name, field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    return _page(
        "Settings",
        "From `base/config.py`. All come from the environment.",
        _table(("name", "default", "what it is for"), rows),
    )


def command_line(cli: typer.Typer) -> str:
    """Every verb with its options."""
    group: Any = typer.main.get_command(cli)
    parts = []
    for name, command in sorted(_verbs("mopos", group)):
        options = [
            (
                _spelled(option),
                _shown_default(option),
                getattr(option, "help", "") or "",
            )
            for option in command.params
            if option.name != "help"
        ]
        parts += [
            f"## `{name}`",
            command.help or "",
            *([_table(("option", "default", ""), options)] if options else []),
        ]
    return _page("The command line", "From `cli.py`. `mopos VERB --help` says the same.", *parts)


def _verbs(name: str, command: Any) -> Iterable[tuple[str, Any]]:
    for word, verb in getattr(command, "commands", {}).items():
        if not verb.hidden:
            yield from _verbs(f"{name} {word}", verb)
    if not hasattr(command, "commands"):
        yield name, command


def _spelled(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar or parameter.name.upper()}`"
    return " ".join(f"`{flag}`" for flag in (*parameter.opts, *parameter.secondary_opts))


def _shown_default(option: Any) -> str:
    if option.required:
        return "required"
    # A switch is off unless it is given. Not `in`: a 1 equals True.
    return "" if option.default is None or isinstance(option.default, bool) else f"`{option.default}`"


def _default(name: str, default: object) -> str:
    if name == "data_dir":
        # Made from who runs it and where; not to be evaluated on the machine that writes this page.
        return "`/var/lib/mopos` for root, else `$XDG_DATA_HOME/mopos`"
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    return "" if default in (None, "") else f"`{default}`"


def _table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _page(title: str, *parts: str) -> str:
    return "\n\n".join([_NOTE, f"# {title}", *(part for part in parts if part)]) + "\n"
