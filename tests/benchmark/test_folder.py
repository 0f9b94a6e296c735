import pytest

from decouplednet.benchmark import folder
from decouplednet.benchmark.folder import (
    folder_and_computing,
    photographs,
    resident_while_predicting,
)
from decouplednet.benchmark.subject import Subject
from decouplednet.inference.predictor import Predictor


def test_the_folder_lasts_as_long_as_its_context(subject: Subject) -> None:
    with photographs(subject, 9) as images:
        files = sorted(images.iterdir())
        assert len(files) == 9
        assert files[0].read_bytes() == files[8].read_bytes()
        assert files[0].read_bytes() != files[1].read_bytes()
    assert not images.parent.exists()


def test_computing_alone_predicts_the_batches_of_the_folder(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, object]] = []
    predict = Predictor.predict

    def watched(self: Predictor, images: object, tags: object = None, **more: bool) -> object:
        assert isinstance(images, list)
        seen.append((len(images), tags))
        return predict(self, images, tags, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Predictor, "predict", watched)
    with photographs(subject, 10) as images:
        for work in folder_and_computing(subject, images, 2).values():
            work()
        label_maps = sorted(path.name for path in (images.parent / "out").glob("*.png"))

    assert seen[:2] == seen[2:]
    assert [count for count, _ in seen] == [8, 2, 8, 2]
    assert seen[1][1] == [frozenset({"class1", "class2"})] * 2
    assert label_maps == [f"{number:06}.png" for number in range(10)]


def test_what_is_resident_is_noted_ten_times(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "resident", lambda: 7)

    assert resident_while_predicting(subject, 23) == [7] * 10


def test_a_folder_can_be_predicted_again(subject: Subject) -> None:
    with photographs(subject, 1) as images:
        folder_and_computing(subject, images, 1)["folder"]()
        folder_and_computing(subject, images, 1)["folder"]()  # writes over its own
