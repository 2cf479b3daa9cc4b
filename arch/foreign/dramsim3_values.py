"""The values of a DRAMsim3 file as DRAMsim3 reads them: names without regard to case, and its defaults."""

import re
from functools import lru_cache
from typing import Any, NoReturn

from arch.errors import unknown
from arch.foreign.draft import Draft, Setting, carried

NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?(?:[eE][+-]?[0-9]{1,2})?")
"""A number as these files have it: no sign, and nothing that overflows."""

_WHOLE = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F]{1,12}|0|[1-9][0-9]{0,12})")
_YES, _NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_MORE_SECTIONS = ("power", "other", "thermal", "hmc")
_MOST = 10**9


def _keys() -> Any:
    return carried("dramsim3_keys.yaml")


@lru_cache(maxsize=1)
def _known() -> dict[str, str]:
    """Every key that is known, by its name in lower case."""
    data = _keys()
    parts = [data["defaults"], data["no_counterpart"], data["not_read"]]
    parts.append({"power": dict.fromkeys(("VDD", "IDD0", "IDD2N", "IDD3N", "IDD4R", "IDD4W", "IDD5AB"))})
    return {f"{s}.{k}".casefold(): f"{s}.{k}" for part in parts for s, keys in part.items() for k in keys}


class Values:
    """One file being translated: names of keys without regard to case, defaults, and the draft."""

    def __init__(self, settings: dict[str, Setting], shown: str) -> None:
        self.draft = Draft(shown, settings)
        self.named = {key.casefold(): key for key in settings}

    def check_sections(self) -> None:
        for section in ("dram_structure", "timing"):
            if not any(key.startswith(f"{section}.") for key in self.named):
                self.draft.refuse(
                    None, f"no section [{section}]", accepted="an ini file with [dram_structure] and [timing]"
                )

    def check_keys(self) -> None:
        """Refuses keys that neither DRAMsim3 nor any configuration of it knows: most are misspelt."""
        known = _known()
        for folded, key in self.named.items():
            section, _, name = folded.partition(".")
            if section == "thermal" or folded in known:
                continue
            if section not in {k.partition(".")[0] for k in known}:
                sections = ", ".join(f"[{name}]" for name in (*_keys()["defaults"], *_MORE_SECTIONS))
                self.draft.refuse(key, "DRAMsim3 has no such section", accepted=sections)
            names = [k for f, k in known.items() if f.startswith(f"{section}.")]
            message = unknown("key, which DRAMsim3 would ignore", key, names)
            elsewhere = [k for f, k in known.items() if f.endswith(f".{name}")]
            if elsewhere:
                message = f"DRAMsim3 would ignore it here; it reads {elsewhere[0]}"
            self.draft.refuse(key, message, accepted="a key that DRAMsim3 reads, or no such line")

    def leave_rest(self) -> None:
        for part in ("no_counterpart", "not_read"):
            for section, reasons in _keys()[part].items():
                for folded, key in self.named.items():
                    own, _, name = folded.partition(".")
                    why = {k.casefold(): v for k, v in reasons.items()}.get(name, reasons.get("*"))
                    if own == section and why is not None:
                        self.draft.leave(key, why)

    def name(self, key: str) -> str:
        """The key as the file spells it."""
        return self.named.get(key.casefold(), key)

    def has(self, key: str) -> bool:
        return key.casefold() in self.named

    def text(self, key: str) -> str:
        """The value, or DRAMsim3's default where the key is missing or empty; a default is noted."""
        found = self.draft.settings.get(self.name(key))
        if found is not None and found.text:
            return str(found.value)
        section, _, name = key.partition(".")
        default = str(_keys()["defaults"][section][name])
        self.draft.assume(f"{name} is not given; DRAMsim3's default {default} is used")
        self.draft.leave(self.name(key), f"empty; DRAMsim3's default {default} is used")
        return default

    def word(self, key: str) -> str:
        return self.text(key).strip('"')

    def number(self, key: str, *, least: int, most: int = _MOST) -> int:
        text = self.text(key)
        value = int(text, 0) if _WHOLE.fullmatch(text) else None
        if value is None or not least <= value <= most:
            self.refuse(key, "", given=text, accepted=f"a whole number from {least} to {most}")
        return value

    def count(self, key: str) -> int:
        return self.number(key, least=1)

    def flag(self, key: str) -> bool:
        section, _, name = key.partition(".")
        text = self.text(key) if self.has(key) else str(_keys()["defaults"][section][name])
        if text.casefold() not in (*_YES, *_NO):
            self.refuse(key, "", given=text, accepted="true or false")
        return text.casefold() in _YES

    def put(self, key: str, path: tuple[str, ...], value: Any, confidence: str = "read") -> None:
        """A value of ours from a key of the file, or from DRAMsim3's default for it."""
        if self.has(key) and self.draft.settings[self.name(key)].text:
            self.draft.carry(self.name(key), path, value, confidence)
        else:
            source = f"DRAMsim3's default for a missing {key.partition('.')[2]}"
            self.draft.put(path, value, source, confidence, setting=self.name(key) if self.has(key) else None)

    def refuse(self, key: str, message: str, **details: Any) -> NoReturn:
        self.draft.refuse(self.name(key), message, **details)
