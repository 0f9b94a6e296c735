import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from decouplednet.errors import DataError
from decouplednet.serve import images, limits
from decouplednet.serve.images import ImageSources
from decouplednet.serve.label_studio import LabelStudio
from tests.serve.conftest import noise
from tests.serve.label_studio import LEGACY, fake_label_studio

ELSEWHERE = (
    "the image's host is not that of LABEL_STUDIO_URL, and nothing is fetched from elsewhere"
)
EXPECTED = (
    "expected /data/upload/... or /data/local-files/?d=..., one of these at Label Studio's host, "
    "or a data: URI"
)


def png(seed: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(noise(seed)).save(buffer, "PNG")
    return buffer.getvalue()


def uri(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()


def refusal(sources: ImageSources, address: str) -> str:
    with pytest.raises(DataError) as refused:
        sources.read(address)
    return str(refused.value)


def test_local_files_are_read_below_the_folder(root: Path) -> None:
    sources = ImageSources(root, None)

    assert np.array_equal(sources.read("/data/local-files/?d=a.png"), noise(0))
    assert np.array_equal(sources.read("/data/local-files?d=sub/b%20c.png"), noise(1))


def test_local_files_may_be_named_with_label_studios_host(root: Path) -> None:
    with fake_label_studio({}) as there:
        sources = ImageSources(root, LabelStudio(there.address, LEGACY))

        pixels = sources.read(f"{there.address}/data/local-files/?d=a.png")

    assert np.array_equal(pixels, noise(0))
    assert there.asked == []


def test_uploads_and_local_files_without_a_folder_are_fetched() -> None:
    files = {"/data/upload/1/a.png": png(2), "/data/local-files/?d=b.png": png(3)}
    with fake_label_studio(files) as there:
        sources = ImageSources(None, LabelStudio(there.address, LEGACY))

        assert np.array_equal(sources.read("/data/upload/1/a.png"), noise(2))
        assert np.array_equal(sources.read(f"{there.address}/data/upload/1/a.png"), noise(2))
        assert np.array_equal(sources.read("/data/local-files/?d=b.png"), noise(3))


def test_a_data_uri_holds_its_image() -> None:
    sources = ImageSources(None, None)

    assert np.array_equal(sources.read(uri(png(4))), noise(4))
    assert np.array_equal(sources.read(uri(png(4)).replace("=", "%3D")), noise(4))


def test_images_are_turned_upright() -> None:
    picture = Image.fromarray(noise(5))
    exif = picture.getexif()
    exif[274] = 6  # a quarter turn to the right
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", exif=exif)

    pixels = ImageSources(None, None).read(uri(buffer.getvalue()))

    assert np.array_equal(pixels, np.rot90(noise(5), -1))


def test_nothing_is_fetched_from_elsewhere(root: Path) -> None:
    with fake_label_studio({"/data/upload/1/a.png": png()}) as elsewhere:
        address = f"{elsewhere.address}/data/upload/1/a.png"
        for known in (None, LabelStudio("http://localhost:8080", LEGACY)):
            assert refusal(ImageSources(root, known), address) == ELSEWHERE
        assert elsewhere.asked == []


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("//evil.example/data/a.png", f"addresses of no scheme: are not read; {EXPECTED}"),
        ("s3://bucket/a.png", f"addresses of s3: are not read; {EXPECTED}"),
        ("file:///etc/passwd", f"addresses of file: are not read; {EXPECTED}"),
        ("/etc/passwd", f"the image's address is of no known kind; {EXPECTED}"),
        ("a.png", f"the image's address is of no known kind; {EXPECTED}"),
        ("", f"the image's address is of no known kind; {EXPECTED}"),
        ("http://[", f"the image's address is none; {EXPECTED}"),
        ("/data/upload/1/a.png", "the image lies in Label Studio; set LABEL_STUDIO_URL"),
        (
            "/data/local-files/?d=../secret",
            "the path of a local file leads out of --images",
        ),
        (
            "/data/local-files/?p=a.png",
            "the address of a local file names none; expected /data/local-files/?d=...",
        ),
        (
            "/data/local-files/?d=a.png&d=b.png",
            "the address of a local file names none; expected /data/local-files/?d=...",
        ),
        (
            "data:image/png,abc",
            "a data: URI of an image ends its type with ;base64, before a comma",
        ),
        (
            "data:image/png;base64",
            "a data: URI of an image ends its type with ;base64, before a comma",
        ),
        ("data:image/png;base64,a$b=", "a data: URI holds signs that are not base64"),
        (uri(b""), "the image: not a readable image: the file is empty"),
        (
            uri(b"<svg/>"),
            "the image: not a readable image: its content is of no known image format",
        ),
    ],
)
def test_what_is_no_image_to_read_is_refused(root: Path, address: str, message: str) -> None:
    (root.parent / "secret").write_bytes(png())

    assert refusal(ImageSources(root, None), address) == message


def test_without_a_folder_and_label_studio_both_are_named() -> None:
    assert refusal(ImageSources(None, None), "/data/local-files/?d=a.png") == (
        "the image lies in Label Studio; set LABEL_STUDIO_URL or --images"
    )


def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(images, "MOST_PIXELS", 37 * 53 - 1)
    broken = png()[:200]  # its size can be read, its pixels cannot

    assert refusal(ImageSources(None, None), uri(broken)) == (
        "the image: not a readable image: it has 53 x 37 pixels; at most 1960"
    )


def test_a_data_uri_that_is_too_large_is_refused_before_it_is_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "MOST_IMAGE_BYTES", 9)

    assert refusal(ImageSources(None, None), "data:;base64," + "$" * 16) == (
        "the image's file has more than 9 bytes"
    )
    assert refusal(ImageSources(None, None), "data:;base64," + "$" * 12) == (
        "a data: URI holds signs that are not base64"
    )


def test_a_format_that_is_not_listed_is_refused() -> None:
    buffer = io.BytesIO()
    Image.fromarray(noise()).save(buffer, "PPM")

    message = refusal(ImageSources(None, None), uri(buffer.getvalue()))

    assert re.fullmatch("the image: not a readable image: its content is of no .* format", message)
