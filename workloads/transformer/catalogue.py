"""Models known by name, and the files that describe them."""

from pathlib import Path
from typing import Any, Final, NamedTuple

from arch.errors import InputError, nearest
from arch.yaml_source import Tree, parse
from workloads.compression import check_file, read_pieces
from workloads.transformer.config import transformer
from workloads.transformer.json_source import parse_json
from workloads.transformer.keys import Keys
from workloads.transformer.model import Transformer

FOLDER: Final = Path(__file__).parent / "library"
MOST_BYTES: Final = 64 << 20
"""Of a file: a table of a million requests."""
DEFAULTS: Final[dict[str, Any]] = {"prompt": 1, "tokens": 1024, "lm_head": False}


class ModelEntry(NamedTuple):
    """A library model as listings show it."""

    name: str
    title: str
    parameters: dict[str, object]  # the usual ones, with their defaults


def library() -> list[ModelEntry]:
    """All models that :func:`load_model` knows by name."""
    entries = []
    for name in names():
        tree, shown = read(name)
        model = transformer(Keys(tree, shown), name)
        parameters = DEFAULTS | {"tokens": min(DEFAULTS["tokens"], model.context)}
        entries.append(ModelEntry(name, str(tree.data["title"]), parameters))
    return entries


def names() -> list[str]:
    """Names of the library models, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_model(name_or_path: str) -> Transformer:
    """A library model, or the one that a ``config.json`` or YAML file describes.

    Raises:
        InputError: with file, line and field: no such model or file, or one that is not understood.
    """
    tree, shown = read(name_or_path)
    return transformer(Keys(tree, shown), name_of(name_or_path))


def name_of(name_or_path: str) -> str:
    """What a model or a run is called unless its file says so."""
    path = Path(name_or_path)
    stem = path.resolve().parent.name if path.name == "config.json" else path.name.partition(".")[0]
    return stem or "model"


def read(name_or_path: str, beside: Path | None = None) -> tuple[Tree, str]:
    """The map in a library model's file or any other, and how the file is called in messages.

    A library name comes before a file of that name; write ``./name`` for the file.  A folder stands for the
    ``config.json`` in it.

    Args:
        beside: folder that a path is relative to.

    Raises:
        InputError: no such file, or it cannot be read or is no map.
    """
    if name_or_path in names():
        path, shown = FOLDER / f"{name_or_path}.yaml", f"{name_or_path}.yaml"
    else:
        path = _file(name_or_path, beside)
        shown = str(path)
    text = _text(str(path), shown)
    tree = parse_json(text, shown) if path.suffix == ".json" else parse(text, shown)
    if not isinstance(tree.data, dict):
        accepted = "a map of keys such as model_type, or model, prompt, tokens"
        raise InputError("", file=shown, line=1, given=tree.data, accepted=accepted)
    return tree, shown


def _file(given: str, beside: Path | None) -> Path:
    path = Path(given) if beside is None else beside / given
    try:
        if given and path.is_dir() and (path / "config.json").is_file():
            return path / "config.json"
        if given and path.is_dir():
            raise InputError("is a folder without a config.json", file=str(path))
        if given and path.exists():
            return path
    except (OSError, ValueError):  # longer than the file system takes, or with a null character
        pass
    close = nearest(given, names())
    meant = f'; did you mean "{close}"?' if close else ""
    accepted = f"the path of a config.json or YAML file, or one of {', '.join(names())}"
    raise InputError(f"no such file or library model{meant}", given=given, accepted=accepted)


def _text(path: str, shown: str) -> str:
    try:
        check_file(path)
        raw = b""
        for piece in read_pieces(path):
            raw += piece
            if len(raw) > MOST_BYTES:
                raise InputError(f"larger than {MOST_BYTES >> 20} MiB", file=shown)
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError("not UTF-8 text", file=shown, line=line) from None
    except InputError as error:
        raise InputError(error.message, file=shown, line=error.line) from None
