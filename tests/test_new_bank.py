"""`make new-bank`: what it writes passes the checks and the contract of all banks as it is; nothing is overwritten."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NAME = "toofan"
FILES = (
    f"src/mopos/banks/{NAME}.py",
    f"src/mopos/banks/{NAME}_sim.py",
    f"tests/banks/test_{NAME}.py",
    f"tests/wire/{NAME}/verify.json",
)
LISTS = ("src/mopos/banks/catalogue.py", "src/mopos/banks/sims.py", ".importlinter")
LEFT_BEHIND = shutil.ignore_patterns("__pycache__", "node_modules", ".git", ".venv", ".*_cache", ".hypothesis")


def run(tree: Path, *command: str | Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a command in a tree, on that tree's own code."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    return subprocess.run(
        command,
        cwd=tree,
        env=os.environ | {"PYTHONPATH": f"{tree / 'src'}{os.pathsep}{tree}", "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def passes(tree: Path, *command: str | Path, timeout: float = 120) -> str:
    done = run(tree, *command, timeout=timeout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the tree, with this environment."""
    tree = tmp_path_factory.mktemp("new-bank") / "tree"
    tree.mkdir()
    for name in ("src", "tests", "scripts", "docs"):
        shutil.copytree(ROOT / name, tree / name, ignore=LEFT_BEHIND)
    for name in ("pyproject.toml", ".importlinter", "Makefile"):
        shutil.copy2(ROOT / name, tree / name)
    (tree / ".venv").symlink_to(sys.prefix)
    yield tree
    shutil.rmtree(tree)


@pytest.fixture(scope="module")
def with_bank(copy: Path) -> Path:
    """The tree with a new bank in it."""
    told = passes(copy, "scripts/new-bank", NAME)
    assert [path for path in (*FILES, *LISTS) if path not in told] == []
    return copy


def test_what_it_writes_is_in_form(with_bank: Path) -> None:
    written = [path for path in (*FILES, *LISTS) if path.endswith(".py")]
    passes(with_bank, "ruff", "format", "--check", *written)
    passes(with_bank, "ruff", "check", *written)
    passes(with_bank, "lint-imports", "--no-cache", "--no-logo")
    assert [path for path in FILES if "newbank" in (with_bank / path).read_text().lower()] == []


def test_its_types_are_right(with_bank: Path) -> None:
    passes(with_bank, "mypy", "--cache-dir", ".types", *FILES[:2], timeout=280)


def test_it_keeps_the_contract_of_all_banks_as_it_is(with_bank: Path) -> None:
    tests = ("tests/banks/test_contract.py", f"tests/banks/test_{NAME}.py")
    told = passes(with_bank, "pytest", "-q", "-p", "no:cacheprovider", *tests, "-k", NAME, timeout=280)
    passed = int(told.split(" passed")[0].split()[-1])
    assert passed > 90, told
    assert "skipped" not in told


def test_it_is_listed_as_the_others_are(with_bank: Path) -> None:
    code = "from mopos.banks import catalogue, sims; print(*catalogue.KINDS, *sims.SIMS)"
    kinds = passes(with_bank, sys.executable, "-c", code).split()
    assert kinds.count(NAME) == 2
    layers = (with_bank / ".importlinter").read_text()
    assert layers.count(f"    mopos.banks.{NAME}\n") == 1
    assert layers.count(f"    mopos.banks.{NAME}_sim\n") == 1


def test_its_page_of_the_reference_is_made(with_bank: Path) -> None:
    passes(with_bank, sys.executable, "-m", "mopos", "reference", "docs/reference")
    assert f"`{NAME}`" in (with_bank / "docs/reference/banks.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [NAME, "mellat", "sandbox", "port", "sim"])
def test_a_name_that_is_taken_is_refused(with_bank: Path, name: str) -> None:
    refuses(with_bank, name, "exists")


@pytest.mark.parametrize(
    "name", ["", "x", "Mellat", "my-bank", "my_bank", "9bank", "بانک", "../bank", "class", "a" * 21]
)
def test_a_name_that_is_none_is_refused(with_bank: Path, name: str) -> None:
    refuses(with_bank, name, "NAME is")


def test_a_list_that_is_not_as_it_was_is_left_alone(with_bank: Path) -> None:
    path = with_bank / "src/mopos/banks/sims.py"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("sandbox_sim.SIM", "sandbox_sim.OTHER"), encoding="utf-8")
    try:
        refuses(with_bank, "another", "sims.py is not as it was")
        assert not (with_bank / "src/mopos/banks/another.py").exists()
    finally:
        path.write_text(text, encoding="utf-8")


def test_a_name_that_ends_like_another_does_not_stand_in_the_way(with_bank: Path) -> None:
    for name in ("mysandbox", "oursandbox"):
        passes(with_bank, "scripts/new-bank", name)
    code = "from mopos.banks import catalogue, sims; print(*catalogue.KINDS, *sims.SIMS)"
    kinds = passes(with_bank, sys.executable, "-c", code).split()
    assert [kinds.count(name) for name in (NAME, "sandbox", "mysandbox", "oursandbox")] == [2, 2, 2, 2]
    passes(with_bank, "ruff", "format", "--check", *(path for path in LISTS if path.endswith(".py")))


def refuses(tree: Path, name: str, why: str) -> None:
    """Nothing is written, and it says why."""
    before = contents(tree)
    done = run(tree, "scripts/new-bank", name)
    assert done.returncode == 2
    assert why in done.stderr
    assert contents(tree) == before


def contents(tree: Path) -> dict[Path, bytes]:
    folders = (tree / "src/mopos/banks", tree / "tests/banks", tree / "tests/wire")
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {path: path.read_bytes() for path in (*files, tree / ".importlinter")}
