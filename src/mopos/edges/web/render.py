"""Pages of the signed-in side: one frame, one policy, and the handful of answers that handlers give."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined
from litestar import MediaType, Response
from litestar.response import Redirect, Stream
from markupsafe import Markup

from mopos.base.clock import TEHRAN, jalali
from mopos.base.errors import Refused
from mopos.base.ids import with_check_digit
from mopos.base.text import persian_digits
from mopos.domain.accounts.model import Allow
from mopos.domain.operators.model import Duty
from mopos.edges.i18n import formats
from mopos.edges.i18n.lang import Lang
from mopos.edges.i18n.texts import TEXTS
from mopos.edges.pay.assets import ICON, STYLE
from mopos.edges.web.ask import Ask
from mopos.edges.web.assets import PASSKEY, PHONE, WEB_STYLE
from mopos.edges.web.menu import menu_of

_ENVIRONMENT = Environment(
    loader=PrefixLoader({area: PackageLoader(f"mopos.edges.{area}") for area in ("web", "phone", "panel", "console")}),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_ENVIRONMENT.globals.update(
    style=STYLE.path,
    web_style=WEB_STYLE.path,
    icon=ICON.path,
    passkey_file=PASSKEY,
    phone_file=PHONE,
    Allow=Allow,
    Duty=Duty,
    numbered=with_check_digit,
    rial=formats.rial,
    toman=formats.toman,
    grouped=formats.grouped,
    date_time=formats.date_time,
    jalali=jalali,
    tehran=lambda moment: moment.astimezone(TEHRAN),
)
# Persian in what the log keeps is shown as Persian.
_ENVIRONMENT.policies["json.dumps_kwargs"] = {"sort_keys": True, "ensure_ascii": False}

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Codes whose sentence ends with the number of support.
_CALL_SUPPORT = {"person_barred"}
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def page(
    ask: Ask, template: str, *, status: int = 200, more: Mapping[str, str] | None = None, **values: Any
) -> Response[Any]:
    """A page from `AREA/NAME.html`. Every template has `ask`, `t` (sentences), `lang`, the formats, and `values`; it
    must set `title`. A `?done=CODE` shows the sentence `done.CODE`."""
    done = f"done.{ask.query('done')}"
    values = {"problems": {}, "values": {}} | values
    html = _ENVIRONMENT.get_template(template).render(
        ask=ask,
        t=ask.t,
        lang=ask.lang,
        num=lambda number: _number(number, ask.lang),
        when=lambda moment: _time(moment, ask.lang),
        menu=menu_of(ask),
        notice=ask.t.get(done, ""),
        **values,
    )
    headers = HEADERS | dict(more or {})
    return Response(html.encode("utf-8", "replace"), status_code=status, headers=headers, media_type=MediaType.HTML)


def problems_of(refused: Refused, t: Mapping[str, str]) -> dict[str, list[str]]:
    """Sentences by field, for the macros that draw fields; those about no field stand under the empty name."""
    found: dict[str, list[str]] = {}
    for problem in refused.problems:
        found.setdefault(problem.field, []).append(t[f"problem.{problem.code}"])
    return found


def sentence(ask: Ask, code: str) -> str:
    """What a code says, for our scripts; where it tells people to call support, with the number to call."""
    phone = ask.services.settings.support_phone if code in _CALL_SUPPORT else ""
    # Between isolates, so that a number stays in one piece in either direction (Unicode, UAX #9).
    return f"{ask.t[f'problem.{code}']} \u2066{phone}\u2069" if phone else ask.t[f"problem.{code}"]


def error(ask: Ask, code: str) -> Response[Any]:
    """A whole page for one code of the catalogue."""
    problem = Refused([code]).problems[0]
    title = ask.t.get(f"web.error.{code}", ask.t["web.error"])
    return page(ask, "web/error.html", status=problem.status, problem=problem, title=title)


def redirect(url: str, *, done: str = "") -> Response[Any]:
    """Go on to a page of our own, after a POST; `done` names the notice that it shows there."""
    joined = f"{url}{'&' if '?' in url else '?'}done={done}" if done else url
    return Redirect(joined, status_code=303, headers={"Cache-Control": "no-store"})


def json(value: Any, status: int = 200) -> Response[Any]:
    """For our own scripts (passkeys)."""
    return Response(value, status_code=status, headers=HEADERS, media_type=MediaType.JSON)


def download(body: bytes | AsyncIterator[bytes], *, name: str, media_type: str) -> Response[Any]:
    """A file to keep, never to be opened in our origin."""
    headers = HEADERS | {"Content-Disposition": f'attachment; filename="{name}"'}
    if isinstance(body, bytes):
        return Response(body, headers=headers, media_type=media_type)
    return Stream(body, headers=headers, media_type=media_type)


def when(moment: Any, lang: Lang) -> str:
    """`1403/07/25 14:03`: a moment in a table's cell, Tehran's Jalali date in both languages."""
    if moment is None:
        return "—"
    text = jalali(moment)[:16]
    return persian_digits(text) if lang is Lang.FA else text


def _time(moment: Any, lang: Lang) -> str:
    """The same on a page, in one piece and in the page's own direction: in Persian the date is read before the hour,
    whatever stands beside it."""
    if moment is None:
        return when(moment, lang)
    return Markup('<time class="nowrap" dir="{}" datetime="{}">{}</time>').format(
        lang.dir, moment.astimezone(TEHRAN).isoformat(timespec="minutes"), when(moment, lang)
    )


def _number(number: Any, lang: Lang) -> str:
    """A count, grouped, in the reader's digits."""
    return formats.grouped(number, lang)


def choices(keys: Sequence[str], prefix: str, lang: Lang) -> list[tuple[str, str]]:
    """Options of a select: value and sentence."""
    return [(key, TEXTS[lang][f"{prefix}.{key}"]) for key in keys]
