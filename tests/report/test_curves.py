from pathlib import Path

import numpy as np
import pytest

from decouplednet.errors import DataError
from decouplednet.report.curves import LateLoss, late_loss, read_curves, running_mean

HEADER = "stage,epoch,update,loss,learning_rate,held_out_iou\n"


def test_the_curves_of_both_stages_are_read_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    path.write_text(
        HEADER
        + "segmenter,0,1,0.7,0.001,\nsegmenter,0,2,0.6,0.002,0.25\nclassifier,0,1,0.5,0.01,\n"
    )

    segmenter, classifier = read_curves(path)

    assert (segmenter.stage, classifier.stage) == ("segmenter", "classifier")
    assert segmenter.update.tolist() == [1, 2]
    assert segmenter.loss.tolist() == [0.7, 0.6]
    assert segmenter.learning_rate.tolist() == [0.001, 0.002]
    np.testing.assert_array_equal(segmenter.held_out_iou, [np.nan, 0.25])
    assert classifier.loss.tolist() == [0.5]


def test_a_file_without_the_held_out_column_is_read(tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    path.write_text("stage,update,loss,learning_rate\nmasks only,1,0.5,0.1\n")

    (curve,) = read_curves(path)

    assert np.isnan(curve.held_out_iou).tolist() == [True]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("stage,update,loss\n", r"curves\.csv: has no column learning_rate; expected stage, upd"),
        (HEADER, r"curves\.csv: holds no update; was the training stopped"),
        (HEADER + "a,0,1,0.5,0.1,\na,0,2,low,0.1,\n", r"curves\.csv: line 3: update, loss and"),
        (HEADER + "a,0,nan,0.5,0.1,\n", r"line 2: update nan: expected a whole number from 1$"),
        (HEADER + "a,0,1e300,0.5,0.1,\n", r"line 2: update 1e300: expected a whole number from 1$"),
        (HEADER + "a,0,1.5,0.5,0.1,\n", r"line 2: update 1\.5: expected a whole number from 1$"),
        (HEADER + "a,0,1,nan,0.1,\n", r"line 2: a number is not finite; was the file edited"),
        (HEADER + "a,0,1,0.5,0.1,inf\n", r"line 2: a number is not finite; was the file edited"),
        (HEADER + "a,0\n", r"curves\.csv: line 2: update, loss and"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "curves.csv"
    path.write_text(content)

    with pytest.raises(DataError, match=message):
        read_curves(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"curves\.csv: the learning curves cannot be read"):
        read_curves(tmp_path / "curves.csv")


def test_the_late_loss_compares_the_last_two_tenths() -> None:
    loss = np.concatenate([[7.0, 9.0], np.full(14, 20.0), [4.0, 6.0], [3.0, 5.0]])

    assert late_loss(loss) == LateLoss(first=8.0, before=5.0, last=4.0)
    assert LateLoss(first=8.0, before=5.0, last=4.0).change == pytest.approx(-0.125)
    assert LateLoss(first=0.0, before=0.0, last=0.0).change == 0
    assert late_loss(loss[1:]) is None


def test_the_running_mean_equals_a_reading_window_by_window() -> None:
    values = np.random.default_rng(0).normal(size=13)

    got = running_mean(values, 4)

    expected = [values[max(0, end - 4) : end].mean() for end in range(1, 14)]
    np.testing.assert_allclose(got, expected)
