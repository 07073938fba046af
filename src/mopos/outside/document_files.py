"""Documents on disk: under MOPOS_DATA_DIR, never below anything that is served, by random names, for our user only."""

from __future__ import annotations

import os
from pathlib import Path

from mopos.base.ids import looks_unguessable, unguessable

_FOLDER = "documents"


class DocumentFiles:
    """The folder of all documents. Its methods wait for the disk: call them in a thread."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / _FOLDER

    def write(self, body: bytes) -> str:
        """Write a file down, durably. Returns its name here. Raises `OSError`."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = unguessable()
        # O_EXCL: never over another file, never through a link.
        handle = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        return name

    def read(self, name: str) -> bytes:
        """A file again. Raises `FileNotFoundError`, also for what cannot be a name here."""
        return self._path(name).read_bytes()

    def drop(self, name: str) -> None:
        """Take away a file that was written for nothing."""
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        if not looks_unguessable(name):
            raise FileNotFoundError
        return self._folder / name
