"""The sweeps on PIM-GPT's page: current, and in the directions that first principles give."""

import csv
import importlib.util
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
SWEEPS = sorted((CHECKOUT / "examples" / "pim_gpt_sweeps").glob("*.yaml"))
PICTURES = CHECKOUT / "docs" / "images" / "pim_gpt_sweeps"


def ratios(sweep: str, workload: str) -> dict[str, float]:
    """Time per token of each variant, over that of the first."""
    with open(PICTURES / f"{sweep}.csv", newline="") as file:
        rows = [*csv.DictReader(file)]
    return {row["variant"]: float(row["ratio"]) for row in rows if row["workload"] == workload}


def test_every_sweep_is_drawn() -> None:
    assert {path.stem for path in SWEEPS} == {path.stem for path in PICTURES.glob("*.svg")}
    assert {"all_bank_act", "asic_clock", "pin_rate", "channels", "mac_lanes"} <= {p.stem for p in SWEEPS}


@pytest.mark.parametrize("workload", ["gpt2_small", "gpt3_xl"])
def test_directions(workload: str) -> None:
    """Four activates in turn, a slower ASIC, slower pins, fewer lanes cost time; more channels save it."""
    rising = {
        "all_bank_act": ["act16", "ganged4"],
        "asic_clock": ["2_ghz", "1_ghz", "500_mhz", "200_mhz", "100_mhz"],
        "pin_rate": ["16_gbit", "8_gbit", "4_gbit", "2_gbit"],
        "channels": ["32_channels", "16_channels", "8_channels"],
        "mac_lanes": ["16_lanes", "8_lanes", "4_lanes"],
    }
    for sweep, variants in rising.items():
        found = ratios(sweep, workload)
        times = [found[variant] for variant in variants]
        assert times == sorted(set(times)), sweep
    channels = ratios("channels", workload)
    assert channels["16_channels"] > 0.5 and channels["32_channels"] > 0.25  # never better than in proportion
    assert ratios("mac_lanes", workload)["4_lanes"] < 4


@pytest.mark.slow
@pytest.mark.release
@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda path: path.stem)
def test_pictures_are_current(sweep: Path) -> None:
    spec = importlib.util.spec_from_file_location("draw_sweeps", CHECKOUT / "docs" / "draw_sweeps.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = module.drawn(sweep).csv()
    assert text == (PICTURES / f"{sweep.stem}.csv").read_text(), "drawn of old: python docs/draw_sweeps.py"
