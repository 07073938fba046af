"""The documentation is true: generated pages are current, links lead somewhere, commands exist."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from mopos.base.config import Settings
from mopos.cli import app
from mopos.edges.reference import command_line, pages

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
GENERATED = pages(app)


@pytest.mark.parametrize("name", GENERATED)
def test_generated_pages_are_current(name):
    assert (ROOT / "docs/reference" / name).read_text(encoding="utf-8") == GENERATED[name], "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist(page):
    text = page.read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL) + re.findall(r"`([^`\n]+)`", text))
    makefile = (ROOT / "Makefile").read_text()
    for verb in re.findall(r"^make ([a-z-]+)", code, re.MULTILINE):
        assert f"\n{verb}:" in makefile, f"make {verb}"
    known = command_line(app)
    groups = "|".join(f"{group.name} " for group in app.registered_groups)
    for words in re.findall(rf"(?:^|[ /])mopos ((?:{groups})?[a-z][a-z-]+)", code, re.MULTILINE):
        assert f"`mopos {words}`" in known, f"mopos {words}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_settings_exist(page):
    named = set(re.findall(r"MOPOS_[A-Z_]*[A-Z]", page.read_text(encoding="utf-8")))
    # The samples are configured by names of their own.
    of_samples = {"MOPOS_WSDL", "MOPOS_ID", "MOPOS_RMZ", "MOPOS_SIG_KEY"}
    assert named - {f"MOPOS_{name.upper()}" for name in Settings.model_fields} - of_samples == set()


def test_defaults_are_shown():
    """A number that equals True is a default like any other."""
    assert "| `--workers` | `1` |" in GENERATED["cli.md"]


def test_each_library_has_its_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {found[0] for line in wanted if (found := re.match(r"[a-z0-9-]+", line))}
    reasons = (ROOT / "docs/decisions/0009-libraries.md").read_text(encoding="utf-8")
    assert sorted(name for name in names if not re.search(rf"(?<![\w-]){name}(?![\w-])", reasons)) == []


def test_examples_are_valid_code():
    for example in sorted((ROOT / "examples/python").glob("*.py")):
        compile(example.read_text(encoding="utf-8"), str(example), "exec")
    for example in sorted((ROOT / "examples/php").glob("*.php")):
        done = subprocess.run(["php", "-l", example], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
