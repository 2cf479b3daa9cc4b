"""The wheel holds all of the packages and their data, and runs a library model by itself."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from zipfile import ZipFile

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGES = ("arch", "workloads", "mapping", "sim", "plots", "dse", "cyclewise")
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", *PACKAGES)

# One group: one worker builds the wheel and makes the environment.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]


def run(*command: str | Path, cwd: Path) -> str:
    """The output of a command that must succeed, run without any hint where the sources are."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    result = subprocess.run(
        [str(c) for c in command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=600
    )
    assert result.returncode == 0, f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: a build folder left in the checkout would find its way into the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in BUILT_FROM:
        if (CHECKOUT / name).is_dir():
            shutil.copytree(CHECKOUT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(CHECKOUT / name, source / name)
    pip = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index")
    run(*pip, "--wheel-dir", folder, source, cwd=folder)
    (built,) = folder.glob("cyclewise-*.whl")
    return built


@pytest.fixture(scope="module")
def empty_environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the programs of an environment that holds the wheel and nothing else of ours.

    Other people's packages are lent by this environment, so that nothing is downloaded: its folder of
    packages is an additional search path.  The editable install of the checkout is a `.pth` file there,
    and those do not act from an additional path.
    """
    folder = tmp_path_factory.mktemp("empty")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    programs = folder / "venv" / "bin"
    python = programs / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--quiet")
    run(*pip, wheel, cwd=folder)
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(run(python, "-c", ask, cwd=folder).strip())
    lent = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    (site / "lent.pth").write_text("\n".join(lent) + "\n")
    return programs


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    expected = {
        file.relative_to(CHECKOUT).as_posix()
        for package in PACKAGES
        for file in (CHECKOUT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    with ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert sorted(packed) == sorted(expected)


def test_every_folder_with_code_is_a_package() -> None:
    """One without `__init__.py` would be left out of the wheel, or found only by accident."""
    folders = {file.parent for package in PACKAGES for file in (CHECKOUT / package).rglob("*.py")}
    assert [f for f in sorted(folders) if not (f / "__init__.py").is_file()] == []


def test_the_packages_come_from_the_wheel(empty_environment: Path, tmp_path: Path) -> None:
    script = f"import importlib\nfor p in {PACKAGES!r}: print(importlib.import_module(p).__file__)"
    places = run(empty_environment / "python", "-c", script, cwd=tmp_path).split()
    environment = empty_environment.parent.resolve()
    assert [Path(p).parent.name for p in places] == list(PACKAGES)
    assert all(Path(p).resolve().is_relative_to(environment) for p in places), places


def test_a_library_model_runs_from_the_wheel(empty_environment: Path, tmp_path: Path) -> None:
    report = json.loads(
        run(empty_environment / "cyclewise", "run", "ddr4_2400", "random_rw30", "--json", cwd=tmp_path)
    )
    assert report["schema_version"] and report["cycles"] and report["metrics"]
