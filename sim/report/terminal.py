"""A Report on the terminal: the answer first, then why, then what to believe of it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sim.report import Report

_BAR = 24  # characters of a full bar
_FEW = 0.0005  # shares below are summed up in one line
_PREFIXES = {
    3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E", 0: "", -3: "m", -6: "µ", -9: "n", -12: "p", -15: "f",
}  # fmt: skip


class _Glyphs(NamedTuple):
    full: str
    empty: str
    holds: str
    broken: str
    dot: str
    micro: str


_UNICODE = _Glyphs("█", "░", "✓", "✗", "·", "µ")
_ASCII = _Glyphs("#", ".", "ok", "BROKEN", "-", "u")


def render(report: Report, console: Console, files: Mapping[str, str | Path]) -> None:
    """Print ``report``; ``files`` maps what was written (``commands``, …) to where."""
    page = _Page(report, console)
    page.headline()
    page.warnings()
    page.bandwidth()
    page.grouped()
    page.bound_by()
    page.energy()
    page.invariants()
    page.assumptions()
    page.files(files)


class _Page:
    def __init__(self, report: Report, console: Console) -> None:
        self.report, self.console = report, console
        unicode = (console.encoding or "").lower().replace("-", "").startswith("utf")
        self.glyphs = _UNICODE if unicode else _ASCII
        self.shown: set[str] = set()

    def headline(self) -> None:
        report = self.report
        system, workload = report.system, report.workload
        line = Text.assemble(
            (str(system.get("name", "")), "bold"),
            f" {self.glyphs.dot} ",
            (str(workload.get("name", "")), "bold"),
        )
        self._print(line)
        if system.get("title"):
            self._print(Text(str(system["title"]), "dim"))
        described = [f"profile {system['profile']}"] if "profile" in system else []
        if "requests" in workload:
            by_op = workload.get("requests_by_op") or {}
            kinds = ", ".join(f"{n:,} {op}" for op, n in by_op.items() if n)
            described.append(f"{workload['requests']:,} requests" + (f" ({kinds})" if kinds else ""))
        if workload.get("window"):
            described.append(f"window {workload['window']:,}")
        if described:
            self._print(Text(f" {self.glyphs.dot} ".join(described), "dim"))
        cycles = ", ".join(f"{n:,} {domain} cycles" for domain, n in report.cycles.items())
        self._print("")
        self._print(Text.assemble((self._si(report.seconds, "s"), "bold green"), f"  simulated, {cycles}"))

    def warnings(self) -> None:
        for sentence in self.report.warnings:
            self._print(Text.assemble(("warning: ", "bold yellow"), sentence))

    def bandwidth(self) -> None:
        moved, peak = self._take("bandwidth"), self._take("peak_bandwidth")
        busy = self._take("data_bus_utilisation")
        if moved is None:
            return
        line = Text.assemble((self._si(moved, "B/s"), "bold green"), "  bandwidth")
        if peak:
            # Reads answered from the write queue move no data over the bus and can take this past the peak.
            share = f"{moved / peak:.1%} of the peak of" if moved <= peak else "the peak is"
            line.append(f", {share} {self._si(peak, 'B/s')}")
        if busy is not None:
            line.append(f"; data on the bus in {busy:.1%} of the cycles")
        self._print(line)

    def grouped(self) -> None:
        """Latencies as one table, rows and commands as lines, then whatever else the machine reports."""
        metrics, units = self.report.metrics, self.report.units
        families: dict[str, dict[str, Any]] = {}
        for name in metrics:
            family, dot, member = name.partition(".")
            if dot:
                families.setdefault(family, {})[member] = self._take(name)
        self._latencies({k: v for k, v in families.items() if k.startswith("latency_")})
        self._rows()
        for family, values in families.items():
            if not family.startswith("latency_"):
                shown = [(k, self._member(f"{family}.{k}", v)) for k, v in values.items() if v]
                self._line(family.replace("_", " "), shown)
        others = [name for name in metrics if name not in self.shown]
        self._line(
            "also", [(name, self._with_unit(self._take(name), units.get(name, "1"))) for name in others]
        )

    def _latencies(self, families: Mapping[str, Mapping[str, Any]]) -> None:
        measured = {
            name: stats for name, stats in families.items() if any(v is not None for v in stats.values())
        }
        if not measured:
            return
        columns = list(dict.fromkeys(stat for stats in measured.values() for stat in stats))
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column("read latency, cycles")
        for column in columns:
            table.add_column(column, justify="right")
        for name, stats in measured.items():
            label = name.removeprefix("latency_").replace("_", " ")
            table.add_row(label, *(_number(stats.get(c)) for c in columns))
            if len(self.report.cycles) == 1:
                period = self.report.seconds / max(1, *self.report.cycles.values())
                times = [(stats.get(c) or 0) * period for c in columns]
                table.add_row("", *(Text(self._si(t, "s"), "dim") for t in times))
        self._print("")
        self._print(table)

    def _rows(self) -> None:
        counts = {kind: self._take(f"row_{kind}") for kind in ("hits", "misses", "conflicts")}
        total = sum(v or 0 for v in counts.values())
        self._print("")
        if total:
            self._line("rows", [(kind, f"{v or 0:,} ({(v or 0) / total:.1%})") for kind, v in counts.items()])
        served = [(name, self._take(name)) for name in ("forwarded", "coalesced")]
        self._line("write queue", [(name, f"{v:,}") for name, v in served if v])

    def bound_by(self) -> None:
        shares = self.report.bound_by
        if not shares:
            return
        self._heading("What each cycle went to")
        table = Table.grid(padding=(0, 2, 0, 0))
        small = [label for label, bound in shares.items() if bound.share < _FEW]
        shown = [(label, bound.share) for label, bound in shares.items() if bound.share >= _FEW]
        rest = sum(shares[label].share for label in small)
        if rest:
            shown.append((f"{len(small)} more", rest))
        for label, share in shown:
            filled = round(share * _BAR)
            bar = Text(self.glyphs.full * filled, "green" if label == "data bus" else "yellow")
            bar.append(self.glyphs.empty * (_BAR - filled), "dim")
            table.add_row(Text(label), bar, f"{share:.1%}" if share >= _FEW else "<0.1%")
        self._print(table)

    def energy(self) -> None:
        joules = self.report.energy_joules
        if joules is None:
            return
        self._heading("Energy")
        total = joules["total"]
        table = Table.grid(padding=(0, 2, 0, 0))
        for name, value in joules.items():
            if name != "total":
                share = f"{value / total:.1%}" if total else ""
                table.add_row(Text(name.removeprefix("commands.")), Text(self._si(value, "J")), share)
        power = f"{self._si(total / self.report.seconds, 'W')} on average" if self.report.seconds else ""
        table.add_row(Text("total", "bold"), Text(self._si(total, "J"), "bold green"), power)
        self._print(table)

    def invariants(self) -> None:
        if not self.report.invariants:
            return
        self._heading("Checked")
        table = Table.grid(padding=(0, 2, 0, 0))
        for law in self.report.invariants:
            mark = Text(self.glyphs.holds, "green") if law.holds else Text(self.glyphs.broken, "bold red")
            figures = ", ".join(
                f"{name.replace('_', ' ')} {_number(value)}" for name, value in law.figures.items()
            )
            table.add_row(mark, Text(law.name), Text(figures, "dim"))
        self._print(table)

    def assumptions(self) -> None:
        if not self.report.assumptions:
            return
        self._heading("Assumptions")
        table = Table.grid(padding=(0, 2, 0, 0))
        for entry in self.report.assumptions:
            table.add_row(Text(entry.subject), Text(entry.confidence, "yellow"), Text(entry.text, "dim"))
        self._print(table)

    def files(self, files: Mapping[str, str | Path]) -> None:
        if not files:
            return
        self._heading("Files")
        width = max(len(what) for what in files)
        for what, path in files.items():
            # Not wrapped: a path broken over two lines cannot be copied.
            self._print(Text(f"{what:<{width}}  {path}"), soft_wrap=True)

    def _line(self, name: str, entries: Iterable[tuple[str, str]]) -> None:
        text = f" {self.glyphs.dot} ".join(f"{key} {value}" for key, value in entries)
        if text:
            self._print(Text.assemble((f"{name:<12}", "dim"), "  ", text))

    def _heading(self, text: str) -> None:
        self._print("")
        self._print(Text(text, "bold"))

    def _print(self, what: Any, **options: Any) -> None:
        self.console.print(what, markup=False, highlight=False, emoji=False, **options)

    def _take(self, metric: str) -> Any:
        self.shown.add(metric)
        return self.report.metrics.get(metric)

    def _si(self, value: float, unit: str) -> str:
        text = si(value, unit)
        return text if self.glyphs.micro == "µ" else text.replace("µ", self.glyphs.micro)

    def _member(self, metric: str, value: Any) -> str:
        """A figure of a family whose name says what is counted; shares as percentages."""
        if isinstance(value, int):
            return f"{value:,}"
        unit = self.report.units.get(metric, "1")
        return f"{value:.1%}" if unit == "1" else self._with_unit(value, unit)

    def _with_unit(self, value: Any, unit: str) -> str:
        if value is None:
            return "none"
        if unit in ("B", "B/s", "s", "J", "W"):
            return self._si(value, unit)
        return _number(value) if unit in ("1", "") else f"{_number(value)} {unit}"


def si(value: float, unit: str) -> str:
    """``value`` to four digits with a decimal prefix: ``si(10.93e9, "B/s")`` is ``10.93 GB/s``."""
    if value == 0:
        return f"0 {unit}"
    exponent = int(f"{value:.3e}".partition("e")[2]) // 3 * 3
    exponent = max(min(exponent, max(_PREFIXES)), min(_PREFIXES))
    scaled = value / 10.0**exponent
    if exponent == 0 and scaled == int(scaled):
        return f"{int(scaled)} {unit}"
    return f"{scaled:.4g} {_PREFIXES[exponent]}{unit}"


def _number(value: Any) -> str:
    if value is None:
        return ""
    return (
        f"{value:,}" if isinstance(value, int) else f"{value:,.2f}" if abs(value) >= 0.01 else f"{value:.3g}"
    )
