from pathlib import Path

import pytest

from decouplednet.errors import DataError
from decouplednet.inference.sources import find_sources


def fill(root: Path, *names: str) -> Path:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    return root


def test_results_keep_the_paths_of_their_images(tmp_path: Path) -> None:
    images = fill(tmp_path / "images", "b.jpg", "sub/a.b.PNG", "sub/deep/c.tif")

    found = find_sources(images, tmp_path / "out")

    listed = [
        (s.listed, s.name, s.label_map.relative_to(tmp_path).as_posix()) for s in found.images
    ]
    assert listed == [
        ("b.jpg", "b", "out/b.png"),
        ("sub/a.b.PNG", "sub/a.b", "out/sub/a.b.png"),
        ("sub/deep/c.tif", "sub/deep/c", "out/sub/deep/c.png"),
    ]
    assert [source.image for source in found.images] == [images / each[0] for each in listed]
    assert found.images[1].overlay == tmp_path / "out/overlays/sub/a.b.jpg"
    assert found.skipped == 0


def test_other_files_are_counted(tmp_path: Path) -> None:
    images = fill(tmp_path / "images", "a.jpg", "notes.txt", "sub/table.csv")

    assert find_sources(images, tmp_path / "out").skipped == 2


@pytest.mark.parametrize(
    ("name", "label_map"), [("cat.jpg", "cat.png"), ("2007.63", "2007.63.png"), ("cat", "cat.png")]
)
def test_a_single_file_is_an_image_whatever_its_name(
    name: str, label_map: str, tmp_path: Path
) -> None:
    images = fill(tmp_path / "images", name, "other.jpg")

    found = find_sources(images / name, tmp_path / "out")

    assert [s.label_map for s in found.images] == [tmp_path / "out" / label_map]
    assert found.images[0].listed == name


def test_results_inside_the_folder_of_images_are_not_predicted_again(tmp_path: Path) -> None:
    fill(tmp_path, "a.jpg", "out/a.png", "out/overlays/a.jpg", "outside/b.jpg")

    found = find_sources(tmp_path, tmp_path / "out")

    assert [source.listed for source in found.images] == ["a.jpg", "outside/b.jpg"]
    assert found.skipped == 2


def test_results_in_a_folder_above_the_images_leave_no_image_out(tmp_path: Path) -> None:
    fill(tmp_path, "in/a.jpg", "in/in/b.jpg")

    found = find_sources(tmp_path / "in", tmp_path)

    assert [source.listed for source in found.images] == ["a.jpg", "in/b.jpg"]


def test_a_single_image_in_the_folder_of_results_is_predicted(tmp_path: Path) -> None:
    fill(tmp_path, "a.jpg")

    found = find_sources(tmp_path / "a.jpg", tmp_path)

    assert [source.label_map for source in found.images] == [tmp_path / "a.png"]


def test_overlays_never_meet_label_maps(tmp_path: Path) -> None:
    images = fill(tmp_path / "images", "a.jpg", "overlays/a.jpg", "overlays/overlays/a.png")

    found = find_sources(images, tmp_path / "out").images

    files = [place for source in found for place in (source.label_map, source.overlay)]
    assert len(set(files)) == 6


def test_two_images_of_one_label_map_are_refused(tmp_path: Path) -> None:
    images = fill(tmp_path / "images", "a.jpg", "a.png", "b.jpg", "b.tif", "c.jpg")

    message = r"a\.jpg and a\.png would both become .*out/a\.png; rename one .*\(2 such label maps"
    with pytest.raises(DataError, match=message):
        find_sources(images, tmp_path / "out")


def test_results_beside_their_images_are_refused(tmp_path: Path) -> None:
    images = fill(tmp_path / "images", "a.jpg")

    with pytest.raises(DataError, match=r"images: label maps beside their images .* choose anoth"):
        find_sources(images, tmp_path / "sub/../images")


def test_an_image_is_never_overwritten(tmp_path: Path) -> None:
    fill(tmp_path, "in/a.png", "in/in/a.jpg", "b.png")

    message = r"a\.png: the label map of in/a\.jpg would take the place of an image; choose"
    with pytest.raises(DataError, match=message):
        find_sources(tmp_path / "in", tmp_path)
    with pytest.raises(DataError, match=r"b\.png: the label map of b\.png would take the place"):
        find_sources(tmp_path / "b.png", tmp_path)


def test_a_file_in_place_of_the_folder_of_results_is_refused(tmp_path: Path) -> None:
    images = fill(tmp_path / "images", "a.jpg")

    with pytest.raises(DataError, match=r"a file lies where the folder of the results shall be"):
        find_sources(images, images / "a.jpg")


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    images = fill(tmp_path / "images", "a.txt")

    message = r"images: holds no image \(other files: 1\); image files end in \.bmp, \.gif, \.jpeg"
    with pytest.raises(DataError, match=message):
        find_sources(images, tmp_path / "out")


def test_an_absent_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent: there is no such file or folder"):
        find_sources(tmp_path / "absent", tmp_path / "out")
