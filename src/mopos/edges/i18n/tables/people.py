"""Sentences of people. Persian, English."""

TABLE: dict[str, tuple[str, str]] = {}
