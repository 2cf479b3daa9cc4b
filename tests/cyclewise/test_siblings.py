"""`import cyclewise` notices files and packages that hide its own, and says so in one sentence."""

import os
import shutil
import subprocess
import sys
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path

import pytest

from cyclewise import __version__
from cyclewise.siblings import SIBLINGS

CHECKOUT = Path(__file__).resolve().parents[2]
USES_CYCLEWISE = "import cyclewise\nprint(cyclewise.__version__)\n"


def run(script: Path, *search: Path) -> subprocess.CompletedProcess[str]:
    """Run a user's script as `python script` does, with ``search`` after the script's own folder."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, search))}
    return subprocess.run(
        [sys.executable, str(script)],
        env=environment,
        cwd=script.parent,
        capture_output=True,
        text=True,
        timeout=60,
    )


def write_script(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    script = folder / "study.py"
    script.write_text(USES_CYCLEWISE)
    return script


def copy_of_the_packages(folder: Path) -> Path:
    """An installation in miniature: the real cyclewise, empty siblings, RECORD as a wheel leaves it."""
    folder.mkdir()
    no_cache = shutil.ignore_patterns("__pycache__")
    shutil.copytree(CHECKOUT / "cyclewise", folder / "cyclewise", ignore=no_cache)
    record = []
    for name in SIBLINGS:
        file = folder / name / "__init__.py"
        file.parent.mkdir()
        file.write_text(f'"""{name} of cyclewise."""\n')
        digest = urlsafe_b64encode(sha256(file.read_bytes()).digest()).decode().rstrip("=")
        record.append(f"{name}/__init__.py,sha256={digest},{file.stat().st_size}\n")
    information = folder / f"cyclewise-{__version__}.dist-info"
    information.mkdir()
    (information / "RECORD").write_text("".join(record))
    return folder


def the_import_error(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode != 0, f"the import went through: {result.stdout}"
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: cyclewise "), result.stderr
    assert last.count(". ") == 0 and last.endswith("."), f"not one sentence: {last}"
    return last


def test_an_unhidden_cyclewise_imports(tmp_path: Path) -> None:
    result = run(write_script(tmp_path / "user"), CHECKOUT)
    assert (result.returncode, result.stderr) == (0, "")


def test_importing_cyclewise_imports_no_sibling(tmp_path: Path) -> None:
    script = tmp_path / "study.py"
    script.write_text(f"import sys, cyclewise\nprint(sorted(set(sys.modules) & set({SIBLINGS!r})))\n")
    assert run(script, CHECKOUT).stdout.strip() == "[]"


@pytest.mark.parametrize("name", SIBLINGS)
def test_a_stray_module_beside_the_script_is_named(name: str, tmp_path: Path) -> None:
    script = write_script(tmp_path / "user")
    stray = script.parent / f"{name}.py"
    stray.write_text("raise SystemExit('a stray module was imported')\n")
    message = the_import_error(run(script, CHECKOUT))
    assert str(stray) in message and repr(name) in message


def test_a_foreign_package_found_first_is_named(tmp_path: Path) -> None:
    foreign = tmp_path / "elsewhere" / "arch"
    foreign.mkdir(parents=True)
    (foreign / "__init__.py").write_text("raise SystemExit('a foreign package was imported')\n")
    message = the_import_error(run(write_script(tmp_path / "user"), foreign.parent, CHECKOUT))
    assert str(foreign) in message and "'arch'" in message


def test_a_sibling_imported_earlier_from_elsewhere_is_named(tmp_path: Path) -> None:
    script = write_script(tmp_path / "user")
    stray = tmp_path / "sim.py"
    stray.write_text("")
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport sim\nsys.path.pop(0)\n{USES_CYCLEWISE}"
    )
    assert str(stray) in the_import_error(run(script, CHECKOUT))


def test_a_folder_of_that_name_without_code_is_harmless(tmp_path: Path) -> None:
    script = write_script(tmp_path / "user")
    (script.parent / "plots").mkdir()
    assert run(script, CHECKOUT).returncode == 0


def test_a_package_installed_over_ours_is_named(tmp_path: Path) -> None:
    packages = copy_of_the_packages(tmp_path / "site")
    script = write_script(tmp_path / "user")
    assert run(script, packages).returncode == 0
    overwritten = packages / "arch" / "__init__.py"
    overwritten.write_text('"""Volatility models."""\n')
    message = the_import_error(run(script, packages))
    assert str(overwritten) in message and "overwritten" in message


def test_a_missing_sibling_is_named(tmp_path: Path) -> None:
    packages = copy_of_the_packages(tmp_path / "site")
    shutil.rmtree(packages / "mapping")
    assert "'mapping'" in the_import_error(run(write_script(tmp_path / "user"), packages))


def test_links_to_the_packages_count_as_ours(tmp_path: Path) -> None:
    """As in an editable install that links files one by one."""
    links = tmp_path / "links"
    for name in (*SIBLINGS, "cyclewise"):
        (links / name).mkdir(parents=True)
        for file in (CHECKOUT / name).glob("*.py"):
            (links / name / file.name).symlink_to(file)
    assert run(write_script(tmp_path / "user"), links).returncode == 0
