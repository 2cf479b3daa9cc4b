"""How many commands of each kind went to the memory."""

from plots.bars import horizontal
from plots.drawing import Drawing
from plots.labels import percent, scale
from plots.recorded import NothingToDraw, Run, Tables, of

PREFIX = "commands."


def draw(run: Run, tables: Tables | None = None) -> Drawing:
    """A bar for each command, in the order of the device's table, with its share of all commands.

    Raises:
        NothingToDraw: the report counts no commands.
    """
    report = of(run, tables or {}).report
    metrics = report.metrics
    counts = {k.removeprefix(PREFIX): int(v or 0) for k, v in metrics.items() if k.startswith(PREFIX)}
    if not counts:
        raise NothingToDraw("the report counts no commands")
    total = sum(counts.values())
    in_banks = report.system.get("kind") == "pim"
    about = "one to all banks at once counting as one" if in_banks else "those of trailing writes included"
    shares = [count / total if total else 0.0 for count in counts.values()]
    divisor, unit = scale(max(counts.values()), "")
    return horizontal(
        "command_mix",
        "Command mix",
        f"{total:,} commands on the command bus by kind, {about}.",
        labels=[*counts],
        values=[count / divisor for count in counts.values()],
        texts=[
            f"{count:,} · {percent(share)}" if count else "0"
            for count, share in zip(counts.values(), shares, strict=True)
        ],
        axis={"": "commands", "k": "thousand commands", "M": "million commands"}.get(
            unit, f"commands [{divisor:.0e}]"
        ),
        data={"command": [*counts], "commands": [*counts.values()], "share": shares},
    )
