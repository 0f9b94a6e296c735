import pytest

from decouplednet.benchmark import growth
from decouplednet.benchmark.growth import growth_of
from decouplednet.benchmark.subject import Subject
from decouplednet.benchmark.timing import Timing, Work


def test_classes_and_sides_grow_each_by_itself(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []

    def noted(work: dict[str, Work], repetitions: int, **_: object) -> dict[str, Timing]:
        for once in work.values():
            once()
        return {name: Timing((1.0,) * repetitions) for name in work}

    def one(of: Subject) -> Work:
        return lambda: seen.append((of.classes, of.side))

    monkeypatch.setattr(growth, "in_turns", noted)
    monkeypatch.setattr(growth, "_one_class", one)

    found = growth_of(subject, 2, quiet=True)

    assert seen == [(20, 64), (200, 64), (2000, 64), (6, 32), (6, 64), (6, 96)]
    assert list(found.classes) == [20, 200, 2000]
    assert list(found.sides) == [32, 64, 96]
