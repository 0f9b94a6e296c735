import re
import subprocess
import sys
from collections.abc import Collection
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from decouplednet.errors import DataError, ModelError, UsageError
from decouplednet.export import export as exporting
from decouplednet.export.agreement import Agreement
from decouplednet.export.card import Format
from decouplednet.export.export import export_model
from decouplednet.export.standalone import Model
from decouplednet.inference.segmenter import Segmenter
from tests.export.small import (
    NAMES,
    RICH,
    picture,
    untrained,
    write_model,
    written_by_the_script,
)
from tests.inference.small import small_frame

MEAN = torch.tensor(small_frame(96).mean)[:, None, None]
DEVIATION = torch.tensor(small_frame(96).deviation)[:, None, None]
TAGS = [None, (), ("dog",), ("cow", "cat"), NAMES]


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return untrained("tiny", RICH)


@pytest.fixture(scope="module")
def exported(segmenter: Segmenter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("export")
    export_model(write_model(root / "model", segmenter), root / "new/out", to="onnx")
    return root / "new/out"


@pytest.fixture
def agreeing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be exported really, which takes seconds."""

    def write(segmenter: Segmenter, folder: Path) -> tuple[str, ...]:
        (folder / "encoder.onnx").write_bytes(b"graph")
        return ("pool5",)

    monkeypatch.setattr(exporting, "write_onnx", write)
    close = Agreement(1e-6, 1.0, 4, ((64, 64),))
    monkeypatch.setattr(exporting, "agreement_of", lambda *_: close)


def test_the_folder_holds_graphs_card_and_script(exported: Path) -> None:
    assert sorted(file.name for file in exported.iterdir()) == [
        "class_pass.onnx",
        "encoder.onnx",
        "model.json",
        "predict.py",
    ]
    assert not list(exported.parent.glob(".*"))


@pytest.mark.parametrize("tags", TAGS)
@pytest.mark.parametrize("shape", [(57, 83), (101, 40)])
def test_the_script_predicts_what_the_model_predicts(
    exported: Path, segmenter: Segmenter, tags: Collection[str] | None, shape: tuple[int, int]
) -> None:
    image = picture(*shape, seed=shape[0])
    expected = segmenter.predict(image, tags).label_map

    got = Model(exported).predict(image, tags)

    assert got.dtype == np.uint8
    assert (got == expected).mean() >= 0.999
    assert tags == () or len(np.unique(expected)) > 1


def test_graphs_take_other_sizes_and_any_number_of_maps(
    exported: Path, segmenter: Segmenter
) -> None:
    network, rng = segmenter.network, torch.Generator().manual_seed(9)
    encoder = onnxruntime.InferenceSession(exported / "encoder.onnx")
    class_pass = onnxruntime.InferenceSession(exported / "class_pass.onnx")
    names = [output.name for output in encoder.get_outputs()]

    for size, maps in (((32, 160), 1), ((96, 32), 5)):
        image = 255 * torch.rand(1, 3, *size, generator=rng)
        passes = torch.rand(maps, len(NAMES), generator=rng) < 0.5
        probability = torch.rand(1, len(NAMES), generator=rng)
        traced = network.see((image.flip(1) - MEAN) / DEVIATION)
        index = torch.zeros(maps, dtype=torch.int64)
        seed = torch.where(passes, probability.clamp(min=0.5), 0.0)
        shown = torch.tensor([RICH.withheld]).logical_not().expand(passes.shape)
        g = network.activation(traced, index, seed, passes.any(dim=0).expand(passes.shape), shown)
        expected = network.decode(g, traced, index)

        seen = dict(zip(names, encoder.run(None, {"image": image.numpy()}), strict=True))
        score = seen.pop("score")
        told = {"passes": passes.numpy(), "probability": probability.numpy()}
        _, got = class_pass.run(None, told | seen)

        np.testing.assert_allclose(score, traced.score.numpy(), atol=1e-3)
        np.testing.assert_allclose(got, (expected[:, 1] - expected[:, 0]).numpy(), atol=1e-3)


def test_the_script_runs_by_itself(exported: Path, segmenter: Segmenter) -> None:
    image = picture(57, 83)

    got = written_by_the_script(exported, image, "cat,dog")

    assert (got == segmenter.predict(image, ("cat", "dog")).label_map).mean() >= 0.999


def test_the_script_names_tags_that_are_no_class(exported: Path) -> None:
    with pytest.raises(ValueError, match=r"^tags cat, cta: the classes are cat, cow, dog, ant$"):
        Model(exported).predict(picture(9, 9), ["cat", "cta"])


@pytest.mark.parametrize(
    "agreement", [Agreement(2e-3, 1.0, 4, ((64, 64),)), Agreement(0.0, 0.9, 4, ())]
)
def test_files_that_differ_from_the_model_are_not_left(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    segmenter: Segmenter,
    agreeing: None,
    agreement: Agreement,
) -> None:
    model, out = write_model(tmp_path / "model", segmenter), tmp_path / "out"
    monkeypatch.setattr(exporting, "agreement_of", lambda *_: agreement)

    message = (
        f"{out}: nothing is left there, since the exported model differs from the model: "
        f"{agreement.in_words()}; expected 0.001 and 99.9 %. Report it with these versions: "
        f"decouplednet {version('decouplednet')}, torch {torch.__version__}, onnxruntime "
        f"{onnxruntime.__version__}"
    )
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        export_model(model, out, to="onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_empty_folder_is_taken_and_another_one_is_not(
    tmp_path: Path, segmenter: Segmenter, agreeing: None
) -> None:
    model, out = write_model(tmp_path / "model", segmenter), tmp_path / "out"
    out.mkdir()

    done = export_model(model, out, to="onnx")

    assert list(done.sizes) == ["encoder.onnx", "model.json", "predict.py"]
    assert done.sizes["encoder.onnx"] == 5
    message = f"{out}: holds something already; choose a folder that is new or empty"
    for taken in (out, out / "model.json"):
        with pytest.raises(
            DataError, match=f"^{re.escape(message.replace(str(out), str(taken)))}$"
        ):
            export_model(model, taken, to="onnx")
    assert sorted(file.name for file in out.iterdir()) == list(done.sizes)


@pytest.mark.parametrize(
    ("to", "package", "extra"),
    [("onnx", "onnxscript", "export"), ("openvino", "openvino", "openvino")],
)
def test_a_package_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: Format, package: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)

    message = (
        f"--to {to} needs the package {package}, which is not installed; install it with python "
        f"-m pip install 'decouplednet[{extra}]'"
    )
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        export_model(tmp_path, tmp_path / "out", to=to)


def test_a_format_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^--to tflite: expected onnx or openvino$"):
        export_model(tmp_path, tmp_path / "out", to="tflite")  # type: ignore[arg-type]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, segmenter: Segmenter) -> None:
    model = write_model(tmp_path / "model", segmenter)
    (tmp_path / "file").write_text("")

    with pytest.raises(DataError, match=r"file/out: cannot be written: Not a directory; choose"):
        export_model(model, tmp_path / "file/out", to="onnx")


def test_an_empty_working_directory_is_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, segmenter: Segmenter, agreeing: None
) -> None:
    model = write_model(tmp_path / "model", segmenter)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    export_model(model, ".", to="onnx")

    names = sorted(path.name for path in (tmp_path / "here").iterdir())
    assert names == ["encoder.onnx", "model.json", "predict.py"]


@pytest.mark.parametrize("fails", [True, False])
def test_what_torch_cannot_export_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, segmenter: Segmenter, fails: bool
) -> None:
    def refuse(*_: object, **__: object) -> None:
        if fails:
            raise torch.onnx.errors.OnnxExporterError("no way\nfor this layer")

    model = write_model(tmp_path / "model", segmenter)
    monkeypatch.setattr(torch.onnx, "export", refuse)

    message = (
        f"torch {torch.__version__} cannot export the encoder: no way for this layer; another "
        "version of torch may"
        if fails
        else f"torch {torch.__version__} exported no encoder"
    )
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        export_model(model, tmp_path / "out", to="onnx")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [(), ("a.png",), ("a.png", "out.jpg")])
def test_the_script_says_how_it_is_used(exported: Path, words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, str(exported / "predict.py"), *words],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr == "usage: python predict.py IMAGE OUT.png [cat,dog]\n"
