import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import decouplednet
from tests.shapes import write_shapes

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "decouplednet"
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages([str(SOURCE)], "decouplednet.")
    if not module.name.endswith(".__main__")
)
EXTRAS = ("modern", "export", "openvino", "formats", "serve")


def run_python(code: str, *arguments: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def package_of(requirement: str) -> str:
    """Return the name that a requirement such as ``a-b[c]>=1`` is imported by."""
    name = re.split(r"[\[>=]", requirement)[0].replace("-", "_")
    return {"pillow": "PIL", "pyyaml": "yaml"}.get(name, name)


@pytest.mark.parametrize("module", MODULES)
def test_every_module_can_be_imported(module: str) -> None:
    assert importlib.import_module(module).__doc__


def test_the_source_imports_nothing_that_the_package_does_not_depend_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    of_extras = [one for name in EXTRAS for one in extras[name]]
    wanted = [*project["dependencies"], *of_extras]
    names = {package_of(one) for one in wanted} | {"decouplednet"}
    imported = {
        alias.split(".")[0]
        for file in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        for alias in (
            [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert imported - set(sys.stdlib_module_names) <= names


def test_packages_of_an_extra_are_imported_only_where_they_are_needed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    extra = {package_of(one) for name in EXTRAS for one in extras[name]}
    at_import = {
        (file.name, (node.module or "").split(".")[0] if isinstance(node, ast.ImportFrom) else name)
        for file in SOURCE.rglob("*.py")
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (alias.name.split(".")[0] for alias in node.names)
    }

    extra -= {"decouplednet"}
    assert extra >= {"transformers", "huggingface_hub", "onnxruntime", "openvino", "yaml"}
    assert extra >= {"fastapi", "uvicorn"}
    assert {name for _, name in at_import} & extra == set()


def test_the_presets_without_a_backbone_need_no_transformers(tmp_path: Path) -> None:
    data = write_shapes(tmp_path / "data", images=12, masks=8)
    code = (
        "import sys, importlib.abc, importlib.metadata\n"
        "class Absent(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('transformers', 'huggingface_hub'):\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "found = importlib.metadata.version\n"
        "def version(name):\n"
        "    if name == 'transformers':\n"
        "        raise importlib.metadata.PackageNotFoundError(name)\n"
        "    return found(name)\n"
        "importlib.metadata.version = version\n"
        "import decouplednet as dn\n"
        "from decouplednet.training.plan import make_plan\n"
        "from pathlib import Path\n"
        "plan = make_plan(Path(sys.argv[1]), dn.Settings(preset='tiny'))\n"
        "print(plan.preset.name)\n"
        "try:\n"
        "    make_plan(Path(sys.argv[1]), dn.Settings(preset='modern', backbone='a/b'))\n"
        "except dn.UserError as fault:\n"
        "    print(fault)\n"
    )

    first, second = run_python(code, str(data)).splitlines()

    assert first == "tiny"
    assert second.startswith("preset modern needs the package transformers, which is not installed")


def test_every_folder_of_the_source_is_a_package() -> None:
    folders = {file.parent for file in SOURCE.rglob("*.py")}

    assert all((folder / "__init__.py").is_file() for folder in folders)


def test_the_layers_contract_covers_every_package_and_leaf() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(one for one in contracts["contracts"] if one["type"] == "layers")["layers"]
    listed = {name.strip() for line in layers for name in re.split("[|:]", line)}
    there = {
        path.stem
        for path in SOURCE.iterdir()
        if (path / "__init__.py").is_file() or path.suffix == ".py"
    }

    assert listed == there - {"__init__", "__main__"}


def test_at_most_fifteen_names_are_public_and_each_is_documented() -> None:
    names = decouplednet.__all__

    assert len(names) <= 15
    assert len(set(names)) == len(names)
    for name in names:
        assert f"``{name}" in (decouplednet.__doc__ or "")
        value = getattr(decouplednet, name)
        assert name == "__version__" or inspect.getdoc(value)


def test_the_names_that_are_imported_late_are_those_that_type_checkers_see() -> None:
    tree = ast.parse((SOURCE / "__init__.py").read_text())
    guarded = next(
        node for node in tree.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node)
    )
    seen = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert seen == decouplednet._HOMES
    assert set(decouplednet.__all__) == {*seen, "__version__"}
    assert dir(decouplednet) == sorted(decouplednet.__all__)


def test_the_version_is_that_of_the_package_and_of_the_top_entry_of_the_changelog() -> None:
    entries = re.findall(r"^## \[([^]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert decouplednet.__version__ == metadata.version("decouplednet") == entries[0]


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'chekc'"):
        decouplednet.chekc  # noqa: B018 - the lookup is the test


def test_importing_the_package_and_checking_a_data_set_imports_no_torch(tmp_path: Path) -> None:
    data = write_shapes(tmp_path / "data", images=4, masks=3)
    code = (
        "import sys, decouplednet as dn\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules\n"
        "print(dn.check(sys.argv[1]).images, 'torch' in sys.modules)\n"
    )

    assert run_python(code, str(data)) == "4 False\n"


@pytest.mark.parametrize("arguments", [("--help",), ("check", "DATA"), ("train", "--help")])
def test_help_and_check_import_no_torch(arguments: tuple[str, ...], tmp_path: Path) -> None:
    data = write_shapes(tmp_path / "data", images=4, masks=3)
    code = (
        "import sys\n"
        "from decouplednet.cli.app import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "heavy = {'torch', 'lightning', 'matplotlib', 'safetensors'} & set(sys.modules)\n"
        "print('heavy:', sorted(heavy))\n"
    )

    told = run_python(code, *(str(data) if one == "DATA" else one for one in arguments))

    assert told.endswith("heavy: []\n")


def test_importing_every_module_changes_no_setting_of_torch_and_writes_nothing(
    tmp_path: Path,
) -> None:
    code = (
        "import importlib, os, sys, torch\n"
        "state = lambda: (torch.get_default_dtype(), torch.get_num_threads(),\n"
        "                 torch.get_float32_matmul_precision(), torch.is_grad_enabled(),\n"
        "                 torch.backends.cudnn.benchmark, torch.initial_seed())\n"
        "torch.manual_seed(5)\n"
        "before = state()\n"
        "os.chdir(sys.argv[1])\n"
        "for name in sys.argv[2:]: importlib.import_module(name)\n"
        "print(state() == before, os.listdir('.'))\n"
    )

    assert run_python(code, str(tmp_path), *MODULES).endswith("True []\n")
