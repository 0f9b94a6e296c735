import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from decouplednet.annotations.image_files import find_images, name_of
from decouplednet.annotations.images import allowing_pixels, image_size, read_image
from decouplednet.errors import DataError
from tests.annotations import folders

ORIENTATION = 274
# Where the corners (top left, top right, bottom right, bottom left) of the stored picture come to
# lie when it is shown, by EXIF 2.32, tag 274: "row 0 is ..., column 0 is ...".
SHOWN = {
    1: "ABCD",
    2: "BADC",
    3: "CDAB",
    4: "DCBA",
    5: "ADCB",
    6: "DABC",
    7: "CBAD",
    8: "BCDA",
}
CORNERS = {"A": 10, "B": 80, "C": 150, "D": 220}


def corners(path: Path) -> str:
    pixels = read_image(path)[..., 0]
    found = (pixels[0, 0], pixels[0, -1], pixels[-1, -1], pixels[-1, 0])
    return "".join(min(CORNERS, key=lambda name: abs(CORNERS[name] - int(v))) for v in found)


@pytest.mark.parametrize("orientation", SHOWN)
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_pictures_are_turned_as_their_exif_says(
    tmp_path: Path, orientation: int, suffix: str
) -> None:
    pixels = np.zeros((32, 48), dtype=np.uint8)
    pixels[:16, :24], pixels[:16, 24:] = CORNERS["A"], CORNERS["B"]
    pixels[16:, 24:], pixels[16:, :24] = CORNERS["C"], CORNERS["D"]
    path = tmp_path / f"a{suffix}"
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(pixels).save(path, exif=exif)

    assert corners(path) == SHOWN[orientation]
    assert image_size(path) == read_image(path).shape[:2]
    assert image_size(path) == ((48, 32) if orientation > 4 else (32, 48))


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]  # any option of any format
    return path


@pytest.mark.parametrize(
    ("name", "image", "expected"),
    [
        ("grey.png", Image.new("L", (2, 3), 77), (77, 77, 77)),
        ("one-bit.png", Image.new("1", (2, 3), 1), (255, 255, 255)),
        ("rgb.bmp", Image.new("RGB", (2, 3), (1, 2, 3)), (1, 2, 3)),
        ("opaque.png", Image.new("RGBA", (2, 3), (1, 2, 3, 255)), (1, 2, 3)),
        ("clear.png", Image.new("RGBA", (2, 3), (1, 2, 3, 0)), (255, 255, 255)),
        ("half.png", Image.new("LA", (2, 3), (0, 51)), (204, 204, 204)),
        ("sixteen.png", Image.fromarray(np.full((3, 2), 257 * 9, np.uint16)), (9, 9, 9)),
        ("sixteen.tif", Image.fromarray(np.full((3, 2), 65535, np.uint16)), (255, 255, 255)),
        ("ink.tif", Image.new("CMYK", (2, 3), (255, 0, 0, 0)), (0, 255, 255)),
        ("web.webp", Image.new("RGB", (2, 3), (0, 0, 0)), (0, 0, 0)),
    ],
)
def test_every_kind_of_picture_becomes_red_green_blue(
    tmp_path: Path, name: str, image: Image.Image, expected: tuple[int, int, int]
) -> None:
    pixels = read_image(save(tmp_path / name, image))

    assert pixels.shape == (3, 2, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    assert np.abs(pixels.astype(int) - expected).max() <= 1


def test_palette_pictures_show_their_colours_and_their_holes(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], dtype=np.uint8))
    image.putpalette([9, 8, 7, 200, 100, 50, 1, 2, 3])

    pixels = read_image(save(tmp_path / "a.png", image, transparency=2))

    assert pixels.tolist() == [[[9, 8, 7], [200, 100, 50], [255, 255, 255]]]


def test_a_cut_picture_is_refused_by_name(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    for name in ("a.jpg", "a.png"):
        path = save(tmp_path / name, Image.fromarray(noise))
        path.write_bytes(path.read_bytes()[:-700])

        with pytest.raises(DataError, match=rf"{name}: not a readable image: .*truncated"):
            read_image(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"<html>not found</html>", "its content is of no known image format"),
        (None, "there is no such file"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "a.jpg"
    if content is not None:
        path.write_bytes(content)

    for read in (read_image, image_size):
        with pytest.raises(DataError, match=rf"a\.jpg: not a readable image: {reason}$"):
            read(path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")

    assert find_images(tmp_path).images == (tmp_path / "a.jpg",)
    with pytest.raises(DataError, match=r"a\.jpg: not a readable image: it is no regular file$"):
        read_image(tmp_path / "a.jpg")


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    for name in ("a.jpg", "folder"):
        (tmp_path / name).symlink_to(tmp_path / name)

    found = find_images(tmp_path)

    assert (found.images, found.skipped) == ((tmp_path / "a.jpg",), (tmp_path / "folder",))
    with pytest.raises(DataError, match=r"a\.jpg: not a readable image: Too many levels of sym"):
        read_image(tmp_path / "a.jpg")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("junk", [b"", b"junk", b"II*\0\x08\0\0\0\x02\0\x12\x01\x03\0\x01\0\0\0"])
def test_damaged_exif_leaves_a_picture_as_it_is_stored(
    tmp_path: Path, suffix: str, junk: bytes
) -> None:
    path = save(tmp_path / f"a{suffix}", Image.new("RGB", (2, 3)), exif=b"Exif\0\0" + junk)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert read_image(path).shape == (3, 2, 3)
        assert image_size(path) == (3, 2)
    assert caught == []


@pytest.mark.parametrize("limit", [30, 12])  # Pillow warns up to twice the limit, then raises
def test_a_decompression_bomb_is_refused_without_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    path = folders.image(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(DataError, match=f"not a readable image: more than {limit} pixels"):
            read_image(path)
    assert caught == []


def test_numbers_without_a_range_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tif", Image.new("F", (2, 3)))

    with pytest.raises(DataError, match=r"numbers have no known range \(mode F\); save it with 8"):
        read_image(path)


def test_a_camera_s_previews_do_not_count(tmp_path: Path) -> None:
    pages = [Image.new("RGB", (16, 8), (grey,) * 3) for grey in (100, 200)]
    path = save(tmp_path / "a.jpg", pages[0], format="MPO", save_all=True, append_images=pages[1:])

    assert abs(int(read_image(path)[0, 0, 0]) - 100) <= 1


def test_images_are_found_below_and_all_other_files_are_skipped(tmp_path: Path) -> None:
    kept = [tmp_path / "b.PNG", tmp_path / "sub" / "a.jpeg", tmp_path / "sub" / "deep" / "c.webp"]
    other = [tmp_path / ".DS_Store", tmp_path / "notes.txt", tmp_path / "sub" / "._a.jpg"]
    for path in (*kept, *other, tmp_path / ".hidden" / "d.jpg"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    found = find_images(tmp_path)

    assert found.images == tuple(kept)
    assert found.skipped == tuple(other)


def test_photographs_of_other_formats_are_told_from_other_files(tmp_path: Path) -> None:
    for name in ("a.HEIC", "b.dng", "b.jpg", "notes.txt", "._c.heic"):
        (tmp_path / name).touch()

    assert find_images(tmp_path).unread == (tmp_path / "a.HEIC",)  # b.jpg stands for b.dng


def test_one_file_is_found_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "photo").touch()

    assert find_images(tmp_path / "photo").images == (tmp_path / "photo",)


def test_a_link_that_leads_back_is_not_followed_and_others_are(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.jpg").touch()
    (tmp_path / "a" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "b").symlink_to(tmp_path / "a", target_is_directory=True)

    assert find_images(tmp_path).images == (
        tmp_path / "a" / "x.jpg",
        tmp_path / "b" / "x.jpg",
    )


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none: there is no such file or folder"):
        find_images(tmp_path / "none")


def test_a_folder_that_may_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", deny)

    with pytest.raises(DataError, match=f"{tmp_path.name}: cannot be read: Permission denied"):
        find_images(tmp_path)


def test_a_name_that_no_list_could_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg"))
    monkeypatch.setattr("decouplednet.annotations.image_files._walk", lambda *_: iter([named]))

    with pytest.raises(DataError, match=r"caf\\xe9\.jpg': a file name that is not UTF-8; rename"):
        find_images(tmp_path)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.jpg", "a"),
        ("./sub/a.TIFF", "sub/a"),
        (" a.b ", "a.b"),
        (".jpg", ".jpg"),
        ("sub\\a", "sub/a"),
    ],
)
def test_names_lose_only_the_extensions_of_images(path: str, name: str) -> None:
    assert name_of(path) == name


def test_more_pixels_may_be_read_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (9, 8)).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 71)

    with allowing_pixels(0), pytest.raises(DataError, match=r"more than 71 pixels$"):
        read_image(tmp_path / "large.png")
    with allowing_pixels(72):
        assert read_image(tmp_path / "large.png").shape == (8, 9, 3)
    with pytest.raises(DataError, match=r"more than 71 pixels$"):
        read_image(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)  # as some programs set it
    with allowing_pixels(1):
        assert read_image(tmp_path / "large.png").shape == (8, 9, 3)
