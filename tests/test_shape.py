"""The shape of the code: who may import whom, how long a function may be, how SQL is written."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))
STORES = [path for path in SOURCES if path.name == "store.py" or path.parent.name == "base"]
# Above that a reader has to scroll. Parameters and long texts (SQL, Persian) do not count: they have no branches.
FUNCTION_LINES_MAX = 60
SQL_WORDS = re.compile(r"\b(select|insert into|update|delete from|create|alter|drop)\b")
CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def trees(paths: list[Path]) -> Iterator[tuple[str, ast.Module]]:
    for path in paths:
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def lines_of_code(function: Function) -> int:
    """The lines of its body, without those of the texts in it."""
    texts: set[int] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            texts.update(range(node.lineno + 1, (node.end_lineno or node.lineno) + 1))
    first, last = function.body[0].lineno, function.end_lineno or function.lineno
    return last - first + 1 - len(texts)


def built_sql(tree: ast.Module) -> Iterator[int]:
    """Lines with an SQL text into which something is put that is not a named constant of the module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            fixed = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
            filled = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
            put_in = [value for value in filled if not (isinstance(value, ast.Name) and CONSTANT.fullmatch(value.id))]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add):
            sides = [side.value for side in (node.left, node.right) if isinstance(side, ast.Constant)]
            fixed, put_in = "".join(str(side) for side in sides), [node]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            text = node.func.value
            fixed, put_in = str(text.value) if isinstance(text, ast.Constant) else "", [node]
        else:
            continue
        if put_in and SQL_WORDS.search(fixed):
            yield node.lineno


def test_layers_and_rooms() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [linter, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_the_gateway_loads_its_doors() -> None:
    """Half a second of every verb, and memory of the worker."""
    look = "import sys, mopos.cli, mopos.edges.worker; sys.exit('litestar' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False, timeout=60).returncode == 0


def test_a_function_fits_on_a_screen() -> None:
    too_long = [
        f"{name}:{node.lineno} {node.name}: {lines_of_code(node)} lines"
        for name, tree in trees(SOURCES)
        for node in ast.walk(tree)
        if isinstance(node, Function) and lines_of_code(node) > FUNCTION_LINES_MAX
    ]
    assert not too_long


def test_stores_put_no_value_into_sql() -> None:
    assert not [f"{name}:{line}" for name, tree in trees(STORES) for line in built_sql(tree)]


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ('f"select {_COLUMNS} from purchase where res = %(res)s"', False),
        ('f"{res} is unknown"', False),
        ('"select 1 from purchase"', False),
        ("f\"select 1 from purchase where res = '{res}'\"", True),
        ('f"select 1 from {table.name}"', True),
        ('"select 1 from purchase where res = " + res', True),
        ('"select 1 from purchase where res = %s" % res', True),
        ('"select 1 from purchase where res = {}".format(res)', True),
    ],
)
def test_what_counts_as_built_sql(code: str, wrong: bool) -> None:
    assert bool(list(built_sql(ast.parse(code)))) is wrong


def test_what_counts_as_a_line() -> None:
    code = """
def put(
    one: int,
    two: int,
) -> None:
    'What for.'
    db.run(
        '''
        select 1
        from two
        ''',
        {"one": one},
    )
"""
    function = ast.parse(code).body[0]
    assert isinstance(function, Function)
    # The docstring, the call, the first line of its text, the values, the closing bracket.
    assert lines_of_code(function) == 5
