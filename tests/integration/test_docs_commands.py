"""Every command and every Python block of README and docs is run as written.

The blocks of one page run in order, in one folder: ``console`` lines as a shell would, with the
environment's ``cyclewise``; Python blocks in one namespace, as a reader would paste them.  A YAML block
after ``<!-- file: NAME -->`` becomes that file; ``examples`` is that of the checkout.  ``<!-- not run:
reason -->`` spares a block, but only one of commands that are tested elsewhere, such as make.
"""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]
SHELL = ("console", "bash", "sh", "shell")
NEED_NOT_RUN = ("make", "pip", "python3 -m venv", "git", "source", "cd")
SECONDS = 300

FENCE = re.compile(r"^(?P<fence>`{3,})(?P<language>[\w{}-]*)(?: .*)?$")  # {include} has an argument
COMMENT = re.compile(r"^<!-- (?P<kind>not run|file): (?P<text>.+) -->$")


@dataclass(frozen=True)
class Block:
    line: int  # of the opening fence, from 1
    language: str
    text: str
    spared: str | None = None  # the reason why it is not run
    file: str | None = None


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page, in order, with the comment on the line before each."""
    found: list[Block] = []
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        opening = FENCE.match(lines[at])
        if opening is None:
            at += 1
            continue
        end = next(n for n in range(at + 1, len(lines)) if lines[n] == opening["fence"])
        comment = COMMENT.match(lines[at - 1]) if at else None
        note = {comment["kind"]: comment["text"]} if comment else {}
        found.append(
            Block(
                line=at + 1,
                language=opening["language"],
                text="\n".join(lines[at + 1 : end]) + "\n",
                spared=note.get("not run"),
                file=note.get("file"),
            )
        )
        at = end + 1
    return found


def commands(block: Block) -> list[str]:
    """The command lines of a shell block: those after a ``$``; other lines are output."""
    return [line[2:] for line in block.text.splitlines() if line.startswith("$ ")]


def problem(block: Block) -> str | None:
    """Why a block would escape being run or may not be spared; None if it is in order."""
    if block.language in SHELL:
        given = commands(block)
        if not given:
            return "a shell block without a line that starts with '$ '"
        if block.spared is None:
            wrong = [c for c in given if shlex.split(c)[0] != "cyclewise"]
            return f"only cyclewise can be run here, not: {wrong[0]}" if wrong else None
        wrong = [c for c in given if not f"{c} ".startswith(tuple(f"{n} " for n in NEED_NOT_RUN))]
        return f"this may not be spared: {wrong[0]}" if wrong else None
    return "only shell blocks may be spared" if block.spared is not None else None


def run_command(command: str, folder: Path) -> None:
    tools = Path(sys.executable).parent
    # A path relative to the environment would break when the working folder changes.
    environment = os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "MPLBACKEND": "Agg"}
    result = subprocess.run(
        shlex.split(command),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        executable=tools / "cyclewise",
    )
    assert result.returncode == 0, f"$ {command}\n{result.stdout}{result.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(CHECKOUT).as_posix())
def test_a_page_does_what_it_says(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    (tmp_path / "examples").symlink_to(CHECKOUT / "examples")
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page.read_text(encoding="utf-8")):
        where = f"{page.relative_to(CHECKOUT)}:{block.line}"
        assert problem(block) is None, f"{where}: {problem(block)}"
        if block.file is not None:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            exec(compile(block.text, where, "exec"), namespace)
        elif block.language in SHELL and block.spared is None:
            for command in commands(block):
                run_command(command, tmp_path)


def test_the_readme_begins_with_the_two_commands() -> None:
    first, second = (CHECKOUT / "README.md").read_text(encoding="utf-8").splitlines()[:2]
    assert first.split("#")[0].strip() == "make demo"
    assert second.split("#")[0].strip() == "make test"


PAGE = """
```{include} other.md
```

```console
$ cyclewise list
ddr4_2400
```

<!-- not run: sets the environment up -->
```bash
$ make demo
```

<!-- file: my.yaml -->
```yaml
kind: memory
```
"""


def test_blocks_are_found_with_their_comments() -> None:
    include, first, second, third = blocks(PAGE)
    assert (include.line, include.language) == (2, "{include}")
    assert (first.line, first.language, commands(first)) == (5, "console", ["cyclewise list"])
    assert (second.language, second.spared) == ("bash", "sets the environment up")
    assert (third.file, third.text) == ("my.yaml", "kind: memory\n")
    assert [problem(b) for b in (first, second, third)] == [None, None, None]


@pytest.mark.parametrize(
    "block",
    [
        Block(1, "console", "$ cyclewise list\n", spared="too long"),
        Block(1, "console", "$ make test\n"),
        Block(1, "bash", "cyclewise list\n"),
        Block(1, "python", "import cyclewise\n", spared="too long"),
        Block(1, "console", "$ makeshift\n", spared="sounds like make"),
    ],
)
def test_a_block_that_would_escape_is_reported(block: Block) -> None:
    assert problem(block) is not None
