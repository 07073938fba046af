"""One line per thing that happened, as JSON on standard error; nothing secret in it.

The rule is not to filter secrets out but never to put them in: a `Secret` prints as ***, requests are logged without
query and body, banks redact their own transcripts.
"""

from __future__ import annotations

import logging
import sys

import structlog


def set_up(level: str) -> None:
    """Log from `level` (debug, info, warning, error) upwards."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=max(number, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )
