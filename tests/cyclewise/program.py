"""The program as tests call it, and what a refusal looks like."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]
TINY = ("random", "--set", "workload.requests=500", "--set", "workload.write_share=0.3")


class Answer(NamedTuple):
    """Exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, object]:
        content = json.loads(self.out)
        assert isinstance(content, dict)
        return content


Program = Callable[..., Answer]


def refused(answer: Answer, *words: str) -> None:
    """Exit code 2, nothing on the standard output, one line that contains ``words``."""
    assert answer.code == 2, answer.out + answer.err
    assert answer.out == ""
    lines = answer.err.strip().splitlines()
    assert len(lines) == 1, answer.err
    for word in words:
        assert word in lines[0], lines[0]


def started(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The program as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "cyclewise.cli", *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
