"""The repository itself: what a newcomer, a mirror and CI rely on."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
IGNORED = {".venv", "node_modules", ".git"}
PAGES = [page for page in sorted(ROOT.rglob("*.md")) if not IGNORED & set(page.relative_to(ROOT).parts)]
SCRIPTS = [*sorted(path for path in (ROOT / "scripts").iterdir() if path.is_file()), ROOT / ".ci" / "run"]
VERBS = set(re.findall(r"^([a-z-]+):.* ## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$", re.MULTILINE)


def run(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)


def anchor(heading: str) -> str:
    """What GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)}


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="an unpacked archive has no list of its files")
def test_no_file_names_a_package_index() -> None:
    checked = run(ROOT / "scripts" / "check-addresses")
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("--index" + "-url https://mirror.example/packages", True),
        ("# see https://mirror.example/root/py" + "pi/simple/", True),
        ('      "resolved": "' + 'https://mirror.example/soap/-/soap-1.0.0.tgz",', True),
        ("find-links = " + "wheels", True),
        ("asgiref==3.13.0 --hash=sha256:00", False),
        ("a simple page: https://shop.example/simple-page", False),
    ],
)
def test_what_counts_as_an_index(tmp_path: Path, line: str, refused: bool) -> None:
    run("git", "init", "-q", cwd=tmp_path)
    (tmp_path / "requirements.lock").write_text(f"{line}\n")
    checked = run(ROOT / "scripts" / "check-addresses", tmp_path)
    assert (checked.returncode == 1) is refused, checked.stdout + checked.stderr
    assert (line in checked.stdout) is refused


def test_every_locked_package_has_a_version_and_hashes() -> None:
    entries = re.split(r"\n(?=[a-z0-9])", (ROOT / "requirements.lock").read_text().strip())
    assert len(entries) > 50
    loose = [e for e in entries if not re.match(r"[a-z0-9.-]+(\[[^\]]+\])?==\S+", e) or "--hash=sha256:" not in e]
    assert not loose


def test_every_dependency_is_locked() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {re.match(r"[\w.-]+", line)[0].lower().replace("_", "-") for line in asked}  # type: ignore[index]
    locked = set(re.findall(r"^([a-z0-9.-]+)[\[=]", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert names <= locked


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    dead = []
    for target in (first or second for first, second in LINK.findall(text)):
        if re.match(r"[a-z]+:", target):
            continue  # another site: not ours to test
        name, _, fragment = target.partition("#")
        found = (page.parent / name).resolve() if name else page
        if not found.exists() or (fragment and found.suffix == ".md" and fragment not in anchors(found)):
            dead.append(target)
    assert not dead


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_verbs_exist(page: Path) -> None:
    assert set(re.findall(r"`make ([a-z]+)`|^\$ make ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE)) <= {
        *((verb, "") for verb in VERBS),
        *(("", verb) for verb in VERBS),
    }


def test_make_alone_prints_every_verb() -> None:
    # Inside another make, which `make test` is, it would tell its folder too.
    printed = run("make", "--no-print-directory").stdout
    assert {line.split()[0] for line in printed.splitlines()} == VERBS
    assert {"setup", "demo", "test", "check", "fmt", "bench", "docs", "clean"} <= VERBS


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_are_strict_and_can_be_run(script: Path) -> None:
    text = script.read_text()
    assert text.startswith("#!/usr/bin/env bash\n# ")
    assert "\nset -euo pipefail\n" in text
    assert os.access(script, os.X_OK)
    assert run("bash", "-n", script).stderr == ""


def test_setup_says_what_is_missing(tmp_path: Path) -> None:
    old = tmp_path / "python2"
    old.write_text("#!/bin/sh\ncase $1 in --version) echo Python 3.9.2;; *) exit 1;; esac\n")
    old.chmod(0o755)
    cases = {"no-such-python": "there is no no-such-python", str(old): "Python 3.9.2 is too old: MoPos needs 3.11"}
    for python, said in cases.items():
        done = subprocess.run(
            [ROOT / "scripts" / "setup"],
            env=os.environ | {"PYTHON": python},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 1
        assert said in done.stderr
