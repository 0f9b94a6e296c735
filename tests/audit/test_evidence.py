"""What is gathered of each image, against one prediction after the other."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.images import read_image
from decouplednet.audit.evidence import (
    NOT_SHOWN,
    SHOWN,
    UNKNOWN,
    Evidence,
    drawn_classes,
    gather,
)
from decouplednet.audit.features import pooled
from decouplednet.errors import DataError
from decouplednet.evaluation.run_roles import RunRoles
from decouplednet.inference.model_folder import load_model
from decouplednet.inference.procedure import Calibration, Procedure
from decouplednet.inference.segmenter import Segmenter
from tests.audit.shapes import PROBABILITY, write_model, write_tagged


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory: pytest.TempPathFactory) -> Segmenter:
    return load_model(write_model(tmp_path_factory.mktemp("model")))


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue.read(write_tagged(tmp_path / "data", images=11, masks=3))


def gathered(
    segmenter: Segmenter, catalogue: Catalogue, roles: RunRoles | None = None
) -> tuple[Evidence, tuple[str, ...]]:
    return gather(segmenter, catalogue, catalogue.records, roles=roles)


def test_it_has_the_classes_that_model_and_data_set_have_in_the_order_of_the_model(
    segmenter: Segmenter, catalogue: Catalogue
) -> None:
    evidence, failures = gathered(segmenter, catalogue)

    assert failures == ()
    assert evidence.classes == ("cat", "dog")
    assert list(evidence.records) == list(catalogue.records)
    for record, tags in zip(evidence.records, evidence.tags, strict=True):
        assert tags.tolist() == [name in (record.tags or ()) for name in evidence.classes]


def test_probabilities_are_those_of_the_model(segmenter: Segmenter, catalogue: Catalogue) -> None:
    evidence, _ = gathered(segmenter, catalogue)

    expected = [(PROBABILITY["cat"], PROBABILITY["dog"])] * 11
    np.testing.assert_allclose(evidence.probability, expected, atol=1e-5)


def test_probabilities_are_calibrated_where_those_of_the_model_are(
    segmenter: Segmenter, catalogue: Catalogue
) -> None:
    calibration = Calibration(slope=(0.5, 1.0, 2.0), offset=(0.1, 0.0, -0.2))
    calibrated = replace(segmenter, procedure=Procedure(calibration=calibration))

    evidence, _ = gathered(calibrated, catalogue)

    for label, (slope, offset) in enumerate(((0.5, 0.1), (2.0, -0.2))):
        given = PROBABILITY[evidence.classes[label]]
        odds = slope * np.log(given / (1 - given)) + offset
        assert evidence.probability[0, label] == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-5)


def test_features_are_the_pooled_output_of_the_encoder(
    segmenter: Segmenter, catalogue: Catalogue
) -> None:
    evidence, _ = gathered(segmenter, catalogue)

    rows = np.concatenate([chunk for _, chunk in evidence.features.chunks()])
    for record, row in zip(evidence.records, rows, strict=True):
        image = read_image(record.image)
        seen = segmenter.network.see(segmenter.frame.image(image)[None])
        expected = pooled(seen.encoded.pool5[0], segmenter.frame, (image.shape[0], image.shape[1]))
        np.testing.assert_allclose(row, expected, rtol=2e-2, atol=2e-3)


def test_masks_say_what_they_show(segmenter: Segmenter, catalogue: Catalogue) -> None:
    evidence, _ = gathered(segmenter, catalogue)

    said = dict(zip((r.name for r in evidence.records), evidence.drawn.tolist(), strict=True))
    # cat, dog; the first and the third show a dog, the second a cat.
    assert said["sub/00"] == said["sub/02"] == [NOT_SHOWN, SHOWN]
    assert said["sub/01"] == [SHOWN, NOT_SHOWN]
    assert said["sub/03"] == [UNKNOWN, UNKNOWN]


def test_a_class_that_nobody_draws_is_not_said_to_be_absent(
    segmenter: Segmenter, tmp_path: Path
) -> None:
    data = Catalogue.read(write_tagged(tmp_path / "data", images=11, masks=1))

    evidence, _ = gathered(segmenter, data)

    assert evidence.drawn[0].tolist() == [UNKNOWN, SHOWN]


def test_a_mask_of_which_much_is_ignored_does_not_say_what_is_absent(catalogue: Catalogue) -> None:
    mask = np.zeros((10, 10), np.uint8)
    mask[0] = 3
    said = []
    for ignored in (10, 11):
        mask.flat[20 : 20 + ignored] = 255
        said.append(drawn_classes(mask, catalogue, ("dog", "cat")).tolist())

    assert said == [[NOT_SHOWN, SHOWN], [UNKNOWN, SHOWN]]


def test_what_the_run_learnt_from_is_told_apart(segmenter: Segmenter, catalogue: Catalogue) -> None:
    roles = RunRoles(
        tags=("sub/03.png", "sub/04"), masks=("sub/00",), validation=("sub/01",), calibration=()
    )

    known, _ = gathered(segmenter, catalogue, roles)
    unknown, _ = gathered(segmenter, catalogue)

    learnt = {record.name for record, its in zip(known.records, known.learnt, strict=True) if its}
    assert learnt == {"sub/00", "sub/03", "sub/04"}
    assert unknown.learnt.all()


def test_an_image_or_mask_that_cannot_be_read_is_named_and_left_out(
    segmenter: Segmenter, catalogue: Catalogue
) -> None:
    (catalogue.root / "images/sub/05.png").write_text("no picture")
    (catalogue.root / "masks/sub/01.png").write_text("no picture")

    evidence, failures = gathered(segmenter, catalogue)

    assert len(evidence.records) == len(evidence.tags) == evidence.features.row_count == 9
    assert [Path(line.split(": ")[0]).name for line in failures] == ["01.png", "05.png"]
    assert all("not a readable image" in line for line in failures)


def test_a_data_set_of_which_no_image_can_be_read_is_refused(
    segmenter: Segmenter, tmp_path: Path
) -> None:
    data = Catalogue.read(write_tagged(tmp_path / "data", images=2))
    for record in data.records:
        record.image.write_text("no picture")

    with pytest.raises(
        DataError, match=r"00\.png: not a readable image.*\(no image could be read; 2 failed\)$"
    ):
        gathered(segmenter, data)


def test_a_data_set_without_a_class_of_the_model_is_refused(
    segmenter: Segmenter, tmp_path: Path
) -> None:
    root = write_tagged(tmp_path / "data", images=2)
    for file in (root / "classes.txt", root / "tags.csv"):
        file.write_text(file.read_text().replace("dog", "pig").replace("cat", "hen"))

    with pytest.raises(DataError, match=r"has none of the model's classes \(cat, cow, dog\)"):
        gathered(segmenter, Catalogue.read(root))
