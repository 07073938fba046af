"""Domains and networks as people type them."""

import pytest

from mopos.base.hosts import ascii_host, enclosing, is_address, plain_address, read_domain, read_network, unicode_host


@pytest.mark.parametrize(
    ("typed", "domain"),
    [
        ("shop.ir", "shop.ir"),
        (" https://WWW.Shop.ir:8443/a?b ", "www.shop.ir"),
        ("shop.ir.", "shop.ir"),
        ("//shop.ir", "shop.ir"),
        ("کتاب.ایران", "xn--mgbx3cd.xn--mgba3a4f16a"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("http://[::1]:3000/", "[::1]"),
        ("a-b.co.ir", "a-b.co.ir"),
        ("shop\u2024ir", "shop.ir"),  # a dot leader is a dot to browsers too
    ],
)
def test_domains(typed, domain):
    expected = "کتاب".encode("idna").decode() + ".xn--mgba3a4f16a" if "کتاب" in typed else domain
    assert read_domain(typed) == expected
    assert read_domain(expected) == expected, "what is kept reads as itself"


@pytest.mark.parametrize(
    "typed",
    [
        *("", "ir", "co.ir", "ایران.ir", "com", "shop", "a..b", ".ir", "-a.ir", "a-.ir", "a b.ir", "*.shop.ir"),
        *("8.8.8.8", "127.1", "0x7f000001", "2130706433", "[2001:db8::1]", "user@shop.ir", "shop.ir@evil.ir"),
        *("x" * 64 + ".ir", "a." * 130 + "ir", "http://", "http://[", "shop.ir\\evil", "xn--.ir"),
    ],
)
def test_what_is_no_domain_of_one_shop(typed):
    assert read_domain(typed) is None


@pytest.mark.parametrize(
    ("host", "within"),
    [
        ("www.Shop.ir.", ["www.shop.ir", "shop.ir", "ir"]),
        ("shop.ir.evil.com", ["shop.ir.evil.com", "ir.evil.com", "evil.com", "com"]),
        ("10.0.0.1", ["10.0.0.1"]),
        ("2001:db8::1", ["[2001:db8::1]"]),
        ("", []),
        (None, []),
        ("a..b", []),
    ],
)
def test_what_a_host_lies_in(host, within):
    assert enclosing(host) == within


def test_addresses():
    assert all(map(is_address, ["1.2.3.4", "1.2.3.4.", "127.1", "0x7f.1", "1", "[::1]", "a.0x1"]))
    assert not any(map(is_address, ["a.ir", "1.ir", "0x.ir", "1a.b1"]))


def test_networks():
    assert str(read_network(" 192.0.2.7/24 ")) == "192.0.2.0/24"
    assert str(read_network("2001:db8::1")) == "2001:db8::1/128"
    assert [read_network(text) for text in ("", "shop.ir", "1.2.3", "1.2.3.4/33", "1.2.3.4-5")] == [None] * 5


def test_an_ipv4_caller_on_an_ipv6_socket():
    assert plain_address("::ffff:192.0.2.7") == "192.0.2.7"
    assert plain_address("::FFFF:c000:207") == "192.0.2.7"
    assert plain_address("2001:db8::1") == "2001:db8::1"
    assert plain_address("192.0.2.7") == "192.0.2.7"


def test_as_people_read_it():
    assert unicode_host("xn--mgba3a4f16a") == "ایران"
    assert unicode_host("xn--broken-\udcff") == "xn--broken-\udcff"
    assert ascii_host("_dmarc.shop.ir") == "_dmarc.shop.ir"
