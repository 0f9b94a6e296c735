"""The wheel, built and installed elsewhere.

Only ``decouplednet`` itself comes from the wheel: the fresh environment borrows its dependencies
from the one that runs the tests, through a ``.pth`` file, because torch is large.
"""

import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.shapes import write_shapes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Installed:
    """The wheel and the environment that it is installed in."""

    wheel: Path
    binaries: Path
    elsewhere: Path

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment outside the checkout."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        return subprocess.run(
            [self.binaries / program, *arguments],
            cwd=self.elsewhere,
            env=clean,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Build the wheel and install it into a fresh environment."""
    dist, home = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("home")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", dist, ROOT],
        capture_output=True,
        check=True,
    )
    (wheel,) = dist.glob("*.whl")
    venv.create(home / "venv", with_pip=False)
    packages = next((home / "venv").glob("**/site-packages"))
    pip = [sys.executable, "-m", "pip", "--python", str(home / "venv" / "bin" / "python")]
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", str(wheel)], capture_output=True, check=True
    )
    # Appended to the path, so that the wheel comes first; .pth files in there are not read, so
    # the editable install of the checkout stays invisible.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    elsewhere = home / "elsewhere"
    elsewhere.mkdir()
    return Installed(wheel, home / "venv" / "bin", elsewhere)


def test_the_wheel_holds_the_package_with_its_data_and_licence_and_nothing_else(
    installed: Installed,
) -> None:
    with ZipFile(installed.wheel) as wheel:
        names = set(wheel.namelist())

    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "src/decouplednet"]
    told = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    expected = {line.removeprefix("src/") for line in told.stdout.splitlines()}
    inside = {name for name in names if name.startswith("decouplednet/")}
    assert inside == expected
    assert "decouplednet/py.typed" in inside
    others = {name.split("/", 1)[1] for name in names - inside}
    assert others == {"METADATA", "WHEEL", "RECORD", "entry_points.txt"} | {
        f"licenses/{name}"
        for name in ("LICENSE", "NOTICE", "src/decouplednet/demo/assets/ATTRIBUTION.md")
    }


def test_the_wheel_is_smaller_than_eight_megabytes(installed: Installed) -> None:
    assert installed.wheel.stat().st_size < 8 * 2**20


def test_the_installed_package_is_the_one_of_the_wheel(installed: Installed) -> None:
    told = installed.run("python", "-c", "import decouplednet; print(decouplednet.__file__)")

    assert told.returncode == 0, told.stderr
    assert Path(told.stdout.strip()).is_relative_to(installed.binaries.parent)


def test_the_installed_command_says_its_version_and_its_help(installed: Installed) -> None:
    version, text = installed.run("decouplednet", "--version"), installed.run("decouplednet", "-h")

    assert version.stdout.startswith("decouplednet 0."), version.stderr
    for command in ("check", "init", "train", "predict", "evaluate", "report", "info", "demo"):
        assert f" {command} " in text.stdout


def test_the_installed_command_checks_a_data_set(installed: Installed) -> None:
    write_shapes(installed.elsewhere / "shapes", images=4, masks=3)

    told = installed.run("decouplednet", "check", "shapes")

    assert told.returncode == 0, told.stderr
    assert "4 images, 4 tagged, 3 masked: no faults" in told.stdout


def test_the_installed_package_finds_the_demo_assets_and_the_report_template(
    installed: Installed,
) -> None:
    code = (
        "from importlib.resources import files\n"
        "package = files('decouplednet')\n"
        "names = [p.name for p in (package / 'demo' / 'assets').iterdir()]\n"
        "pages = [p.name for p in (package / 'report' / 'templates').iterdir()]\n"
        "print(len(names), len(pages))\n"
    )

    told = installed.run("python", "-c", code)

    assert told.returncode == 0, told.stderr
    assert all(int(count) > 0 for count in told.stdout.split())
