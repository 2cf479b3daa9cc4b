"""Hypothesis strategies for property tests of the DRAM channel: controllers to try and requests to send.

``dram_cases("ddr4_2400")`` draws all at once; the parts can be drawn alone.  The requests are few but dense:
small pools of rows, banks and columns, so that hits, conflicts, same-line repeats, full queues and refreshes
all happen within tens of requests.
"""

from dataclasses import dataclass

from hypothesis import strategies as st

import arch
from arch.device import Memory

PAGE_POLICIES = ["open", "closed", "open_adaptive", "closed_adaptive"]


@dataclass(frozen=True)
class Requests:
    """Parallel lists in program order, as a channel takes them; ``windows``: one per stream."""

    arrival: list[int]
    line: list[int]
    op: list[int]
    stream: list[int]
    windows: list[int]


@dataclass(frozen=True)
class DramCase:
    """A memory, how it was asked for, and what is sent to it."""

    overrides: list[str]
    memory: Memory
    requests: Requests


def encode(memory: Memory, **fields: int) -> int:
    """Line whose address map bits spell ``fields`` (those left out: 0), before any XOR hashing.

    Without hashing this is the inverse of the address map.  Of several segments that write the same field
    bits the first one holds the field, later ones only hash it.
    """
    line = 0
    written = dict.fromkeys(("channel", "rank", "group", "bank", "row", "column"), 0)
    for s in memory.address_map:
        mask = ((1 << s.width) - 1) << s.target
        if not written[s.field] & mask:
            written[s.field] |= mask
            line |= ((fields.get(s.field, 0) & mask) >> s.target) << s.source
    return line


@st.composite
def lines(draw: st.DrawFn, memory: Memory, size: int) -> list[int]:
    """``size`` lines from a few rows of a few banks, with repeats."""
    o = memory.organization
    banks = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "channel": st.integers(0, memory.channels - 1),
                    "rank": st.integers(0, o.ranks - 1),
                    "group": st.integers(0, o.groups - 1),
                    "bank": st.integers(0, o.banks - 1),
                }
            ),
            min_size=1,
            max_size=draw(st.sampled_from([1, 3, 8, 24])),
        )
    )
    rows = draw(st.lists(st.integers(0, o.rows - 1), min_size=1, max_size=3, unique=True))
    columns = draw(st.sampled_from([1, 2, 8]))
    return [
        encode(
            memory,
            **draw(st.sampled_from(banks)),
            row=draw(st.sampled_from(rows)),
            column=draw(st.integers(0, columns - 1)),
        )
        for _ in range(size)
    ]


@st.composite
def arrivals(draw: st.DrawFn, memory: Memory, size: int) -> list[int]:
    """Non-decreasing cycles: all at once, small gaps, bursts with pauses, or around the refreshes."""
    shape = draw(st.sampled_from(["at_once", "small_gaps", "bursts", "near_refresh"]))
    if shape == "at_once":
        return [0] * size
    if shape == "small_gaps":
        gaps = draw(st.lists(st.integers(0, 12), min_size=size, max_size=size))
    else:
        longest = 400 if shape == "bursts" or memory.refresh is None else memory.refresh.interval
        gap = st.one_of(st.just(0), st.just(0), st.just(0), st.integers(0, min(longest, 5000)))
        gaps = draw(st.lists(gap, min_size=size, max_size=size))
    now, result = 0, []
    for gap_ in gaps:
        now += gap_
        result.append(now)
    return result


@st.composite
def requests(draw: st.DrawFn, memory: Memory, max_size: int = 80) -> Requests:
    """A request list for ``memory``: mixtures of its ops, over all of its streams, some with windows."""
    size = draw(st.integers(1, max_size))
    codes = [op.code for op in memory.ops]
    share = draw(st.sampled_from([codes[:1], codes, codes + codes[:1] * 3, codes[1:] or codes]))
    n = memory.front_end.streams
    return Requests(
        arrival=draw(arrivals(memory, size)),
        line=draw(lines(memory, size)),
        op=draw(st.lists(st.sampled_from(share), min_size=size, max_size=size)),
        stream=draw(st.lists(st.integers(0, n - 1), min_size=size, max_size=size)),
        windows=draw(st.lists(st.sampled_from([0, 0, 1, 2, 5]), min_size=n, max_size=n)),
    )


@st.composite
def address_maps(draw: st.DrawFn, name: str) -> str:
    """An address map for the library memory ``name`` with any ranks: plain, hashed, or split and hashed."""
    o = arch.load(name).spec.resolve().organization
    row = (o.rows - 1).bit_length()
    hashes, used = "", 0
    for field, count in (("bank", o.banks), ("group", o.groups)):
        width = (count - 1).bit_length()  # DDR3 has no groups: nothing to hash
        if width and used + width <= row:
            hashes += f"; {field} ^= row[{used + width - 1}:{used}]"
            used += width
    top = (o.columns - 1).bit_length() - 1
    return draw(
        st.sampled_from(
            [
                "row bank group rank column channel",
                f"row bank group rank column channel{hashes}",
                f"row column[{top}:2] bank group rank column[1:0] channel{hashes}; bank[0] ^= column[2]",
            ]
        )
    )


@st.composite
def controller_overrides(
    draw: st.DrawFn,
    name: str,
    *,
    max_ranks: int = 1,
    max_channels: int = 1,
    max_streams: int = 1,
    profiles: tuple[str, ...] = ("ramulator21", "ramulator21_rowhit", "cyclewise"),
) -> list[str]:
    """``KEY=VALUE`` overrides of the library memory ``name``: policies, queues, refresh, map, ranks, streams.

    Several ranks need a memory with rules between ranks (DDR3 and DDR4).
    """
    # A low watermark of 0 would never be undercut, so that writes, once chosen, would starve reads for ever.
    low, high = sorted(draw(st.tuples(st.integers(1, 100), st.integers(1, 100))))
    result = [
        f"controller.profile={draw(st.sampled_from(profiles))}",
        f"controller.scheduler={draw(st.sampled_from(['fr_fcfs', 'row_hit_first', 'fifo']))}",
        f"controller.page_policy={draw(st.sampled_from(['open', 'closed']))}",
        f"controller.refresh={draw(st.sampled_from(['all_bank', 'all_bank', 'none']))}",
        f"controller.read_queue={draw(st.integers(1, 40))}",
        f"controller.write_queue={draw(st.integers(1, 40))}",
        f"controller.write_low={low / 100:.2f}",
        f"controller.write_high={high / 100:.2f}",
        f"address_map={draw(address_maps(name))}",
    ]
    if draw(st.booleans()):
        # Refreshes every few requests, but with time left in between: a controller that does nothing but
        # refresh would never finish.
        recovery = arch.load(name).spec.resolve().timing["tRFC"]
        result.append(f"timing.tREFI={2 * recovery + draw(st.integers(300, 1500))} nCK")
    if max_ranks > 1:
        result.append(f"organization.ranks={draw(st.sampled_from([1, max_ranks]))}")
    if max_channels > 1:
        result.append(f"channels={draw(st.sampled_from([1, max_channels]))}")
        result.append(f"front_end.mode={draw(st.sampled_from(['shared', 'per_channel']))}")
    if max_streams > 1:
        result.append(f"front_end.streams={draw(st.integers(1, max_streams))}")
        result.append(f"front_end.arbiter={draw(st.sampled_from(['round_robin', 'oldest', 'priority']))}")
    return result


@st.composite
def bank_machine_overrides(draw: st.DrawFn, name: str, *, max_ranks: int = 1) -> list[str]:
    """Overrides as of :func:`controller_overrides`, of a controller with bank machines."""
    postponed = st.sampled_from([0, 1, 2, 3, 8])
    kept = ("address_map=", "timing.tREFI=", "organization.ranks=")
    others = draw(controller_overrides(name, max_ranks=max_ranks, profiles=("dramsys",)))
    return [
        "controller.profile=dramsys",
        *(override for override in others if override.startswith(kept)),
        f"controller.scheduler={draw(st.sampled_from(['fifo', 'fr_fcfs', 'fr_fcfs_grp']))}",
        f"controller.page_policy={draw(st.sampled_from(PAGE_POLICIES))}",
        f"controller.buffer={draw(st.sampled_from(['bankwise', 'read_write', 'shared']))}",
        f"controller.buffer_size={draw(st.sampled_from([1, 2, 3, 4, 8, 20]))}",
        f"controller.response_queue={draw(st.sampled_from(['fifo', 'reorder']))}",
        f"controller.refresh={draw(st.sampled_from(['all_bank', 'all_bank', 'none']))}",
        f"controller.refresh_postponed={draw(postponed)}",
        f"controller.refresh_pulled_in={draw(postponed)}",
        f"front_end.admission={draw(st.sampled_from(['simple', 'fifo', 'reorder']))}",
        f"front_end.max_active={draw(st.sampled_from([1, 2, 3, 4, 8, 16]))}",
    ]


@st.composite
def bank_machine_cases(draw: st.DrawFn, name: str, *, max_size: int = 60, max_ranks: int = 1) -> DramCase:
    """A memory of the library under a drawn controller with bank machines, and requests for it."""
    overrides = draw(bank_machine_overrides(name, max_ranks=max_ranks))
    memory: Memory = arch.load(name, overrides).spec.resolve()
    return DramCase(overrides, memory, draw(requests(memory, max_size)))


@st.composite
def dram_cases(
    draw: st.DrawFn,
    name: str,
    *,
    max_size: int = 80,
    max_ranks: int = 1,
    max_channels: int = 1,
    max_streams: int = 1,
) -> DramCase:
    """A memory of the library under a drawn controller, and requests for it."""
    overrides = draw(
        controller_overrides(name, max_ranks=max_ranks, max_channels=max_channels, max_streams=max_streams)
    )
    memory: Memory = arch.load(name, overrides).spec.resolve()
    return DramCase(overrides, memory, draw(requests(memory, max_size)))
