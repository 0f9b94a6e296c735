"""Data sets of CVAT, of masks in colours and of masks of each class, read as a run reads them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.check import check
from decouplednet.annotations.formats import (
    class_masks,
    colour_masks,
    cvat,
    cvat_masks,
    detect,
)
from decouplednet.errors import DataError
from tests.annotations import folders
from tests.annotations.formats.cvat_files import SIZE, image, write

# A folder of masks for each class may hold colour pictures, so it is told first.
DETECTORS = (cvat.detect, cvat_masks.detect, class_masks.detect, colour_masks.detect)
COLOURS = {0: (0, 0, 0), 1: (1, 2, 3), 2: (250, 50, 83)}
IDS = folders.striped([0, 1, 1, 2], SIZE)


@pytest.fixture(autouse=True)
def _with_these_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect, "DETECTORS", DETECTORS)


def painted(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = np.array([COLOURS[index] for index in range(3)], dtype=np.uint8)
    Image.fromarray(table[IDS]).save(path)


def cvat_export(root: Path) -> None:
    rows = "".join(
        f'<polygon label="{label}" points="0,{row};53,{row};53,{row + 1};0,{row + 1}"/>'
        for row, index in enumerate(IDS[:, 0])
        if (label := ("", "cat", "dog")[index])
    )
    labels = "".join(f"<label><name>{name}</name></label>" for name in ("cat", "dog"))
    head = f"<meta><task><labels>{labels}</labels></task></meta>"
    tagged = image("sub/b.jpg", '<tag label="dog"/>')
    write(root / "annotations.xml", image("a.jpg", rows), tagged, head=head)


def cvat_masks_export(root: Path) -> None:
    lines = ("background:0,0,0::", "cat:1,2,3::", "dog:250,50,83::")
    (root / "labelmap.txt").write_text("".join(f"{line}\n" for line in lines))
    painted(root / "SegmentationClass" / "a.png")


def colour_masks_set(root: Path) -> None:
    (root / "class_dict.csv").write_text("name,r,g,b\ncat,1,2,3\ndog,250,50,83\n")
    painted(root / "masks" / "a_mask.png")


def class_masks_set(root: Path) -> None:
    for index, name in enumerate(("cat", "dog"), start=1):
        (root / "masks" / name).mkdir(parents=True)
        white = np.where(index == IDS, np.uint8(255), np.uint8(0))
        Image.fromarray(white).convert("RGB").save(root / "masks" / name / "a.png")


@pytest.mark.parametrize(
    ("make", "name", "tags"),
    [
        (cvat_export, "cvat", [{"cat", "dog"}, {"dog"}]),
        (cvat_masks_export, "cvat-masks", [None, None]),
        (colour_masks_set, "colour-masks", [None, None]),
        (class_masks_set, "class-masks", [None, None]),
    ],
)
def test_a_data_set_is_read_wholly(
    tmp_path: Path, make: object, name: str, tags: list[set[str] | None]
) -> None:
    folders.image(tmp_path / "images" / "a.jpg", SIZE)
    folders.image(tmp_path / "images" / "sub" / "b.jpg", SIZE)
    assert callable(make)
    make(tmp_path)

    report = check(tmp_path)
    catalogue = Catalogue.read(tmp_path)

    assert (report.images, report.masked, report.findings) == (2, 1, ())
    assert catalogue.format == name
    assert catalogue.classes.names == ("cat", "dog")
    first, second = catalogue.records
    assert [record.name for record in (first, second)] == ["a", "sub/b"]
    assert [record.tags for record in (first, second)] == tags
    np.testing.assert_array_equal(catalogue.mask_of(first), IDS)
    assert catalogue.tags_of(first) == frozenset({"cat", "dog"})


def test_overlaps_are_notes_of_a_check(tmp_path: Path) -> None:
    folders.image(tmp_path / "images" / "a.jpg", SIZE)
    class_masks_set(tmp_path)
    Image.new("L", SIZE[::-1], 255).save(tmp_path / "masks" / "cat" / "a.png")

    report = check(tmp_path)

    assert report.findings == ()
    assert [(one.code, one.file) for one in report.notes] == [
        ("mask-overlap", str(tmp_path / "masks" / "dog" / "a.png"))
    ]


def test_a_missing_table_is_one_finding_and_once_written_counts_at_once(tmp_path: Path) -> None:
    folders.image(tmp_path / "images" / "a.jpg", SIZE)
    folders.image(tmp_path / "images" / "b.jpg", SIZE)
    for name in ("a", "b"):
        painted(tmp_path / "masks" / f"{name}.png")

    assert [one.code for one in check(tmp_path).findings] == ["colour-table-missing"]
    with pytest.raises(DataError, match=r"class_dict\.csv: the masks are in colours, and nothing"):
        Catalogue.read(tmp_path)
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\ncat,1,2,3\ndog,250,50,83\n")
    assert check(tmp_path).findings == ()


def test_an_unknown_colour_is_a_fault_of_its_mask_alone(tmp_path: Path) -> None:
    folders.image(tmp_path / "images" / "a.jpg", SIZE)
    folders.image(tmp_path / "images" / "b.jpg", SIZE)
    cvat_masks_export(tmp_path)
    Image.new("RGB", SIZE[::-1], (9, 9, 9)).save(tmp_path / "SegmentationClass" / "b.png")

    (finding,) = check(tmp_path).findings

    assert (finding.code, Path(finding.file).name) == ("unreadable-mask", "b.png")
    assert finding.message.startswith("holds colours that labelmap.txt lacks: 9,9,9 in 1961 pixels")


def test_a_black_and_white_index_mask_of_cvat_is_refused_with_the_remedy(tmp_path: Path) -> None:
    folders.image(tmp_path / "images" / "a.jpg", SIZE)
    cvat_masks_export(tmp_path)
    Image.fromarray(np.where(IDS == 1, 255, 0).astype(np.uint8)).save(
        tmp_path / "SegmentationClass" / "a.png"
    )

    finding = check(tmp_path).findings[0]

    assert finding.code == "unreadable-mask"
    assert "no line of labelmap.txt is white" in finding.message
