"""An audit from end to end, on a data set with a fault and a model that cannot tell."""

import csv
import io
from pathlib import Path

import pytest

import decouplednet as dn
from decouplednet.annotations.catalogue import Catalogue
from decouplednet.audit.audit import audit_tags, tagged_records
from decouplednet.audit.outcome import Audit
from decouplednet.errors import DataError, DeviceError, ModelError
from decouplednet.inference.model_folder import load_model
from tests.audit.shapes import write_model, write_tagged
from tests.report.reader import Page


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tagged(tmp_path_factory.mktemp("data") / "photographs")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out") / "new"


@pytest.fixture(scope="module")
def audit(model: Path, data: Path, out: Path) -> Audit:
    return dn.audit_tags(model, data, out=out, device="cpu")


def test_the_image_whose_tag_is_wrong_leads_the_list(audit: Audit) -> None:
    assert audit.data == "photographs"
    assert audit.model_classes == ("cat", "cow", "dog")
    assert audit.tagged == {"cat": 8, "dog": 6}
    assert (audit.images, audit.unjudged, audit.failures) == (14, (), ())
    first, second = audit.ranked[:2]
    assert first.image == second.image == "sub/00.png"
    assert {(one.name, one.kind) for one in (first, second)} == {
        ("cat", "wrong"),
        ("dog", "missing"),
    }


def test_the_table_has_the_rows_of_the_list(audit: Audit, out: Path) -> None:
    rows = list(csv.DictReader(io.StringIO((out / "audit.csv").read_text(encoding="utf-8"))))

    assert [row["image"] for row in rows] == [one.image for one in audit.ranked]
    assert [float(row["suspicion"]) for row in rows] == pytest.approx(
        [one.suspicion for one in audit.ranked], abs=1e-4
    )


def test_the_area_is_that_of_a_prediction_which_is_told_tags_and_missing_classes(
    audit: Audit, model: Path, data: Path
) -> None:
    segmenter = load_model(model)
    for one in audit.ranked[:4]:
        missing = {each.name for each in audit.ranked if each.image == one.image}
        told = segmenter.predict(data / "images" / one.image, (one.record.tags or set()) | missing)
        won = told.label_map == segmenter.classes.index(one.name)
        assert one.area == pytest.approx(won.mean(), abs=0.02)


def test_the_page_shows_the_first_images(audit: Audit, out: Path) -> None:
    page = Page((out / "audit.html").read_text(encoding="utf-8"))

    assert "photographs" in page.words
    assert "14 with tags" in page.words
    assert "1. sub/00.png" in page.words
    images = {one.image for one in audit.ranked}
    assert len(page.all("img")) == 2 * len(images)


def test_a_split_is_audited_alone(model: Path, data: Path, tmp_path: Path) -> None:
    audit = audit_tags(model, data, out=tmp_path, split="some")

    assert audit.images == 3
    assert audit.unjudged == ("cat", "dog")
    assert {one.image for one in audit.ranked} <= {"sub/00.png", "sub/01.png", "sub/02.png"}


def test_a_catalogue_may_be_given_and_an_older_audit_is_replaced(
    model: Path, data: Path, tmp_path: Path
) -> None:
    for name in ("audit.csv", "audit.html"):
        (tmp_path / name).write_text("old")

    audit_tags(str(model), Catalogue.read(data), out=str(tmp_path))

    assert (tmp_path / "audit.csv").read_text().startswith("rank,image,class,")
    assert (tmp_path / "audit.html").read_text().lstrip().startswith("<!DOCTYPE html>")


def test_images_without_tags_are_left_out(data: Path, tmp_path: Path) -> None:
    catalogue = Catalogue.read(write_tagged(tmp_path / "data", images=4))
    rows = (catalogue.root / "tags.csv").read_text().splitlines()
    (catalogue.root / "tags.csv").write_text("\n".join([*rows[:-1], "sub/03.png,?"]) + "\n")

    records = tagged_records(Catalogue.read(catalogue.root), None)

    assert [record.name for record in records] == ["sub/00", "sub/01", "sub/02"]


@pytest.mark.parametrize(
    ("split", "where"), [(None, "14 images"), ("some", "3 images of the split 'some'")]
)
def test_a_data_set_without_tags_is_refused(split: str | None, where: str, tmp_path: Path) -> None:
    root = write_tagged(tmp_path / "data")
    (root / "tags.csv").unlink()

    with pytest.raises(DataError) as refused:
        tagged_records(Catalogue.read(root), split)

    assert str(refused.value) == (
        f"{root}: none of the {where} has tags to audit; write rows into tags.csv"
    )


def test_what_cannot_be_used_is_refused_before_anything_is_written(
    model: Path, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="there is no such folder"):
        audit_tags(model, tmp_path / "nowhere", out=tmp_path / "out")
    with pytest.raises(ModelError, match="there is no such model"):
        audit_tags(tmp_path / "nowhere", data, out=tmp_path / "out")
    with pytest.raises(DataError, match="there is no split 'sume'; did you mean 'some'"):
        audit_tags(model, data, out=tmp_path / "out", split="sume")
    with pytest.raises(DeviceError, match="device 'tpu' is none of auto, cpu, cuda"):
        audit_tags(model, data, out=tmp_path / "out", device="tpu")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"file: cannot be written: Not a directory"):
        audit_tags(model, data, out=tmp_path / "file")
    assert not (tmp_path / "out").exists()
