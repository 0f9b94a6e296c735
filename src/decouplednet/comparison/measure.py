"""A trained contender becomes a cell: scored, timed, its curves kept."""

from decouplednet.comparison.budget import stated
from decouplednet.comparison.cell import Cell, CellResult, CellScores, StageCurve
from decouplednet.comparison.machine import where
from decouplednet.comparison.method import Contender, Method
from decouplednet.comparison.terms import Terms
from decouplednet.evaluation.evaluate import evaluate_both, evaluate_records
from decouplednet.evaluation.evaluation import Evaluation
from decouplednet.progress import bar
from decouplednet.report.curves import read_curves
from decouplednet.training.budget import PSEUDO_MASKS
from decouplednet.training.fit import effort_of
from decouplednet.training.plan import Plan
from decouplednet.training.run_folder import RunFolder


def measure(
    cell: Cell, method: Method, contender: Contender, *, terms: Terms, plan: Plan, folder: RunFolder
) -> CellResult:
    """Return what came of a cell, and write all of its scores to its run's ``metrics.json``.

    Args:
        cell: that was trained.
        method: its method.
        contender: what it handed over.
        terms: of the comparison.
        plan: that was carried out.
        folder: that it was trained in, its checkpoints still there.

    Raises:
        DataError: no image can be scored, or the curves are damaged.
        TrainingError: a checkpoint is damaged.
    """
    predicted, told = _scores(contender, plan)
    scores = {"predicted_tags": predicted} | ({"true_tags": told} if told else {})
    folder.write_json(folder.metrics, {name: each.to_json() for name, each in scores.items()})
    curves = {curve.stage: curve.loss for curve in read_curves(folder.curves)}
    beside = folder.read_facts()["seconds"]
    seconds = sum(effort_of(folder.checkpoints / stage).seconds for stage in contender.stages)
    seconds += beside.get(PSEUDO_MASKS, 0.0)
    kept = contender.has_tag_scores
    return CellResult(
        method=cell.method,
        title=method.title,
        uses_tags=method.uses_tags,
        masks=cell.masks,
        seed=cell.seed,
        predicted_tags=CellScores.of(predicted, has_tag_scores=kept),
        true_tags=CellScores.of(told, has_tag_scores=kept) if told else None,
        minutes=round(seconds / 60, 2),
        feature_minutes=round(beside.get("features", 0.0) / 60, 2),
        parameters=contender.parameters,
        trained_parameters=contender.trained_parameters,
        curves=tuple(StageCurve.of(stage, curves[stage]) for stage in contender.stages),
        budget=stated(plan.settings, contender.budgeted),
        tuning=method.tuning,
        where=where(plan.machine),
        digests=terms.digests(cell.masks),
        failures=predicted.failures,
    )


def _scores(contender: Contender, plan: Plan) -> tuple[Evaluation, Evaluation | None]:
    """Return the scores with predicted tags and, if it can be told them, with true ones.

    They are computed in float32, whatever the training was computed in.
    """
    given = contender.predictor, plan.catalogue, plan.roles.validation
    progress = bar("scores", quiet=not plan.machine.progress)
    if contender.takes_tags:
        return evaluate_both(*given, progress=progress)
    return evaluate_records(*given, progress=progress), None
