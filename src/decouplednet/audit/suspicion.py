"""One row of the ranked list: a class of an image whose tag is probably wrong."""

from dataclasses import dataclass
from typing import Literal

from decouplednet.annotations.record import Record
from decouplednet.audit.evidence import NOT_SHOWN, SHOWN

Kind = Literal["missing", "wrong"]


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A tag that is probably wrong, or missing.

    Args:
        record: the image.
        name: of the class.
        kind: ``missing``: the tags lack the class; ``wrong``: they name it.
        suspicion: how probable it is that they are wrong, in [0, 1].
        probability: that the class is there, in [0, 1], by all evidence but the tag.
        own_probability: by the model's own classifier, which may have learnt the tag.
        area: share of the pixels that the class wins when the network is told the tags, and the
            classes that are probably missing; in [0, 1].
        drawn: what the mask of the image says, see ``Evidence``.
    """

    record: Record
    name: str
    kind: Kind
    suspicion: float
    probability: float
    own_probability: float
    area: float
    drawn: int

    @property
    def image(self) -> str:
        """The image's path under the folder of images."""
        return f"{self.record.name}{self.record.image.suffix}"

    @property
    def says(self) -> str:
        """What the tags say of the class."""
        return "absent" if self.kind == "missing" else "present"

    @property
    def remedy(self) -> str:
        """What to do."""
        if self.drawn == SHOWN and self.kind == "missing":
            return f"its mask shows {self.name}: add the tag {self.name}, or correct the mask"
        if self.drawn == NOT_SHOWN and self.kind == "wrong":
            return f"its mask shows no {self.name}: remove the tag {self.name}, or draw it"
        if self.kind == "missing":
            return f"look for {self.name}; if it is there, add the tag {self.name}"
        return f"look for {self.name}; if it is not there, remove the tag {self.name}"
