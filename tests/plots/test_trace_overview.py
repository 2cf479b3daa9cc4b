import csv
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import arch
import workloads
from arch.device import Memory
from plots.drawing import Drawing
from plots.trace_overview import COLUMNS, draw
from workloads.trace import Trace


@pytest.fixture(scope="module")
def memory() -> Memory:
    resolved = arch.load("hbm2_2000", ("channels=2",)).spec.resolve()
    assert isinstance(resolved, Memory)
    return resolved


def drawn(trace: Trace, memory: Memory | None = None) -> tuple[Drawing, workloads.TraceInfo]:
    info = workloads.info(trace, memory)
    return draw(info, workloads.density(trace)), info


def panels(drawing: Drawing) -> list[str]:
    return list(dict.fromkeys(drawing.data["panel"]))


def total(drawing: Drawing, panel: str) -> float:
    pairs = zip(drawing.data["panel"], drawing.data["value"], strict=True)
    return float(sum(value for name, value in pairs if name == panel))


def test_panels_show_what_is_known(memory: Memory) -> None:
    timed = workloads.generate("bursts", requests=3000, footprint=1000)
    untimed = workloads.generate("stride", requests=3000, footprint=999)
    everything = ["addresses", "reuse", "first uses", "arrivals", "banks", "row hits", "strides"]
    assert sorted(panels(drawn(timed, memory)[0])) == sorted(everything)
    assert panels(drawn(timed)[0]) == ["addresses", "reuse", "first uses", "arrivals"]
    assert panels(drawn(untimed)[0]) == ["addresses", "reuse", "first uses", "strides"]
    assert {"banks", "row hits"} < set(panels(drawn(untimed, memory)[0]))


def test_the_table_adds_up(memory: Memory) -> None:
    drawing, info = drawn(workloads.generate("poisson", requests=5000, footprint=2000), memory)
    assert tuple(drawing.data) == COLUMNS
    assert len({len(column) for column in drawing.data.values()}) == 1
    assert total(drawing, "addresses") == total(drawing, "banks") == 5000
    assert total(drawing, "reuse") + total(drawing, "first uses") == 5000
    assert info.locality is not None
    assert total(drawing, "row hits") == round(info.locality.row_hit_share * 5000)
    rates = [
        value * (to - since)
        for panel, since, to, value in zip(
            *(drawing.data[c] for c in ("panel", "from", "to", "value")), strict=True
        )
        if panel == "arrivals"
    ]
    assert sum(rates) == pytest.approx(5000)


def test_axes_carry_units_and_the_caption_says_what_it_is(memory: Memory) -> None:
    drawing, _ = drawn(workloads.generate("bursts", requests=3000), memory)
    labelled = [a for a in drawing.figure.axes if a.get_xlabel()]
    assert len(labelled) == 5
    for axes in labelled:
        assert "[" in axes.get_xlabel() and "[" in axes.get_ylabel()
    assert "3,000 requests, 74% of them reads" in drawing.caption
    assert memory.name in drawing.caption


def test_wide_gaps_are_marked() -> None:
    trace = Trace.from_arrays(np.concatenate([np.arange(500), 10**9 + np.arange(500)]))
    top = drawn(trace)[0].figure.axes[0]
    assert "a wide gap left out" in top.get_title("left")
    assert [label.get_text() for label in top.get_yticklabels()] == ["0", "1G"]


@pytest.mark.parametrize(
    "trace",
    [
        Trace.from_arrays([0]),
        Trace.from_arrays([2**63 - 1, 2**63 - 1], arrival=[0, 2**63 - 1]),
        Trace.from_arrays([0, 2**63 - 1] * 40),
        Trace.from_arrays([10**15, 10**15 + 10**6] * 40),
    ],
)
def test_extreme_traces_can_be_drawn(trace: Trace, tmp_path: Path) -> None:
    drawing, _ = drawn(trace)
    assert drawing.svg().startswith("<svg")
    drawing.save(tmp_path, ("png",))


def test_files(tmp_path: Path) -> None:
    trace = workloads.generate("stride", requests=2000, stride=-3)
    info = workloads.info(trace)
    paths = draw(info, workloads.density(trace), "mine").save(tmp_path, ("svg", "png"))
    assert [path.name for path in paths] == ["mine.svg", "mine.png", "mine.csv"]
    ElementTree.parse(paths[0])
    with open(paths[2], newline="") as file:
        rows = list(csv.DictReader(file))
    strides = [row for row in rows if row["panel"] == "strides"]
    assert float(strides[0]["value"]) > 0.99 and strides[0]["from"] == "-3"
    again = draw(info, workloads.density(trace), "mine").save(tmp_path / ".", ("svg",))
    assert again[0].read_bytes() == paths[0].read_bytes()
