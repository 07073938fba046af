"""Sentences of applications. Persian, English."""

TABLE: dict[str, tuple[str, str]] = {}
