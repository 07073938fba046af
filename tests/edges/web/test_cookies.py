"""How cookies are protected: over TLS by all that browsers offer, on a laptop by what works there."""

import pytest

from mopos.edges.web.cookies import Jar

NAMES = ("visit", "lang", "person", "operator")


@pytest.mark.parametrize("name", NAMES)
def test_cookies_over_tls(name):
    jar = Jar("https://pay.example.ir")
    cookie = jar.make(getattr(jar, name), "value")
    # What `__Host-` asks for (RFC 6265bis, section 4.1.3.2): Secure, the whole site, no domain.
    assert cookie.key.startswith("__Host-mopos")
    assert cookie.secure
    assert cookie.path == "/"
    assert cookie.domain is None
    assert cookie.httponly
    assert cookie.samesite == ("strict" if name == "operator" else "lax")


@pytest.mark.parametrize("name", NAMES)
def test_cookies_without_tls(name):
    jar = Jar("http://127.0.0.1:8000")
    cookie = jar.make(getattr(jar, name), "value")
    assert not cookie.key.startswith("__Host-")
    assert not cookie.secure
    assert cookie.httponly


def test_a_cookie_is_taken_back_under_its_own_name():
    jar = Jar("https://pay.example.ir")
    gone = jar.gone(jar.person)
    assert (gone.key, gone.value, gone.max_age) == (jar.person, "", 0)
