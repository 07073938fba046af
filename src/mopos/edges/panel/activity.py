"""The account's activity log, at /panel/{account}/activity: who did what, in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from litestar import Response
from markupsafe import Markup, escape

from mopos.domain.accounts import activity
from mopos.domain.accounts.activity import PAGE_SIZE, Deed
from mopos.domain.accounts.model import Allow
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route

_BLANK = re.compile(r"\{(\w+)\}")


def in_words(deed: Deed, t: Mapping[str, str]) -> Markup:
    """An act as a sentence. What people typed stands in <bdi>, so that it turns nothing around. An act that no area
    has a sentence for is shown by its name."""
    sentence = t.get(f"act.{deed.act}")
    if sentence is None:
        return Markup('<bdi class="code" dir="ltr">{}</bdi> <bdi>{}</bdi>').format(deed.act, deed.subject)
    parts = _BLANK.split(sentence)
    values = {"subject": deed.subject, **deed.data}
    return Markup("").join(
        Markup("<bdi>{}</bdi>").format(_said(values.get(part), t)) if at % 2 else escape(part)
        for at, part in enumerate(parts)
    )


def _said(value: Any, t: Mapping[str, str]) -> str:
    """A value of an act: the key of a sentence in the reader's language, several with commas, all else as is."""
    if isinstance(value, list):
        return f"{t['label.comma']} ".join(_said(one, t) for one in value)
    return "—" if value in (None, "") else t.get(str(value), str(value))


async def _log(ask: Ask) -> Response[Any]:
    before, after = _id(ask, "before"), _id(ask, "after")
    found = await activity.page(ask.services.reports, ask.account_id, before_id=before, after_id=after)
    more = len(found) > PAGE_SIZE
    deeds = found[-PAGE_SIZE:] if after is not None else found[:PAGE_SIZE]
    has_newer, has_older = (more, True) if after is not None else (before is not None, more)
    return render.page(
        ask,
        "panel/activity.html",
        title=ask.t["activity.title"],
        deeds=[(deed, in_words(deed, ask.t)) for deed in deeds],
        newer=ask.here(after=deeds[0].id, before=None) if deeds and has_newer else None,
        older=ask.here(before=deeds[-1].id, after=None) if deeds and has_older else None,
    )


def _id(ask: Ask, name: str) -> int | None:
    text = ask.query(name)
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise NotFound
    return int(text)


ROUTES: list[Route] = [Route("GET", "/panel/{account}/activity", _log, Allow.SEE_ACTIVITY)]
