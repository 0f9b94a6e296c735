import numpy as np

from decouplednet.report.confusions import ConfusionRow, Mistake, confusion_rows, most_frequent

NAMES = ("background", "cat", "dog")
COUNTS = ((60, 20, 20), (5, 15, 0), (0, 0, 0))


def test_rows_are_shares_of_the_true_pixels() -> None:
    assert confusion_rows(NAMES, COUNTS) == (
        ConfusionRow("background", 100, (0.6, 0.2, 0.2)),
        ConfusionRow("cat", 20, (0.25, 0.75, 0.0)),
        ConfusionRow("dog", 0, (None, None, None)),
    )


def test_mistakes_are_listed_by_their_pixels() -> None:
    first, second, third = most_frequent(NAMES, COUNTS, 9)

    assert first == Mistake("background", "cat", 20, 20 / 45)
    assert second == Mistake("background", "dog", 20, 20 / 45)
    assert third == Mistake("cat", "background", 5, 5 / 45)
    assert most_frequent(NAMES, COUNTS, 1) == (first,)


def test_a_perfect_prediction_has_no_mistakes() -> None:
    assert most_frequent(NAMES, np.diag([1, 2, 3]).tolist(), 5) == ()
