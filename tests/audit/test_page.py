"""The page of an audit as a reader's program sees it."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from decouplednet.annotations.record import Record
from decouplednet.audit.evidence import UNKNOWN
from decouplednet.audit.look import Picture
from decouplednet.audit.outcome import Audit
from decouplednet.audit.page import PARTS, class_rows, entries, write_page
from decouplednet.audit.suspicion import Kind, Suspicion
from decouplednet.report.pictures import label_map_picture, photograph
from tests.report.reader import Page

EVIL = "<script>alert(1)</script>"


def row(image: str, name: str, kind: Kind, suspicion: float, *tags: str) -> Suspicion:
    record = Record(image, Path(f"images/{image}.jpg"), frozenset(tags), None)
    return Suspicion(record, name, kind, suspicion, 0.61, 0.4, 0.254, UNKNOWN)


def an_audit(*ranked: Suspicion, failures: tuple[str, ...] = ()) -> Audit:
    return Audit(
        data="photographs",
        model_classes=("cat", "cow", EVIL),
        tagged={"cat": 12, EVIL: 7},
        images=31,
        ranked=ranked,
        unjudged=(EVIL,),
        failures=failures,
    )


RANKED = (
    row("a", EVIL, "missing", 0.93, "cat"),
    row(EVIL, "cat", "wrong", 0.72, "cat", EVIL),
    row("a", "cat", "wrong", 0.51, "cat"),
    row("far", "cat", "missing", 0.2),
)


@pytest.fixture
def pictures() -> dict[str, Picture]:
    image = np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    labels = (image[..., 0] > 99).astype(np.uint8)
    picture = Picture(photograph(image), label_map_picture(labels), ("cat",))
    return {"a": picture, EVIL: picture}


def test_images_come_in_the_order_of_their_most_probable_fault(
    pictures: dict[str, Picture],
) -> None:
    shown = entries(an_audit(*RANKED), pictures)

    assert [(entry.rank, entry.image, entry.tags) for entry in shown] == [
        (1, "a.jpg", ("cat",)),
        (2, f"{EVIL}.jpg", ("cat", EVIL)),
    ]
    assert [one.name for one in shown[0].suspicions] == [EVIL, "cat"]


def test_a_class_counts_the_faults_that_are_more_probable_than_not() -> None:
    rows = class_rows(an_audit(*RANKED))

    assert [(each.name, each.index, each.tagged, each.missing, each.wrong) for each in rows] == [
        ("cat", 1, 12, 0, 2),
        (EVIL, 3, 7, 1, 0),
    ]


def test_the_page_says_what_was_found(pictures: dict[str, Picture]) -> None:
    page = Page(write_page(an_audit(*RANKED, failures=("b.png: broken",)), pictures).decode())

    for text in (
        "photographs",
        "31 with tags",
        "3 of suspicion 0.5 and more",
        "4 in audit.csv",
        f"Judged by the model alone: {EVIL}, for want of",
        "Left out: 1 image, which could not be read: b.png: broken",
        "1. a.jpg",
        f"2. {EVIL}.jpg",
        f"Look for {EVIL}; if it is there, add the tag {EVIL}.",
        "Look for cat; if it is not there, remove the tag cat.",
        "0.930",
        "25 %",
    ):
        assert text in page.words
    assert "far" not in page.words


def test_the_page_needs_no_network_and_no_script_and_every_picture_is_described(
    pictures: dict[str, Picture],
) -> None:
    page = Page(write_page(an_audit(*RANKED), pictures).decode())

    assert page.all("script") == page.all("link") == []
    images = page.all("img")
    assert len(images) == 4
    assert all(str(each["src"]).startswith("data:image/") for each in images)
    assert images[0]["alt"] == "a.jpg, tagged cat"
    assert images[1]["alt"] == "Label map of a.jpg, told cat"
    policy = next(each for each in page.all("meta") if "http-equiv" in each)
    assert policy["content"] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert [each["id"] for each in page.all("section")] == [part.anchor for part in PARTS]
    boxes = [each for each in page.all("div") if each.get("class") == "scroll"]
    assert len(boxes) >= len(page.all("table")) > 2


def test_without_a_suspicion_the_page_says_so() -> None:
    page = Page(write_page(an_audit(), {}).decode())

    assert "No tag is suspicious." in page.words
    assert page.all("img") == []


def test_every_section_has_its_template_and_no_template_is_left_over() -> None:
    templates = files("decouplednet.audit") / "templates" / "parts"

    assert {f"{part.anchor}.html" for part in PARTS} == {path.name for path in templates.iterdir()}
