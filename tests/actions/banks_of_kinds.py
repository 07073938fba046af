"""A simulator of each kind of bank as a process of its own; credentials that it accepts, and some that it does not."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.banks.process import start

from mopos.banks.sims import SIMS

RIGHT = {kind: dict(sim.credentials) for kind, sim in SIMS.items()}
# Well formed, known to nobody, and to be found nowhere afterwards.
CANARIES = {
    "sandbox": {"key": "canary-sandbox-key-83f1"},
    "mellat": {"password": "canary-mellat-password-83f1"},
    "sadad": {"key": "Y2FuYXJ5LWtleS0wMTIzNDU2Nzg5YWJj"},
    "saman": {"terminal": "83147652"},
    "zarinpal": {"merchant": "ca4a4ca4-83f1-4a4c-8a4c-ca4a4ca483f1"},
}


def wrong(kind: str) -> dict[str, str]:
    return {**RIGHT[kind], **CANARIES[kind]}


@contextmanager
def simulator(kind: str) -> Iterator[str]:
    """Its address."""
    bank = start(kind, deadline_s=2.0)
    try:
        yield bank.url
    finally:
        bank.stop()
