import ast
import inspect
import re
import shlex
import textwrap
from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from benchmarks.seeds import read_seeds
from decouplednet.cli.app import app
from decouplednet.comparison.cell import FEWEST, HARDLY, REST, Verdict
from decouplednet.comparison.methods import METHODS
from decouplednet.evaluation.evaluation import Evaluation
from decouplednet.report.curves import LEAST_TO_REST
from decouplednet.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # it is a group

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings get."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


def shell_lines(page: Path) -> Iterator[list[str]]:
    """Yield the lines of the shell blocks of a page, as words."""
    for block in re.findall(r"^```bash\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE):
        for line in block.replace("\\\n", " ").splitlines():
            yield shlex.split(line, comments=True)


def commands(page: Path) -> Iterator[list[str]]:
    """Yield our commands in the shell blocks of a page, as words."""
    yield from (words[1:] for words in shell_lines(page) if words[:1] == ["decouplednet"])


def programs(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the programs of ``benchmarks/`` in the shell blocks of a page, and their words."""
    for words in shell_lines(page):
        for place, name in enumerate(words):
            if name.startswith("benchmarks.") and words[place - 1] == "-m":
                yield name, words[place + 1 :]


@each_page
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if target.startswith("https://"):
            continue
        name, _, heading = target.partition("#")
        place = (page.parent / name).resolve() if name else page
        assert place.exists(), target
        assert not heading or heading in anchors(place), target


@each_page
def test_commands_on_a_page_have_options_and_settings_that_exist(page: Path) -> None:
    for name, *words in commands(page):
        known = {
            option for each in COMMANDS[name].params for option in each.opts + each.secondary_opts
        }
        used = {word for word in words if word.startswith("--")}
        assert used <= known, f"{name}: {used - known}"
        changes = [after for word, after in pairwise(words) if word == "--set"]
        Settings.read(None, changes)


@each_page
def test_programs_of_benchmarks_on_a_page_have_options_and_settings_that_exist(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, words in programs(page):
        try:
            given = import_module(name).parser().parse_args(words)
        except SystemExit:
            pytest.fail(f"{name} {shlex.join(words)}: {capsys.readouterr().err}")
        recipe = getattr(given, "recipe", None)
        changes = getattr(given, "changes", [])
        settings = Settings.read(recipe and ROOT / recipe, changes)
        if isinstance(getattr(given, "seeds", None), str):
            assert read_seeds(given.seeds, changes, settings.seed)


def test_programs_of_benchmarks_are_found_on_the_pages_that_show_them() -> None:
    shown = {name for page in PAGES for name, _ in programs(page)}

    assert shown >= {
        "benchmarks.ablation",
        "benchmarks.classes_without_masks",
        "benchmarks.segmentation_models",
    }


def test_the_page_of_comparisons_names_every_method() -> None:
    text = (ROOT / "docs" / "how-to" / "compare-methods.md").read_text()
    table = text.split("| method | learns from |\n|---|---|\n")[1].partition("\n\n")[0]
    named = re.findall(r"^\| `([a-z-]+)` \| .+ \|$", table, re.MULTILINE)

    assert named == [method.name for method in METHODS]


def test_the_page_of_the_comparisons_folder_names_every_verdict_and_its_limits() -> None:
    text = (ROOT / "docs" / "reference" / "comparison.md").read_text()
    table = text.split("| verdict | where |\n|---|---|\n")[1].partition("\n\n")[0]
    named = re.findall(r"^\| `([a-z ]+)` \| .+ \|$", table, re.MULTILINE)

    assert sorted(named) == sorted(get_args(Verdict))
    assert f"fewer than {FEWEST} |" in table
    assert f"above {100 * HARDLY:g} % of `first`" in table
    assert f"at most {100 * REST:g} % of `first`" in table
    assert f"null for\nfewer than {LEAST_TO_REST} updates" in text


def test_gains_that_the_page_of_settings_names_are_those_of_the_ablation() -> None:
    page = (ROOT / "docs" / "how-to" / "choose-recipe-and-settings.md").read_text()
    measured = (ROOT / "docs" / "measured" / "ablation" / "table.md").read_text()
    rows = ("weights not averaged", "thresholds of each class", "edges refined")
    gains = [
        re.findall(rf"^\| {row} \|(?:[^|]+\|){{3}} (.+?) \|", measured, re.MULTILINE)
        for row in rows
    ]

    table = page.split("| you want | set | measured |\n")[1].partition("\n\n")[0]
    named = re.findall(r"([+-]\d\.\d+ ± \d\.\d+) \|$", table, re.MULTILINE)
    assert [[gain] for gain in named] == gains


def test_every_page_can_be_reached_from_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    linked = {(ROOT / "docs" / target).resolve() for target in re.findall(r"\]\(([^)#]+)\)", index)}

    pages = set((ROOT / "docs").rglob("*.md")) - {ROOT / "docs" / "README.md"}
    assert pages <= linked


def test_the_tests_that_the_page_of_fidelity_names_exist() -> None:
    text = (ROOT / "docs" / "fidelity.md").read_text()
    named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", text)

    assert len(named) > 40
    for file, test in named:
        assert f"def {test}(" in (ROOT / "tests" / file).read_text(), f"{file}::{test}"


def test_every_row_of_the_page_of_fidelity_names_a_test() -> None:
    for line in (ROOT / "docs" / "fidelity.md").read_text().splitlines():
        if line.startswith("| ") and not line.startswith("| point "):
            assert "::test_" in line, line


def test_every_code_of_a_finding_is_explained() -> None:
    sources = (ROOT / "src" / "decouplednet" / "annotations").rglob("*.py")
    codes = {
        code
        for source in sources
        # What is returned is the name of a format.
        for code in re.findall(r'(?<!return )"([a-z]+(?:-[a-z]+)+)"', source.read_text())
    }
    page = (ROOT / "docs" / "reference" / "data-layout.md").read_text()

    assert codes == set(re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE))


def test_every_key_of_the_scores_is_explained() -> None:
    source = ast.parse(textwrap.dedent(inspect.getsource(Evaluation.to_json)))
    (returned,) = (node for node in ast.walk(source) if isinstance(node, ast.Return))
    assert isinstance(returned.value, ast.Dict)
    keys = {key.value for key in returned.value.keys if isinstance(key, ast.Constant)}
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()

    assert keys == set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))


def test_nothing_names_a_place_of_one_machine() -> None:
    folders = [ROOT / name for name in ("src", "docs", "recipes", "benchmarks")]
    kinds = (".md", ".py", ".toml", ".txt", ".html", ".css")
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in kinds]
    of_one_machine = re.compile(r"(?<!\w)(/work/|/home/|/root/|/tmp/)")

    assert len({path.suffix for path in files}) == len(kinds)
    for path in [*files, *ROOT.glob("*.md"), ROOT / "Makefile", ROOT / "pyproject.toml"]:
        assert not of_one_machine.search(path.read_text()), path
