"""Pre-label a data set: segment its tagged images, and write them for a tool to import."""

from pathlib import Path

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.layout import layout_of
from decouplednet.annotations.writers.labels import labels_of
from decouplednet.evaluation.evaluate import unknown_classes
from decouplednet.inference.certainty import LeastCertainty
from decouplednet.inference.model_folder import load_model
from decouplednet.inference.segmenter import Segmenter
from decouplednet.inference.tiles import TiledPredictor
from decouplednet.prelabel.disagreements import SUGGEST_ABOVE, Veto
from decouplednet.prelabel.folder import PrelabelFolder
from decouplednet.prelabel.formats import Format, Options, Unsure
from decouplednet.prelabel.identity import identity_of, name_of_model
from decouplednet.prelabel.job import Job, Prelabels
from decouplednet.prelabel.journal import Begun
from decouplednet.prelabel.labeller import Labeller
from decouplednet.prelabel.selection import select


def write_prelabels(
    model: Segmenter | Path | str,
    data: Path | str,
    *,
    out: Path | str,
    to: Format = "masks",
    split: str | None = None,
    every: bool = False,
    hard: bool = False,
    suggest_above: float = SUGGEST_ABOVE,
    certainty: LeastCertainty | float | None = None,
    min_confidence: float = 0.0,
    unsure: Unsure = "label",
    polygons: bool = False,
    copy_images: bool = False,
    image_root: str | None = None,
    tile: int | None = None,
    overlay: bool = False,
    resume: bool = False,
    device: str = "auto",
    precision: str = "auto",
    progress: bool = False,
) -> Prelabels:
    """Segment the tagged images of a data set and write them in the format of a tool.

    Whatever the format, the folder also gets ``masks/`` and ``classes.txt``, in the data set's
    classes; ``prelabels.csv``, the images with the surest first; ``vetoes.csv``, where tags and
    model disagree; and ``journal.jsonl``, by which a call that was stopped is gone on with. Each
    file is written atomically, masks first, and those of the format from them at the end: with
    ``resume`` another format may be written too.

    Args:
        model: itself, or the path of a run or model folder.
        data: the data set's folder.
        out: a folder, new or empty.
        to: ``masks``, ``voc``, ``coco``, ``cvat`` or ``label-studio``.
        split: name of the images to choose from; None: all.
        every: also images that have a mask, and those without tags, which the model decides.
        hard: segment nothing but the tagged classes.
        suggest_above: probability from which others are segmented too, unless ``hard``.
        certainty: from which on pixels are kept, in [0, 1]; the others are left open. None: all.
        min_confidence: confidence under which an image is left out, in [0, 1].
        unsure: whether open pixels have a label of their own in tools (``label``), or are given to
            nothing (``drop``).
        polygons: write areas as polygons; of ``coco`` and ``cvat``.
        copy_images: copy the images too; of ``voc``.
        image_root: URL of the folder of the images; of ``label-studio``.
        tile: see images larger than this in tiles of so many pixels a side.
        overlay: also write pictures.
        resume: go on with what lies in ``out``.
        device: of a model that is loaded: ``auto``, ``cpu`` or ``cuda``.
        precision: of a model that is loaded, see ``load_model``.
        progress: show bars.

    Raises:
        DataError: the data set cannot be used, no image is to be pre-labelled, or ``out`` cannot
            be written, or holds something else.
        DeviceError: the device or the precision is not on this machine.
        ModelError: the model cannot be loaded, or its output is not finite.
        SettingsError: a number is out of range.
        UsageError: there is no such format, or an option is of another one.
    """
    options = Options(
        to, polygons, copy_images, image_root, unsure=unsure, min_confidence=min_confidence
    )
    veto, folder = Veto(hard, suggest_above), PrelabelFolder(Path(out))
    catalogue = Catalogue.read(Path(data))
    selection = select(catalogue, split=split, every=every)
    labels = labels_of(catalogue.classes, unsure=unsure == "label" and certainty is not None)
    folder.check_usable(layout_of(catalogue.root).images, resume=resume)
    segmenter = model if isinstance(model, Segmenter) else load_model(model, device, precision)
    labeller = _labeller(segmenter, catalogue, veto, certainty, tile)
    identity = identity_of(model, segmenter)
    made_by, begun = name_of_model(model, segmenter, identity), _begun(identity, labeller)
    job = Job(catalogue, selection, labeller, folder, options, labels, made_by, overlay, progress)
    return job.run(begun)


def _labeller(
    segmenter: Segmenter,
    catalogue: Catalogue,
    veto: Veto,
    certainty: LeastCertainty | float | None,
    tile: int | None,
) -> Labeller:
    """Return what segments images.

    Raises:
        DataError: the data set has none of the model's classes.
        SettingsError: a certainty or the tile is out of range.
    """
    predictor = segmenter.predictor()
    unknown_classes(predictor, catalogue)  # refused if that is all of them
    least = certainty
    if isinstance(least, int | float):
        least = LeastCertainty.alike(least, segmenter.classes)
    seeing = predictor if tile is None else TiledPredictor(predictor=predictor, tile=tile)
    return Labeller(seeing, catalogue.classes, veto, least)


def _begun(identity: str, labeller: Labeller) -> Begun:
    seeing, least = labeller.seeing, labeller.least
    certainty = None if least is None else {"background": least.background, **least.of_class}
    return Begun(
        model=identity,
        classes=[*labeller.classes],
        hard=labeller.veto.hard,
        suggest_above=labeller.veto.suggest_above,
        tile=seeing.tile if isinstance(seeing, TiledPredictor) else None,
        certainty=certainty,
    )
