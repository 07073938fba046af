"""What runs when: the worker's periodic tasks beside the bank's sweep. Each is short and may run twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from mopos.actions.services import Services


class Periodic(NamedTuple):
    """A task: its name in the queue, when (cron, with seconds as a sixth field), and what it does."""

    name: str
    cron: str
    run: Callable[[Services], Awaitable[object]]


TASKS: tuple[Periodic, ...] = ()
