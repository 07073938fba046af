"""What a merchant sets at a gateway: registered domains, who may call PayRep, how hard forms are looked at."""

from __future__ import annotations

import re

from mopos.actions.manage_credentials import Holder, by_with_sms
from mopos.actions.services import Services
from mopos.base.errors import Refused
from mopos.base.hosts import read_domain, read_network
from mopos.base.ids import with_check_digit
from mopos.base.money import Rial
from mopos.base.text import latin_digits
from mopos.domain.accounts import gateways, notify
from mopos.domain.accounts.gateways import By, Gateway
from mopos.domain.payments.model import AMNT_RIAL_MAX, AMNT_RIAL_MIN

# A shop with its sub-domains needs one or two; a chain of shops has gateways of their own.
DOMAINS_MAX = 20
# A server farm, or a hosting company's list of networks.
SOURCES_MAX = 50

_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


async def add_domain(services: Services, gateway: Gateway, who: Holder, text: str) -> None:
    """Register a domain; its sub-domains count too. Refusals: `domain_malformed`, `domain_there`,
    `domains_too_many`."""
    domain = read_domain(latin_digits(text))
    if domain is None:
        raise Refused(["domain_malformed"])
    if domain in gateway.domains:
        raise Refused(["domain_there"])
    done = await gateways.add_domain(
        services.db,
        who.account_id,
        gateway.id,
        domain,
        most=DOMAINS_MAX,
        subject=with_check_digit(gateway.id),
        by=_by(services, who),
    )
    if not done:
        raise Refused(["gateway_is_closed" if gateway.closed_at else "domains_too_many"])


async def remove_domain(services: Services, gateway: Gateway, who: Holder, domain: str) -> None:
    """One registered domain less. Refusals: `gateway_moved`."""
    _only_if(
        await gateways.remove_domain(
            services.db,
            who.account_id,
            gateway.id,
            domain,
            subject=with_check_digit(gateway.id),
            by=_by(services, who),
        )
    )


async def set_any_domain(services: Services, gateway: Gateway, who: Holder, on: bool) -> None:
    """Whether buyers may be sent back anywhere. Switching it on is told by SMS. Refusals: `gateway_moved`."""
    by = _by(services, who)
    if on:
        by = await by_with_sms(services, who, gateway.id, "any_domain_on", notify.Event.CREDENTIALS)
    subject = with_check_digit(gateway.id)
    _only_if(await gateways.set_any_domain(services.db, who.account_id, gateway.id, on, subject=subject, by=by))


async def set_sources(services: Services, gateway: Gateway, who: Holder, text: str) -> None:
    """The networks from which PayRep may be called, one a line; none: from everywhere. Refusals: `sources_malformed`,
    `sources_too_many`."""
    lines = [line for line in re.split(r"[\s,،؛;]+", latin_digits(text)) if line]
    if len(lines) > SOURCES_MAX:
        raise Refused(["sources_too_many"])
    found = [network for line in lines if (network := read_network(line)) is not None]
    if len(found) < len(lines):
        raise Refused(["sources_malformed"])
    await gateways.set_sources(
        services.db,
        who.account_id,
        gateway.id,
        list(dict.fromkeys(found)),
        subject=with_check_digit(gateway.id),
        by=_by(services, who),
    )


async def set_hardening(services: Services, gateway: Gateway, who: Holder, *, signed_only: bool, limit: str) -> None:
    """Whether forms must be signed, and up to what amount they need not be. Refusals: `sig_key_missing`,
    `unsigned_max_not_a_number`."""
    if signed_only and not gateway.has_sig_key:
        raise Refused(["sig_key_missing"])
    await gateways.set_hardening(
        services.db,
        who.account_id,
        gateway.id,
        signed_only=signed_only,
        unsigned_max=_read_limit(limit),
        subject=with_check_digit(gateway.id),
        by=_by(services, who),
    )


def _read_limit(text: str) -> Rial | None:
    number = re.sub(r"[\s,٬،]", "", latin_digits(text))
    if not number:
        return None
    if not _NUMBER.fullmatch(number) or not AMNT_RIAL_MIN <= int(number) <= AMNT_RIAL_MAX:
        raise Refused(["unsigned_max_not_a_number"])
    return Rial(int(number))


def _by(services: Services, who: Holder) -> By:
    return By(who.person_id, who.ip, services.clock())


def _only_if(done: bool) -> None:
    if not done:
        raise Refused(["gateway_moved"])
