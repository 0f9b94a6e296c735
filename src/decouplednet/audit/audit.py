"""From a model and a data set to the ranked list of tags that are probably wrong."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.files import write_atomically
from decouplednet.annotations.record import Record
from decouplednet.audit.evidence import Evidence, gather
from decouplednet.audit.look import look_at
from decouplednet.audit.outcome import Audit
from decouplednet.audit.page import write_page
from decouplednet.audit.ranking import Found, judge
from decouplednet.audit.suspicion import Suspicion
from decouplednet.audit.table import TABLE, write_table
from decouplednet.counts import count
from decouplednet.errors import DataError
from decouplednet.evaluation.run_roles import read_run_roles
from decouplednet.inference.model_folder import load_model
from decouplednet.inference.results_folder import check_writable

PAGE = "audit.html"
MOST_PICTURES = 60
"""Images on the page: about 2 MB."""

Progress = Callable[[Any], Iterable[Any]]


def audit_tags(
    model: Path | str,
    data: Catalogue | Path | str,
    *,
    out: Path | str,
    split: str | None = None,
    device: str = "auto",
    progress: Progress = iter,
) -> Audit:
    """Rank the tags of images by how probable it is that they are wrong or missing.

    Writes ``audit.csv``, all rows, and ``audit.html``, the images of the first ones, into ``out``;
    those of an earlier audit are replaced.

    Args:
        model: path of a run or model folder; what the run learnt from is read beside the model.
        data: the data set, or its path.
        out: folder of the results.
        split: name of the images to audit; None: all that have tags.
        device: ``auto``, ``cpu`` or ``cuda``.
        progress: shows how far the images are done, first all of them, then those listed.

    Raises:
        DataError: the data set or the split cannot be used, has no tags or no class of the model,
            or no image can be read; or ``out`` cannot be written.
        ModelError: the model cannot be loaded.
        DeviceError: the device is not on this machine.
    """
    folder = Path(out)
    check_writable(folder)
    catalogue = data if isinstance(data, Catalogue) else Catalogue.read(Path(data))
    records = tagged_records(catalogue, split)
    roles = read_run_roles(Path(model))
    segmenter = load_model(model, device, "auto")
    evidence, failures = gather(segmenter, catalogue, records, roles=roles, progress=progress)
    judged = judge(evidence)
    look = look_at(
        segmenter, evidence, judged.found, most_pictures=MOST_PICTURES, progress=progress
    )
    audit = Audit(
        data=catalogue.root.resolve().name,
        model_classes=segmenter.classes.names,
        tagged=dict(zip(evidence.classes, evidence.tags.sum(axis=0).tolist(), strict=True)),
        images=len(evidence.records),
        ranked=tuple(
            _suspicion(evidence, one, look.area[one.image, one.label]) for one in judged.found
        ),
        unjudged=judged.unjudged,
        failures=failures,
    )
    write_table(folder / TABLE, audit.ranked)
    write_atomically(folder / PAGE, write_page(audit, look.pictures))
    return audit


def tagged_records(catalogue: Catalogue, split: str | None) -> tuple[Record, ...]:
    """Return the images whose tags can be audited.

    Args:
        catalogue: the data set.
        split: name of the images; None: all.

    Raises:
        DataError: there is no such split, or none has tags.
    """
    named = catalogue.records if split is None else catalogue.split(split)
    tagged = tuple(record for record in named if record.tags is not None)
    if not tagged:
        where = "" if split is None else f" of the split {split!r}"
        raise DataError(
            f"{catalogue.root}: none of the {count(len(named), 'image')}{where} has tags to audit; "
            "write rows into tags.csv"
        )
    return tagged


def _suspicion(evidence: Evidence, one: Found, area: float) -> Suspicion:
    place = one.image, one.label
    return Suspicion(
        record=evidence.records[one.image],
        name=evidence.classes[one.label],
        kind="wrong" if evidence.tags[place] else "missing",
        suspicion=one.suspicion,
        probability=one.probability,
        own_probability=float(evidence.probability[place]),
        area=area,
        drawn=int(evidence.drawn[place]),
    )
