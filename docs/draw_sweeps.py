"""Draws the sweeps of ``docs/systems/pim_gpt.md`` again: ``python docs/draw_sweeps.py``.

Each batch file of ``examples/pim_gpt_sweeps`` is run; pictures and numbers go to ``docs/images``.
"""

import dataclasses
import tempfile
from pathlib import Path

from cyclewise.batch.execution import run_batch
from plots import variants
from plots.drawing import Drawing

CHECKOUT = Path(__file__).resolve().parents[1]
SWEEPS = CHECKOUT / "examples" / "pim_gpt_sweeps"
PICTURES = CHECKOUT / "docs" / "images" / "pim_gpt_sweeps"


def drawn(sweep: Path) -> Drawing:
    """The figure of one sweep, called after its file.  Raises RuntimeError if a run of it failed."""
    with tempfile.TemporaryDirectory() as folder:
        results = run_batch(sweep, output=folder)
    failed = [f"{run.name}: {run.error}" for run in results.runs if run.report is None]
    if failed:
        raise RuntimeError("; ".join(failed))
    runs = [
        variants.Varied(run.workload, str(run.variant), run.report)
        for run in results.runs
        if run.report is not None
    ]
    return dataclasses.replace(variants.draw(runs, title=results.title), name=f"sweep-{sweep.stem}")


def main() -> None:
    """Draw and write all of them."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for sweep in sorted(SWEEPS.glob("*.yaml")):
        drawing = drawn(sweep)
        (PICTURES / f"{sweep.stem}.svg").write_text(drawing.svg(), encoding="utf-8")
        (PICTURES / f"{sweep.stem}.csv").write_text(drawing.csv(), encoding="utf-8")
        print(f"{sweep.stem}: {drawing.caption}")


if __name__ == "__main__":
    main()
