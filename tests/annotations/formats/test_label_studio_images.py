import re

import pytest

from decouplednet.annotations.formats.label_studio_images import (
    image_of,
    listed_image,
    uploaded_name,
    without_upload_digits,
)
from decouplednet.annotations.formats.refusals import ImageRefusedError


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/data/upload/3/0a1b2c3d-cow.jpg", "0a1b2c3d-cow.jpg"),
        ("/data/upload/3/0a1b2c3d-K%C3%BChe%201.jpg", "0a1b2c3d-Kühe 1.jpg"),
        ("/data/local-files/?d=farm/2024/cow.jpg", "farm/2024/cow.jpg"),
        ("/data/local-files/?d=farm%2Fcow%201.jpg", "farm/cow 1.jpg"),
        ("/data/local-files/?d=..%2F..%2Fetc%2Fcow.jpg", "etc/cow.jpg"),
        ("/data/local-files/", ""),
        ("s3://pictures/farm/cow.jpg", "farm/cow.jpg"),
        ("https://example.org/farm/cow.jpg?X-Amz-Signature=1/2.jpg", "farm/cow.jpg"),
        ("http://[nohost/cow.jpg", ""),
        ("images/cow.jpg", "images/cow.jpg"),
        (r"C:\photos\cow.jpg", "photos/cow.jpg"),
    ],
)
def test_addresses_are_paths_within_the_data_set(address: str, name: str) -> None:
    assert listed_image(address) == name


@pytest.mark.parametrize(
    ("listed", "name"),
    [
        ("0a1b2c3d-cow.jpg", "cow.jpg"),
        ("farm/0a1b2c3d-cow.jpg", "farm/cow.jpg"),
        ("0a1b2c3d-0a1b2c3d-cow.jpg", "0a1b2c3d-cow.jpg"),
        ("0A1B2C3D-cow.jpg", "0A1B2C3D-cow.jpg"),  # the digits are written small
        ("0a1b2c3-cow.jpg", "0a1b2c3-cow.jpg"),
        ("cow.jpg", "cow.jpg"),
        ("0a1b2c3d-", "0a1b2c3d-"),
    ],
)
def test_the_digits_of_an_upload_can_be_taken_off(listed: str, name: str) -> None:
    assert without_upload_digits(listed) == name


def test_uploads_are_called_as_django_calls_them() -> None:
    assert uploaded_name(" my cow (1)+é.jpg ") == "my_cow_1é.jpg"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({"image": "cow.JPG", "thumbnail": "small.png"}, "cow.JPG"),
        ({"img": "cow.jpg", "other": "small.png"}, "cow.jpg"),
        ({"photo": "cow.jpg", "caption": "a cow.", "number": 7}, "cow.jpg"),
        ({"image": "/data/upload/3/0a1b2c3d-cow"}, "0a1b2c3d-cow"),
    ],
)
def test_the_image_of_a_task_is_found_in_its_data(data: dict[str, object], name: str) -> None:
    assert image_of(data) == name


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        (
            {"pages": ["a.jpg", "b.jpg"]},
            "several-images",
            "it holds a list of pictures; make one task for each of them",
        ),
        (
            {"right": "a.jpg", "left": "b.jpg"},
            "several-images",
            "left, right are addresses of pictures; call the one that was annotated 'image'",
        ),
        (
            {"text": "no picture", "image": 7, "list": [1]},
            "no-image-named",
            "its data holds no address of an image; export the whole task",
        ),
    ],
)
def test_a_task_of_no_image_or_several_is_refused(
    data: dict[str, object], code: str, message: str
) -> None:
    with pytest.raises(ImageRefusedError, match=f"^{re.escape(message)}$") as refused:
        image_of(data)
    assert refused.value.code == code
