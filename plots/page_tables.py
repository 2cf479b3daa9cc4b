"""What stands in the tables and cards of a run's page: figures of its report with units and meaning."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arch.errors import InputError
from plots.labels import number, percent, quantity
from plots.recorded import Recorded
from sim.report import MetricDeclaration, Report

CAUSES = {
    "data bus": "data were on the bus: useful work",
    "no request": "no request waited in the controller",
    "command bus": "another command was issued in the cycle before",
    "refresh": "a refresh was under way or due",
    "scheduler": "policy: requests waited though the device would have taken a command",
}
"""What the causes of ``bound_by`` mean; all others are timing rules of the device."""

CAUSES_OF_KIND: Mapping[str, Mapping[str, str]] = {
    "pim": {
        "tMAC": "a column was in the MAC units: useful work",
        "tRCDMAC": "a row was being opened in all banks",
        "tRP": "rows were being closed",
        "tRTP": "the last column of a row was being read",
        "tCCD": "a burst was on its way, or a MAC step before a result",
        "refresh": "a refresh was under way or due",
        "results": "the channel waited for the results of another, or had nothing left to do",
        "asic": "the channel waited for the ASIC",
        "command bus": "another command was issued in the cycle before",
    },
}
"""Kinds whose causes mean something else."""


@dataclass(frozen=True)
class Cell:
    """``sort``: what the column is ordered by, if not the text; ``best``: of those it is compared with."""

    text: str
    sort: float | str | None = None
    best: bool = False
    link: str | None = None


@dataclass(frozen=True)
class Column:
    """``numeric``: aligned to the right, and ordered from the largest first."""

    text: str
    numeric: bool = False


@dataclass(frozen=True)
class Table:
    """A table that a reader can sort; ``name`` is its identifier in the page."""

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


@dataclass(frozen=True)
class Card:
    """A headline figure: what it is, the figure with its unit, and a second way to see it."""

    name: str
    value: str
    note: str = ""


def described(report: Report) -> list[tuple[str, str]]:
    """What was run: names and values."""
    system, workload = report.system, report.workload
    entries: list[tuple[str, Any]] = [
        ("System", " · ".join(str(system[key]) for key in ("name", "title") if system.get(key))),
        ("Workload", workload.get("name")),
        ("Requests", _requests(workload)),
        ("Window", f"{workload['window']:,} outstanding at most" if workload.get("window") else None),
        ("Profile", system.get("profile")),
        ("System digest", str(system.get("digest", ""))[:16]),
        ("Workload digest", str(workload.get("digest", ""))[:16]),
        ("Model version", report.provenance.get("cyclewise")),
    ]
    return [(name, str(value)) for name, value in entries if value]


def _requests(workload: Mapping[str, Any]) -> str | None:
    if "requests" not in workload:
        return None
    by_op = workload.get("requests_by_op") or {}
    kinds = ", ".join(f"{n:,} {str(op).lower()}" for op, n in by_op.items() if n)
    return f"{workload['requests']:,}" + (f" ({kinds})" if kinds else "")


def cards(recorded: Recorded) -> list[Card]:
    """The headline figures: those of the usual ones that the report has."""
    report = recorded.report
    metrics = report.metrics
    if metrics.get("tokens_per_second") is not None:
        return _token_cards(report)
    found = [Card("Simulated time", quantity(report.seconds, "s"), _cycles(report))]
    moved, peak = metrics.get("bandwidth"), metrics.get("peak_bandwidth")
    if moved is not None:
        of_peak = f"{percent(moved / peak)} of the peak, {quantity(peak, 'B/s')}" if peak else ""
        found.append(Card("Bandwidth", quantity(moved, "B/s"), of_peak))
    for since, words in (("accept", "acceptance"), ("arrival", "arrival")):
        middle, slow = (metrics.get(f"latency_from_{since}.{p}") for p in ("p50", "p99"))
        if middle is not None and slow is not None:
            text = f"median; p99 {quantity(slow * recorded.cycle_seconds, 's')}"
            found.append(
                Card(f"Read latency from {words}", quantity(middle * recorded.cycle_seconds, "s"), text)
            )
    rows = [metrics.get(f"row_{kind}") or 0 for kind in ("hits", "misses", "conflicts")]
    if sum(rows):
        found.append(
            Card("Row hits", percent(rows[0] / sum(rows)), f"{percent(rows[2] / sum(rows))} conflicts")
        )
    if report.energy_joules is not None:
        total = report.energy_joules["total"]
        power = f"{quantity(total / report.seconds, 'W')} on average" if report.seconds else ""
        bits = 8 * ((metrics.get("bytes_read") or 0) + (metrics.get("bytes_written") or 0))
        each = f", {total / bits * 1e12:.3g} pJ/bit" if bits else ""
        found.append(Card("Energy", quantity(total, "J"), power + each))
    return found


def _token_cards(report: Report) -> list[Card]:
    """The headline figures of a machine that generates tokens."""
    metrics = report.metrics
    tokens = metrics.get("tokens")
    found = [
        Card(
            "Tokens per second", number(metrics["tokens_per_second"]), f"{tokens:,} tokens" if tokens else ""
        )
    ]
    mean = metrics.get("time_per_token.mean")
    if mean is not None:
        ends = [metrics.get(f"time_per_token.{which}") for which in ("first", "last")]
        words = " to ".join(quantity(end, "s") for end in ends if end is not None)
        found.append(Card("Time per token", quantity(mean, "s"), f"mean; {words}" if words else "mean"))
    found.append(Card("Simulated time", quantity(report.seconds, "s"), _cycles(report)))
    inside, peak = metrics.get("internal_bandwidth"), metrics.get("peak_internal_bandwidth")
    if inside is not None:
        words = f"{percent(inside / peak)} of the banks' peak, {quantity(peak, 'B/s')}" if peak else ""
        found.append(Card("Internal bandwidth", quantity(inside, "B/s"), words))
    hits = metrics.get("row_hit_rate")
    if hits is not None:
        found.append(Card("Row hits", percent(hits), "of column commands"))
    each = metrics.get("joules_per_token")
    if each is not None:
        power = metrics.get("average_power")
        words = f"{quantity(power, 'W')} on average" if power is not None else ""
        found.append(Card("Energy per token", quantity(each, "J"), words))
    return found


def _cycles(report: Report) -> str:
    return ", ".join(f"{n:,} {domain} cycles" for domain, n in report.cycles.items())


def tables(recorded: Recorded) -> list[Table]:
    """All tables of a run's page, without those that would be empty."""
    report = recorded.report
    made = [
        _metrics(recorded),
        _operators(recorded),
        _commands(report),
        _bounds(report),
        _energy(report),
    ]
    return [table for table in made if table.rows]


def _declared(report: Report) -> Sequence[MetricDeclaration]:
    """What the machine says of its metrics; nothing for a kind that is not installed here."""
    from sim.machine import machine

    try:
        return machine(str(report.system.get("kind"))).metrics
    except InputError:
        return ()


def _metrics(recorded: Recorded) -> Table:
    report = recorded.report
    declared = _declared(report)
    rows = []
    for name, value in report.metrics.items():
        if name.startswith("commands."):
            continue
        unit = report.units.get(name, "1")
        meaning = next((d.meaning for d in declared if d.covers(name)), "")
        shown = quantity(value, unit)
        if unit == "cycles" and value is not None:
            shown += f" = {quantity(value * recorded.cycle_seconds, 's')}"
        if unit == "1" and value is not None:
            shown = percent(value) if 0 <= value <= 1 else number(value)
        exact = "" if value is None else f"{value!r}"
        rows.append(
            [
                Cell(name),
                _number(shown, value),
                _number(exact, value),
                Cell("" if unit == "1" else unit),
                Cell(meaning),
            ]
        )
    columns = (
        Column("Metric"),
        Column("Value", True),
        Column("Exactly", True),
        Column("Unit"),
        Column("Meaning"),
    )
    return Table("metrics", "Metrics", columns, rows)


def _operators(recorded: Recorded) -> Table:
    columns = _columns(
        "Operator",
        "Time#",
        "Share#",
        "MAC columns#",
        "Activates#",
        "Bursts loaded#",
        "Bursts read#",
        "ASIC cycles#",
    )
    table = recorded.tables.get("operators")
    if table is None:
        return Table("operators", "Operators", columns, [])
    total = int(table["cycles"].sum()) or 1
    counted = ("mac_columns", "activates", "load_bursts", "result_bursts", "asic_cycles")
    rows = []
    for at, name in enumerate(table["operator"]):
        cycles = int(table["cycles"][at])
        seconds = cycles * recorded.cycle_seconds
        cells = [Cell(str(name)), _number(quantity(seconds, "s"), seconds)]
        cells.append(_number(percent(cycles / total), cycles))
        rows.append(cells + [_number(number(int(table[key][at])), int(table[key][at])) for key in counted])
    return Table("operators", "Operators", columns, rows)


def _commands(report: Report) -> Table:
    counts = {k.partition(".")[2]: v or 0 for k, v in report.metrics.items() if k.startswith("commands.")}
    total = sum(counts.values()) or 1
    rows = [[Cell(k), _number(number(n), n), _number(percent(n / total), n)] for k, n in counts.items()]
    return Table("commands", "Commands", _columns("Command", "Issued#", "Share#"), rows)


def _bounds(report: Report) -> Table:
    meanings = CAUSES_OF_KIND.get(str(report.system.get("kind")), CAUSES)
    in_all = "Cycles" if meanings is not CAUSES else "Cycles, all channels"
    rows = [
        [
            Cell(label),
            _number(number(bound.cycles), bound.cycles),
            _number(percent(bound.share), bound.share),
            Cell(meanings.get(label, "a timing rule of the device, by its name")),
        ]
        for label, bound in report.bound_by.items()
    ]
    columns = (
        Column("Cause"),
        Column(in_all, True),
        Column("Share", True),
        Column("Meaning"),
    )
    return Table("causes", "What the cycles went to, in numbers", columns, rows)


def _energy(report: Report) -> Table:
    joules = report.energy_joules or {}
    total = joules.get("total") or 1.0
    rows = [
        [Cell(name), _number(quantity(v, "J"), v), _number(percent(v / total), v)]
        for name, v in joules.items()
    ]
    return Table("energy", "Energy", _columns("Component", "Energy#", "Share#"), rows)


def assumptions(report: Report) -> Table:
    """What a reader has to grant."""
    rows = [[Cell(a.subject), Cell(a.confidence), Cell(a.text)] for a in report.assumptions]
    columns = _columns("Of", "Confidence", "What is assumed, or where it comes from")
    return Table("assumptions", "Assumptions", columns, rows)


def invariants(report: Report) -> Table:
    """The laws that were checked."""
    rows = []
    for law in report.invariants:
        figures = " · ".join(
            f"{name.replace('_', ' ')} {number(value)}" for name, value in law.figures.items()
        )
        rows.append([Cell(law.name), Cell("✓ holds" if law.holds else "✗ broken"), Cell(figures)])
    return Table("invariants", "Checked", _columns("Law", "Result", "Figures"), rows)


def provenance(recorded: Recorded) -> list[Table]:
    """Timings in cycles and time, settings, and where the figures of the system come from."""
    report = recorded.report
    timings = report.provenance.get("timing_cycles") or {}
    period = recorded.cycle_seconds
    timing_rows = [
        [Cell(str(name)), _number(number(n), n), _number(quantity(n * period, "s"), n)]
        for name, n in timings.items()
    ]
    sources = report.provenance.get("sources") or {}
    source_rows = [
        [Cell(str(key)), Cell(str(known.get("confidence", ""))), Cell(str(known.get("source", "")))]
        for key, known in sources.items()
    ]
    return [
        Table(
            "timings",
            "Timings",
            _columns("Timing", "Cycles#", "Time#"),
            timing_rows,
        ),
        Table("settings", "Settings", _columns("Key", "Value"), [*_settings(report.system)]),
        Table("sources", "Sources", _columns("Keys", "Confidence", "Source"), source_rows),
    ]


def _settings(part: Mapping[str, Any], prefix: str = "") -> Iterable[list[Cell]]:
    for key, value in part.items():
        if isinstance(value, Mapping):
            yield from _settings(value, f"{prefix}{key}.")
        elif f"{prefix}{key}" not in ("name", "title"):
            yield [Cell(f"{prefix}{key}"), Cell(str(value))]


def _columns(*heads: str) -> list[Column]:
    """Columns by their heads; a ``#`` at the end marks numbers."""
    return [Column(head.removesuffix("#"), head.endswith("#")) for head in heads]


def _number(text: str, value: float | None) -> Cell:
    return Cell(text, value)
