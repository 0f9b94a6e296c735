"""What the page says without pictures: facts, scores, curves, settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from decouplednet.report.confusions import confusion_rows, most_frequent
from decouplednet.report.curve_charts import stage_charts, stage_title
from decouplednet.report.curves import LEAST_TO_REST
from decouplednet.report.finished_run import FinishedRun, Result
from decouplednet.report.score_rows import class_rows, label_rows, size_rows
from decouplednet.report.scores import Scores
from decouplednet.report.setting_rows import setting_rows
from decouplednet.report.template import duration
from decouplednet.training.budget import SHARES_OF_THREE

MISTAKES = 10
"""How many of the most frequent mistakes are listed."""


@dataclass(frozen=True, slots=True)
class Part:
    """One section of the page.

    Args:
        anchor: its address within the page, and the name of its template in ``parts/``.
        title: its heading.
    """

    anchor: str
    title: str


def page_parts(*, scored: bool, pictured: bool) -> tuple[Part, ...]:
    """Return the sections of the page in their order.

    Args:
        scored: whether the run has scores.
        pictured: whether model and images were at hand.
    """
    scores = (
        Part("classes", "IoU of each class"),
        Part("confusion", "Confusion matrix"),
        Part("tags", "Tags"),
        Part("groups", "IoU by size and by number of classes"),
    )
    return (
        Part("summary", "Summary"),
        Part("curves", "Learning curves"),
        *(scores if scored else ()),
        *((Part("examples", "Best and worst images"),) if scored and pictured else ()),
        *(
            (Part("activations", "Activation maps"), Part("maps", "Class maps"))
            if pictured
            else (Part("pictures", "Pictures"),)
        ),
        Part("settings", "Settings"),
    )


def page_values(run: FinishedRun, results: Mapping[str, Result]) -> dict[str, Any]:
    """Return what the template needs of a run's own files.

    Args:
        run: the run.
        results: curves and scores by the name of the run, the page's own first.
    """
    predicted = run.result.outcome.predicted_tags
    return {
        "title": run.path.resolve().name,
        "subject": "report of a training run",
        "lead": "Report of a training run with decouplednet: classes learnt from tags, regions "
        "learnt from masks.",
        "origin": "Written from the files of the run and its data set.",
        "run": run,
        "results": results,
        "facts": _facts(run),
        "overlapping": _overlapping(run),
        "stages": stage_charts({name: result.curves for name, result in results.items()}),
        "least_to_rest": LEAST_TO_REST,
        "settings": setting_rows(run.settings),
        **(_score_values(run, predicted) if predicted else {}),
    }


def _score_values(run: FinishedRun, predicted: Scores) -> dict[str, Any]:
    true = run.result.outcome.true_tags
    names = tuple(predicted.iou)
    return {
        "class_rows": class_rows(predicted, true),
        "confusion": confusion_rows(names, predicted.confusion),
        "mistakes": most_frequent(names, predicted.confusion, MISTAKES),
        "size_rows": size_rows(run.result.outcome),
        "label_rows": label_rows(run.result.outcome),
    }


def _facts(run: FinishedRun) -> tuple[tuple[str, str], ...]:
    """Return name and value of what the summary lists."""
    facts = run.facts
    seconds = (f"{_part_of_run(name)}: {duration(time)}" for name, time in facts.seconds.items())
    updates = (f"{stage_title(name)}: {made}" for name, made in facts.updates.items())
    waiting = (f"{stage_title(name)}: {share:.1%}" for name, share in facts.waiting.items())
    versions = (f"{name} {number}" for name, number in facts.versions.items())
    rows = (
        ("Folder", str(run.path.resolve())),
        ("Data set", str(facts.data)),
        ("Classes", f"{len(facts.classes)}: {', '.join(facts.classes)}"),
        ("Images that gave tags", str(len(facts.roles.tags))),
        ("Images that gave masks", str(len(facts.roles.masks))),
        ("Images kept for scoring", str(len(facts.roles.validation))),
        ("Time", "; ".join(seconds)),
        ("Updates", "; ".join(updates)),
        ("Waiting for images", "; ".join(waiting).replace("%", " %")),
        ("Seed", str(facts.seed)),
        ("Computed on", ", ".join(word for word in (facts.device, facts.precision) if word)),
        ("Versions", ", ".join(versions)),
        ("Commit", facts.commit or ""),
    )
    return tuple((name, value) for name, value in rows if value)


def _part_of_run(name: str) -> str:
    return stage_title(name) if name in SHARES_OF_THREE else name


def _overlapping(run: FinishedRun) -> int:
    roles = run.facts.roles
    return len(set(roles.validation) & {*roles.tags, *roles.masks})
