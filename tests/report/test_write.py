import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from decouplednet.errors import DataError, DeviceError, ModelError
from decouplednet.report.write import write_report
from tests.report.fake_run import NAMES, FakeRun, fake_run, write_curves
from tests.report.reader import Page


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> FakeRun:
    return fake_run(tmp_path_factory.mktemp("fake"))


@pytest.fixture
def copied(fake: FakeRun, tmp_path: Path) -> FakeRun:
    run = tmp_path / "copied"
    shutil.copytree(fake.run, run, ignore=shutil.ignore_patterns("report.html"))
    return FakeRun(run, fake.data)


@pytest.fixture(scope="module")
def page(fake: FakeRun) -> Page:
    beside = fake.run.parent / "beside"
    beside.mkdir()
    shutil.copy(fake.run / "metrics.json", beside)
    write_curves(beside / "curves.csv", {"segmenter": 60}, falls=1.5)

    path = write_report(fake.run, comparison={"masks <only>": beside}, device="cpu")

    assert path == fake.run / "report.html"
    return Page(path.read_text(encoding="utf-8"))


def change_facts(run: Path, **changes: Any) -> None:
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(facts | changes))


def test_the_page_is_one_file_that_needs_no_network_and_no_script(page: Page) -> None:
    addresses = [
        address
        for _, attributes in page.found
        for name in ("src", "srcset", "href")
        if (address := attributes.get(name))
    ]

    assert addresses
    assert all(address.startswith(("data:image/", "#")) for address in addresses)
    assert page.all("script") == page.all("link") == []
    policy = next(each for each in page.all("meta") if "http-equiv" in each)
    assert policy["content"] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_the_page_can_be_found_through_by_its_structure(page: Page) -> None:
    assert page.all("html")[0]["lang"] == "en"
    for landmark in ("header", "nav", "main", "footer", "h1"):
        assert len(page.all(landmark)) == 1
    identifiers = Counter(each["id"] for _, each in page.found if "id" in each)
    assert max(identifiers.values()) == 1
    targets = [str(each["href"])[1:] for each in page.all("a")]
    assert set(targets) <= set(identifiers)
    sections = page.all("section")
    assert [each["id"] for each in sections] == targets[1:]  # the first link skips the contents
    assert all(each["aria-labelledby"] in identifiers for each in sections)


def test_every_picture_is_described(page: Page) -> None:
    assert all(each["alt"] for each in page.all("img"))
    words = [str(each["alt"]) for each in page.all("img")]
    assert "Activation map of cat over masked/0: " in " ".join(words)
    assert any(text.startswith("Map of dog over masked/2; it wins ") for text in words)
    assert "Mask of masked/1: cow & calf, dog" in words


def test_charts_come_for_light_and_dark_pages(page: Page) -> None:
    sources = page.all("source")
    assert len(sources) == len(page.all("picture")) == 5
    assert {each["media"] for each in sources} == {"(prefers-color-scheme: dark)"}


def test_wide_content_scrolls_in_a_box_that_the_keyboard_reaches(page: Page) -> None:
    boxes = [each for each in page.all("div") if each.get("class") == "scroll"]
    assert len(boxes) >= len(page.all("table"))
    assert all(each["tabindex"] == "0" and each["aria-label"] for each in boxes)


def test_a_box_with_more_than_it_shows_has_a_shade_at_its_edge() -> None:
    style = (files("decouplednet.report") / "templates/report.css").read_text(encoding="utf-8")
    assert re.search(r"\.scroll \{ overflow-x: auto;[^}]*linear-gradient[^}]*scroll; \}", style)


def test_the_summary_says_what_was_measured_and_how(fake: FakeRun, page: Page) -> None:
    scores = json.loads((fake.run / "metrics.json").read_text())
    for name in ("predicted_tags", "true_tags"):
        assert f"{scores[name]['miou']:.3f}" in page.words
    for text in (
        "over 4 classes, background counted",
        "IoU = I / (T + P - I) on totals over all images",
        "Images that gave tags 7",
        "Images that gave masks 2",
        "Images kept for scoring 3",
        "stage 1, tags: 1 min 11 s; stage 2, masks: 3.2 s",
        "Seed 3",
        "decouplednet 0.1.0, torch 2.13.0",
        "0123456789ab",
        "cpu, 32-true",
    ):
        assert text in page.words


def test_scores_curves_and_settings_are_on_the_page(page: Page) -> None:
    for text in (
        "Stage 1, tags",
        "Stage 2, masks",
        "Had the loss come to rest?",
        "IoU of the asked-for classes on the training masks that were held out",
        "Most frequent mistakes",
        "Average precision of each class",
        "20 % and more",
        "2 classes",
        "fixes every random choice of the run",
    ):
        assert text in page.words
    for name in NAMES:
        assert name in page.words


def test_too_few_updates_are_a_sentence_and_no_empty_table(copied: FakeRun) -> None:
    write_curves(copied.run / "curves.csv", {"classifier": 19, "segmenter": 20})

    page = Page((write_report(copied.run, pictures=False)).read_text(encoding="utf-8"))

    assert (
        page.words.count("Too few updates to tell whether the loss had come to rest; it takes 20")
        == 1
    )
    assert page.words.count("Had the loss come to rest?") == 1


def test_figures_come_with_their_numbers_and_their_rule(page: Page) -> None:
    assert "over 15 maps of 10 images" in page.words
    assert re.search(r"g, wherever 0\.\d+ 0\.\d+ [+-]0\.\d+", page.words)
    assert "separates the images of the class from those of the other classes best" in page.words
    assert page.words.count("Only 5 such images were found.") == 3


def test_another_run_stands_beside_it(page: Page) -> None:
    assert "Beside other runs" in page.words
    assert page.words.count("masks <only>") >= 3  # the scores, the legend, the end of the curve


def test_names_cannot_break_out_of_the_page(copied: FakeRun) -> None:
    evil = "<script>alert(1)</script>"
    change_facts(copied.run, seconds={evil: 1.0}, commit='"><img src=x>')

    text = write_report(copied.run, pictures=False).read_text()

    page = Page(text)
    assert page.all("script") == []
    assert all(str(each["src"]).startswith("data:") for each in page.all("img"))
    assert evil in page.words


def test_without_pictures_neither_data_nor_model_is_needed(copied: FakeRun) -> None:
    change_facts(copied.run, data="/gone/elsewhere")
    shutil.rmtree(copied.run / "model")

    page = Page(write_report(copied.run, pictures=False).read_text())

    assert "This page has no pictures, because it was asked to do without" in page.words
    assert "Confusion matrix" in page.words
    assert len(page.all("img")) == len(page.all("picture"))  # the charts of the curves
    assert "Beside other runs" not in page.words


def test_pictures_without_the_data_set_are_refused_in_one_line(copied: FakeRun) -> None:
    change_facts(copied.run, data="/gone/elsewhere")

    again = f"decouplednet report {re.escape(str(copied.run))}"
    message = (
        rf"/gone/elsewhere: the data set of .*copied is not there.*: {again} --data DATA, or do "
        rf"without: {again} --no-pictures$"
    )
    with pytest.raises(DataError, match=message):
        write_report(copied.run)
    assert not (copied.run / "report.html").exists()


def test_a_data_set_that_was_moved_can_be_named(copied: FakeRun, tmp_path: Path) -> None:
    shutil.copytree(copied.data, tmp_path / "moved")
    change_facts(copied.run, data="/gone/elsewhere")

    page = Page(write_report(copied.run, data=tmp_path / "moved").read_text())

    assert "Activation maps" in page.words


def test_an_image_that_the_data_set_lost_is_named(copied: FakeRun) -> None:
    scores = json.loads((copied.run / "metrics.json").read_text())
    scores["predicted_tags"]["per_image"][0]["name"] = "masked/lost"
    (copied.run / "metrics.json").write_text(json.dumps(scores))

    with pytest.raises(DataError, match=r"data: there is no image 'masked/lost'"):
        write_report(copied.run)


def test_images_may_be_recorded_with_their_extension(copied: FakeRun) -> None:
    facts = json.loads((copied.run / "run.json").read_text())
    roles = {role: [f"{name}.png" for name in names] for role, names in facts["roles"].items()}
    change_facts(copied.run, roles=roles)

    assert "Activation maps" in Page(write_report(copied.run).read_text()).words


def test_a_data_set_that_lost_its_classes_is_refused(copied: FakeRun, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(copied.data, data)
    (data / "classes.txt").write_text("pig\nhen\nape\n")
    rows = (data / "tags.csv").read_text().splitlines()
    (data / "tags.csv").write_text(
        "\n".join([rows[0], *(f"{row.split(',')[0]},pig" for row in rows[1:])])
    )
    (copied.run / "metrics.json").write_text("{}")
    change_facts(copied.run, data=str(data))

    with pytest.raises(DataError, match="no image of the run shows a class of its model any more"):
        write_report(copied.run)


def test_a_run_that_was_not_scored_says_so(copied: FakeRun) -> None:
    (copied.run / "metrics.json").write_text("{}")

    page = Page(write_report(copied.run).read_text())

    assert "Not scored. This run kept no image" in page.words
    assert "Confusion matrix" not in page.words
    assert "Best and worst images" not in page.words
    assert "Class maps" in page.words


def test_scores_without_true_tags_are_shown_alone(copied: FakeRun) -> None:
    path = copied.run / "metrics.json"
    path.write_text(json.dumps({"predicted_tags": json.loads(path.read_text())["predicted_tags"]}))

    page = Page(write_report(copied.run, pictures=False).read_text())

    assert "Predicted tags (solid)" in page.words
    assert "True tags (hatched)" not in page.words


def test_images_that_could_not_be_scored_are_named(copied: FakeRun) -> None:
    path = copied.run / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["predicted_tags"] |= {"failures": ["a.png: broken"], "images_without_mask": 2}
    path.write_text(json.dumps(metrics))

    page = Page(write_report(copied.run, pictures=False).read_text())

    assert "2 images without a mask, 1 that could not be read: a.png: broken" in page.words


def test_an_image_that_could_not_be_scored_does_not_stop_the_page(
    copied: FakeRun, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(copied.data, data)
    (data / "images" / "masked" / "1.png").write_bytes(b"cut short")
    change_facts(copied.run, data=str(data))
    path = copied.run / "metrics.json"
    metrics = json.loads(path.read_text())
    for scores in metrics.values():
        scores["per_image"] = [each for each in scores["per_image"] if each["name"] != "masked/1"]
    path.write_text(json.dumps(metrics))

    page = Page(write_report(copied.run).read_text())

    assert "masked/0" in page.words
    assert "masked/1" not in page.words


def test_scored_images_that_also_taught_are_pointed_out(copied: FakeRun) -> None:
    roles = json.loads((copied.run / "run.json").read_text())["roles"]
    change_facts(copied.run, roles=roles | {"tags": [*roles["tags"], roles["validation"][0]]})

    page = Page(write_report(copied.run, pictures=False).read_text())

    assert "Caution: 1 of the scored images also gave tags or masks" in page.words


def test_progress_sees_the_lists_of_images(copied: FakeRun) -> None:
    seen: list[int] = []

    def progress(items: Sequence[Any]) -> Iterable[Any]:
        seen.append(len(items))
        return items

    write_report(copied.run, progress=progress)

    assert sorted(seen) == [3, 3, 6]  # scored images, batches of activation maps, class maps


def test_an_absent_device_is_refused(copied: FakeRun) -> None:
    with pytest.raises(DeviceError, match="device 'tpu' is none of auto, cpu, cuda"):
        write_report(copied.run, device="tpu")


def test_a_damaged_model_is_refused(copied: FakeRun) -> None:
    (copied.run / "model" / "model.json").write_text("{")

    with pytest.raises(ModelError, match=r"model\.json"):
        write_report(copied.run)


def test_only_as_many_runs_are_compared_as_can_be_told_apart(copied: FakeRun) -> None:
    others = {str(number): copied.run for number in range(4)}

    with pytest.raises(DataError, match="4 runs to compare; a page shows at most 3 beside its own"):
        write_report(copied.run, comparison=others)
    with pytest.raises(DataError, match="'this run' is the page's own run; give the other run"):
        write_report(copied.run, comparison={"this run": copied.run})


def test_an_unfinished_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no run\.json, so it is no run"):
        write_report(tmp_path)
