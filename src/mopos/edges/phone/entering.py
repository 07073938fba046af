"""How a handler lets a browser in: a new token for each sign-in and each step-up, the one before it ended."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, urlsplit

from mopos.base.text import harmless
from mopos.domain.people.model import Session
from mopos.domain.people.sessions import Entry
from mopos.edges.web.ask import Ask
from mopos.edges.web.front import new_token, sign_in_cookie, token_hash

HOME = "/app"


class ComingIn(NamedTuple):
    """A new session in the making: its token for the browser, the rest for the database."""

    token: str
    entry: Entry

    def done(self, ask: Ask) -> None:
        """It was made: hand the token to the browser."""
        sign_in_cookie(ask, self.token)


def coming_in(ask: Ask, step_up_of: Session | None = None) -> ComingIn:
    """A new session for this browser. A step-up goes on with the time limit of the session that it replaces."""
    token = new_token()
    before = ask.maybe_session
    return ComingIn(
        token,
        Entry(
            token_hash=token_hash(token),
            ip=ask.ip,
            agent=agent(ask),
            now=ask.now,
            since=step_up_of.created_at if step_up_of else ask.now,
            instead_of=before.token_hash if before else None,
        ),
    )


def agent(ask: Ask) -> str:
    """What the browser says of itself."""
    return harmless(ask.request.headers.get("user-agent", ""))


def host(ask: Ask) -> str:
    """Our own host, as the message with a code names it."""
    return urlsplit(ask.services.settings.public_url).hostname or ""


def onward(path: str, next_path: str) -> str:
    """An address that knows where to go on to in the end."""
    return f"{path}?next={quote(next_path, safe='')}" if next_path else path
