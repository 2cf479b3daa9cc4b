"""The section [power] of DRAMsim3 as our ``energy:``, where our energy model can say the same.

Both charge a command what it draws above the background.  DRAMsim3's background is IDD3N while a bank is
open and IDD2N otherwise; ours is one current.  So currents are carried over where the two are equal and no
command draws less; otherwise none is, because half of an energy is none.
"""

from collections.abc import Mapping
from fractions import Fraction

from arch.foreign.draft import Draft
from arch.foreign.dramsim3_values import NUMBER

_CURRENTS = {
    "IDD0": "IDD0",
    "IDD2N": "IDD2N",
    "IDD3N": "IDD3N",
    "IDD4R": "IDD4R",
    "IDD4W": "IDD4W",
    "IDD5AB": "IDD5",
}


def put_energy(draft: Draft, named: Mapping[str, str], devices: int) -> None:
    """Translates or leaves VDD and the currents.  Raises InputError for what is no number.

    ``named`` maps keys in lower case to keys as written; ``devices`` is how many make a rank.
    """
    values: dict[str, Fraction] = {}
    for name in ("VDD", *_CURRENTS):
        key = named.get(f"power.{name}".casefold())
        if key is None or not draft.settings[key].text:
            continue
        text = draft.settings[key].text
        if NUMBER.fullmatch(text) is None:
            draft.refuse(
                key, "", given=text, accepted="volts" if name == "VDD" else "milliamperes, such as 48"
            )
        values[name] = Fraction(text)
    why = _obstacle(values)
    for name in ("VDD", *_CURRENTS):
        key = named.get(f"power.{name}".casefold())
        if key is None:
            continue
        if why is not None:
            draft.leave(key, f"no energy is reported: {why}")
            continue
        unit = "V" if name == "VDD" else "mA"
        draft.carry(key, ("energy", _CURRENTS.get(name, name)), f"{draft.settings[key].text} {unit}")
    if why is None:
        source = "bus_width / device_width of the configuration"
        draft.put(("energy", "devices"), devices, source, "derived")
        draft.assume(
            "energies are joules here; DRAMsim3's are V·mA·cycles, which is pJ only at a clock of 1 ns"
        )


def _obstacle(values: Mapping[str, Fraction]) -> str | None:
    missing = [name for name in ("VDD", *_CURRENTS) if name not in values]
    if missing:
        return f"{', '.join(missing)} not given"
    if values["VDD"] == 0:
        return "VDD is 0"
    if values["IDD2N"] != values["IDD3N"]:
        return "one background current is charged here, and IDD2N and IDD3N differ"
    low = [n for n in ("IDD0", "IDD4R", "IDD4W", "IDD5AB") if values[n] < values["IDD3N"]]
    return f"{', '.join(low)} below the background IDD3N" if low else None
