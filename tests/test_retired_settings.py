"""Settings that are no more: read where they changed nothing, refused where they did."""

import re
from pathlib import Path

import pytest

from decouplednet.errors import SettingsError
from decouplednet.retired_settings import RETIRED, leave_out_retired
from decouplednet.settings import Settings


def written(name: str, value: object) -> str:
    section, key = name.split(".")
    return f"seed = 3\n\n[{section}]\n{key} = {value}\nimages_per_update = 9\n"


@pytest.mark.parametrize(("name", "value"), RETIRED.items())
def test_the_value_that_changed_nothing_is_left_out(
    name: str, value: object, tmp_path: Path
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(written(name, value))
    section, key = name.split(".")

    settings = Settings.read(file)

    assert settings == Settings.read(None, ["seed=3", f"{section}.images_per_update=9"])
    assert not hasattr(getattr(settings, section), key)


@pytest.mark.parametrize(("name", "value"), RETIRED.items())
def test_any_other_value_is_refused_with_what_to_do(
    name: str, value: object, tmp_path: Path
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(written(name, 7))
    section, key = name.split(".")

    found = re.escape(f"{file}: [{section}] {key} = 7: this setting was taken out, ")
    remedy = re.escape(f"and only {key} = {value} can still be followed; remove the line")
    with pytest.raises(SettingsError, match=f"^{found}{remedy}"):
        Settings.read(file)


def test_a_recipe_without_the_section_or_with_a_value_in_its_place_is_left_as_it_is() -> None:
    for given in ({"seed": 3}, {"segmenter": 3}, {"segmenter": {"side": 96}}):
        before = dict(given)
        leave_out_retired(given, "here")
        assert given == before
