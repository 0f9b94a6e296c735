"""The examples in docstrings are run with the tests: this looks whether they are collected."""

import doctest
import importlib

import pytest

from tests.test_imports import MODULES

FEWEST = 5


def test_examples_in_the_docstrings_of_the_source_are_run(pytestconfig: pytest.Config) -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    examples = [
        found.name
        for module in MODULES
        for found in finder.find(importlib.import_module(module))
        if found.examples
    ]

    assert "src" in pytestconfig.getini("testpaths")
    assert pytestconfig.getoption("doctestmodules")
    assert len(examples) >= FEWEST, examples
