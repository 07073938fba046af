"""Sentences of reports. Persian, English."""

TABLE: dict[str, tuple[str, str]] = {}
