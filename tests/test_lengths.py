"""CONTRIBUTING's limits on the length of files and functions."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [
    path
    for folder in ("src", "tests", "docs", "recipes", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
LONGEST_FILE, LONGEST_FUNCTION = 350, 40

Function = ast.FunctionDef | ast.AsyncFunctionDef


def lines_of(function: Function) -> int:
    """Return how many lines a function has, its docstring and decorators not counted."""
    first, last = function.body[0], function.end_lineno or function.lineno
    documented = ast.get_docstring(function, clean=False) is not None
    docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if documented else 0
    return last - function.lineno + 1 - docstring


def functions(text: str) -> list[Function]:
    return [node for node in ast.walk(ast.parse(text)) if isinstance(node, Function)]


def test_no_file_is_longer_than_contributing_allows() -> None:
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in FILES}

    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_no_function_is_longer_than_contributing_allows() -> None:
    lengths = {
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}": lines_of(function)
        for path in FILES
        for function in functions(path.read_text())
    }

    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("def f():\n    return 1\n", 2),
        ("@g\ndef f():\n    return 1\n", 2),
        ('def f():\n    """One.\n\n    Two.\n    """\n    return 1\n', 2),
        ('def f(\n    a,\n):\n    x = """one\n    two"""\n\n    return x\n', 7),
    ],
)
def test_lines_are_counted_without_docstring_and_decorators(text: str, lines: int) -> None:
    (function,) = functions(text)

    assert lines_of(function) == lines


def test_the_limits_are_those_that_contributing_names() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = re.search(r"Files of at most (\d+) lines, functions of at most (\d+) ", text)

    assert named
    assert [int(number) for number in named.groups()] == [LONGEST_FILE, LONGEST_FUNCTION]
