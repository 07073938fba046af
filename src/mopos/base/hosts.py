"""Names of hosts and networks as DNS and PostgreSQL write them, from what people and shops type."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

# RFC 1035, section 2.3.4.
HOST_LENGTH_MAX = 253
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# Under these everybody can register a name: a shop's domain has at least one label more. IRNIC's own list, and the
# second levels of other countries where Iranian shops are seen. A domain of one label is none in any case.
_SUFFIXES = frozenset(
    {
        *(f"{second}.ir" for second in ("ac", "co", "gov", "id", "net", "org", "sch")),
        *("xn--mgba3a4f16a.ir", "co.uk", "org.uk", "com.tr", "com.au", "com.iq", "com.af"),
    }
)


def ascii_host(host: str | None) -> str | None:
    """The host as DNS writes it (IDNA), or None where there is none that could exist."""
    if not host:
        return None
    if ":" in host:  # an IPv6 address, already checked by urlsplit
        return f"[{host}]"
    try:
        name = host.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    return name if _NAME.fullmatch(name) else None


def enclosing(host: str | None) -> list[str]:
    """A host's own name and those of the domains that it lies in, lower case, without the root's dot:
    `www.Shop.ir.` lies in `www.shop.ir`, `shop.ir` and `ir`. An address lies in nothing but itself."""
    name = (ascii_host(host) or "").lower().removesuffix(".")
    if not name:
        return []
    if is_address(name):
        return [name]
    labels = name.split(".")
    return [".".join(labels[at:]) for at in range(len(labels))]


def is_address(host: str) -> bool:
    """Whether a host is an IP address and not a name. All that a browser would take for one counts (`127.1`,
    `0x7f000001`, `[::1]`): a last label of digits (WHATWG URL, "ends in a number")."""
    last = host.removesuffix(".").rpartition(".")[2]
    return host.startswith("[") or last.isdigit() or re.fullmatch(r"0[xX][0-9a-fA-F]*", last) is not None


def read_domain(text: str) -> str | None:
    """A domain as a person types it - also as an address to copy, `https://www.shop.ir/` - as DNS writes it, lower
    case. None: no domain under which one shop lives. `localhost` and addresses of the loop are taken for developers;
    other bare addresses are not: they change hands."""
    typed = text.strip()
    try:
        parts = urlsplit(typed if "//" in typed else f"//{typed}")
    except ValueError:
        return None
    host = None if "@" in parts.netloc or " " in typed else parts.hostname
    name = (ascii_host(host) or "").lower().removesuffix(".")
    if name == "localhost" or _is_loop(name):
        return name
    labels = name.split(".")
    usable = len(labels) > 1 and len(name) <= HOST_LENGTH_MAX and all(map(_LABEL.fullmatch, labels))
    return name if usable and not is_address(name) and name not in _SUFFIXES else None


def _is_loop(name: str) -> bool:
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def read_network(text: str) -> IPv4Network | IPv6Network | None:
    """`192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`; bits behind the mask are dropped. None: none of these."""
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError:
        return None


def plain_address(source: str) -> str:
    """An address as PostgreSQL compares it: an IPv4 caller on an IPv6 socket (`::ffff:192.0.2.7`) is the IPv4 one."""
    address = ip_address(source) if ":" in source else None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped) if mapped else source


def unicode_host(name: str) -> str:
    """A domain as people read it: `xn--...` in its own letters. What cannot be read back stays as it is."""
    try:
        return name.encode("ascii").decode("idna")
    except UnicodeError:
        return name
