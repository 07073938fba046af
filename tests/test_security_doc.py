"""docs/security.md walks every chapter of the ASVS, and each test that it names is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "security.md"
TEXT = PAGE.read_text(encoding="utf-8")
CHAPTERS = re.split(r"^## (?=V\d+ )", TEXT, flags=re.MULTILINE)[1:]
NAMED = sorted(set(re.findall(r"\[`(test_\w+)`\]\(([^)]+)\)", TEXT)))
# What is not there at all, and said so.
NOT_HERE = {"V10", "V17"}


def test_every_chapter_of_the_asvs_is_there():
    assert [chapter.split()[0] for chapter in CHAPTERS] == [f"V{number}" for number in range(1, 18)]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.split()[0])
def test_a_chapter_names_its_own_requirements_and_a_test(chapter):
    name = chapter.split()[0]
    if name in NOT_HERE:
        assert "Does not apply" in chapter
        return
    first_cells = re.findall(r"^\| (\d+\.[\d., -]*\d) \|", chapter, re.MULTILINE)
    assert first_cells
    assert all(cell.startswith(f"{name[1:]}.") for cell in first_cells)
    assert "[`test_" in chapter


@pytest.mark.parametrize(("test", "link"), NAMED)
def test_every_named_test_exists(test, link):
    path = (PAGE.parent / link).resolve()
    assert path.is_relative_to(ROOT / "tests")
    assert re.search(rf"^(async )?def {test}\(", path.read_text(encoding="utf-8"), re.MULTILINE), link


def test_every_link_to_a_test_names_it():
    links = re.findall(r"\]\((\.\./tests/[^)]+)\)", TEXT)
    assert len(links) > 80
    assert {link for _, link in NAMED} == set(links)
