import pytest
import typer

from decouplednet.cli.app import app
from decouplednet.settings import Settings
from tests.docs.scripts import DOCS, load_script

script = load_script("write_reference")


@pytest.mark.parametrize("page", script.PAGES)
def test_a_page_that_follows_from_the_code_is_current(page: str) -> None:
    written = (DOCS / "reference" / page).read_text()

    assert written == script.PAGES[page](), "run .venv/bin/python docs/write_reference.py"


def test_the_page_of_settings_names_every_setting_with_bounds_default_and_meaning() -> None:
    page = script.settings_page()

    for line in (
        "| `side` | whole number | *left out* | side of the square frame",
        "| `held_out` | number, at least 0, below 1 | `0.2` | share of the masked images",
        "| `flip` | true or false | `true` | mirror",
        "| `classes` | list of names | *left out* | the classes to learn",
        "| `scales` | list of numbers",
        "## [segmenter.augmentation]",
    ):
        assert line in page
    for name in ("data", "classifier", "segmenter", "compute"):
        for key in Settings.model_fields[name].annotation.model_fields:  # type: ignore[union-attr]  # each is a model
            assert key == "augmentation" or f"| `{key}` |" in page


def test_the_page_of_commands_names_every_command_and_option() -> None:
    page = script.command_page()

    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]  # it is a group
        assert f"## decouplednet {name}" in page
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert f"`{parameter.opts[0]}`" in page
