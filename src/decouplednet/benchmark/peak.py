"""The most memory that predicting takes: one image, and as many as a folder's are taken at once."""

from dataclasses import dataclass, replace

from decouplednet.benchmark.folder import batch_of, predictor_of
from decouplednet.benchmark.memory import forget_peak, in_own_process, peak
from decouplednet.benchmark.original import own_maps, passes_of
from decouplednet.benchmark.subject import Subject
from decouplednet.networks.ranges import ranges_of


@dataclass(frozen=True, slots=True)
class Peak:
    """The most bytes resident, by what was computed.

    Weights and libraries count; what building the network took before does not.

    Args:
        image: the maps of one image.
        batch: a full batch of photographs in memory, predicted to label maps; reading ahead and
            writing are left out.
    """

    image: int
    batch: int


def peak_memory(subject: Subject, count: int) -> Peak:
    """Return the most bytes resident while images with K classes each are predicted.

    Args:
        subject: whose network, with its weights as they lie in a model. Where it computes in 8
            bits its ranges are measured here, not in the process that is watched.
        count: K.
    """
    return in_own_process(_peak, replace(subject, ranges=ranges_of(subject.network)), count)


def _peak(subject: Subject, count: int) -> Peak:
    network, image = subject.network, subject.image
    asked = passes_of(count, subject.classes).to(subject.device)
    forget_peak()
    for _ in range(2):  # what is folded at first is kept by then
        own_maps(network, image, asked, subject.precision)
    of_image = peak()
    photographs, predictor = batch_of(subject), predictor_of(subject)
    tags = [frozenset(subject.class_list.names[:count])] * len(photographs)
    forget_peak()
    predictor.predict(photographs, tags, class_maps=False)
    return Peak(of_image, peak())
