"""Files of exports on disk: under MOPOS_DATA_DIR, below nothing that is served, by random names, for our user only.

Where workers and gateways run on several hosts, this folder must be one that all of them see.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Iterator
from pathlib import Path

_FOLDER = "exports"
# What is read from disk at a time while a file is sent.
_CHUNK_BYTES = 256 * 1024
# A file that belongs to no export, and to none that is being made: the rest of a killed worker.
_LEFTOVER_AFTER_S = 86_400.0


class ExportFiles:
    """The folder of one installation."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / _FOLDER

    def new(self, suffix: str) -> Path:
        """An empty file of a name that nobody can guess, readable by our user only."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / f"{secrets.token_hex(16)}.{suffix}"
        path.touch(mode=0o600, exist_ok=False)
        return path

    def is_there(self, name: str) -> bool:
        """Whether the file has not been removed."""
        return self._path(name).is_file()

    def chunks(self, name: str) -> Iterator[bytes]:
        """The file, piece by piece."""
        with self._path(name).open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        self._path(name).unlink(missing_ok=True)

    def remove_leftovers(self, kept: Collection[str]) -> None:
        """Remove files of killed workers."""
        for path in self.folder.glob("*") if self.folder.is_dir() else ():
            if path.name not in kept and path.stat().st_mtime < time.time() - _LEFTOVER_AFTER_S:
                path.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        # Names come from our own table; a path from anywhere else leads nowhere.
        return self.folder / Path(name).name
