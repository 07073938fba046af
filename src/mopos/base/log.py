"""One line per thing that happened, as JSON on standard error; nothing secret in it.

The rule is not to filter secrets out but never to put them in: a `Secret` prints as ***, requests are logged without
query and body, banks redact their own transcripts.
"""

from __future__ import annotations

import logging
import sys
from types import TracebackType

import structlog


class _WithoutValues(logging.Formatter):
    """How libraries' own log lines look: of a failure its kinds and places, never its message, which may quote a row
    with a buyer's name and the address of the page (PostgreSQL does, for a constraint)."""

    def formatException(  # noqa: N802  # the name is the standard library's
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        error = ei[1]
        lines = []
        while error is not None:
            lines.append(f"Traceback of {type(error).__name__}: {', '.join(places(error))}")
            error = error.__cause__ or error.__context__
        return "\n".join(lines)


def places(error: BaseException) -> list[str]:
    """File and line of each step to a failure, without any values."""
    steps = []
    trace = error.__traceback__
    while trace:
        steps.append(f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return steps


def set_up(level: str) -> None:
    """Log from `level` (debug, info, warning, error) upwards."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_WithoutValues("%(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)
