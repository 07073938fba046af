"""The documentation is true: generated pages are current, links lead somewhere, commands exist."""

import re
import subprocess
from pathlib import Path

import pytest

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
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))
    makefile = (ROOT / "Makefile").read_text()
    for verb in re.findall(r"^make (\w+)", blocks, re.MULTILINE):
        assert f"\n{verb}:" in makefile, f"make {verb}"
    known = command_line(app)
    for words in re.findall(r"(?:^|[ /])mopos ((?:account )?[a-z-]+)", blocks, re.MULTILINE):
        assert f"`mopos {words}`" in known, f"mopos {words}"


def test_the_code_of_the_reference_is_python_that_runs():
    for example in sorted((ROOT / "examples/python").glob("*.py")):
        compile(example.read_text(encoding="utf-8"), str(example), "exec")
    for example in sorted((ROOT / "examples/php").glob("*.php")):
        done = subprocess.run(["php", "-l", example], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
