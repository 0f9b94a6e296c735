"""What a method of a comparison is, and what it hands over when it is trained."""

from dataclasses import dataclass
from typing import Protocol

from decouplednet.inference.reading import PredictsImages
from decouplednet.settings import Settings
from decouplednet.training.plan import Plan
from decouplednet.training.run_folder import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contender:
    """A trained model with what is told beside its score.

    Args:
        predictor: of the trained model, on the device where it shall be scored.
        parameters: its weights.
        trained_parameters: those of them that the training changed.
        stages: names of the stages that were trained, in their order. Each has its rows in
            ``RunFolder.curves`` and its checkpoints in ``RunFolder.checkpoints`` under this name,
            as ``training.fit.fit`` leaves them.
        budgeted: names of those stages, as in ``training.budget.stages_of``, whose budget these
            had.
        takes_tags: whether its predictions follow tags that are given.
        has_tag_scores: whether its probabilities say which classes are there.
    """

    predictor: PredictsImages
    parameters: int
    trained_parameters: int
    stages: tuple[str, ...]
    budgeted: tuple[str, ...]
    takes_tags: bool
    has_tag_scores: bool


class Method(Protocol):
    """A way to learn a segmenter from tags and masks."""

    @property
    def name(self) -> str:
        """What ``--methods`` and files call it: small letters, digits and ``-``."""

    @property
    def title(self) -> str:
        """What tables and plots call it."""

    @property
    def uses_tags(self) -> bool:
        """Whether it learns from the tags of images without masks."""

    @property
    def uses_masks(self) -> bool:
        """Whether it learns anything from masks; if not, it has one cell a seed, with 0 masks."""

    @property
    def tuning(self) -> str:
        """What was tuned, how much and on what, as a sentence."""

    def settings(self, common: Settings) -> Settings:
        """Return the settings of this method's run.

        Args:
            common: of all methods; images to score, weights and budget stay as they are, and the
                side unless the method's preset cannot take it.
        """

    def train(self, plan: Plan, folder: RunFolder) -> Contender:
        """Train, going on from what lies in the folder, and return the model.

        Args:
            plan: made from ``settings``.
            folder: of the cell's run, begun and locked. A model that should be kept is written
                to ``RunFolder.model``.

        Raises:
            UserError: the cell cannot be trained.
        """
