import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats import colour_proposal
from decouplednet.annotations.formats.colour_masks import ColourMasks, detect
from decouplednet.annotations.formats.source import Declared, Said, Source
from decouplednet.annotations.mask_source import MaskSource
from decouplednet.classes import ClassList
from tests.annotations import folders

TABLE = "name,r,g,b\nbackground,0,0,0\nroad,128,64,128\ncar,64,0,128\n"
COLOURS = np.array([(0, 0, 0), (128, 64, 128), (64, 0, 128)], dtype=np.uint8)
IDS = np.random.default_rng(4).integers(0, 3, (37, 53), dtype=np.uint8)


def colour_mask(path: Path, ids: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] = IDS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(COLOURS[ids]).save(path)
    return path


def data_set(root: Path, *, table: str | None = "class_dict.csv", masks: str = "masks") -> Path:
    folders.image(root / "images" / "sub" / "a.jpg", (37, 53))
    folders.image(root / "images" / "b.png", (37, 53))
    colour_mask(root / masks / "sub" / "a.png")
    if table is not None:
        (root / table).write_text(TABLE)
    return root


def found(root: Path) -> ColourMasks:
    source = detect(root)
    assert source is not None
    return source


@pytest.mark.parametrize("masks", ["masks", "labels", "annotations"])
@pytest.mark.parametrize("table", ["colours.txt", "colors.txt", "class_dict.csv"])
def test_masks_in_the_colours_of_a_table_are_read(tmp_path: Path, table: str, masks: str) -> None:
    source: Source = found(data_set(tmp_path, table=table, masks=masks))

    assert source.name == "colour-masks"
    assert source.statement == f"masks in the colours of {table}, from {masks}/"
    assert source.images == tmp_path / "images"
    assert source.splits == tmp_path / "splits"
    assert source.class_file == tmp_path / table
    assert source.apart == ()
    assert not source.loose
    classes = ClassList(("road", "car"))
    assert source.declare() == Declared(classes)
    (file,) = source.annotation_files()
    (said,) = source.read(file)
    assert isinstance(said, Said)
    assert said.image == "sub/a"
    assert said.mask is not None
    np.testing.assert_array_equal(MaskSource(said.mask, file, classes).read(), IDS)


@pytest.mark.parametrize(
    ("stem", "image"),
    [
        ("b", "b"),
        ("b_mask", "b"),
        ("b_L", "b"),
        ("sub/a_gt", "sub/a"),
        ("c_label", "c_label"),
        ("b_other", "b_other"),
        ("_mask", "_mask"),
    ],
)
def test_the_names_of_masks_may_end_in_what_they_are(tmp_path: Path, stem: str, image: str) -> None:
    source = found(data_set(tmp_path))

    (said,) = source.read(colour_mask(tmp_path / "masks" / f"{stem}.png"))

    assert isinstance(said, Said)
    assert said.image == image


def test_a_mask_named_as_an_image_that_ends_so_is_that_image_s(tmp_path: Path) -> None:
    source = found(data_set(tmp_path))
    folders.image(tmp_path / "images" / "b_mask.JPG")

    (said,) = source.read(colour_mask(tmp_path / "masks" / "b_mask.png"))

    assert isinstance(said, Said)
    assert said.image == "b_mask"


def test_a_mask_of_another_format_is_named(tmp_path: Path) -> None:
    source = found(data_set(tmp_path))
    path = colour_mask(tmp_path / "masks" / "b.jpg")

    assert [one.code for one in source.read(path) if isinstance(one, Finding)] == ["mask-format"]


def test_palettes_are_colours_where_there_is_a_table_and_no_class_list(tmp_path: Path) -> None:
    root = data_set(tmp_path)
    indexed = Image.fromarray(IDS)
    indexed.putpalette(COLOURS.tobytes())
    indexed.save(root / "masks" / "sub" / "a.png")

    (file,) = found(root).annotation_files()
    (said,) = found(root).read(file)

    assert isinstance(said, Said)
    assert said.mask is not None
    mask = MaskSource(said.mask, file, ClassList(("car", "road"))).read()
    np.testing.assert_array_equal(mask, np.array([0, 2, 1], dtype=np.uint8)[IDS])
    (root / "classes.txt").write_text("road\ncar\n")
    assert detect(root) is None


def test_the_native_layout_is_none(tmp_path: Path) -> None:
    root = folders.native(tmp_path / "a", tags={"a": "cat"}, masks={"a": [1], "sub/b": [2]})
    (root / "colours.txt").write_text(TABLE)  # perhaps a legend
    assert detect(root) is None
    (root / "classes.txt").unlink()
    assert detect(root) is None
    colours = folders.native(tmp_path / "b", masks={"a": [1]})
    colour_mask(colours / "masks" / "a.png")
    assert detect(colours) is None  # the native layout names the fault
    (colours / "class_dict.csv").write_text(TABLE)
    assert detect(colours) is not None


def test_folders_without_masks_are_none(tmp_path: Path) -> None:
    folders.image(tmp_path / "images" / "a.jpg")
    (tmp_path / "class_dict.csv").write_text(TABLE)
    assert detect(tmp_path) is None
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "a.png").write_bytes(b"no picture")
    assert detect(tmp_path) is None
    assert detect(tmp_path / "none") is None


def missing(root: Path) -> Finding:
    (finding,) = found(root).declare().findings
    assert finding.file == str(root / "class_dict.csv")
    return finding


def test_without_a_table_one_to_begin_with_is_proposed(tmp_path: Path) -> None:
    root = data_set(tmp_path / "two words", table=None)
    ids = np.zeros((10, 20), dtype=np.uint8)
    ids[:3], ids[3] = 2, 1
    colour_mask(root / "masks" / "sub" / "a.png", ids)

    assert found(root).statement == "masks in colours, from masks/, without a table of colours"
    assert found(root).class_file == root / "class_dict.csv"
    finding = missing(root)

    command = (
        r"printf 'name,r,g,b\nbackground,0,0,0\nclass-1,64,0,128\nclass-2,128,64,128\n' > "
        f"{shlex.quote(str(root / 'class_dict.csv'))}"
    )
    assert finding.code == "colour-table-missing"
    assert finding.message == (
        "the masks are in colours, and nothing says what these mean; in the mask: 0,0,0 (60.0 "
        "%), 64,0,128 (30.0 %), 128,64,128 (10.0 %); write a table, and put your classes in place "
        f"of its names: {command}"
    )
    subprocess.run(["sh", "-c", command], check=True)
    assert found(root).declare() == Declared(ClassList(("class-1", "class-2")))


@pytest.mark.parametrize(
    ("colours", "lines"),
    [
        ([(0, 0, 0), (255, 255, 255)], ["background,0,0,0", "class-1,255,255,255"]),
        (
            [(9, 9, 9), (255, 255, 255)],
            ["background,0,0,0", "class-1,9,9,9", "ignored,255,255,255"],
        ),
    ],
)
def test_white_is_ignored_where_it_is_not_the_only_colour(
    tmp_path: Path, colours: Sequence[tuple[int, int, int]], lines: list[str]
) -> None:
    root = data_set(tmp_path, table=None)
    pixels = np.array([colours], dtype=np.uint8)
    Image.fromarray(pixels).save(root / "masks" / "sub" / "a.png")

    assert r"printf 'name,r,g,b\n" + r"\n".join(lines) + r"\n' > " in missing(root).message


def test_of_many_masks_some_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colour_proposal, "_MASKS", 3)
    root = data_set(tmp_path, table=None)
    for at in range(9):
        colour_mask(root / "masks" / f"{at}.png", np.full((4, 5), at // 4, dtype=np.uint8))
    (root / "masks" / "4.png").write_bytes(b"no picture")

    # Ten masks: the first, the middle, which cannot be read, and the last, in a sub-folder.
    message = missing(root).message
    assert "; in 2 of 10 masks: 0,0,0 (" in message


def test_more_colours_than_classes_may_have_are_refused(tmp_path: Path) -> None:
    root = data_set(tmp_path, table=None)
    noise = np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    Image.fromarray(noise).save(root / "masks" / "b.png")

    finding = missing(root)

    assert finding.code == "colour-mask"
    assert finding.message == (
        "the masks are pictures in more than 40 colours (in 1 of 2 masks), too many for classes; "
        "export one flat colour for each class, without smoothing, as PNG"
    )


def test_a_fault_of_the_table_is_named(tmp_path: Path) -> None:
    root = data_set(tmp_path)
    (root / "class_dict.csv").write_text("road\n")

    assert found(root).declare().findings == (
        Finding(
            "bad-colour-table",
            str(root / "class_dict.csv"),
            "line 1: 'road' is no name and colour; write name,r,g,b with numbers from 0 to 255",
        ),
    )


def test_pictures_beside_json_belong_to_another_tool(tmp_path: Path) -> None:
    root = data_set(tmp_path, table=None, masks="annotations")
    assert detect(root) is not None
    (root / "annotations" / "panoptic_val.json").write_text("{}")
    assert detect(root) is None
