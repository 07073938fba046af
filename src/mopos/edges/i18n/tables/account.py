"""Sentences of account. Persian, English."""

TABLE: dict[str, tuple[str, str]] = {}
