"""Everything that a shop's developer needs: the gateway's data, how far the shop has come, samples to copy."""

from __future__ import annotations

from typing import Any, NamedTuple

from litestar import Response

from mopos.base.errors import PAYREP_ERRORS, PROBLEMS
from mopos.base.ids import with_check_digit
from mopos.domain.accounts import checklist, gateways
from mopos.domain.accounts.checklist import Progress
from mopos.domain.accounts.gateways import Gateway
from mopos.domain.accounts.model import Allow
from mopos.edges.http import FORM_PATH, SOAP_PATH
from mopos.edges.panel import integration_log, integration_try
from mopos.edges.panel.samples import FORMS, PAY_REPS, PLACEHOLDER, SAMPLES, filled
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route

# Of the catalogue, what a shop's form can be told; the others are about people who sign in.
FORM_FIELDS = ("", "ID", "Res", "Amnt", "Nam", "Dsc", "RedirectURL", "Sig")


class Step(NamedTuple):
    """One line of the checklist. `key`: what is wanted; `hint`: what is known beside it, a sentence's key or empty."""

    key: str
    done: bool
    hint: str = ""


async def overview(ask: Ask) -> Response[Any]:
    """The account's gateways; of a single one the page itself."""
    found = await gateways.of_account(ask.services.db, ask.account_id)
    root = _root(ask)
    if len(found) == 1:
        return render.redirect(f"{root}/{with_check_digit(found[0].id)}")
    return render.page(ask, "panel/integration.html", title=ask.t["menu.integration"], gateways=found, root=root)


async def gateway(ask: Ask) -> Response[Any]:
    """A gateway's data, checklist and samples."""
    found = await own_gateway(ask)
    number, public_url = with_check_digit(found.id), ask.services.settings.public_url
    progress = await checklist.progress(ask.services.reports, found.id)
    return render.page(
        ask,
        "panel/integration_gateway.html",
        title=ask.t["integration.title"],
        gateway=found,
        number=number,
        root=f"{_root(ask)}/{number}",
        form_url=f"{public_url}{FORM_PATH}",
        soap_url=f"{public_url}{SOAP_PATH}",
        steps=steps_of(found, progress),
        forms=[(sample, filled(sample, public_url=public_url, number=number)) for sample in FORMS],
        pay_reps=[(sample, filled(sample, public_url=public_url, number=number)) for sample in PAY_REPS],
        placeholder=PLACEHOLDER,
    )


async def sample_file(ask: Ask) -> Response[Any]:
    """A sample to keep, as the page shows it. Without a known `file`: the first one."""
    found = await own_gateway(ask)
    sample = SAMPLES.get(ask.query("file"), FORMS[0])
    text = filled(sample, public_url=ask.services.settings.public_url, number=with_check_digit(found.id))
    return render.download(text.encode(), name=sample.name, media_type="application/octet-stream")


async def help_page(ask: Ask) -> Response[Any]:
    """What every code of a form and every `Err` of PayRep means, and what to do."""
    forms = [problem for problem in PROBLEMS if problem.field in FORM_FIELDS and f"help.{problem.code}" in ask.t]
    return render.page(
        ask,
        "panel/integration_help.html",
        title=ask.t["integration.help"],
        root=_root(ask),
        forms=forms,
        errs=PAYREP_ERRORS,
    )


async def own_gateway(ask: Ask) -> Gateway:
    """The gateway of the address, which must be this account's. Raises `NotFound`."""
    found = await gateways.one(ask.services.db, ask.account_id, ask.number("gateway"))
    if found is None:
        raise NotFound
    return found


def steps_of(gateway: Gateway, progress: Progress) -> list[Step]:
    """The checklist, from what has really happened."""
    asked = progress.pay_rep_at is not None or progress.acknowledged_at is not None
    fetched = gateway.rmz_shown_at is not None or asked
    has_form = progress.first_form_at is not None
    any_domain = "step.domain.still" if gateway.domains else "step.domain.any"
    return [
        # Who calls PayRep with the right Rmz has it, wherever it was fetched.
        Step("step.rmz", fetched, "" if fetched else "step.rmz.hint"),
        Step("step.domain", bool(gateway.domains), any_domain if gateway.any_domain else ""),
        Step("step.form", has_form, "step.form.refused" if progress.refused_form_at and not has_form else ""),
        Step("step.pay_rep", asked),
        Step("step.acknowledged", progress.acknowledged_at is not None),
    ]


def _root(ask: Ask) -> str:
    return f"{ask.panel}/integration"


_AT = "/panel/{account}/integration"
ROUTES: list[Route] = [
    Route("GET", _AT, overview, Allow.INTEGRATE),
    Route("GET", f"{_AT}/help", help_page, Allow.INTEGRATE),
    Route("GET", f"{_AT}/{{gateway}}", gateway, Allow.INTEGRATE),
    Route("GET", f"{_AT}/{{gateway}}/sample", sample_file, Allow.INTEGRATE),
    Route("GET", f"{_AT}/{{gateway}}/log", integration_log.show, Allow.INTEGRATE),
    Route("GET", f"{_AT}/{{gateway}}/try", integration_try.show, Allow.INTEGRATE),
    Route("POST", f"{_AT}/{{gateway}}/try", integration_try.check, Allow.INTEGRATE),
]
