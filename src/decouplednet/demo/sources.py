"""Where each picture of the demo comes from, who made it, and on what terms it is shared."""

from dataclasses import dataclass

CUTOUT_SIDE = 96
PHOTOGRAPH_SIDE = 512

EMOJI_SOURCE = "@lobehub/fluent-emoji-3d 1.1.0 (https://github.com/lobehub/fluent-emoji)"
EMOJI_ORIGIN = "Fluent Emoji (https://github.com/microsoft/fluentui-emoji)"
PHOTOGRAPH_SOURCE = (
    "lomiri-wallpapers 20.04.0 (https://gitlab.com/ubports/development/core/lomiri-wallpapers), "
    "folder 16.04"
)
LICENCE_PLACES = {
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/legalcode",
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/legalcode",
}

# Unicode code points of the designs that stand for each class.
DESIGNS = {
    "boat": ("26f5", "1f6a4", "1f6a2", "1f6e5-fe0f", "26f4-fe0f", "1f6f3-fe0f"),
    "car": ("1f697", "1f698", "1f699", "1f695", "1f696", "1f694"),
    "cat": ("1f408", "1f431", "1f638", "1f63c", "1f63e"),
    "chick": ("1f423", "1f424", "1f425"),
    "fruit": ("1f34e", "1f34f", "1f34a", "1f34b", "1f350", "1f351"),
    "house": ("1f3e0", "1f3e1", "1f3da-fe0f", "1f3d8-fe0f"),
    "whale": ("1f40b", "1f42c", "1f433"),
}

# Designs of no class: the network must leave them to the background.
DISTRACTORS = (
    "1f332",
    "1f335",
    "1f344",
    "1f369",
    "1f382",
    "1f3a9",
    "1f3b8",
    "1f40c",
    "1f419",
    "1f43c",
    "1f45f",
    "1f4d8",
    "1f980",
    "23f0",
)


@dataclass(frozen=True, slots=True)
class Photograph:
    """One background photograph.

    Args:
        name: file name in the package.
        original: file name at the source.
        author: who is to be named.
        licence: SPDX name, a key of ``LICENCE_PLACES``.
        part: left, top, right, bottom of the part that was kept, as shares of the original.
    """

    name: str
    original: str
    author: str
    licence: str
    part: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)


_AITZOL = "Aitzol Berasategi, 2018"
_TREVOR = 'Trevor "Freespace", 2018'

# Only the part of a photograph that shows none of the classes is kept.
PHOTOGRAPHS = (
    Photograph("aitzgorri.jpg", "aitzgorri_by_Aitzol_Berasategi.jpg", _AITZOL, "CC-BY-4.0"),
    Photograph(
        "bowl.jpg", "Picture_0B_by_freespace.jpg", _TREVOR, "CC-BY-4.0", (0.0, 0.0, 0.4, 1.0)
    ),
    Photograph("brushes.jpg", "Picture_1A_by_freespace.jpg", _TREVOR, "CC-BY-4.0"),
    Photograph("life.jpg", "life_by_Aitzol_Berasategi.jpg", _AITZOL, "CC-BY-4.0"),
    Photograph("picosdeeuropa.jpg", "picosdeeuropa_by_Aitzol_Berasategi.jpg", _AITZOL, "CC-BY-4.0"),
    Photograph(
        "seeding.jpg", "seeding_by_Clements_Engelhardt.jpg", "Clemens Engelhardt, 2018", "CC0-1.0"
    ),
    Photograph("sunset.jpg", "sunset_by_Aitzol_Berasategi.jpg", _AITZOL, "CC-BY-4.0"),
    Photograph("umang.jpg", "umang_by_Abhishek_Mudgal.jpg", "Abhishek Mudgal, 2018", "CC-BY-4.0"),
    Photograph("wine.jpg", "Wine_by_Jakkub_Mede.jpg", "Jakub Mede, 2018", "CC-BY-4.0"),
)


def cutout_name(owner: str, design: str) -> str:
    """Return the file name of a cut-out, such as ``ball-26bd.png``."""
    return f"{owner}-{design}.png"
