"""What is known of a run with minutes before its time is divided."""

from collections.abc import Callable
from dataclasses import dataclass

from decouplednet.networks.presets import Preset


@dataclass(frozen=True, slots=True)
class Numbers:
    """What there is to learn from and to score.

    Args:
        tagged: images that give tags.
        masked: images that give masks.
        scored: images that are only scored.
        calibrated: images by whose tags probabilities are calibrated.
        classes: that are learnt.
        long_side: the usual long side of an image, in pixels.
    """

    tagged: int
    masked: int
    scored: int
    calibrated: int
    classes: int
    long_side: int


@dataclass(frozen=True, slots=True)
class Piece:
    """What one image takes somewhere, in seconds.

    Args:
        read: until it is in memory, at any side.
        compute: what grows with the pixels.
    """

    read: float
    compute: float

    def seconds(self, growth: float) -> float:
        """Return the seconds where there is ``growth`` times as much to compute."""
        return self.read + growth * self.compute


@dataclass(frozen=True, slots=True)
class Speed:
    """What the pieces of a run took when they were tried out, on one device.

    Args:
        side: of the frame meanwhile, in pixels.
        window_side: of the windows of stage 2, in pixels.
        view: one view through the frozen convolutions.
        tags: one image of an update of stage 1.
        masks: one window of an update of stage 2.
        prediction: one image, with or without its tags given; half of both together.
        label: one image for stage 3, with its tags given.
        saving: seconds in which what the stages learnt is written.
    """

    side: int
    window_side: int
    view: Piece
    tags: Piece
    masks: Piece
    prediction: Piece
    label: Piece
    saving: float


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known before the time is divided.

    Args:
        numbers: of the images and classes.
        speed: of the preset.
        preset: whose speed that is.
        missing: share of the tagged images whose features must be computed, by the side of the
            frame and the number of views.
        begun: seconds that have gone by already.
    """

    numbers: Numbers
    speed: Speed
    preset: Preset
    missing: Callable[[int, int], float]
    begun: float
