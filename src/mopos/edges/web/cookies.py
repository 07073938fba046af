"""The cookies of the signed-in side: all of them HttpOnly, and `__Host-` wherever there is TLS."""

from __future__ import annotations

from litestar.datastructures import Cookie

# A visit's only use is to tie forms to a browser (CSRF); a language is a taste.
YEAR_S = 365 * 86400


class Jar:
    """How this installation names and protects its cookies. Without TLS (a laptop) there is neither prefix nor
    `Secure`, as browsers would refuse both."""

    def __init__(self, public_url: str) -> None:
        self._tls = public_url.startswith("https:")
        prefix = "__Host-" if self._tls else ""
        self.visit, self.lang = f"{prefix}mopos-visit", f"{prefix}mopos-lang"
        self.person, self.operator = f"{prefix}mopos", f"{prefix}mopos-console"

    def make(self, name: str, value: str, *, max_age: int | None = None) -> Cookie:
        """A cookie. The console's is never sent when another site leads here; the merchant's is, on plain links."""
        return Cookie(
            key=name,
            value=value,
            max_age=max_age,
            path="/",
            secure=self._tls,
            httponly=True,
            samesite="strict" if name == self.operator else "lax",
        )

    def gone(self, name: str) -> Cookie:
        """The same cookie, to be forgotten at once."""
        return self.make(name, "", max_age=0)
