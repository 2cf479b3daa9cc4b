"""Look at memory traces, convert and make them."""

from typing import TYPE_CHECKING, Annotated

import typer

from cyclewise.terminal import print_json, printable, say, table

if TYPE_CHECKING:
    from arch import System
    from workloads import AddressVectors, Trace, TraceInfo

EXAMPLE = "Example: cyclewise trace info random_rw30"

app = typer.Typer(no_args_is_help=True)

SYSTEM = typer.Option(
    "--system", help="The memory that says how many bytes a request moves (else 64).", metavar="SYSTEM"
)
CLOCK = typer.Option(
    "--trace-clock",
    help="What time stamps in the file count: a frequency such as 300MHz (with --system), or ticks in a "
    "memory cycle such as 1/4; of an instruction trace, instructions in a memory cycle.",
    metavar="CLOCK",
)
RELATIVE = typer.Option(
    "--relative/--absolute", help="DRAMSys time stamps count from the request before (else: in .rstl files)."
)
FORMATS = "npz, parquet, load_store, read_write, address_first, read_write_vector, dramsim3 or dramsys"
FORMAT = typer.Option("--format", help=f"{FORMATS}; else by the file's name.", metavar="FORMAT")
PICTURES = (".svg", ".png", ".pdf")


@app.command(
    epilog="Examples: cyclewise trace info random_rw30 --json\n\n"
    "cyclewise trace info spmv --system ddr4_2400 --plot spmv.svg"
)
def info(
    workload: Annotated[str, typer.Argument(help="Library name or trace file.", metavar="WORKLOAD")],
    system: Annotated[
        str | None,
        typer.Option(
            "--system",
            help="Also say where this memory's address map puts the requests: row hits, banks, channels.",
            metavar="SYSTEM",
        ),
    ] = None,
    plot: Annotated[
        str | None,
        typer.Option("--plot", help="Draw it: .svg, .png or .pdf; its numbers beside it.", metavar="FILE"),
    ] = None,
    clock: Annotated[str | None, CLOCK] = None,
    relative: Annotated[bool | None, RELATIVE] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """What a trace consists of: requests, footprint, reuse, strides, arrivals, row locality."""
    import workloads

    stem, suffix = _picture(plot)
    size, vectors = _memory(system)
    trace = _loaded(workload, size, vectors, clock, relative)
    found = workloads.info(trace, vectors.memory if vectors else None)
    if plot is not None:
        from pathlib import Path

        from plots.trace_overview import draw

        drawing = draw(found, workloads.density(trace), stem)
        drawing.save(Path(plot).parent, (suffix,))
    if json:
        print_json(_plain(found))
        return
    table(["", printable(found.name)], _rows(found))
    if plot is not None:
        say(
            f"\nPicture in {printable(plot)}, its numbers in {printable(str(Path(plot).with_suffix('.csv')))}"
        )


@app.command(
    epilog="Example: cyclewise trace generate random requests=1000 write_share=0.3 -o mine.npz\n\n"
    "Generators and their parameters: cyclewise list"
)
def generate(
    kind: Annotated[
        str, typer.Argument(help="stream, stride, random, zipf, chase, bursts or poisson.", metavar="KIND")
    ],
    parameters: Annotated[
        list[str] | None, typer.Argument(help="Parameters of the generator.", metavar="[KEY=VALUE]...")
    ] = None,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            help=".npz, .parquet, or .trace, .rw, .stl, these also with .gz or .zst.",
            metavar="FILE",
        ),
    ] = "",
    format: Annotated[str | None, FORMAT] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="The same as KEY=VALUE.", metavar="KEY=VALUE")
    ] = None,
    system: Annotated[str | None, SYSTEM] = None,
    lossy: Annotated[bool, typer.Option("--lossy", help="Leave out what a text format cannot hold.")] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Make a trace from a pattern with a seed; the same arguments give the same requests everywhere."""
    from typing import cast

    import workloads
    from cyclewise.simulation import split_settings

    if not output:
        raise typer.BadParameter("-o FILE is missing: where the trace goes")
    size, vectors = _memory(system)
    given = [*(parameters or []), *(set_ or [])]
    texts = [text if text.startswith("workload.") else f"workload.{text}" for text in given]
    trace = workloads.generate(kind, **split_settings(texts).workload)
    chosen = cast("workloads.Format | None", format)
    workloads.save(trace, output, transaction_bytes=size, format=chosen, vectors=vectors, lossy=lossy)
    _wrote(trace, output, size, vectors, lossy, json)


@app.command(
    epilog="Examples: cyclewise trace convert mine.npz mine.trace.gz\n\n"
    "cyclewise trace convert player.stl mine.npz --system ddr4_2400 --trace-clock 300MHz"
)
def convert(
    source: Annotated[str, typer.Argument(help="Library name or trace file.", metavar="SRC")],
    target: Annotated[str, typer.Argument(help="The file to write.", metavar="DST")],
    system: Annotated[str | None, SYSTEM] = None,
    format: Annotated[str | None, FORMAT] = None,
    clock: Annotated[str | None, CLOCK] = None,
    relative: Annotated[bool | None, RELATIVE] = None,
    lossy: Annotated[bool, typer.Option("--lossy", help="Leave out what a text format cannot hold.")] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Rewrite a trace in another format; gzip and zstd by the name's ending."""
    from typing import cast

    import workloads

    size, vectors = _memory(system)
    trace = _loaded(source, size, vectors, clock, relative)
    chosen = cast("workloads.Format | None", format)
    workloads.save(trace, target, transaction_bytes=size, format=chosen, vectors=vectors, lossy=lossy)
    _wrote(trace, target, size, vectors, lossy, json)


def _memory(system: str | None) -> "tuple[int, AddressVectors | None]":
    """Bytes of a transaction and how address vectors read, of the memory named."""
    if system is None:
        return 64, None
    import arch
    from sim.workload_names import address_vectors, transaction_bytes

    loaded: System = arch.load(system)
    if loaded.kind != "memory":
        message = f"{loaded.name}: memory traces are for memories by themselves"
        raise arch.InputError(
            message, field="--system", given=loaded.kind, accepted="a system of kind memory"
        )
    return transaction_bytes(loaded), address_vectors(loaded)


def _loaded(
    name: str,
    size: int,
    vectors: "AddressVectors | None",
    clock: str | None = None,
    relative: bool | None = None,
) -> "Trace":
    import arch
    import workloads

    period = vectors.memory.clock_period if vectors else None
    try:
        read_clock = workloads.trace_clock(clock, period, relative)
        return workloads.load(name, size, vectors=vectors, clock=read_clock)
    except arch.InputError as error:
        if vectors is None and error.message.endswith("name the memory"):
            error.message += " with --system NAME"
        elif error.message.endswith("run in a memory cycle"):
            error.message += ", with --trace-clock NUMBER"
        raise


def _picture(path: str | None) -> tuple[str, str]:
    """(stem, format) of the picture's file, which must be one that can be drawn; before anything is read."""
    from pathlib import Path

    import arch

    if path is None:
        return "", ""
    file = Path(path)
    if file.suffix not in PICTURES or not file.stem:
        raise arch.InputError("", field="--plot", given=path, accepted=f"a name in {', '.join(PICTURES)}")
    if not file.parent.is_dir():
        raise arch.InputError("cannot be written (no such folder)", file=path)
    return file.stem, file.suffix.removeprefix(".")


def _wrote(
    trace: "Trace", file: str, size: int, vectors: "AddressVectors | None", lossy: bool, json: bool
) -> None:
    """Say what has been written."""
    import workloads

    # What a lossy format left out shows only in the file.
    written = workloads.open_trace(file, size, vectors=vectors) if lossy else trace
    if json:
        digest = written.digest()
        print_json({"wrote": "trace", "file": file, "requests": written.requests, "digest": digest})
    else:
        say(f"{trace.requests:,} requests in {printable(file)}")


def _rows(found: "TraceInfo") -> list[tuple[str, str]]:
    """What people see of the figures: single numbers, and the gist of the tables."""
    tables = ("name", "reuse", "strides", "arrivals", "locality")
    rows = [(k.replace("_", " "), _shown(v)) for k, v in found._asdict().items() if k not in tables]
    reuse, rate, place = found.reuse, found.arrivals, found.locality
    about = "" if reuse.exact else f", estimated from {reuse.followed_share:.3g} of the lines"
    far = "no line is used twice"
    if reuse.median_distance is not None:
        far = f"at least {reuse.median_distance:,} lines (median), {reuse.p90_distance:,} (90 %){about}"
    rows.append(("reuse distance", far))
    strides = ", ".join(f"{s.lines:+,} ({s.share:.1%})" for s in found.strides[:4])
    rows.append(("frequent strides", strides or "none"))
    if rate is not None:
        rows.append(("arrivals per cycle", f"{rate.mean:.4g} (mean), {rate.peak:.4g} (peak)"))
    if place is not None:
        banks = f"{place.banks_used:,} of {len(place.requests_per_bank):,}"
        about = "" if place.distinct_rows_exact else "about "
        rows += [
            (f"in {place.memory}", f"{place.row_hit_share:.1%} row hits if each bank is served in order"),
            ("distinct rows", f"{about}{place.distinct_rows:,}"),
            ("banks used", f"{banks}; the busiest {place.busiest_bank:.3g} x the mean"),
            ("channels", f"{place.channels:,}; the busiest {place.busiest_channel:.3g} x the mean"),
        ]
    return rows


def _plain(value: object) -> object:
    """Named tuples as maps, all the way down, for JSON."""
    if isinstance(value, tuple):
        fields = getattr(value, "_asdict", None)
        if fields is not None:
            return {key: _plain(part) for key, part in fields().items()}
        return [_plain(part) for part in value]
    return value


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else printable(str(value))
