"""Configurations of other simulators as memories of ours, with a list of every setting that was left behind.

``import_configuration("theirs.ini")`` reads DRAMsim3's ini files and Ramulator's YAML.  The result is text:
a YAML file that extends one of our families, names the line each figure came from, and loads and runs as
it is.  Nothing of the input is dropped silently: every setting is either translated or listed with a reason.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arch.foreign.draft import Imported as Imported
    from arch.foreign.draft import Translated as Translated
    from arch.foreign.draft import Untranslated as Untranslated
    from arch.foreign.formats import FORMATS as FORMATS
    from arch.foreign.formats import import_configuration as import_configuration

_MODULE_OF = {
    "FORMATS": "arch.foreign.formats",
    "Imported": "arch.foreign.draft",
    "Translated": "arch.foreign.draft",
    "Untranslated": "arch.foreign.draft",
    "import_configuration": "arch.foreign.formats",
}

__all__ = [*_MODULE_OF]


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        from importlib import import_module

        return getattr(import_module(_MODULE_OF[name]), name)
    raise AttributeError(f"module 'arch.foreign' has no attribute {name!r}")
