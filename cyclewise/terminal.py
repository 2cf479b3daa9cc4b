"""What commands print: tables, JSON, messages, and a bar for whatever takes long.

Text from users and files is never read as markup.  Everything heavy is imported when it is needed.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

UNLIMITED = 100_000
"""Columns of a line that goes to a file or another program."""

PATIENCE_SECONDS = 2.0
"""What takes less shows no bar."""

Progress = Callable[[int, int | None], None]
"""Told how many requests have been accepted, and how many there are if that is known."""


def say(text: str = "") -> None:
    """One or more lines on the standard output."""
    print(text)


def note(text: str) -> None:
    """A line for the person at the terminal; the standard output stays for results."""
    print(one_line(text), file=sys.stderr, flush=True)


def print_json(content: Any) -> None:
    """``content`` as one JSON object on the standard output."""
    print(json.dumps(content, indent=2, ensure_ascii=True, allow_nan=False, default=str))


def table(heads: Sequence[str], rows: Sequence[Sequence[object]], *, numbers: Sequence[str] = ()) -> None:
    """Aligned columns; those headed by one of ``numbers`` to the right.  Long cells are folded, not cut."""
    from rich.table import Table
    from rich.text import Text

    page = console(UNLIMITED)
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for head in heads:
        grid.add_column(Text(head), justify="right" if head in numbers else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(Text("" if cell is None else printable(str(cell))) for cell in row))
    with page.capture() as captured:
        page.print(grid)
    for line in captured.get().splitlines():
        print(line.rstrip())


def console(width: int = 100) -> "Console":
    """Where rich text is printed; ``width`` columns if that is no terminal."""
    from rich.console import Console

    wide = None if sys.stdout.isatty() else width
    return Console(file=sys.stdout, width=wide, markup=False, highlight=False, emoji=False)


def printable(text: str) -> str:
    """The text with control characters spelt out, so that a file name cannot move the cursor."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def one_line(text: str) -> str:
    """The same for messages: one line, whatever names are in it."""
    return printable(" ".join(text.split("\n")))


@contextmanager
def progress(what: str) -> Iterator[Progress]:
    """A bar on the standard error for what turns out to take long, if somebody is watching there."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    bar = Bar(*columns, TimeRemainingColumn(), console=Console(file=sys.stderr), transient=True)
    task = bar.add_task(printable(what), total=None)
    began = time.monotonic()
    running = False

    def update(done: int, total: int | None) -> None:
        nonlocal running
        if not running and time.monotonic() - began > PATIENCE_SECONDS:
            bar.start()
            running = True
        bar.update(task, completed=done, total=total)

    try:
        yield update
    finally:
        if running:
            bar.stop()


def nobody_reads() -> None:
    """After a broken pipe: whatever is still buffered goes nowhere, silently."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
