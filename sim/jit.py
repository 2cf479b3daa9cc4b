"""The one way kernels are compiled: numba with an on-disk cache that notices every changed kernel.

numba's cache looks at the file of the compiled function only, so a callee changed in another file
would go unnoticed.  The cache directory therefore carries a hash of all simulation sources.
"""

import atexit
import hashlib
import importlib
import operator
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
Words: TypeAlias = Any  # inside kernels: int64 memory as handed out by `words`


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


def _writable(directory: Path) -> Path:
    """``directory``, made if need be, or one for this process alone where it cannot be written.

    numba left to itself would fall back to a cache beside the sources, which no hash protects.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return directory
    except OSError:
        own = tempfile.mkdtemp(prefix="cyclewise-kernels-")
        atexit.register(shutil.rmtree, own, ignore_errors=True)
        return Path(own)


_DIRECTORY = _writable(cache_directory())


def _numba() -> Any:
    directory = str(_DIRECTORY)
    os.environ["NUMBA_CACHE_DIR"] = directory
    numba: Any = importlib.import_module("numba")
    importlib.import_module("numba.extending")
    numba.config.CACHE_DIR = directory  # for the case that numba was imported earlier
    return numba


_NUMBA = _numba()
_types: Any = importlib.import_module("numba.core.types")
_cgutils: Any = importlib.import_module("numba.core.cgutils")
_models: Any = importlib.import_module("numba.core.datamodel.models")


def njit(function: F) -> F:
    """Compile ``function`` in nopython mode, cached on disk under :func:`cache_directory`."""
    compiled: F = _NUMBA.njit(cache=True, error_model="numpy")(function)
    return compiled


def inlined(function: F) -> F:
    """Like :func:`njit`, for a part of a kernel's loop that is to be inlined wherever it is called."""
    compiled: F = _NUMBA.njit(cache=True, error_model="numpy", forceinline=True)(function)
    return compiled


def is_compiled(function: Any) -> bool:
    """Has the kernel been compiled, or loaded from the cache, in this process?"""
    return bool(function.signatures)


def is_cached(function: Any) -> bool:
    """True if ``function`` is compiled in this process or its machine code lies in the disk cache."""
    if is_compiled(function):
        return True
    name = function.py_func.__qualname__
    return any(_DIRECTORY.rglob(f"*{name}-*.nbi"))


def _load_constant(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    value = builder.load(builder.gep(arguments[0], [arguments[1]]))
    # Lets LLVM keep the value in a register across stores to other memory.
    value.set_metadata("invariant.load", builder.module.add_metadata([]))
    return value


def _pointer_to_data(result: Any) -> Any:
    """An intrinsic that turns an int64 array into a pointer of numba type ``result`` to its first element."""

    def typed(typing_context: Any, array: Any) -> Any:
        if not isinstance(array, _types.Array) or array.dtype != _types.int64 or array.layout != "C":
            return None

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return _cgutils.create_struct_proxy(array)(context, builder, arguments[0]).data

        return result(array), generate

    return _NUMBA.extending.intrinsic(typed)


_words_type = _types.CPointer(_types.int64)
_constants_class = type(
    "ConstantWords", (_types.CPointer,), {"__doc__": "Memory that nobody writes meanwhile."}
)
_constants_type = _constants_class(_types.int64)
_constants_type.name = "ConstantWords"
_models.register_default(_constants_class)(_models.PointerModel)
_NUMBA.extending.lower_builtin(operator.getitem, _constants_class, _types.Integer)(_load_constant)

words: Any = _pointer_to_data(_words_type)
"""Inside kernels: an int64 array's memory as a plain pointer.

Indexing it neither counts references nor wraps negative indices, which is what lets the inner functions
of a kernel be inlined and vectorised.  The caller keeps the array alive.
"""

constants: Any = _pointer_to_data(_constants_type)
"""Like :data:`words`, for memory that stays as it is while the kernel runs."""


def _popcount() -> Any:
    def typed(typing_context: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.ctpop(arguments[0])

        return _types.int64(_types.int64), generate

    return _NUMBA.extending.intrinsic(typed)


popcount: Any = _popcount()
"""Inside kernels: how many bits of an int64 are set."""
