"""Roofline of a memory that computes: its banks' bandwidth, its pins', and the memories of the baselines.

A weight or cache entry of two bytes takes part in one multiplication and one addition, so that a decoder at
batch 1 does one operation per byte that is read, wherever it is read.
"""

from plots.drawing import Drawing
from plots.labels import percent, quantity
from plots.recorded import NothingToDraw, Run, Tables, of
from plots.roofline import Ceiling, Point
from plots.roofline import draw as draw_roofline
from sim.baselines import baselines

OPERATIONS_PER_BYTE = 1.0
"""A multiplication and an addition for each bf16 number of two bytes."""

GIGA = 1e9


def draw(run: Run, tables: Tables | None = None) -> Drawing:
    """The run against bytes read in the banks and against bytes over the pins, below both bandwidths.

    The baselines' points are bounds: what their memory's bandwidth allows for the same operations, not what
    was measured on them.

    Raises:
        NothingToDraw: the report lacks the bandwidths, or nothing was computed.
    """
    report = of(run, tables or {}).report
    names = ("internal_bandwidth", "peak_internal_bandwidth", "external_bandwidth", "peak_external_bandwidth")
    inside, most_inside, outside, most_outside = (float(report.metrics.get(name) or 0.0) for name in names)
    if not (inside and most_inside and most_outside):
        raise NothingToDraw("the report tells no bandwidth of the banks")
    rate = inside * OPERATIONS_PER_BYTE
    points = [Point("this run, per byte read in the banks", OPERATIONS_PER_BYTE, rate / GIGA)]
    if outside:
        points.append(Point("this run, per byte over the pins", rate / outside, rate / GIGA))
    ceilings = [
        Ceiling(f"banks {quantity(most_inside, 'B/s')}", most_inside / GIGA, True),
        Ceiling(f"pins {quantity(most_outside, 'B/s')}", most_outside / GIGA, True),
        Ceiling("all MAC units", most_inside * OPERATIONS_PER_BYTE / GIGA, False),
    ]
    for baseline in baselines("pim_gpt").values():
        most = baseline.bandwidth
        points.append(Point(f"{baseline.title}, at its memory's bound", OPERATIONS_PER_BYTE, most / GIGA))
        ceilings.append(Ceiling(f"{baseline.title} {quantity(most, 'B/s')}", most / GIGA, True))
    return draw_roofline(
        points,
        ceilings,
        intensity="operations per byte",
        performance="Gop/s",
        name="pim_roofline",
        title="Roofline: banks and pins",
        caption=f"{quantity(inside, 'B/s')} of the banks' {quantity(most_inside, 'B/s')} are computed on"
        f" ({percent(inside / most_inside)}); every byte over the pins serves"
        f" {rate / outside if outside else 0:,.0f} operations. Through the pins alone, or on a baseline, one"
        " operation per byte is all that a decoder does.",
    )
