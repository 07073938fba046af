"""Sentences of console. Persian, English."""

TABLE: dict[str, tuple[str, str]] = {}
