"""Calls to banks are told beside the payments: one buffer for each process, written about once a second."""

from __future__ import annotations

import structlog

from mopos.banks.wire import Transcript
from mopos.base.clock import Clock
from mopos.base.db import Database
from mopos.domain.operators import transcripts
from mopos.domain.operators.transcripts import Call
from mopos.edges.recorder import Recorder

log = structlog.get_logger()


def told_payout_call(said: Transcript) -> None:
    """A call to the payout service goes to the log: what was said is redacted, and each payout tells its own story."""
    log.info(
        "payout_service.call",
        verb=f"{said.method} {said.path}",
        about=said.about,
        outcome=said.outcome,
        status=said.status,
        duration_ms=said.duration_ms,
        request=said.request,
        answer=said.answer,
    )


class Transcripts:
    """What one process said to banks and heard of them. `heard` is handed to the banks; it costs no statement."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._clock = clock
        self.recorder: Recorder[Call] = Recorder("transcripts", lambda calls: transcripts.write(db, calls))

    def heard(self, said: Transcript) -> None:
        """Keep a call. One that is about no attempt of ours is of no use here."""
        if not (said.about.isascii() and said.about.isdigit()):
            return
        self.recorder.put(
            Call(
                attempt_id=int(said.about),
                at=self._clock(),
                verb=said.verb,
                outcome=said.outcome,
                status=said.status,
                duration_ms=round(said.duration_ms),
                request=said.request,
                answer=said.answer,
            )
        )
