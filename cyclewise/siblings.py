"""Are the packages ``arch``, ``sim``, … that Python would import the ones that belong to this cyclewise?

cyclewise is several packages, and their names are common ones.  A ``sim.py`` beside a user's script,
or another distribution that also brings a package ``arch``, would be imported instead of ours and
fail later in some puzzling way.  This module finds out first, without importing any of them.
"""

import sys
from base64 import urlsafe_b64encode
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

SIBLINGS = ("arch", "workloads", "mapping", "sim", "plots", "dse")


def verify_siblings(version: str) -> None:
    """Raise ImportError, one sentence naming the file in the way, unless every sibling is our own.

    Our own are the packages beside this one (links resolved, so an editable install counts), and, where
    cyclewise ``version`` was installed from a wheel, those whose ``__init__.py`` is still what the wheel
    brought: a package of the same name installed later overwrites it in place.
    """
    home = Path(__file__).resolve().parent.parent
    installed = _installed_hashes(home / f"cyclewise-{version}.dist-info" / "RECORD")
    for name in SIBLINGS:
        ours = home / name / "__init__.py"
        if not ours.is_file():
            raise ImportError(f"cyclewise is installed incompletely: its package {name!r} is not in {home}.")
        found = _what_python_imports(name)
        if found is None or found.resolve() != ours:
            where = f"Python finds {found} first" if found else "Python does not find it"
            raise ImportError(
                f"cyclewise needs its own package {name!r} ({ours.parent}), but {where}: "
                f"rename or remove that, or keep cyclewise in an environment of its own."
            )
        recorded = installed.get(f"{name}/__init__.py")
        if recorded is not None and recorded != _fingerprint(ours):
            raise ImportError(
                f"cyclewise needs its own package {name!r}, but {ours} has been overwritten by another "
                f"distribution with a package of that name: install cyclewise in an environment of its own."
            )


def _what_python_imports(name: str) -> Path | None:
    """File (or, for a folder without ``__init__.py``, folder) that ``import name`` gives; None if nothing."""
    module = sys.modules.get(name)
    if module is not None:
        file, folders = getattr(module, "__file__", None), getattr(module, "__path__", None)
    else:
        spec = find_spec(name)
        if spec is None:
            return None
        file, folders = spec.origin if spec.has_location else None, spec.submodule_search_locations
    if file is not None:
        return Path(file)
    return Path(next(iter(folders))) if folders else Path(f"<{name}>")


def _installed_hashes(record: Path) -> dict[str, str]:
    """Lines ``path,sha256=hash,size`` of a RECORD as {path: "sha256=hash"}; empty if there is none."""
    try:
        lines = record.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    rows = (line.rsplit(",", 2) for line in lines if line.count(",") >= 2)
    return {path: digest for path, digest, _ in rows if digest}


def _fingerprint(file: Path) -> str:
    """The hash of a file's bytes, written as RECORD writes it."""
    return "sha256=" + urlsafe_b64encode(sha256(file.read_bytes()).digest()).decode().rstrip("=")
