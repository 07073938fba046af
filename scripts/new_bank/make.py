"""Writes a new bank: connector, simulator, tests and a sample of the wire, and lists them where banks are listed.

It works out of the box, against its own simulator; docs/howto/add-a-bank.md says how to go on.
"""

from __future__ import annotations

import keyword
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

# The longest that fits into a column of the console and a line of code.
NAME = re.compile(r"[a-z][a-z0-9]{1,19}")

# What the templates are called in themselves.
PLACEHOLDER = "newbank"

WRITTEN = {
    "bank.py": "src/mopos/banks/{name}.py",
    "bank_sim.py": "src/mopos/banks/{name}_sim.py",
    "test_bank.py": "tests/banks/test_{name}.py",
    "verify.json": "tests/wire/{name}/verify.json",
}

# Where banks are listed: after which text, and what is added. The sandbox stands in each list, on a line of its own.
# The indent belongs to the text: another name may end like it.
LISTED: dict[str, tuple[tuple[str, str], ...]] = {
    "src/mopos/banks/catalogue.py": (
        ("from __future__ import annotations\n", "\nfrom mopos.banks import {name}"),
        ("        sandbox.KIND,\n", "        {name}.KIND,\n"),
    ),
    "src/mopos/banks/sims.py": (
        ("from __future__ import annotations\n", "\nfrom mopos.banks import {name}_sim"),
        ('    "sandbox": sandbox_sim.SIM,\n', '    "{name}": {name}_sim.SIM,\n'),
    ),
    ".importlinter": (
        ("    mopos.banks.sandbox\n", "    mopos.banks.{name}\n"),
        ("    mopos.banks.sandbox_sim\n", "    mopos.banks.{name}_sim\n"),
    ),
}


class Refused(Exception):
    """Nothing was written. Says why."""


def main(arguments: list[str]) -> int:
    """Write the bank that the command line names."""
    try:
        name = _checked(arguments[0] if len(arguments) == 1 else "")
        listed = {path: _with_lines(path, name) for path in LISTED}
    except Refused as refusal:
        sys.stderr.write(f"new-bank: {refusal}\n")
        return 2
    written = [_write(template, path.format(name=name), name) for template, path in WRITTEN.items()]
    for path, text in listed.items():
        (ROOT / path).write_text(text, encoding="utf-8")
    _in_form([path for path in (*written, *LISTED) if path.endswith(".py")])
    sys.stdout.write(_told(name, written))
    return 0


def _checked(name: str) -> str:
    if not NAME.fullmatch(name) or keyword.iskeyword(name) or name == PLACEHOLDER:
        raise Refused("NAME is 2 to 20 small letters and digits, a letter first: make new-bank NAME=pasargad")
    taken = [path for path in (each.format(name=name) for each in WRITTEN.values()) if (ROOT / path).exists()]
    if (ROOT / "src/mopos/banks" / name).exists():
        taken.append(f"src/mopos/banks/{name}")
    if taken:
        raise Refused(f"{taken[0]} exists; choose another name")
    return name


def _with_lines(path: str, name: str) -> str:
    """A list with the new bank in it."""
    text = (ROOT / path).read_text(encoding="utf-8")
    for after, line in LISTED[path]:
        if text.count(after) != 1:
            raise Refused(f"{path} is not as it was; there is no single {after.strip()!r} in it")
        text = text.replace(after, after + line.format(name=name))
    return text


def _write(template: str, path: str, name: str) -> str:
    text = (HERE / template).read_text(encoding="utf-8")
    text = re.sub(r"# ruff: noqa.*\n\n", "", text)  # of the template; tests have their own rules
    text = text.replace(PLACEHOLDER, name).replace(PLACEHOLDER.capitalize(), name.capitalize())
    (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
    (ROOT / path).write_text(text, encoding="utf-8")
    return path


def _in_form(paths: list[str]) -> None:
    """Imports in order, lines folded where the name has made them long."""
    ruff = str(Path(sys.executable).parent / "ruff")
    subprocess.run([ruff, "check", "--quiet", "--select", "I", "--fix", *paths], cwd=ROOT, check=True)
    subprocess.run([ruff, "format", "--quiet", *paths], cwd=ROOT, check=True)


def _told(name: str, written: list[str]) -> str:
    return "\n".join(
        (
            "Written, a bank that works against its own simulator:",
            *(f"  {path}" for path in written),
            "It is listed in:",
            *(f"  {path}" for path in LISTED),
            "Try it, then follow the comments that begin with `Change:` (docs/howto/add-a-bank.md):",
            f"  .venv/bin/pytest -q tests/banks/test_{name}.py tests/banks/test_contract.py -k {name}",
            "",
        )
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
