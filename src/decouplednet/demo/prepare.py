"""Make the demo's pictures from the originals named in ``sources``; how the package's were made.

Run as ``python -m decouplednet.demo.prepare EMOJI PHOTOGRAPHS OUT``: the unpacked ``assets`` folder
of the emoji package, the folder of the photographs, and where the pictures go.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from decouplednet.demo.sources import (
    CUTOUT_SIDE,
    DESIGNS,
    DISTRACTORS,
    EMOJI_ORIGIN,
    EMOJI_SOURCE,
    LICENCE_PLACES,
    PHOTOGRAPH_SIDE,
    PHOTOGRAPH_SOURCE,
    PHOTOGRAPHS,
    Photograph,
    cutout_name,
)

ATTRIBUTION = "ATTRIBUTION.md"
_WHOLE = (0.0, 0.0, 1.0, 1.0)

_MIT = """\
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT
OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def prepare(emoji: Path, photographs: Path, out: Path) -> None:
    """Write every picture of the demo and the page that credits them.

    Args:
        emoji: folder of the emoji, ``CODEPOINTS.webp`` each.
        photographs: folder of the original photographs.
        out: folder to write into; made if it is not there.
    """
    out.mkdir(parents=True, exist_ok=True)
    for owner, design in cutouts():
        with Image.open(emoji / f"{design}.webp") as original:
            _shrink_cutout(original).save(out / cutout_name(owner, design), optimize=True)
    for photograph in PHOTOGRAPHS:
        with Image.open(photographs / photograph.original) as original:
            _shrink_photograph(original, photograph).save(out / photograph.name, quality=85)
    (out / ATTRIBUTION).write_text(attribution(), encoding="utf-8")


def cutouts() -> Iterator[tuple[str, str]]:
    """Yield the owner (a class, or ``distractor``) and the code points of each cut-out."""
    for name, designs in DESIGNS.items():
        for design in designs:
            yield name, design
    for design in DISTRACTORS:
        yield "distractor", design


def attribution() -> str:
    """Return the page that names author, source, licence and change of each picture."""
    credits_ = "".join(_photograph_row(photograph) for photograph in PHOTOGRAPHS)
    designs = "".join(
        f"| {cutout_name(owner, design)} | {design}.webp | Microsoft Corporation | MIT |"
        f" transparent border cut off, scaled to {CUTOUT_SIDE} pixels, saved as PNG |\n"
        for owner, design in cutouts()
    )
    places = "".join(f"- {name}: {place}\n" for name, place in LICENCE_PLACES.items())
    return (
        "# Who made the pictures of the demo\n\n"
        "`decouplednet.demo.prepare` made these files from the originals. The images that the\n"
        "demo composes from them are adaptations: keep this page with them when you pass them\n"
        "on.\n\n"
        "## Photographs\n\n"
        f"Source: {PHOTOGRAPH_SOURCE}\n\n"
        "| file | original | author | licence | changes |\n|---|---|---|---|---|\n"
        f"{credits_}\n{places}\n"
        "## Cut-outs\n\n"
        f"Source: {EMOJI_SOURCE},\nmade from {EMOJI_ORIGIN}\n\n"
        "| file | original | author | licence | changes |\n|---|---|---|---|---|\n"
        f"{designs}\n"
        "## MIT License\n\n"
        "Copyright (c) Microsoft Corporation.  \nCopyright (c) 2023 LobeHub\n\n"
        f"{_MIT}"
    )


def _photograph_row(photograph: Photograph) -> str:
    cut = "" if photograph.part == _WHOLE else "cut to a part, "
    return (
        f"| {photograph.name} | {photograph.original} | {photograph.author} "
        f"| {photograph.licence} | {cut}scaled to {PHOTOGRAPH_SIDE} pixels, saved again as JPEG |\n"
    )


def _shrink_cutout(original: Image.Image) -> Image.Image:
    picture = original.convert("RGBA")
    picture = picture.crop(picture.getbbox())
    picture.thumbnail((CUTOUT_SIDE, CUTOUT_SIDE), Image.Resampling.LANCZOS)
    return picture


def _shrink_photograph(original: Image.Image, photograph: Photograph) -> Image.Image:
    width, height = original.size
    left, top, right, bottom = photograph.part
    box = (
        round(left * width),
        round(top * height),
        round(right * width),
        round(bottom * height),
    )
    picture = original.convert("RGB").crop(box)
    picture.thumbnail((PHOTOGRAPH_SIDE, PHOTOGRAPH_SIDE), Image.Resampling.LANCZOS)
    return picture


if __name__ == "__main__":
    prepare(*(Path(argument) for argument in sys.argv[1:4]))
