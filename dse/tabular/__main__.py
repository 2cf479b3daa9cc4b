"""``python -m dse.tabular build STUDY.yaml [-o FILE] [--jobs N]``: evaluate every design of a study."""

import argparse
import sys
import time
from pathlib import Path

from arch.errors import InputError
from dse.processes import usable_cores
from dse.tabular.building import BuildError, build
from dse.tabular.listing import listing
from dse.tabular.table import SHIPPED


def main(words: list[str] | None = None) -> int:
    """Build the table that the command line asks for; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m dse.tabular")
    parser.add_argument("what", choices=["build"])
    parser.add_argument("study", type=Path, help="a study over a space that can be listed")
    parser.add_argument("-o", "--output", type=Path, default=SHIPPED)
    parser.add_argument("--jobs", type=int, default=usable_cores())
    given = parser.parse_args(words)
    try:
        return _build(given.study, given.output, max(1, given.jobs))
    except (InputError, BuildError) as error:
        print(error, file=sys.stderr)
        return 2


def _build(study: Path, output: Path, jobs: int) -> int:
    name, evaluator, space = listing(study)
    size = space.size()
    if size is None:
        raise InputError("a space with floats cannot be listed", file=str(study), field="space")
    started = time.monotonic()

    def tell(done: int) -> None:
        passed = time.monotonic() - started
        left = passed / done * (size - done)
        print(f"\r{done:,} of {size:,} designs, {left:.0f} s left ", end="", file=sys.stderr, flush=True)

    table = build(name, evaluator, space, jobs=jobs, progress=tell)
    table.write(output)
    print(f"\n{output}: {len(table):,} designs, {output.stat().st_size:,} bytes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
