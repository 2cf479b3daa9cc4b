"""``cyclewise curve SYSTEM``: latency against bandwidth, from a sweep of the injection rate."""

from typing import TYPE_CHECKING, Annotated

import typer

from cyclewise.terminal import note, print_json, printable, progress, say, table

if TYPE_CHECKING:
    from cyclewise.curves import Curve, CurvePoint

EXAMPLE = (
    "Examples: cyclewise curve ddr4_2400 -o out\n\n"
    "cyclewise curve hbm2_2000 --set channels=8 --set front_end.mode=per_channel --pattern random"
)


def command(
    context: typer.Context,
    system: Annotated[str, typer.Argument(help="The memory: library name or YAML file.", metavar="SYSTEM")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Change one key of the memory.", metavar="KEY=VALUE")
    ] = None,
    pattern: Annotated[
        str,
        typer.Option(
            help="interleaved (over channels and bank groups: the memory at its best), stream, random."
        ),
    ] = "interleaved",
    read_share: Annotated[
        float, typer.Option(help="Share of reads among the requests, above 0, at most 1.", metavar="SHARE")
    ] = 1.0,
    points: Annotated[
        int, typer.Option(help="Runs, 4 or more; the last as fast as requests are accepted.", metavar="N")
    ] = 20,
    requests: Annotated[int, typer.Option(help="Requests of each run.", metavar="N")] = 200_000,
    arrivals: Annotated[str, typer.Option(help="poisson or constant.")] = "poisson",
    seed: Annotated[int, typer.Option(help="Of all random numbers.")] = 0,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="Keep table, JSON and drawings here.", metavar="DIR"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Sweep the injection rate: read latency from arrival against achieved bandwidth, and the limits."""
    import arch
    from cyclewise.curve_sweep import Sweep
    from cyclewise.simulation import split_settings

    overrides = set_ or []
    loaded = arch.load(system, split_settings(overrides, only_system=True).system)
    sweep = Sweep(
        loaded, system, overrides, pattern, read_share, points, requests, arrivals, seed, context.obj
    )  # fmt: skip
    with progress(f"{loaded.name} {pattern}") as update:
        curve = sweep.carried_out(output, progress=update, message=note)
    if json:
        print_json(curve.to_dict())
        return
    _tell(curve)
    if output is not None:
        say(f"\nresults in {printable(output)}")


def _tell(curve: "Curve") -> None:
    limits = curve.limits
    reads = f"{100 * curve.read_share:g} % reads"
    say(f"{printable(curve.title)}, profile {printable(curve.profile)}")
    say(f"{curve.pattern}, {reads}, {curve.requests:,} requests a point, {curve.arrivals} arrivals\n")
    numbers = ("offered", "achieved", "of peak", "bus", "mean", "p50", "p95", "p99", "accepted")
    peak = float(limits.peak)
    table(
        [*numbers, ""],
        [("GB/s", "GB/s", "", "busy", "ns", "ns", "ns", "ns", "ns", "")]
        + [_row(curve, point, peak) for point in curve.points],
        numbers=numbers,
    )
    say("\nmean to p99: read latency from arrival; accepted: its mean from acceptance by the controller")
    say("saturated: latency from arrival grows with the number of requests, so that no figure is given\n")
    rows = [
        (name, f"{value / 1e9:.3f} GB/s", f"{value / peak:.1%}") for name, value in curve.ceilings().items()
    ]
    rows.append(("all at once", f"{curve.capacity / 1e9:.3f} GB/s", f"{curve.capacity / peak:.1%}"))
    rows.append(
        ("unloaded read", f"{limits.nanoseconds(limits.closed_row):.1f} ns", f"{limits.closed_row} cycles")
    )
    table(["limits", "", "of peak"], rows, numbers=("", "of peak"))


def _row(curve: "Curve", point: "CurvePoint", peak: float) -> tuple[str, ...]:
    def ns(cycles: float) -> str:
        return f"{curve.limits.nanoseconds(cycles):.1f}"

    latency = point.from_arrival
    figures = () if latency is None else (latency.mean, latency.p50, latency.p95, latency.p99)
    return (
        "all at once" if point.offered is None else f"{point.offered / 1e9:.3f}",
        f"{point.achieved / 1e9:.3f}",
        f"{point.achieved / peak:.1%}",
        f"{point.data_bus_utilisation:.1%}",
        *(map(ns, figures) if figures else ("–",) * 4),
        ns(point.from_accept.mean),
        "saturated" if point.saturated else "",
    )
