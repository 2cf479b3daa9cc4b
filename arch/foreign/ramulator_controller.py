"""Ramulator's controller, 2.0 and 2.1: what our profile ramulator21 does alike, and what it does not."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from arch.controller import MOST_ENTRIES
from arch.errors import InputError, dotted
from arch.foreign.draft import STANDARDS, Draft, Setting, as_text
from arch.yaml_source import Tree

PROFILES = {"FRFCFS": "ramulator21", "FRFCFS-RowHit": "ramulator21_rowhit"}
_OPEN = ("OpenRowPolicy", "Open")
_CAPPED = ("ClosedRowPolicy", "ClosedCAP")


def flattened(tree: Tree) -> dict[str, Setting]:
    """Every setting of a YAML file by its dotted path; lists of maps are entered, others are one value."""
    settings: dict[str, Setting] = {}

    def enter(value: Any, path: tuple[str | int, ...]) -> None:
        if isinstance(value, dict) and (value or not path):
            for key, child in value.items():
                enter(child, (*path, key))
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            for index, child in enumerate(value):
                enter(child, (*path, index))
        else:
            mark = tree.mark(path, key=True)
            name, line = dotted(path), mark.line if mark else None
            if name in settings:  # a key with a dot in it
                file = mark.file if mark else None
                raise InputError(
                    f"given twice, first in line {settings[name].line}", file=file, line=line, field=name
                )
            settings[name] = Setting(value, as_text(value), line)

    enter(tree.data, ())
    return settings


def whole(draft: Draft, setting: str, *, least: int = 1, most: int = 10**9) -> int:
    """A whole number of the file, refused with its line if it is none."""
    value = draft.settings[setting].value
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        draft.refuse(setting, "", given=value, accepted=f"a whole number from {least} to {most}")
    return value


def word(draft: Draft, setting: str) -> str | None:
    """A name in the file; None if it is missing."""
    found = draft.settings.get(setting)
    if found is None or found.value is None:
        return None
    if not isinstance(found.value, str):
        draft.refuse(setting, "", given=found.value, accepted="a name")
    return found.value


def standard_of(draft: Draft, setting: str) -> str:
    """The standard that ``setting`` names, refused if no family of the library covers it."""
    name = word(draft, setting)
    accepted = ", ".join(STANDARDS)
    if name is None:
        draft.refuse(setting, "missing", accepted=accepted)
    if name not in STANDARDS:
        message = "no family of the library covers this standard"
        draft.refuse(setting, message, given=name, accepted=accepted)
    draft.take(setting, "extends")
    return name


def put_controller(draft: Draft, at: str, names: Mapping[str, str], controllers: Sequence[str]) -> None:
    """Profile, policies, queues and watermarks of the controller whose settings begin with ``at``.

    ``names`` are the keys of scheduler, refresh manager and row policy; ``controllers`` the controllers that
    work as ours does.
    """
    name = f"{at}.impl"
    found = word(draft, name)
    if found is None or found in controllers:
        draft.take(name, "controller.profile")
    else:
        draft.leave(name, f"not modelled here; imported as {controllers[0]}")
    scheduler = f"{at}.{names['scheduler']}.impl"
    profile = PROFILES.get(word(draft, scheduler) or "FRFCFS")
    if profile is None:
        draft.leave(scheduler, "not modelled here; FRFCFS is used")
        draft.put(("controller", "profile"), "ramulator21", "nearest to the scheduler", "assumed")
    elif scheduler in draft.settings:
        draft.carry(scheduler, ("controller", "profile"), profile)
    else:
        draft.put(("controller", "profile"), profile, "no scheduler is named; FRFCFS is used", "assumed")
    _row_policy(draft, f"{at}.{names['row_policy']}")
    _refresh(draft, f"{at}.{names['refresh']}")
    for key, ours in (("read_buffer_size", "read_queue"), ("write_buffer_size", "write_queue")):
        if f"{at}.{key}" in draft.settings:
            entries = whole(draft, f"{at}.{key}", most=MOST_ENTRIES)
            draft.carry(f"{at}.{key}", ("controller", ours), entries)
    for key, ours in (("wr_high_watermark", "write_high"), ("wr_low_watermark", "write_low")):
        if f"{at}.{key}" in draft.settings:
            value = draft.settings[f"{at}.{key}"].value
            if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value <= 1:
                draft.refuse(f"{at}.{key}", "", given=value, accepted="a share from 0 to 1, such as 0.8")
            share = int(value) if value == int(value) else float(value)
            draft.carry(f"{at}.{key}", ("controller", ours), share)
    draft.leave(f"{at}.priority_buffer_size", "refreshes that are due wait without limit here")
    for setting in draft.settings:
        if setting.startswith((f"{at}.plugins", f"{at}.controller_plugins")):
            empty = draft.settings[setting].value in (None, [])
            draft.leave(setting, "no plugins" if empty else "controller plugins are not modelled here")


def _row_policy(draft: Draft, at: str) -> None:
    found = word(draft, f"{at}.impl")
    if found in _OPEN:
        draft.carry(f"{at}.impl", ("controller", "page_policy"), "open")
        why = f"{found} has no cap"
    elif found in _CAPPED:
        why = "closes rows after a number of accesses; here they stay open, or close after each"
        draft.leave(f"{at}.impl", why)
        draft.assume(
            "the page policy is open, where the configuration closes rows after a number of accesses"
        )
    else:
        why = "not modelled here; rows stay open"
        draft.leave(f"{at}.impl", why)
    draft.leave(f"{at}.cap", why)


def _refresh(draft: Draft, at: str) -> None:
    found = word(draft, f"{at}.impl")
    if found == "AllBank":
        draft.carry(f"{at}.impl", ("controller", "refresh"), "all_bank")
    elif found == "NoRefresh":
        draft.carry(f"{at}.impl", ("controller", "refresh"), "none")
    else:
        draft.leave(f"{at}.impl", "not modelled here; all banks of a rank are refreshed together")
        draft.assume("refresh takes all banks of a rank at once, every tREFI")
    if f"{at}.scatter_interval" in draft.settings and draft.settings[f"{at}.scatter_interval"].value == 0:
        draft.take(f"{at}.scatter_interval", "controller.refresh")
    draft.leave(f"{at}.scatter_interval", "here every rank is refreshed at the same time")
    draft.leave(f"{at}.debug", "output of Ramulator")
