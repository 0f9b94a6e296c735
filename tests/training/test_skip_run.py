"""Runs of networks that are not the paper's: trained, saved, loaded and scored like any other."""

from pathlib import Path

from decouplednet.evaluation.evaluate import evaluate
from decouplednet.inference.model_folder import load_model
from decouplednet.networks.pooling import TopKPooling
from decouplednet.networks.skip_decoder import SkipDecoder
from decouplednet.training.run import train
from tests.training.conftest import quick


def test_a_network_with_skips_trains_and_its_model_gives_the_scores_again(
    shapes: Path, tmp_path: Path
) -> None:
    run = train(shapes, out=tmp_path / "run", settings=quick("preset=tiny-skip"))

    assert run.segmenter.preset == "tiny-skip"
    assert isinstance(run.segmenter.network.decoder, SkipDecoder)
    again = evaluate(run.folder, shapes, split="val").to_json()
    assert again == run.metrics["predicted_tags"]


def test_a_network_that_pools_otherwise_trains_and_its_model_gives_the_scores_again(
    shapes: Path, tmp_path: Path
) -> None:
    settings = quick("classifier.pooling=top-k", "classifier.pooling_top_share=0.5")

    run = train(shapes, out=tmp_path / "run", settings=settings)

    assert load_model(run.folder).network.classifier.head.pooling == TopKPooling(top_share=0.5)
    again = evaluate(run.folder, shapes, split="val").to_json()
    assert again == run.metrics["predicted_tags"]
