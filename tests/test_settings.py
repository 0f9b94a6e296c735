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
            "data.tags_split=a\x7fb",
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
        ("side = 0\nseed = -1\n", "side = 0: expected a number above 0 (1 more such fault)"),
        (
            'preset = "big"\n',
            "preset = \"big\": expected 'light', 'vgg16', 'skip', 'fast', 'tiny', "
            "'tiny-skip' or 'modern'",
        ),
        (
            'preset = "modern"\n',
            'preset = "modern" needs backbone: a name on the Hugging Face hub, such as '
            "facebook/dinov2-small, or a folder with its config.json",
        ),
        ('preset = "modern"\nbackbone = ""\n', 'preset = "modern" needs backbone: a name'),
        (
            'preset = "tiny"\nbackbone = "a/b"\n',
            'backbone = "a/b" goes with preset = "modern", and only with it; this preset is "tiny"',
        ),
        (
            'preset = "modern"\nbackbone = "a/b"\n[classifier]\nweights = "imagenet"\n',
            '[classifier] weights = "imagenet": preset modern starts from "backbone", the weights '
            'that come with its backbone, or from "none"',
        ),
        (
            '[classifier]\nweights = "backbone"\n',
            '[classifier] weights = "backbone" goes with preset = "modern" alone',
        ),
        (
            "[classifier]\nimages_per_update = 9\nimages_per_step = 4\n",
            "must divide images_per_update = 9",
        ),
        (
            '[classifier]\npooling = "max"\npooling_sharpness = 3\n',
            '[classifier] pooling_sharpness goes with pooling = "log-sum-exp", and only with it',
        ),
        (
            '[classifier]\npooling = "log-sum-exp"\npooling_top_share = 0.3\n',
            '[classifier] pooling_top_share goes with pooling = "top-k", and only with it',
        ),
        (
            '[classifier]\npooling = "mean"\n',
            "[classifier] pooling = \"mean\": expected 'max', 'log-sum-exp' or 'top-k'",
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
        (
            "[segmenter]\npatience = 2\n",
            "[segmenter] patience and held_out go together: give both or neither",
        ),
        (
            "[segmenter]\nlearning_rate = inf\n",
            "learning_rate = Infinity: expected a finite number",
        ),
        ("[segmenter]\nlearning_rate = nan\n", "learning_rate = NaN: expected a finite number"),
        ("[segmenter]\nwindow_share = 2\n", "window_share = 2: expected a number of at most 1"),
        ("[segmenter]\nheld_out = 1.0\n", "held_out = 1.0: expected a number below 1"),
        ("seed = 0.5\n", "seed = 0.5: expected a whole number"),
        ("seed = 9223372036854775808\n", "expected a number below 9.22337e+18"),
        (f"seed = {'1' * 5000}\n", "not a TOML file: Exceeds the limit"),
        (f"seed = {'[' * 3000}{']' * 3000}\n", "not a TOML file: "),
        ("segmenter = 3\n", "segmenter = 3: expected a section of settings"),
        ("[data]\ntags_split = 5\n", "[data] tags_split = 5: expected text"),
        ("[data]\nclasses = [3]\n", "[data] classes = 3: expected text"),
        ("[data]\nclasses = 3\n", "[data] classes = 3: expected a list of names"),
        ("[prediction]\nscales = [1.0, 9.0]\n", "scales = 9.0: expected a number of at most 8"),
        ("[prediction]\nscales = [0.0]\n", "scales = 0.0: expected a number above 0"),
        ("[prediction]\nscales = []\n", "[prediction] scales = []: expected a list of at least 1"),
        (
            f"[prediction]\nscales = {[0.5] * 9}\n",
            f"[prediction] scales = {[0.5] * 9}: expected a list of at most 8",
        ),
        ("[prediction]\nscales = 1.5\n", "[prediction] scales = 1.5: expected a list of numbers"),
        ('[classifier]\nweight_decay = "much"\n', 'weight_decay = "much": expected a number'),
        ('[segmenter]\nwarp_windows = "ja"\n', 'warp_windows = "ja": expected true or false'),
        ("[segmenter]\nupdates = 2000000000\n", "expected a number of at most 1e+09"),
        ("[compute]\ncache_gigabytes = 1e300\n", "expected a number of at most 1e+09"),
        (
            "[classifier]\nlearning_rate = 1e39\n",
            "rate = 1e+39: expected a number of at most 1e+09",
        ),
        (
            "[classifier]\nlargest_class_weight = 1e300\n",
            "largest_class_weight = 1e+300: expected a number of at most 1e+09",
        ),
        ("[segmenter]\nweight_decay = 1e39\n", "decay = 1e+39: expected a number of at most 1e+09"),
        *(
            (
                f"[self_training]\n{name}_weight = 1e39\n",
                f"{name}_weight = 1e+39: expected a number",
            )
            for name in ("pseudo", "tag", "position")
        ),
        (
            "[classifier]\npooling_sharpness = 1e-300\n",
            "[classifier] pooling_sharpness = 1e-300: expected a number of at least 0.01",
        ),
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


@pytest.mark.parametrize("file", [str, Path])
def test_a_recipe_may_open_with_the_mark_that_some_programs_write(
    file: type[str] | type[Path], tmp_path: Path
) -> None:
    (tmp_path / "a.toml").write_text("seed = 3\n", encoding="utf-8-sig")

    assert Settings.read(file(tmp_path / "a.toml")).seed == 3


def test_settings_made_by_hand_are_refused_in_the_same_words() -> None:
    with pytest.raises(SettingsError, match=r"^a run has no setting sed; did you mean seed\?$"):
        Settings(sed=3)  # type: ignore[call-arg]  # this is what the test is about
    with pytest.raises(
        SettingsError, match=r"^\[classifier\] dropout = 2: expected a number below"
    ):
        Settings(classifier={"dropout": 2})
    with pytest.raises(SettingsError, match=r"^seed = \.\.\.: expected a number below"):
        Settings(seed=10**5000)


def test_a_setting_is_one_fault_however_many_of_its_values_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"^\[prediction\] scales = 0: .* above 0$"):
        Settings(prediction={"scales": [0]})
    with pytest.raises(SettingsError, match=r"threshold = 2: .* 1 \(1 more such fault\)$"):
        Settings(prediction={"threshold": 2, "scales": [0, 9]})


def test_changes_are_a_list() -> None:
    with pytest.raises(UsageError, match=r"^changes is the text 'seed=1'; expected a list"):
        Settings.read(None, "seed=1")


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
        (".x=1", "--set .x=1: expected section.key=value, such as seed=1"),
        ("data.=1", "--set data.=1: expected section.key=value, such as seed=1"),
        ("seed.x=1", "--set: "),
        ("prediction.scales=[]", "--set: [prediction] scales = []: expected a list of at least 1"),
        ("dta.classes=cat", "--set: a run has no setting dta; did you mean data?"),
        ("data.clases=cat", "--set: [data] has no setting clases; did you mean classes?"),
        ("seed=-1", '--set: seed = "-1": expected a number of at least 0'),
        (f"seed={'1' * 5000}", f'--set: seed = "{"1" * 59}...: expected a whole number of fewer'),
        (f"seed={'[' * 9000}", f'--set: seed = "{"[" * 59}...: expected a whole number'),
        ("segmenter.learning_rate=inf", '--set: [segmenter] learning_rate = "inf": expected a f'),
        (
            "prediction.scales=1.5",
            '--set: [prediction] scales = "1.5": expected a list of numbers',
        ),
        ("seed=many", '--set: seed = "many": expected a whole number'),
    ],
)
def test_a_change_that_cannot_be_made_is_wrong_use(change: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(message)}"):
        Settings.read(None, [change])


def test_a_setting_is_no_section() -> None:
    with pytest.raises(UsageError, match=r"^--set seed\.x=1: seed is a setting, not a section$"):
        Settings.read(None, ["seed=1", "seed.x=1"])


def test_values_fill_what_is_not_given_and_leave_what_is() -> None:
    given = Settings.read(None, ["prediction.flip=false", "segmenter.side=96"])
    filled = given.filled({"prediction.flip": True, "prediction.veto": "soft", "seed": 3})

    assert (filled.prediction.flip, filled.prediction.veto, filled.seed) == (False, "soft", 3)
    assert filled.segmenter.side == 96
    assert filled.gives("prediction.veto")
    with pytest.raises(SettingsError, match="sied"):
        given.filled({"segmenter.sied": 1})


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
