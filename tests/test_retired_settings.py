"""Settings that are no more: read where they changed nothing, refused where they did."""

import re
from pathlib import Path

import pytest

from decouplednet.errors import SettingsError, UsageError
from decouplednet.retired_settings import RETIRED, leave_out_retired
from decouplednet.settings import Settings

REMEDY = (
    "; finish what began so with the version that began it, or begin anew without, which gives "
    "another result"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def written(name: str, value: object) -> str:
    section, key = name.split(".")
    return f"seed = 3\n\n[{section}]\n{key} = {value}\nimages_per_update = 9\n"


def refused(file: Path, *found: str) -> str:
    message = f"{file}: settings that were taken out: {', '.join(found)}{REMEDY}"
    return f"^{re.escape(message)}$"


@pytest.mark.parametrize(("name", "value"), RETIRED.items())
def test_the_value_that_changed_nothing_is_left_out(name: str, value: float, file: Path) -> None:
    section, key = name.split(".")
    for number in {value, float(value), int(value)}:
        file.write_text(written(name, number))

        settings = Settings.read(file)

        assert settings == Settings.read(None, ["seed=3", f"{section}.images_per_update=9"])
        assert not hasattr(getattr(settings, section), key)


@pytest.mark.parametrize(("name", "value"), RETIRED.items())
@pytest.mark.parametrize("other", ["7", '"{}"', "true", "false", "[1]"])
def test_any_other_value_is_refused_with_what_to_do(
    name: str, value: float, other: str, file: Path
) -> None:
    section, key = name.split(".")
    text = other.format(value)
    weight = "border_weight = 2.5\n" if key == "border_width" else ""
    file.write_text(written(name, text) + weight + "enabled = true\n")

    found = [f"[{section}] {key} = {text} (only {value} can still be followed)"]
    if weight:
        found.insert(0, f"[{section}] border_weight = 2.5 (only 0.0 can still be followed)")
    with pytest.raises(SettingsError, match=refused(file, *found)):
        Settings.read(file)


def test_all_that_is_refused_is_said_in_one_message(file: Path) -> None:
    file.write_text(
        "[classifier]\nlabel_smoothing = 0.1\n[segmenter]\npasted_share = 0.25\n"
        "[self_training]\nenabled = true\nborder_width = 5\nrounds = 2\n"
    )

    found = (
        "[segmenter] pasted_share = 0.25 (only 0.0 can still be followed)",
        "[classifier] label_smoothing = 0.1 (only 0.0 can still be followed)",
        "[self_training] rounds = 2 (only 1 can still be followed)",
    )
    with pytest.raises(SettingsError, match=refused(file, *found)):
        Settings.read(file)


@pytest.mark.parametrize("weight", ["", "border_weight = 0\n", "border_weight = 0.0\n"])
@pytest.mark.parametrize("section", ["segmenter", "self_training"])
def test_a_width_of_borders_without_a_weight_changed_nothing(
    section: str, weight: str, file: Path
) -> None:
    third = section == "self_training"
    file.write_text(f"[{section}]\n{weight}border_width = 9\n" + "enabled = true\n" * third)

    assert Settings.read(file) == Settings(**{section: {"enabled": True} if third else {}})


@pytest.mark.parametrize("enabled", ["", "enabled = false\n"])
def test_what_is_said_of_a_third_stage_that_there_is_none_of_changed_nothing(
    enabled: str, file: Path
) -> None:
    file.write_text(f"[self_training]\n{enabled}rounds = 3\nlabel_smoothing = 0.1\n")

    assert not Settings.read(file).self_training.enabled
    assert Settings.read(file, ["self_training.enabled=false", "minutes=9"]).minutes == 9


@pytest.mark.parametrize("change", ["self_training.enabled=true", "minutes=9"])
def test_a_third_stage_may_also_come_of_a_change(change: str, file: Path) -> None:
    file.write_text("[self_training]\nrounds = 3\n")

    found = "[self_training] rounds = 3 (only 1 can still be followed)"
    with pytest.raises(SettingsError, match=refused(file, found)):
        Settings.read(file, [change])


@pytest.mark.parametrize("name", RETIRED)
def test_where_nothing_is_trained_any_value_is_passed_over(name: str, file: Path) -> None:
    section, _ = name.split(".")
    file.write_text(written(name, 7) + "enabled = true\n" * (section == "self_training"))

    assert Settings.read(file, to_train=False).seed == 3


@pytest.mark.parametrize(("name", "value"), RETIRED.items())
def test_what_names_one_now_is_told_that_it_was_taken_out(name: str, value: float) -> None:
    section, key = name.split(".")

    told = re.escape(f"[{section}] has no setting {key} any more: it was taken out; leave it out")
    with pytest.raises(UsageError, match=f"^--set: {told}$"):
        Settings.read(None, [f"{name}={value}"])
    with pytest.raises(SettingsError, match=f"^{told}$"):
        Settings().changed({name: value})


def test_a_recipe_without_the_section_or_with_a_value_in_its_place_is_left_as_it_is() -> None:
    for given in ({"seed": 3}, {"segmenter": 3}, {"segmenter": {"side": 96}}):
        before = dict(given)
        leave_out_retired(given, "here", given, to_train=True)
        assert given == before
