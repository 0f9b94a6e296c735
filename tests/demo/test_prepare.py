"""The pictures in the package: credited one by one, small, and made as the credits say."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from decouplednet.demo import sources
from decouplednet.demo.prepare import ATTRIBUTION, attribution, cutouts, prepare
from decouplednet.demo.stock import asset_names, open_stock, read_attribution


def test_the_credits_list_every_asset_and_no_other() -> None:
    credited = re.findall(r"^\| ([\w.-]+\.(?:png|jpg)) \|", attribution(), re.MULTILINE)
    assert sorted([*credited, ATTRIBUTION]) == asset_names()
    assert len(set(credited)) == len(credited)


def test_the_credits_in_the_package_are_those_of_the_sources() -> None:
    assert read_attribution().decode() == attribution()


@pytest.mark.parametrize("photograph", sources.PHOTOGRAPHS, ids=lambda photograph: photograph.name)
def test_each_photograph_is_credited_with_author_licence_and_change(
    photograph: sources.Photograph,
) -> None:
    (row,) = (line for line in attribution().splitlines() if f"| {photograph.name} |" in line)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:4] == [photograph.original, photograph.author, photograph.licence]
    assert cells[4].startswith("cut to a part") == (photograph.part != (0.0, 0.0, 1.0, 1.0))
    assert f"- {photograph.licence}: https://creativecommons.org/" in attribution()


def test_the_mit_licence_stands_there_with_its_copyright_lines() -> None:
    page = attribution()
    assert "Copyright (c) Microsoft Corporation." in page
    assert "Copyright (c) 2023 LobeHub" in page
    assert "The above copyright notice and this permission notice shall be included" in page


def test_all_assets_are_smaller_than_two_mebibytes() -> None:
    stock = Path(sources.__file__).parent / "assets"
    assert sum(path.stat().st_size for path in stock.iterdir()) < 2 * 2**20


def test_each_class_has_at_least_three_designs_and_none_is_used_twice() -> None:
    assert 6 <= len(sources.DESIGNS) <= 8
    assert all(len(designs) >= 3 for designs in sources.DESIGNS.values())
    designs = [design for _, design in cutouts()]
    assert len(set(designs)) == len(designs)


def test_the_stock_has_the_promised_sides_and_transparency() -> None:
    stock = open_stock()
    cut = [picture for pictures in stock.cutouts.values() for picture in pictures]
    for picture in [*cut, *stock.distractors]:
        assert picture.mode == "RGBA"
        assert max(picture.size) == sources.CUTOUT_SIDE
        alpha = np.asarray(picture)[..., 3]
        assert alpha.min() == 0
        assert alpha.max() == 255
        borders = (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1])
        assert all(border.any() for border in borders), "no transparent border is left"
    assert all(picture.mode == "RGB" for picture in stock.photographs)
    assert all(max(picture.size) == sources.PHOTOGRAPH_SIDE for picture in stock.photographs)


def test_prepare_cuts_the_border_off_and_keeps_the_part_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    emoji, photographs, out = (tmp_path / name for name in ("emoji", "photographs", "out"))
    emoji.mkdir()
    photographs.mkdir()
    sheet = Image.new("RGBA", (256, 256))
    sheet.paste((200, 30, 40, 255), (20, 50, 220, 150))  # 200 wide, 100 high
    for _, design in cutouts():
        sheet.save(emoji / f"{design}.webp", lossless=True)
    view = Image.new("RGB", (1024, 600), (0, 0, 200))
    view.paste((0, 200, 0), (512, 0, 1024, 600))
    view.save(photographs / "view.jpg")
    one = sources.Photograph("half.jpg", "view.jpg", "N. N.", "CC0-1.0", (0.5, 0.0, 1.0, 1.0))
    monkeypatch.setattr("decouplednet.demo.prepare.PHOTOGRAPHS", (one,))

    prepare(emoji, photographs, out)

    with Image.open(out / "car-1f697.png") as cutout:
        assert cutout.size == (96, 48)
        assert np.asarray(cutout)[..., 3].min() == 255
    with Image.open(out / "half.jpg") as half:
        assert half.size == (437, 512)
        assert np.asarray(half)[:, 9:, 2].max() < 20, "only the right half, which is green"
    assert "| half.jpg | view.jpg | N. N. | CC0-1.0 | cut to a part" in (
        out / ATTRIBUTION
    ).read_text(encoding="utf-8")
