"""The one way kernels are compiled: numba with an on-disk cache that notices every changed kernel.

numba's cache looks at the file of the compiled function only, so a callee changed in another file
would go unnoticed.  The cache directory therefore carries a hash of all simulation sources.
"""

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def cache_directory() -> Path:
    """Where compiled kernels of exactly these sources live; ``CYCLEWISE_CACHE`` moves the root."""
    root = os.environ.get("CYCLEWISE_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "cyclewise"
    )
    digest = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    folder = Path(__file__).parent
    for source in sorted(folder.rglob("*.py")):
        digest.update(str(source.relative_to(folder)).encode())
        digest.update(source.read_bytes())
    return Path(root) / "kernels" / digest.hexdigest()[:16]


def _numba() -> Any:
    directory = str(cache_directory())
    os.environ["NUMBA_CACHE_DIR"] = directory
    import numba

    numba.config.CACHE_DIR = directory
    return numba


_NUMBA = _numba()


def njit(function: F) -> F:
    """Compile ``function`` in nopython mode, cached on disk under :func:`cache_directory`."""
    compiled: F = _NUMBA.njit(cache=True, error_model="numpy")(function)
    return compiled


def is_cached(function: Any) -> bool:
    """True if ``function`` is compiled in this process or its machine code lies in the disk cache."""
    if function.signatures:
        return True
    name = function.py_func.__qualname__
    return any(cache_directory().rglob(f"*{name}-*.nbi"))
