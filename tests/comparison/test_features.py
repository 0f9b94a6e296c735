from pathlib import Path

import pytest

from decouplednet.comparison.features import feature_seconds, fill_cache
from decouplednet.errors import DataError
from decouplednet.training import kept_features
from decouplednet.training.plan import Plan, make_plan
from decouplednet.training.run_folder import RunFolder
from tests.training.conftest import quick

FROZEN = "classifier.trained_groups=0"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own."""
    monkeypatch.setenv("DECOUPLEDNET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def planned(shapes: Path, tmp_path: Path, *changes: str) -> tuple[Plan, RunFolder]:
    return make_plan(shapes, quick(*changes)), RunFolder(tmp_path / "run")


def test_features_are_computed_once_and_their_seconds_added_up(
    shapes: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter((10.0, 13.5, 20.0, 20.2))
    monkeypatch.setattr("decouplednet.comparison.features.time.perf_counter", lambda: next(clock))
    plan, folder = planned(shapes, tmp_path, FROZEN)
    assert feature_seconds(folder) == 0.0
    fill_cache(plan, folder)

    kept = sorted(cache.rglob("*.npy"))
    assert len(kept) == len(plan.roles.tags) == 10
    assert feature_seconds(folder) == 3.5

    def refuse(*_: object) -> None:
        raise AssertionError("all features are there")

    monkeypatch.setattr(kept_features.Frozen, "features", refuse)
    fill_cache(plan, folder)
    assert feature_seconds(folder) == 3.7


def test_an_interruption_keeps_the_seconds_until_then(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    clock = iter((1.0, 5.0))
    monkeypatch.setattr("decouplednet.comparison.features.time.perf_counter", lambda: next(clock))
    monkeypatch.setattr(kept_features.Frozen, "features", stop)
    plan, folder = planned(shapes, tmp_path, FROZEN)
    with pytest.raises(KeyboardInterrupt):
        fill_cache(plan, folder)
    assert feature_seconds(folder) == 4.0


@pytest.mark.parametrize("change", ["classifier.trained_groups=5", "compute.cache_gigabytes=0"])
def test_nothing_is_computed_where_nothing_can_be_kept(
    change: str, shapes: Path, tmp_path: Path, cache: Path
) -> None:
    fill_cache(*planned(shapes, tmp_path, FROZEN, change))

    assert not cache.exists()


def test_nothing_is_computed_where_stage_1_is_complete(
    shapes: Path, tmp_path: Path, cache: Path
) -> None:
    plan, folder = planned(shapes, tmp_path, FROZEN)
    folder.checkpoints.mkdir(parents=True)
    folder.classifier.touch()
    fill_cache(plan, folder)

    assert not cache.exists()


def test_damaged_seconds_are_named(tmp_path: Path) -> None:
    (tmp_path / "features.json").write_text('{"seconds": -1}')

    with pytest.raises(DataError, match=r"features\.json: seconds: Input should be greater than"):
        feature_seconds(RunFolder(tmp_path))
