"""Look at memory traces, convert and make them."""

from typing import TYPE_CHECKING, Annotated

import typer

from cyclewise.terminal import print_json, printable, say, table

if TYPE_CHECKING:
    from arch import System
    from workloads import AddressVectors, Trace

EXAMPLE = "Example: cyclewise trace info random_rw30"

app = typer.Typer(no_args_is_help=True)

SYSTEM = typer.Option(
    "--system", help="The memory that says how many bytes a request moves (else 64).", metavar="SYSTEM"
)


@app.command(epilog="Example: cyclewise trace info random_rw30 --json")
def info(
    workload: Annotated[str, typer.Argument(help="Library name or trace file.", metavar="WORKLOAD")],
    system: Annotated[str | None, SYSTEM] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """What a trace consists of: requests, writes, footprint, arrivals."""
    import workloads

    size, vectors = _memory(system)
    found = workloads.info(_loaded(workload, size, vectors))
    if json:
        print_json(found._asdict())
        return
    rows = [(name.replace("_", " "), _shown(value)) for name, value in found._asdict().items()]
    table(["", printable(found.name)], rows[1:])


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
        typer.Option("--output", "-o", help=".npz, or .trace, .rw, also with .gz or .zst.", metavar="FILE"),
    ] = "",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="The same as KEY=VALUE.", metavar="KEY=VALUE")
    ] = None,
    system: Annotated[str | None, SYSTEM] = None,
    lossy: Annotated[bool, typer.Option("--lossy", help="Leave out what a text format cannot hold.")] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Make a trace from a pattern with a seed; the same arguments give the same requests everywhere."""
    import workloads
    from cyclewise.simulation import split_settings

    if not output:
        raise typer.BadParameter("-o FILE is missing: where the trace goes")
    size, vectors = _memory(system)
    given = [*(parameters or []), *(set_ or [])]
    texts = [text if text.startswith("workload.") else f"workload.{text}" for text in given]
    trace = workloads.generate(kind, **split_settings(texts).workload)
    workloads.save(trace, output, transaction_bytes=size, vectors=vectors, lossy=lossy)
    _wrote(trace, output, size, vectors, lossy, json)


@app.command(epilog="Example: cyclewise trace convert mine.npz mine.trace.gz")
def convert(
    source: Annotated[str, typer.Argument(help="Library name or trace file.", metavar="SRC")],
    target: Annotated[str, typer.Argument(help="The file to write.", metavar="DST")],
    system: Annotated[str | None, SYSTEM] = None,
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="npz, load_store, read_write, address_first or read_write_vector; else by DST's name.",
            metavar="FORMAT",
        ),
    ] = None,
    lossy: Annotated[bool, typer.Option("--lossy", help="Leave out what a text format cannot hold.")] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Rewrite a trace in another format; gzip and zstd by the name's ending."""
    from typing import cast

    import workloads

    size, vectors = _memory(system)
    trace = _loaded(source, size, vectors)
    chosen = cast("workloads.Format | None", format)
    workloads.save(trace, target, transaction_bytes=size, format=chosen, vectors=vectors, lossy=lossy)
    _wrote(trace, target, size, vectors, lossy, json)


def _memory(system: str | None) -> "tuple[int, AddressVectors | None]":
    """Bytes of a transaction and how address vectors read, of the memory named."""
    if system is None:
        return 64, None
    import arch
    from cyclewise.simulation import address_vectors, transaction_bytes

    loaded: System = arch.load(system)
    return transaction_bytes(loaded), address_vectors(loaded)


def _loaded(name: str, size: int, vectors: "AddressVectors | None") -> "Trace":
    import arch
    import workloads

    try:
        return workloads.load(name, size, vectors=vectors)
    except arch.InputError as error:
        if vectors is None and error.message.endswith("name the memory"):
            error.message += " with --system NAME"
        raise


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


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else printable(str(value))
