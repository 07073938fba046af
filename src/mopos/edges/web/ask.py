"""One request to the signed-in side, as handlers see it: who asks, what was sent, and in which language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from litestar import Request
from litestar.datastructures import State as AppState

from mopos.actions.services import Services
from mopos.base.errors import Refused
from mopos.base.ids import has_check_digit, with_check_digit, without_check_digit
from mopos.domain.accounts.model import Allow, Membership
from mopos.domain.operators.model import Duty, Operator
from mopos.domain.people.model import Person, Session
from mopos.edges.i18n.lang import Lang
from mopos.edges.i18n.texts import TEXTS

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class File:
    """A file as a browser sent it. Nothing in it is to be believed."""

    name: str
    body: bytes


class NotFound(Exception):
    """There is nothing at this address for who asks. The same answer whether it is missing or another's."""


@dataclass(slots=True)
class Ask:
    """A request. `person`, `membership` and `operator` raise where the route's `needs` do not promise them."""

    request: Request[Any, Any, AppState]
    services: Services
    lang: Lang
    now: datetime
    ip: str
    csrf: str
    visit: str = ""
    """This browser's own mark, whoever is signed in: a one-time code is good only in the browser that asked."""
    form: Mapping[str, str] = field(default_factory=dict)
    """Fields of a POST; of several with one name the last."""
    several: Mapping[str, list[str]] = field(default_factory=dict)
    """The same with all values, for check boxes and lists."""
    files: Mapping[str, File] = field(default_factory=dict)
    maybe_session: Session | None = None
    maybe_membership: Membership | None = None
    maybe_operator: Operator | None = None
    area: str = "phone"
    """`phone`, `panel` or `console`: whose frame the page has."""
    cookies: list[Any] = field(default_factory=list)
    """Cookies to send with the answer."""

    @property
    def t(self) -> Mapping[str, str]:
        """The sentences in the reader's language."""
        return TEXTS[self.lang]

    @property
    def session(self) -> Session:
        return _there(self.maybe_session)

    @property
    def person(self) -> Person:
        return _there(self.session.person)

    @property
    def membership(self) -> Membership:
        return _there(self.maybe_membership)

    @property
    def account_id(self) -> int:
        return self.membership.account_id

    @property
    def panel(self) -> str:
        """Where this account's panel begins: `/panel/50013`."""
        return f"/panel/{with_check_digit(self.account_id)}"

    @property
    def operator(self) -> Operator:
        return _there(self.maybe_operator)

    def may(self, needed: Allow | Duty) -> bool:
        """For showing or hiding a link; the route itself has its own guard."""
        if isinstance(needed, Allow):
            return self.maybe_membership is not None and self.maybe_membership.may(needed)
        return self.maybe_operator is not None and self.maybe_operator.may(needed)

    def part(self, name: str) -> str:
        """A part of the path: `/panel/{account}/purchases/{purchase}`."""
        return str(self.request.path_params[f"in_{name}"])

    def number(self, name: str) -> int:
        """A part of the path that is a number with a check digit, as the id. Raises `NotFound`."""
        text = self.part(name)
        if not has_check_digit(text) or len(text) > 18:
            raise NotFound
        return without_check_digit(text)

    def id(self, name: str) -> int:
        """A part of the path that is a bare id. Raises `NotFound`."""
        text = self.part(name)
        if not (text.isascii() and text.isdigit()) or len(text) > 18:
            raise NotFound
        return int(text)

    def must_be_sure(self) -> None:
        """For what cannot be undone: the box `sure` was ticked. Raises `Refused`."""
        if not self.form.get("sure"):
            raise Refused(["sure_missing"])

    def query(self, name: str, default: str = "") -> str:
        """A query parameter, without blanks around it."""
        return str(self.request.query_params.get(name, default)).strip()

    def here(self, **changed: str | int | None) -> str:
        """This page's address with some query parameters changed; None takes one out."""
        kept = {name: str(value) for name, value in self.request.query_params.items() if name != "done"}
        kept |= {name: str(value) for name, value in changed.items() if value is not None}
        for name in [name for name, value in changed.items() if value is None]:
            kept.pop(name, None)
        path = str(self.request.url.path)
        return f"{path}?{urlencode(kept)}" if kept else path


def _there(value: T | None) -> T:
    if value is None:
        raise NotFound
    return value
