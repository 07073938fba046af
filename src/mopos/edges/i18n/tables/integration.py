"""Sentences of integration. Persian, English."""

TABLE: dict[str, tuple[str, str]] = {}
