import re
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from decouplednet.errors import SettingsError, UsageError
from decouplednet.settings import Settings


def recipe(folder: Path, text: str) -> Path:
    path = folder / "animals.toml"
    path.write_text(text)
    return path


def test_without_a_recipe_the_defaults_stand() -> None:
    assert Settings.read(None) == Settings()


def test_a_recipe_and_its_changes_are_laid_over_the_defaults(tmp_path: Path) -> None:
    path = recipe(tmp_path, 'preset = "vgg16"\n[segmenter]\nupdates = 7\nlearning_rate = 0.25\n')

    settings = Settings.read(
        path,
        [
            "segmenter.updates=9",
            "seed = 3",
            "data.classes=cat, cow",
            "classifier.augmentation.flip=false",
            "data.tags_split=5",
            "classifier.weights=weights/vgg.safetensors",
        ],
    )

    assert settings.preset == "vgg16"
    assert (settings.segmenter.updates, settings.segmenter.learning_rate) == (9, 0.25)
    assert settings.seed == 3
    assert settings.data.classes == ("cat", "cow")
    assert settings.data.tags_split == "5"
    assert not settings.classifier.augmentation.flip
    assert settings.classifier.weights == "weights/vgg.safetensors"
    assert settings.classifier.updates == Settings().classifier.updates


def test_classes_may_be_a_list() -> None:
    assert Settings.read(None, ['data.classes=["cat", "cow"]']).data.classes == ("cat", "cow")


def test_written_settings_read_back_the_same(tmp_path: Path) -> None:
    settings = Settings.read(
        None,
        [
            'data.classes=["kø", "big \\"cat\\""]',
            "side=64",
            "segmenter.held_out=0.25",
            "segmenter.patience=3",
            "classifier.schedule=steps",
            "classifier.decay_every=4",
            "classifier.weights=C:\\new\\weights",
        ],
    )

    assert Settings.read(recipe(tmp_path, settings.to_toml())) == settings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[segmenter]\nlearnig_rate = 1\n",
            "[segmenter] has no setting learnig_rate; did you mean learning_rate?",
        ),
        ("seeed = 1\n", "has no setting seeed; did you mean seed?"),
        ("zzz = 1\n", "has no setting zzz"),
        (
            "[classifier.augmentation]\nflop = 1\n",
            "[classifier.augmentation] has no setting flop; did you mean flip?",
        ),
        ("side = 33\n", "side = 33: Input should be a multiple of 32"),
        ("side = 0\nseed = -1\n", "side = 0: Input should be greater than 0 (1 more such faults)"),
        ('preset = "big"\n', "preset = \"big\": Input should be 'light', 'vgg16' or 'tiny'"),
        (
            "[classifier]\nimages_per_update = 9\nimages_per_step = 4\n",
            "must divide images_per_update = 9",
        ),
        (
            "[segmenter]\nimages_per_step = 3\n",
            "images_per_step = 3 must divide images_per_update = 8",
        ),
        (
            '[segmenter]\nschedule = "steps"\n',
            'decay_every goes with schedule = "steps", and only with it',
        ),
        (
            "[classifier]\ndecay_every = 9\n",
            'decay_every goes with schedule = "steps", and only with it',
        ),
        ("[segmenter]\npatience = 2\n", "patience and held_out go together: give both or neither"),
        ("[segmenter]\nheld_out = 0.1\n", "patience and held_out go together"),
        ("seed = \n", "not a TOML file: Invalid value (at line 1, column 8)"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    path = recipe(tmp_path, text)

    with pytest.raises(SettingsError, match=f"^{re.escape(f'{path}: ')}.*{re.escape(message)}"):
        Settings.read(path)


def test_a_recipe_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no\.toml: there is no such recipe$"):
        Settings.read(tmp_path / "no.toml")


def test_a_recipe_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"\xff")

    with pytest.raises(SettingsError, match=r"a\.toml: the recipe cannot be read: 'utf-8' codec"):
        Settings.read(tmp_path / "a.toml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("seed", "--set seed: expected section.key=value, such as seed=1"),
        ("=1", "--set =1: expected section.key=value, such as seed=1"),
        ("seed.x=1", "--set: "),
        ("dta.classes=cat", "--set: has no setting dta; did you mean data?"),
        ("data.clases=cat", "--set: [data] has no setting clases; did you mean classes?"),
        ("seed=-1", '--set: seed = "-1": Input should be greater than or equal to 0'),
        ("seed=many", '--set: seed = "many": Input should be a valid integer'),
    ],
)
def test_a_change_that_cannot_be_made_is_wrong_use(change: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(message)}"):
        Settings.read(None, [change])


def test_a_setting_is_no_section() -> None:
    with pytest.raises(UsageError, match=r"^--set seed\.x=1: seed is a setting, not a section$"):
        Settings.read(None, ["seed=1", "seed.x=1"])


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().seed = 1  # type: ignore[misc]  # this is what the test is about


def models(model: type[BaseModel]) -> list[type[BaseModel]]:
    below = [
        field.annotation
        for field in model.model_fields.values()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    ]
    return [model, *(found for one in below for found in models(one))]


@pytest.mark.parametrize("model", dict.fromkeys(models(Settings)))
def test_every_setting_says_what_it_does(model: type[BaseModel]) -> None:
    assert model.__doc__
    for name, field in model.model_fields.items():
        is_section = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        assert is_section or field.description, name
