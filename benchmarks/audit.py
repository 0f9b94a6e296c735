"""Measure an audit of tags on faults that are known: how many of them lead its list?

``python -m benchmarks.audit DATA --out DIR --recipe FILE.toml --seeds 0,1,2`` copies a data set for
each seed, its images as links, with faults in the tags of some images (benchmarks/wrong_tags.py);
trains a model from these tags; gathers the evidence that ``decouplednet audit`` gathers; and ranks
the tags by it, by parts of it, and by the model's own classifier. Only images without a mask that
is learnt have faults, and the copy has no other masks: a mask would give its tag away.

A fault counts as found where the list names its image and class among its first rows, a tenth as
many as images. ``DIR/table.md`` and ``DIR/results.json`` are written anew after each seed. Runs
that are done are not done again.
"""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.seeds import add_seeds, read_seeds
from benchmarks.wrong_tags import Fault, inject, write_copy
from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.files import write_atomically
from decouplednet.annotations.roles import Roles, assign_roles, choose_classes
from decouplednet.audit.evidence import Evidence, gather
from decouplednet.audit.look import look_at
from decouplednet.audit.ranking import Parts, judge, suspicions
from decouplednet.comparison.rows import spread
from decouplednet.errors import SettingsError, UsageError, UserError
from decouplednet.evaluation.run_roles import read_run_roles
from decouplednet.inference.model_folder import load_model
from decouplednet.progress import bar
from decouplednet.settings import Settings
from decouplednet.training.run import train
from decouplednet.training.run_folder import RunFolder

SHARE = 0.05
TOPS = (0.1, 0.05)
KINDS = ("all", "removed", "added", "swapped")
OWN = "the model's own probability"


@dataclass(frozen=True, slots=True)
class Row:
    """How many faults one ranking found with one seed.

    Args:
        ranking: in words.
        seed: of faults and run.
        top: length of the list that is looked at, as a share of the images.
        kind: of the faults; ``all``: of all kinds.
        faults: how many there are.
        found: how many are in the list.
    """

    ranking: str
    seed: int
    top: float
    kind: str
    faults: int
    found: int


@dataclass(frozen=True, slots=True)
class Ranking:
    """A ranking of the table.

    Args:
        title: in words.
        parts: of the evidence that count.
    """

    title: str
    parts: Parts


RANKINGS = (
    Ranking("decouplednet audit", Parts()),
    Ranking("without the model's own classifier", Parts(own=False)),
    Ranking("without the other tags", Parts(other_tags=False)),
    Ranking("without the features", Parts(features=False)),
    Ranking("features alone", Parts(own=False, other_tags=False)),
    Ranking("other tags alone", Parts(features=False, own=False)),
)
PIXELS = "decouplednet audit, its rows ordered by their pixels too"
PIXEL_WEIGHT = 0.2  # of the log of the area, beside the log odds of the suspicion


def measure(
    data: Path, out: Path, settings: Settings, seed: int, share: float, *, progress: bool
) -> tuple[Row, ...]:
    """Return what each ranking finds of the faults of one seed; trains a model if none is there.

    Args:
        data: the data set's folder.
        out: of the copy and the run.
        settings: of the run, which names the splits of tags and masks.
        seed: of faults and run.
        share: of the images that get a fault, in (0, 1).
        progress: show bars.

    Raises:
        SettingsError: no image without a mask gives tags, so that none can have a fault.
        UserError: as ``training.run.train``.
    """
    catalogue = Catalogue.read(data)
    roles = assign_roles(catalogue, settings.data, seed)
    classes = tuple(choose_classes(catalogue.classes, settings.data))
    tags = {record.name: record.tags for record in roles.tags if record.tags is not None}
    drawn = {record.name for record in roles.masks}
    free = {name: its for name, its in tags.items() if name not in drawn}
    changed, faults = inject(free, classes, share, seed)
    if not faults:
        raise SettingsError("no image that gives tags and no mask can have a fault; name others")
    copy = out / "data"
    if not copy.exists():
        _write(catalogue, copy, tags | changed, roles)
    run = RunFolder(out / "run")
    if not run.metrics.exists():
        resume = run.is_begun()
        given = None if resume else _settings_of(settings, seed, scored=bool(roles.validation))
        train(copy, out=run.root, settings=given, resume=resume, progress=progress)
    return _rows(run.root, Catalogue.read(copy), faults, seed, progress=progress)


def _write(
    catalogue: Catalogue, copy: Path, tags: Mapping[str, frozenset[str]], roles: Roles
) -> None:
    named = {"tags": roles.tags, "masks": roles.masks, "validation": roles.validation}
    splits = {name: [record.name for record in its] for name, its in named.items() if its}
    others = {
        record.name: record.tags or frozenset()
        for record in (*roles.masks, *roles.validation)
        if record.name not in tags
    }
    write_copy(catalogue, copy, {**others, **tags}, (*roles.masks, *roles.validation), splits)


def _settings_of(settings: Settings, seed: int, *, scored: bool) -> Settings:
    """Return the settings of a run on a copy, whose splits have names of their own."""
    changes: dict[str, object] = {"seed": seed, "data.tags_split": "tags"}
    changes |= {"data.masks_split": "masks", "data.held_out": 0.0}
    return settings.changed(changes | ({"data.validation_split": "validation"} if scored else {}))


def _rows(
    run: Path, data: Catalogue, faults: Sequence[Fault], seed: int, *, progress: bool
) -> tuple[Row, ...]:
    segmenter = load_model(run, "auto", "auto")
    shown = bar("images", quiet=not progress)
    evidence, _ = gather(
        segmenter, data, data.split("tags"), roles=read_run_roles(run), progress=shown
    )
    own = np.where(evidence.tags, 1 - evidence.probability, evidence.probability)
    ranked = {each.title: suspicions(evidence, each.parts)[0] for each in RANKINGS}
    found = judge(evidence).found
    area = look_at(segmenter, evidence, found, most_pictures=0, progress=shown).area
    ranked[PIXELS] = by_pixels(ranked[RANKINGS[0].title], evidence, area)
    return tuple(
        row
        for title, suspicion in ({OWN: own} | ranked).items()
        for top in TOPS
        for row in count_found(title, suspicion, evidence, faults, top=top, seed=seed)
    )


def by_pixels(
    suspicion: NDArray[np.float64], evidence: Evidence, area: Mapping[tuple[int, int], float]
) -> NDArray[np.float64]:
    """Return suspicions that are higher where a class wins many pixels for one without its tag.

    And lower for one with it; both beside the median of the class and the kind of fault. Only
    listed tags change.

    Args:
        suspicion: (N, L) in [0, 1].
        evidence: of the images.
        area: share of the pixels that listed classes win, by the places of image and class.
    """
    changed = suspicion.copy()
    groups: dict[tuple[int, bool], list[tuple[int, int]]] = {}
    for place in area:
        groups.setdefault((place[1], bool(evidence.tags[place])), []).append(place)
    for (_, tagged), places in groups.items():
        logs = np.log([area[place] + 1e-3 for place in places])
        moves = PIXEL_WEIGHT * (logs - np.median(logs)) * (-1 if tagged else 1)
        for place, move in zip(places, moves.tolist(), strict=True):
            odds = changed[place] / (1 - changed[place]) * np.exp(move)
            changed[place] = odds / (1 + odds)
    return changed


def count_found(
    title: str,
    suspicion: NDArray[np.float64],
    evidence: Evidence,
    faults: Sequence[Fault],
    *,
    top: float,
    seed: int,
) -> tuple[Row, ...]:
    """Return how many faults of each kind a ranking finds.

    Args:
        title: of the ranking.
        suspicion: (N, L); of equals the first image and class comes first.
        evidence: of the images.
        faults: that there are; each is found if one of its classes is listed with its image.
        top: length of the list, as a share of the images.
        seed: to note.
    """
    rows = round(top * len(evidence.records))
    first = np.argsort(-suspicion, axis=None, kind="stable")[:rows].tolist()
    listed = {
        (evidence.records[image].name, evidence.classes[label])
        for image, label in (divmod(place, len(evidence.classes)) for place in first)
    }
    found = {
        fault: any((fault.name, name) in listed for name in (fault.missing, fault.wrong))
        for fault in faults
    }
    of_kind = {kind: [f for f in faults if kind in ("all", f.kind)] for kind in KINDS}
    return tuple(
        Row(title, seed, top, kind, len(its), sum(found[fault] for fault in its))
        for kind, its in of_kind.items()
    )


def table(rows: Sequence[Row]) -> str:
    """Return a line for each ranking: share of the faults found, mean ± deviation over the seeds.

    >>> print(table([Row("one", seed, 0.1, "all", 20, 10 + 2 * seed) for seed in (0, 1)]))
    | ranking | rows looked at | all | removed | added | swapped | seeds |
    |---|---|---|---|---|---|---|
    | one | 10 % of the images | 0.550 ± 0.071 | - | - | - | 2 |
    <BLANKLINE>
    """
    head = ("ranking", "rows looked at", *KINDS, "seeds")
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for title, top in dict.fromkeys((row.ranking, row.top) for row in rows):
        its = [row for row in rows if (row.ranking, row.top) == (title, top)]
        shares = (
            spread(row.found / row.faults for row in its if row.kind == kind and row.faults)
            for kind in KINDS
        )
        cells = [share.stated() if share else "-" for share in shares]
        seeds = str(len({row.seed for row in its}))
        lines.append(f"| {' | '.join([title, f'{top:.0%} of the images', *cells, seeds])} |")
    return "\n".join(lines).replace("% of", " % of") + "\n"


def parser() -> ArgumentParser:
    """Return what reads the command line."""
    made = ArgumentParser(
        prog="python -m benchmarks.audit",
        description="Put faults into tags, train from them, and count those that an audit finds.",
    )
    made.add_argument("data", type=Path, help="the data set's folder")
    made.add_argument("--out", type=Path, required=True, help="where copies and runs go")
    made.add_argument("--recipe", type=Path, help="settings of every run, a TOML file")
    made.add_argument("--share", type=float, default=SHARE, help="of the images that get a fault")
    add_seeds(made)
    made.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="changes")
    made.add_argument("--quiet", action="store_true", help="show no bars")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return the exit status.

    That is 0 done, 1 refused, 2 wrong use, 130 interrupted.

    Args:
        arguments: words of the command line; None: those this process was started with.
    """
    given: Namespace = parser().parse_args(arguments)
    try:
        rows = _measure_all(given)
    except UserError as fault:
        sys.stderr.write(f"benchmarks: {' '.join(str(fault).split())}\n")
        return 2 if isinstance(fault, UsageError) else 1
    except KeyboardInterrupt:
        sys.stderr.write(f"benchmarks: interrupted; the same command goes on in {given.out}\n")
        return 130
    _say(table(rows))
    return 0


def _measure_all(given: Namespace) -> list[Row]:
    if not 0 < given.share < 1:
        raise UsageError(f"--share: {given.share:g}: expected a share between 0 and 1")
    settings = Settings.read(given.recipe, given.changes)
    seeds = read_seeds(given.seeds, given.changes, settings.seed)
    rows = list[Row]()
    for seed in seeds:
        _say(f"seed {seed}")
        out = given.out / f"seed-{seed}"
        progress = not given.quiet
        rows += measure(given.data, out, settings, seed, given.share, progress=progress)
        content = json.dumps([asdict(row) for row in rows], indent=2)
        write_atomically(given.out / "results.json", f"{content}\n".encode())
        write_atomically(given.out / "table.md", table(rows).encode())
    return rows


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
