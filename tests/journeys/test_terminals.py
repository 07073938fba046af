"""`mopos terminal` and `mopos route`, as an operator runs them; no credential is ever seen again."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import time

import psycopg
import pytest
from tests.actions.banks_of_kinds import CANARIES, RIGHT, simulator, wrong
from tests.conftest import fresh_database

from mopos.actions.credentials import name_of, own_key
from mopos.actions.manage_terminals import TAKES_PART_AFTER
from mopos.banks.catalogue import KINDS
from mopos.base.config import Settings
from mopos.base.ids import with_check_digit
from mopos.base.secret import Secret
from mopos.cli_terminal import RESTART_FIRST

KEY = "canary-secret-key-0123456789abcdef0123456789"
OLD, NEW = "canary-old-terminal-key-0123456789abcdef", "canary-new-terminal-key-0123456789abcdef"


class Mopos:
    """The command over a database of its own, with all that it ever said."""

    def __init__(self, dsn):
        self.dsn = dsn
        self.environment = os.environ | {
            "MOPOS_DATABASE_URL": dsn,
            "MOPOS_SECRET_KEY": KEY,
            "MOPOS_BANK_DEADLINE_S": "2",
            "MOPOS_LOG_LEVEL": "debug",
            "COLUMNS": "240",
        }
        self.said = []

    def run(self, *arguments, stdin="", **environment):
        done = subprocess.run(
            [sys.executable, "-m", "mopos", *arguments],
            env=self.environment | environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.said += [done.stdout, done.stderr]
        assert "Traceback" not in done.stderr
        return done

    def refused(self, *arguments, **more):
        """The one line in which it says no."""
        done = self.run(*arguments, **more)
        assert (done.returncode, done.stdout) == (1, ""), done
        (line,) = done.stderr.splitlines()
        return line

    def listed(self):
        return {
            one["terminal"]: one for one in map(json.loads, self.run("terminal", "list", "--json").stdout.splitlines())
        }

    def sql(self, statement, *parameters):
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def tables(self):
        names = self.sql("select quote_ident(tablename) from pg_tables where schemaname = 'public'")
        return "".join(str(self.sql(f"select t::text from {name} t")) for (name,) in names)


@pytest.fixture
def mopos(postgres):
    with fresh_database(postgres) as dsn:
        yield Mopos(dsn)


def add(mopos, kind, name, *arguments, credentials=None, **more):
    given = json.dumps(RIGHT[kind] if credentials is None else credentials)
    done = mopos.run("terminal", "add", kind, name, "--credentials=-", *arguments, stdin=given, **more)
    assert done.returncode == 0, done.stderr
    return int(re.match(r"terminal (\d+): ", done.stdout)[1]), done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_no_value_of_a_credential_is_ever_seen_again(mopos, kind):
    """Not in what is printed, logged (at debug, too), or kept: whatever is done with them, right and wrong."""
    secrets = [value for field, value in CANARIES[kind].items()]
    assert all(field.name in CANARIES[kind] for field in KINDS[kind].fields if field.secret)
    with simulator(kind) as url:
        number, said = add(mopos, kind, "main", f"--url={url}", credentials=wrong(kind))
        assert f"next: mopos terminal test {number}" in said
        tested = mopos.run("terminal", "test", str(number))
        assert (tested.returncode, "no money moved" in tested.stdout) == (1, True)
        assert tested.stdout.startswith("not accepted: code ")
        assert not tested.stdout.startswith("not accepted: code  "), "the code in words, too"
        mopos.run("terminal", "disable", str(number), "--reason=ill")
        changed = mopos.run("terminal", "set", str(number), "--credentials=-", stdin=json.dumps(RIGHT[kind]))
        assert changed.returncode == 0, changed.stderr
        tested = mopos.run("terminal", "test", str(number))
        assert (tested.returncode, tested.stdout[:9]) == (0, "accepted ")
        mopos.run("terminal", "set", str(number), "--credentials=-", stdin=json.dumps(wrong(kind)))
    tested = mopos.run("terminal", "test", str(number))
    assert (tested.returncode, tested.stdout[:8]) == (2, "silent: ")
    field = next(iter(CANARIES[kind]))
    for bad in (
        json.dumps({**wrong(kind), field: secrets[0] + "\t"}),
        json.dumps(secrets),
        secrets[0],
        json.dumps(wrong(kind)),
    ):
        mopos.refused("terminal", "add", kind, "main", "--credentials=-", stdin=bad)
    mopos.run("terminal", "rotate-key", MOPOS_TERMINAL_KEYS=NEW)
    mopos.run("terminal", "list", MOPOS_TERMINAL_KEYS=NEW)
    seen = "".join(mopos.said) + mopos.tables()
    assert [secret for secret in (*secrets, KEY, NEW) if secret in seen] == []
    for value in secrets:
        assert value.encode().hex() not in seen


def test_a_secret_is_never_an_argument(mopos):
    line = mopos.refused("terminal", "add", "mellat", "main", "--set=terminal=1", "--set=password=canary-9a")
    assert "--set password: a secret is never an argument" in line
    assert "FIELD=VALUE; the fields of mellat are terminal, user, password" in mopos.refused(
        "terminal", "add", "mellat", "main", "--set=canary-9a"
    )
    assert "the fields of mellat" in mopos.refused("terminal", "add", "mellat", "main", "--set=canary-9a=canary-9a")
    assert "also needs password, and nobody can be asked here" in mopos.refused(
        "terminal", "add", "mellat", "main", "--set=terminal=1", "--set=user=shop"
    )
    assert "canary-9a" not in "".join(mopos.said)
    # A bank that gives out no secret needs nobody to be asked.
    assert mopos.run("terminal", "add", "saman", "main", "--set=terminal=12345").returncode == 0


@pytest.mark.parametrize(
    "verb",
    [
        "terminal list",
        "terminal add saman main --set=terminal=12345",
        "route list",
        "fee list",
        "account list",
        "operator list",
        "settlement rules",
    ],
)
def test_who_forgets_the_settings_of_the_gateway_makes_no_new_one(mopos, tmp_path, verb):
    del mopos.environment["MOPOS_DATABASE_URL"]
    folder = tmp_path / "data"
    line = mopos.refused(*verb.split(), MOPOS_DATA_DIR=str(folder))
    assert line.startswith(f"mopos: MOPOS_DATABASE_URL is not set, and there is no database in {folder} ")
    assert not folder.exists()


def test_a_file_of_credentials_is_its_owner_s(mopos, tmp_path):
    file = tmp_path / "mellat.json"
    file.write_text(json.dumps(RIGHT["mellat"]))
    file.chmod(0o640)
    assert "others can read" in mopos.refused("terminal", "add", "mellat", "main", f"--credentials={file}")
    file.chmod(0o600)
    assert mopos.run("terminal", "add", "mellat", "main", f"--credentials={file}").returncode == 0
    assert "cannot be read: No such file" in mopos.refused("terminal", "set", "2", f"--credentials={tmp_path / 'none'}")
    assert "one JSON object of texts" in mopos.refused("terminal", "set", "2", "--credentials=-", stdin="{" * 20_000)


def test_credentials_are_asked_for_without_an_echo(mopos):
    """At a terminal: what was not given, in order; what is malformed once more; the secret is not shown."""
    answers = ["no number", "4321", "shop-user", CANARIES["mellat"]["password"]]
    screen, status = at_a_terminal(mopos, ["terminal", "add", "mellat", "main"], answers)
    assert status == 0, screen
    assert "not of the form that the bank gives out" in screen
    assert "4321" in screen
    assert "shop-user" in screen
    assert CANARIES["mellat"]["password"] not in screen
    assert "credentials sealed with key" in screen
    # Nobody types a secret for a name that is taken.
    screen, status = at_a_terminal(mopos, ["terminal", "add", "mellat", "main"], [])
    assert (status, "has a terminal main already" in screen) == (1, True)


def at_a_terminal(mopos, arguments, answers, patience_s=60):
    """Run it on a terminal of its own, and answer each question. What the screen shows, and the exit status."""
    process, screen = pty.fork()
    if process == 0:
        os.execve(sys.executable, [sys.executable, "-m", "mopos", *arguments], mopos.environment)
    shown, seen, give_up = "", 0, time.monotonic() + patience_s
    while time.monotonic() < give_up:
        if not select.select([screen], [], [], 0.2)[0]:
            if answers and shown[seen:].rstrip(" ").endswith(":"):
                seen = len(shown)
                os.write(screen, f"{answers.pop(0)}\n".encode())
            continue
        try:
            part = os.read(screen, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part.decode()
    os.close(screen)
    mopos.said.append(shown)
    return shown, os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def test_what_a_new_terminal_can_do_is_said(mopos):
    _, said = add(mopos, "mellat", "main", "--min=500,000", "--max=50000000", "--session=600")
    assert "it takes purchases from 500,000 to 50,000,000 Rial, from 1" in said
    assert "buyers have 10 min on the bank's page; what is not verified within 20 min the bank gives back" in said
    assert "there is no general rule: it shares purchases alike with the others" in said
    one = mopos.listed()[2]
    assert (one["min"], one["max"], one["deadlines"], one["on"]) == (500_000, 50_000_000, {"session": 600}, True)
    ((waits,),) = mopos.sql("select valid_from - created_at from terminal where id = 2")
    assert waits == TAKES_PART_AFTER
    assert mopos.run("route", "add", "1").returncode == 0
    _, said = add(mopos, "sadad", "second")
    assert "then: mopos route add 3 (no rule leads to it" in said
    assert "the bank has no reversal or refund call: refunds go by Paya" in said


def test_the_list(mopos):
    add(mopos, "saman", "second")
    mopos.run("terminal", "disable", "2", "--reason=the contract is over")
    mopos.run("route", "add", "1")
    one, two = mopos.listed().values()
    assert (one["key"], one["key_known"], one["rules"], one["health"]) == (None, True, [1], "quiet")
    assert (two["on"], two["off_reason"], two["health"]) == (False, "the contract is over", "off")
    assert two["key"] == name_of(own_key(Settings(secret_key=KEY)))
    rows = mopos.run("terminal", "list").stdout.splitlines()
    assert any("from MOPOS_SANDBOX_*" in row and "10000001" in row for row in rows)
    assert any("the contract is over" in row and f"key {two['key']}" in row for row in rows)
    assert "which is missing" in mopos.run("terminal", "list", MOPOS_SECRET_KEY="x" * 32).stdout


def test_the_sandbox_s_terminal_is_like_others(mopos):
    with simulator("sandbox") as url:
        assert mopos.run("terminal", "test", "1", MOPOS_SANDBOX_URL=url).returncode == 0
        refused = mopos.run("terminal", "test", "1", MOPOS_SANDBOX_URL=url, MOPOS_SANDBOX_KEY="wrong")
        assert (refused.returncode, refused.stdout.startswith("not accepted: code -105 wrong signature")) == (1, True)
    assert mopos.run("terminal", "disable", "1", "--reason=real banks now").returncode == 0
    assert mopos.refused("terminal", "disable", "1", "--reason=again") == "mopos: terminal 1 is off already"
    assert mopos.run("terminal", "enable", "1").returncode == 0
    assert mopos.refused("terminal", "enable", "2") == "mopos: there is no terminal 2; see mopos terminal list"
    told = mopos.sql("select act, operator_id, subject, reason from audit_log order by id")
    assert told == [
        ("terminal_off", None, "sandbox 10000001", "real banks now"),
        ("terminal_on", None, "sandbox 10000001", "mopos terminal enable"),
    ]
    assert mopos.run("audit").returncode == 0


def test_the_key_is_changed_while_its_old_one_is_in_the_list(mopos):
    lost, _ = add(mopos, "saman", "lost", MOPOS_TERMINAL_KEYS="x" * 32)
    add(mopos, "mellat", "main", MOPOS_TERMINAL_KEYS=OLD)
    add(mopos, "sadad", "main")
    both = {"MOPOS_TERMINAL_KEYS": f"{NEW},{OLD}"}
    done = mopos.run("terminal", "rotate-key", **both)
    new, old, other = (name_of(Secret(key)) for key in (NEW, OLD, "x" * 32))
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        RESTART_FIRST,
        f"sealed again with key {new}: 2",
        f"old keys still in use: {other}",
        f"keys that may leave MOPOS_TERMINAL_KEYS: {old}",
    ]
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"mopos: the credentials of terminal {lost} (saman lost) were sealed with key {other}")
    before = mopos.sql("select t.id, t::text from terminal t order by id")
    again = mopos.run("terminal", "rotate-key", MOPOS_TERMINAL_KEYS=f"{NEW},{'x' * 32}")
    assert (again.returncode, again.stdout.splitlines()[1]) == (0, f"sealed again with key {new}: 1")
    after = mopos.sql("select t.id, t::text from terminal t order by id")
    assert [row for row in after if row[0] != lost] == [row for row in before if row[0] != lost]
    again = mopos.run("terminal", "rotate-key", MOPOS_TERMINAL_KEYS=NEW)
    assert again.stdout.splitlines() == [
        RESTART_FIRST,
        f"sealed again with key {new}: 0",
        "old keys still in use: none",
    ]
    assert mopos.sql("select t.id, t::text from terminal t order by id") == after


def test_a_terminal_that_speaks_toman_is_told_of_where_rules_are(mopos):
    shop = json.loads(mopos.run("account", "create", "--name=shop", "--json").stdout)["ID"]
    add(mopos, "zarinpal", "main", credentials={**RIGHT["zarinpal"], "currency": "IRT"})
    mopos.sql("update terminal set valid_from = now() where id = 2")
    added = mopos.run("route", "add", "2")
    assert added.stderr == (
        "mopos: no terminal takes purchases of merchants without rules of their own from 10,001 to 10,000,000,000 Rial "
        "that are no whole Toman\n"
    )
    assert "terminal 2 (zarinpal main) takes whole Toman only" in mopos.run("route", "list").stdout.splitlines()
    said = mopos.run("route", "list", f"--for={shop}", "--amount=1000010").stdout.splitlines()
    assert said[1] == "1. terminal 2 (zarinpal main) 100%"
    assert mopos.run("route", "list", f"--for={shop}", "--amount=1000011").stdout.startswith("No terminal takes such")


def test_rules_in_sentences(mopos):
    shop = json.loads(mopos.run("account", "create", "--name=shop", "--json").stdout)["ID"]
    assert mopos.run("route", "list").stdout.startswith("There is no general rule: purchases go to all terminals")
    add(mopos, "mellat", "main")
    mopos.sql("update terminal set valid_from = now() where id = 2")
    first = mopos.run("route", "add", "1")
    assert first.stdout == "1: purchases of any amount go to terminal 1 (sandbox 10000001), weight 1\n"
    assert first.stderr == ""
    mopos.run("route", "add", "2", "--weight=3", "--max=5,000,000")
    own = mopos.run("route", "add", "2", f"--merchant={shop}", "--min=500000", "--max=50000000", "--weight=2")
    sentence = f"3: purchases of {shop} from 500,000 to 50,000,000 Rial go to terminal 2 (mellat main), weight 2"
    assert own.stdout.splitlines() == [sentence]
    # Its own rules replace the general ones: what they leave out goes nowhere, and that is said.
    assert own.stderr.splitlines() == [
        f"mopos: no terminal takes purchases of {shop} from 10,001 to 499,999 Rial",
        f"mopos: no terminal takes purchases of {shop} from 50,000,001 to 10,000,000,000 Rial",
    ]
    spare = mopos.run("route", "add", "1", f"--merchant={shop}", "--priority=200")
    assert spare.stdout.splitlines() == [
        f"4: purchases of {shop} of any amount go to terminal 1 (sandbox 10000001), priority 200, weight 1"
    ]
    assert spare.stderr == ""
    listed = mopos.run("route", "list").stdout.splitlines()
    assert sentence in listed
    assert len(listed) == 5
    assert [json.loads(line)["rule"] for line in mopos.run("route", "list", "--json").stdout.splitlines()] == [
        1,
        2,
        3,
        4,
    ]
    said = mopos.run("route", "list", f"--for={shop}", "--amount=1,000,000").stdout.splitlines()
    assert said[1:3] == ["1. terminal 2 (mellat main) 100%", "2. terminal 1 (sandbox 10000001) 100%"]
    other = json.loads(mopos.run("account", "create", "--name=other", "--json").stdout)["ID"]
    said = mopos.run("route", "list", f"--for={other}", "--amount=1,000,000").stdout.splitlines()
    assert said[1] == "1. terminal 1 (sandbox 10000001) 25%, or terminal 2 (mellat main) 75%"
    told = mopos.run("route", "list", f"--for={other}", "--amount=1,000,000", "--json").stdout
    assert json.loads(told) == [[{"terminal": 1, "percent": 25.0}, {"terminal": 2, "percent": 75.0}]]
    mopos.run("route", "remove", "1", "--reason=over")
    assert mopos.refused("route", "remove", "1") == "mopos: there is no rule 1; see mopos route list"
    nowhere = mopos.run("route", "list", f"--for={other}", "--amount=6,000,000").stdout
    assert nowhere.startswith("No terminal takes such a purchase")
    assert "belong together" in mopos.refused("route", "list", f"--for={other}")
    unknown = with_check_digit(99_999)
    assert mopos.refused("route", "add", "1", f"--merchant={unknown}") == (
        "mopos: there is no gateway with this number; see mopos account list"
    )
    acts = mopos.sql("select act, reason, data->>'rule' from audit_log where act like '%%route' order by id")
    assert acts[-1] == ("remove_route", "over", "1")
    assert [act for act, _, _ in acts] == ["add_route"] * 4 + ["remove_route"]
