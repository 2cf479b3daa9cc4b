"""DRAMsim3's ini files: ``[section]``, ``key = value``, comments after ; or at a line that starts with #.

DRAMsim3 reads them with inih: names without regard to case, an indented line as a continuation that it then
ignores, and a number's text up to the first character that does not belong to it.  Here what it would
silently lose or cut is refused.
"""

import re

from arch.errors import InputError
from arch.foreign.draft import Setting, as_text

_SECTION = re.compile(r"\[\s*([^\]]*?)\s*\]$")
_PAIR = re.compile(r"([^=:]+?)\s*[=:]\s*(.*)")


def read_ini(text: str, shown: str) -> dict[str, Setting]:
    """Settings by ``section.key``, both as written first.  Raises InputError with the line."""
    settings: dict[str, Setting] = {}
    spelled: dict[str, str] = {}
    section: str | None = None
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.split(";", 1)[0].rstrip()
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        match = _SECTION.match(bare)
        if match is not None:
            section = match[1]
            continue
        pair = _PAIR.fullmatch(bare)
        if pair is None or not pair[1].strip():
            raise InputError("", file=shown, line=number, given=bare, accepted="[section] or key = value")
        if section is None:
            raise InputError(
                "a key before the first section", file=shown, line=number, field=pair[1], accepted="[section]"
            )
        key = f"{section}.{pair[1]}"
        if line[0].isspace() and settings:
            message = "an indented line, which DRAMsim3 takes for more of the key above and ignores"
            raise InputError(
                message, file=shown, line=number, field=key, accepted="key = value from column 1"
            )
        folded = key.casefold()
        if folded in spelled:
            first = settings[spelled[folded]].line
            raise InputError(f"key given twice, first in line {first}", file=shown, line=number, field=key)
        spelled[folded] = key
        settings[key] = Setting(pair[2], as_text(pair[2]), number)
    return settings
