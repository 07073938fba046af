"""An embedded PostgreSQL: for a laptop, the demo and the tests. Production names a server (`MOPOS_DATABASE_URL`).

`start` is all that others need. What it promises:

- The same call after a killed run goes on with the data of before; nobody has to clean up.
- A server is alive when a connection succeeds. A process number proves nothing: it may be a zombie's or a stranger's.
- Several processes may start at the same time: one starts the server, the others attach. The last one out stops it.
- Nobody but ourselves, PostgreSQL's own system user and root gets in: a socket in a closed folder, peer authentication.
- Files are PostgreSQL's own; data checksums are on; rows are ordered by code point, the same on every machine.

The folder holds: `cluster` (PostgreSQL's data), `run` (the socket), `server.log`, `lock` and `in-use` (who starts, who
uses), `pg_hba.conf` and `pg_ident.conf` (written anew at each start).
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

import psycopg
from psycopg.conninfo import make_conninfo

from mopos.base.embedded_host import (
    EmbeddedServerError,
    Programs,
    Runner,
    find_programs,
    find_runner,
    make_reachable_folder,
    refuse_unreachable,
)

__all__ = ["EmbeddedServer", "EmbeddedServerError", "start"]

# Both the database and its owner. The owner is the cluster's superuser: the cluster is ours alone.
_NAME = "mopos"
_PORT = 5432  # only a part of the socket's file name: no TCP port is opened
_SOCKET_FILE = f".s.PGSQL.{_PORT}"
# The kernel keeps a socket's path in 108 bytes on Linux, 104 on macOS, the closing zero among them.
_SOCKET_PATH_BYTES_MAX = 103
# After a crash PostgreSQL first replays its journal: seconds here, minutes on a slow disk. A start that still works
# towards it is given this long, and another process waits this long for it.
_START_S = 300.0
# A fast stop writes what is in memory to disk. Then it is stopped without: the next start replays the journal.
_STOP_S = 60.0
# The children of a killed postmaster notice by themselves, mostly at once; then they are killed too.
_ORPHANS_S = 5.0
# A connection over a local socket takes milliseconds; a server that does not answer by then is not alive.
_CONNECT_S = 5
_POLL_S = 0.02
# The log is kept beside the data and shown in errors; nobody rotates it but us, when the server starts.
_LOG_BYTES_MAX = 10_000_000
_LOG_TAIL_BYTES = 2_000
_PROC = Path("/proc")


def start(data_dir: Path, bindir: Path | None = None, *, settings: Mapping[str, str] = {}) -> EmbeddedServer:
    """Start the PostgreSQL of `data_dir`, or attach to the one that runs there; make what is missing.

    `bindir` names other programs than the package's; `settings` are further PostgreSQL settings, used by whoever
    starts the server. Use the answer as a context manager, or call its `stop`; at exit of the interpreter it stops by
    itself. Raises `EmbeddedServerError` with the reason and the end of PostgreSQL's log."""
    folder = data_dir.absolute()
    make_reachable_folder(folder)
    try:
        server = EmbeddedServer(folder.resolve())
        with server._locked():
            server._open(bindir, settings)
    except psycopg.Error as error:
        raise EmbeddedServerError(f"The PostgreSQL in {folder} runs but cannot be used: {error}") from error
    except PermissionError as error:
        raise EmbeddedServerError(
            f"The data folder {folder} is not yours to use: {error}. Set MOPOS_DATA_DIR to a folder of your own."
        ) from error
    except OSError as error:
        raise EmbeddedServerError(f"The data folder {folder} cannot be used: {error}") from error
    return server


class EmbeddedServer:
    """A server that runs. `dsn` is its libpq address; `owned` tells whether we started it, or took it over from a
    killed run, rather than attach to one that somebody else uses."""

    def __init__(self, folder: Path) -> None:
        self.owned = False
        self.dsn = ""
        self._folder = folder
        self._cluster = folder / "cluster"
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._in_use: IO[bytes] | None = None
        self._pid = os.getpid()
        # Stands in the command line of the server and of all its children, also when they are orphans.
        self._mark = "mopos-" + hashlib.sha256(os.fsencode(self._cluster)).hexdigest()[:16]

    def __enter__(self) -> EmbeddedServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop the server (PostgreSQL's fast shutdown) unless another process uses it; that one stops it then."""
        # A forked child of ours got this object too, but the server is not the child's to stop.
        if self._in_use is None or os.getpid() != self._pid:
            return
        atexit.unregister(self.stop)
        in_use, self._in_use = self._in_use, None
        with in_use:
            try:
                with self._locked():
                    if _flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB):
                        self._stop_server()
                        self._clear_half_made()
                        self._clear_short_folder()
            except FileNotFoundError:  # somebody removed the folder under the running server
                self._stop_server()
        if self._process is not None and self._process.poll() is None:
            self._process.returncode = 0  # it is left to the others: not ours to wait for

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time starts and stops. The kernel gives the lock back when its holder is killed."""
        with _opened(self._folder / "lock") as file:
            give_up = time.monotonic() + _START_S
            while not _flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB):
                if time.monotonic() > give_up:
                    raise EmbeddedServerError(f"Another process has been starting or stopping {self._folder} too long.")
                time.sleep(_POLL_S)
            yield

    def _open(self, bindir: Path | None, settings: Mapping[str, str]) -> None:
        """Attach or start; only under the lock."""
        runner = find_runner(self._cluster)
        run = self._socket_folder(runner)
        self.dsn = make_conninfo("", host=str(run), port=_PORT, user=_NAME, dbname=_NAME)
        in_use = _opened(self._folder / "in-use")
        try:
            self.owned = _flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not self._attached(run):
                self._start_server(bindir, runner, run, settings)
                self.owned = True
            self._make_database()
            _flock(in_use, fcntl.LOCK_SH)
        except BaseException:
            with in_use:
                if self._process is not None:
                    self._stop_server()
            raise
        self._in_use = in_use
        atexit.register(self.stop)

    def _socket_folder(self, runner: Runner) -> Path:
        """A folder that only the runner and root can enter: in the data folder, or a short one that a link leads to."""
        run = self._folder / "run"
        if _closed_folder_of(run.resolve(), runner):
            return run.resolve()
        run.unlink(missing_ok=True)  # a link to a folder that was cleaned away, or that is not ours
        path = os.fsencode(run / _SOCKET_FILE)
        if len(path) <= _SOCKET_PATH_BYTES_MAX and b"," not in path:  # libpq takes a comma for the next host
            run.mkdir(mode=0o700)
        else:
            run.symlink_to(tempfile.mkdtemp(prefix="mopos-"))
        runner.give(run.resolve())
        return run.resolve()

    def _clear_short_folder(self) -> None:
        run = self._folder / "run"
        if run.is_symlink():
            with contextlib.suppress(OSError):  # it may be gone, or hold something that is not ours
                run.resolve().rmdir()
            run.unlink()

    def _attached(self, run: Path) -> bool:
        """Whether a server runs here already. Clears away what a killed one has left."""
        began = time.monotonic()
        while not self._answers():
            living = self._living()
            waited = time.monotonic() - began
            if not living:
                # PostgreSQL would believe the numbers in these files, also a zombie's or a stranger's. Where there is
                # no /proc we cannot see who lives here, and leave them to PostgreSQL's own checks.
                for stale in (self._pid_file, run / f"{_SOCKET_FILE}.lock") if _PROC.exists() else ():
                    stale.unlink(missing_ok=True)
                return False
            if self._server_pid() not in living and waited > _ORPHANS_S:
                for pid in living:
                    _signal(pid, signal.SIGKILL)
            if waited > _START_S:
                raise self._error(f"A PostgreSQL runs in {self._cluster} (process {living[0]}) but does not answer.")
            time.sleep(_POLL_S)
        return True

    def _start_server(self, bindir: Path | None, runner: Runner, run: Path, settings: Mapping[str, str]) -> None:
        refuse_unreachable(self._folder, runner, "Set MOPOS_DATA_DIR to a folder that it can enter.")
        programs = find_programs(bindir, runner)
        if not self._cluster.exists():
            self._initialise(programs, runner)
        self._refuse_other_version(programs)
        self._write_access_rules(runner)
        if self._log.exists() and self._log.stat().st_size > _LOG_BYTES_MAX:
            self._log.replace(self._log.with_suffix(".log.1"))
        asked = {
            "listen_addresses": "",
            "port": str(_PORT),
            "unix_socket_directories": '"' + str(run).replace('"', '""') + '"',
            "unix_socket_permissions": "0700",
            "hba_file": str(self._folder / "pg_hba.conf"),
            "ident_file": str(self._folder / "pg_ident.conf"),
            "cluster_name": self._mark,
            "timezone": "UTC",
            "log_timezone": "UTC",
            **settings,
        }
        options = [f"--{name}={value}" for name, value in asked.items()]
        command = [str(programs.bindir / "postgres"), "-D", str(self._cluster), *options]
        with _opened(self._log) as log:
            said_from = log.seek(0, os.SEEK_END)
            self._process = subprocess.Popen(command, stdout=log, stderr=log, **runner.popen_arguments())
        self._wait_for_start(said_from)

    def _initialise(self, programs: Programs, runner: Runner) -> None:
        """Make the cluster aside and rename it: killed half-way, it leaves no half cluster."""
        self._clear_half_made()
        fresh = Path(tempfile.mkdtemp(prefix="initialising-", dir=self._folder))
        runner.give(fresh)
        # Code point order, which no update of the machine's C library changes: PostgreSQL 17 brings its own locale.
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if programs.major < 17:
            locale = ["--locale=C", "--lc-ctype=C.UTF-8"]
        options = [f"--username={_NAME}", "--auth=peer", "--encoding=UTF8", "--data-checksums", *locale]
        made = runner.run([str(programs.bindir / "initdb"), "-D", str(fresh), *options])
        if made.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise EmbeddedServerError(f"A new database cannot be made in {self._folder}. initdb says:\n{made.stdout}")
        fresh.rename(self._cluster)

    def _clear_half_made(self) -> None:
        """Remove what a killed first start has left. Its initdb may still write there for a moment, until it finds its
        folder gone; so this is done again when we stop."""
        for leftover in self._folder.glob("initialising-*"):
            shutil.rmtree(leftover, ignore_errors=True)

    def _refuse_other_version(self, programs: Programs) -> None:
        try:
            theirs = (self._cluster / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            raise EmbeddedServerError(f"{self._cluster} is not a PostgreSQL cluster: it has no PG_VERSION.") from None
        if theirs != str(programs.major):
            raise EmbeddedServerError(
                f"The data in {self._folder} was written by PostgreSQL {theirs}, and the programs in {programs.bindir} "
                f"are PostgreSQL {programs.version}. Set MOPOS_PG_BINDIR to the programs of PostgreSQL {theirs}, or "
                "MOPOS_DATA_DIR to another folder."
            )

    def _write_access_rules(self, runner: Runner) -> None:
        """Who may connect: over the socket, and only who is us, the runner or root, as the kernel says. No password."""
        names = {runner.name, pwd.getpwuid(os.geteuid()).pw_name, pwd.getpwuid(0).pw_name}
        rules = {
            "pg_hba.conf": f"local all {_NAME} peer map={_NAME}\n",
            "pg_ident.conf": "".join(f'{_NAME} "{name}" {_NAME}\n' for name in sorted(names)),
        }
        for name, text in rules.items():
            fresh = self._folder / f"{name}.new"
            fresh.write_text(text)
            fresh.chmod(0o644)  # the runner reads them
            fresh.replace(self._folder / name)

    def _wait_for_start(self, said_from: int) -> None:
        give_up = time.monotonic() + _START_S
        while not self._answers():
            if self._process is not None and self._process.poll() is not None:
                raise self._error(f"PostgreSQL cannot start in {self._cluster}.", said_from)
            if time.monotonic() > give_up:
                raise self._error(f"PostgreSQL in {self._cluster} is not ready after {_START_S:.0f} s.", said_from)
            time.sleep(_POLL_S)

    def _make_database(self) -> None:
        address = make_conninfo(self.dsn, dbname="postgres")
        with psycopg.connect(address, connect_timeout=_CONNECT_S, autocommit=True) as connection:
            if connection.execute("select 1 from pg_database where datname = %s", [_NAME]).fetchone() is None:
                connection.execute(f"create database {_NAME} template template0")

    def _answers(self) -> bool:
        address = make_conninfo(self.dsn, dbname="postgres", connect_timeout=_CONNECT_S)
        try:
            with psycopg.connect(address) as connection:
                connection.execute("select 1")
        except psycopg.OperationalError:
            return False
        return True

    def _stop_server(self) -> None:
        """Fast, then immediate, then by force: what PostgreSQL has acknowledged is in its journal in each case."""
        steps = ((signal.SIGINT, _STOP_S), (signal.SIGQUIT, _ORPHANS_S), (signal.SIGKILL, _ORPHANS_S))
        for number, patience in steps:
            living = self._living()
            pid = self._process.pid if self._process else self._server_pid()
            for target in living if number == signal.SIGKILL else [pid]:
                if target is not None and (target in living or self._process is not None):
                    _signal(target, number)
            give_up = time.monotonic() + patience
            while time.monotonic() < give_up:
                if self._is_gone(pid):
                    return
                time.sleep(_POLL_S)

    def _is_gone(self, pid: int | None) -> bool:
        # By the process, not by its pid file, which it removes a moment before it ends.
        return self._process.poll() is not None if self._process is not None else pid not in self._living()

    @property
    def _pid_file(self) -> Path:
        return self._cluster / "postmaster.pid"

    def _server_pid(self) -> int | None:
        """What PostgreSQL's own pid file says. True only if this process also bears our mark (`_living`)."""
        try:
            return int(self._pid_file.read_text().split("\n")[0])
        except (OSError, ValueError):
            return None

    def _living(self) -> list[int]:
        """The processes of this cluster's server, by the mark in their command lines. A zombie has no command line."""
        living = []
        for number in (name for name in os.listdir(_PROC) if name.isdecimal()) if _PROC.exists() else ():
            with contextlib.suppress(OSError):  # it ended just now
                if self._mark.encode() in (_PROC / number / "cmdline").read_bytes():
                    living.append(int(number))
        return living

    def _error(self, sentence: str, said_from: int = 0) -> EmbeddedServerError:
        with contextlib.suppress(OSError), self._log.open("rb") as log:
            log.seek(max(said_from, self._log.stat().st_size - _LOG_TAIL_BYTES))
            tail = log.read().decode(errors="replace").strip()
            return EmbeddedServerError(f"{sentence} The end of {self._log}:\n{tail}")
        return EmbeddedServerError(sentence)


def _opened(path: Path) -> IO[bytes]:
    """A file of ours alone, made when missing, written to at its end."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab")


def _flock(file: IO[bytes], operation: int) -> bool:
    try:
        fcntl.flock(file, operation)
    except BlockingIOError:
        return False
    return True


def _closed_folder_of(folder: Path, runner: Runner) -> bool:
    with contextlib.suppress(FileNotFoundError):
        found = folder.lstat()
        return stat.S_ISDIR(found.st_mode) and found.st_uid == runner.uid and stat.S_IMODE(found.st_mode) == 0o700
    return False


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
