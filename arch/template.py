"""Starts a user's own system file from a library system."""

from fractions import Fraction
from pathlib import Path

from arch.controller import profiles
from arch.errors import InputError
from arch.system import System, load
from arch.yaml_text import dump


def new_from(name: str, path: str | Path) -> Path:
    """Writes a YAML file at ``path`` that extends the library system ``name`` and changes nothing yet.

    Common overrides stand in it as comments.  Raises :class:`arch.errors.InputError` if there is no such
    system, the file exists (it is left as it is) or cannot be written.
    """
    system = load(name)
    target = Path(path)
    shown = str(path)
    if target.suffix not in (".yaml", ".yml"):
        raise InputError("", file=shown, given=target.name, accepted="a file name that ends in .yaml")
    base = name if (system.source_file.parent / f"{name}.yaml") == system.source_file else None
    extends = base or str(system.source_file.resolve())
    text = _text(system, extends)
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InputError("exists already and is left as it is; choose another name", file=shown) from None
    except FileNotFoundError:
        raise InputError("cannot be written: its folder does not exist", file=shown) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot be written: {reason}", file=shown) from None
    return target


def _text(system: System, extends: str) -> str:
    head = dump({"kind": system.kind, "extends": extends, "title": f"based on {system.name}"})
    return (
        f"# A system of your own.  It is {system.name} until you change something below:\n"
        "# maps merge with the base, lists replace, null deletes.\n" + head + _suggestions(system)
    )


def _suggestions(system: System) -> str:
    """Commented overrides with the values that hold now."""
    keys = (
        "clock",
        "clock_period",
        "channels",
        "organization",
        "address_map",
        "timing",
        "controller",
        "front_end",
    )
    values = {key: system.tree[key] for key in keys if key in system.tree}
    if system.kind == "memory":
        profile = system.tree["controller"]["profile"]
        filled = {k: float(v) if isinstance(v, Fraction) else v for k, v in profiles()[profile].items()}
        values["controller"] = {"profile": profile, **filled, **system.tree["controller"]}
    return "".join(f"# {line}\n" for line in dump(values).splitlines())
