"""Pages of the documentation that are made from the program itself, so that the two cannot disagree.

``write_pages`` is called by ``conf.py`` before a build.  What it writes is not kept in git: see ``PAGES``.
"""

import inspect
import json
import re
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from typer.main import get_command

import arch
import cyclewise
import plots
from arch.controller import profiles
from cyclewise.batch.spec import json_schema as batch_schema
from cyclewise.cli import app
from dse.optimisers import names as optimiser_names
from dse.optimisers import options_of
from dse.optimisers.catalogue import described
from dse.study.reading import json_schema as study_schema
from sim.machine import kinds, machine

CHECKOUT = Path(__file__).resolve().parents[1]
SPEED = CHECKOUT / "benchmarks" / "measured" / "dram_speed.json"
SWEEPS = CHECKOUT / "examples" / "pim_gpt_sweeps"
PICTURES = CHECKOUT / "docs" / "images" / "pim_gpt_sweeps"


def write_pages(docs: Path) -> None:
    """Write every page of ``PAGES`` below ``docs``; one that would not change is left alone."""
    for name, make in PAGES.items():
        path, text = docs / name, make().rstrip() + "\n"
        path.parent.mkdir(exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


# What a memory's YAML may hold


def keys() -> str:
    """All keys of a memory, from the models that check a file."""
    return _keys("All keys of a memory", "A memory", arch.json_schema("memory"))


def pim_keys() -> str:
    """All keys of a PIM machine, from the models that check a file; those of its DRAM included."""
    return _keys("All keys of a PIM machine", "A PIM machine", arch.json_schema("pim"))


def batch_keys() -> str:
    """All keys of a batch file, from the models that check it."""
    return _keys("All keys of a batch", "A batch", batch_schema())


def study_keys() -> str:
    """All keys of a study, from the models that check it."""
    return _keys("All keys of a study", "A study", study_schema())


def optimisers() -> str:
    """Every optimiser with its options."""
    parts = [
        "# Optimisers",
        "Made from the optimisers themselves. `optimizer:` of a study names one, with its options beside the"
        " name: `{name: ga, population: 64}`. All see the same space, draw by the same rules, and never count"
        " what they spend. Those of *one value* take a single objective, or a `weighted` or `chebyshev` one.",
    ]
    for name in optimiser_names():
        about, several = described(name)
        properties = options_of(name).model_json_schema().get("properties", {})
        rows = [
            (f"`{key}`", f"`{json.dumps(p.get('default'))}`", _meaning(p, {}))
            for key, p in properties.items()
        ]
        kind = "one value or several" if several else "one value"
        parts.append(f"## `{name}`\n\n{about} *{kind}*")
        if rows:
            parts.append(table(("option", "default", "meaning"), rows))
    return "\n\n".join(parts)


def _keys(heading: str, title: str, schema: Mapping[str, Any]) -> str:
    head = f"# {heading}\n\nMade from the models that check a file when it is loaded."
    return "\n\n".join([head, *_section(title, schema, schema.get("$defs", {}))])


def _section(title: str, part: Mapping[str, Any], models: Mapping[str, Any]) -> Iterator[str]:
    """The table of one model's keys, then those of the sections in it."""
    properties = part.get("properties", {})
    rows = [(f"`{key}`", _form(p, models), _meaning(p, models)) for key, p in properties.items()]
    yield f"## {title}\n\n" + table(("key", "form", "meaning"), rows)
    for key, p in properties.items():
        for option in _options(p, models):
            targets = [(option, key)]
            targets += [(o, f"{key}.NAME") for o in _options(option.get("additionalProperties"), models)]
            targets += [(o, f"{key}[…]") for o in _options(option.get("items"), models)]
            for target, name in targets:
                if "properties" in target:
                    yield from _section(name if title.startswith("A ") else f"{title}.{name}", target, models)


def _options(part: Any, models: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a part may be, references followed; nothing if it says nothing."""
    if not isinstance(part, dict):
        return []
    part = _resolved(part, models)
    return (
        [option for inner in part["anyOf"] for option in _options(inner, models)]
        if "anyOf" in part
        else [part]
    )


def _resolved(part: Mapping[str, Any], models: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in part:
        part = models[part["$ref"].rsplit("/", 1)[1]]
    return part


def _form(part: Mapping[str, Any], models: Mapping[str, Any]) -> str:
    words = []
    for option in _options(part, models):
        if "enum" in option or "const" in option:
            words += [f"`{value}`" for value in option.get("enum", [option.get("const")])]
        elif option.get("type") == "object" or "properties" in option:
            words.append("a section")
        elif option.get("type") == "array":
            words.append("a list")
        elif option.get("type") != "null":
            words.append(str(option.get("type", "text")))
    return " or ".join(dict.fromkeys(words))


def _meaning(part: Mapping[str, Any], models: Mapping[str, Any]) -> str:
    options = [part, *_options(part, models)]
    found = next((option["description"] for option in options if option.get("description")), "")
    return str(found).replace("``", "`")


# What a report holds


def metrics() -> str:
    """The metrics that each machine declares."""
    parts = [
        "# Metrics",
        "Made from what each machine declares before it runs. *Better* says which way an optimiser should"
        " push; a metric without one describes the run and is no goal. A `*` stands for any name.",
    ]
    better = {True: "less", False: "more", None: ""}
    for kind in kinds():
        rows = [
            (f"`{m.name}`", "" if m.unit == "1" else m.unit, better[m.less_is_better], m.meaning)
            for m in machine(kind).metrics
        ]
        parts += [f"## `kind: {kind}`", table(("metric", "unit", "better", "meaning"), rows)]
    return "\n\n".join(parts)


# What the program accepts


def commands() -> str:
    """Every command with its arguments, options and examples."""
    head = (
        "# Commands\n\nMade from the program itself; `cyclewise COMMAND --help` prints the same. What holds"
        " for all of them, and the exit codes, stand in [Command line](cli.md)."
    )
    return "\n\n".join([head, *_command("cyclewise", get_command(app), 1)])


def _command(name: str, command: Any, depth: int) -> Iterator[str]:
    children = [(f"{name} {child}", inner) for child, inner in getattr(command, "commands", {}).items()]
    if depth > 1:
        yield f"{'#' * depth} `{name}`"
        yield " ".join((command.help or "").split("\f")[0].split())
    if depth > 1 and not children:
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option"]
        words = [name, *(_shown(a) for a in arguments), *(["[OPTIONS]"] if options else [])]
        yield "```text\n" + " ".join(words) + "\n```"
        rows = [(f"`{_shown(a)}`", a.help or "") for a in arguments]
        rows += [(f"`{_spelt(o)}`", o.help or "") for o in options]
        yield table(("argument or option", "meaning"), rows) if rows else ""
    if depth > 1 and command.epilog:
        lines = [
            line.strip()
            for line in command.epilog.replace("Examples:", "").replace("Example:", "").split("\n")
        ]
        shown = "\n".join(line for line in lines if line.startswith("cyclewise "))
        if shown:
            yield f"For example:\n\n```text\n{shown}\n```"
    for child, inner in children:
        yield from _command(child, inner, depth + 1)


def _shown(argument: Any) -> str:
    name = str(argument.metavar or argument.name.upper())
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _spelt(option: Any) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    if option.is_flag:
        return names
    repeated = " …" if option.multiple else ""
    return f"{names} {option.metavar or option.name.upper()}{repeated}"


# What can be imported


def names() -> str:
    """The public names of ``cyclewise``: a table, then each with its docstring."""
    public = [name for name in cyclewise.__all__ if name != "__version__"]
    public.sort(key=lambda name: (inspect.isclass(getattr(cyclewise, name)), name.lower()))  # functions first
    rows, entries = [], []
    for name in public:
        thing = getattr(cyclewise, name)
        if inspect.ismodule(thing):  # its page is that of figures
            rows.append((f"[`cw.{name}`](../reference/figures.md)", _first_sentence(thing)))
            continue
        call, directive = ("", "autoclass") if inspect.isclass(thing) else ("()", "autofunction")
        rows.append((f"`cw.{name}{call}`", _first_sentence(thing)))
        entries.append(f".. {directive}:: cyclewise.{name}")
    rows.append(("`cw.__version__`", "The version, as text."))
    body = "\n".join(entries)
    return f"{table(('name', 'what it is'), rows)}\n\n```{{eval-rst}}\n{body}\n```"


def _first_sentence(thing: Any) -> str:
    text = " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split()).replace("``", "`")
    text = re.sub(r":\w+:(?=`)", "", text)  # :func:`run` is no Markdown
    return text.partition(". ")[0].rstrip(".") + "."


def figures() -> str:
    """The modules that draw: a table, then each ``draw`` with its docstring."""
    modules = {name: getattr(plots, name) for name in sorted(dir(plots)) if not name.startswith("_")}
    drawing = {name: module for name, module in modules.items() if hasattr(module, "draw")}
    rows = [(f"[`plots.{name}`](#{name})", _first_sentence(module)) for name, module in drawing.items()]
    entries = {name: f".. autofunction:: plots.{name}.draw" for name in drawing}
    entries |= {"All of them": ".. autofunction:: plots.figures.draw_all"}
    entries |= {"A drawing": ".. autoclass:: plots.drawing.Drawing"}
    return "\n\n".join(
        [
            "# Figures",
            "Each figure is a module of `plots`, also called `cw.plots`, with a function `draw` that returns"
            " a [drawing](#a-drawing).",
            table(("module", "what it shows"), rows),
            *(f"## {title}\n\n```{{eval-rst}}\n{text}\n```" for title, text in entries.items()),
        ]
    )


# What the channel does


def profile_table() -> str:
    """The keys of every controller profile."""
    found = profiles()
    every = list(dict.fromkeys(key for values in found.values() for key in values))
    rows = [(f"`controller.{key}`", *(_plain(values[key]) for values in found.values())) for key in every]
    return table(("key", *(f"`{name}`" for name in found)), rows)


def left_out() -> str:
    """Per memory of the library, which rules each rule set leaves out."""
    rows = []
    for entry in _memories():
        memory = arch.load(entry.name).spec.resolve()
        for rule in memory.rules:
            for rule_set in rule.not_in:
                between = _between(rule.after, rule.before)
                cells = (f"`{rule_set}`", f"`{rule.name}`", rule.scope, str(rule.wait), between)
                rows.append((f"`{entry.name}`", str(len(memory.rules)), *cells))
        if not any(rule.not_in for rule in memory.rules):
            rows.append((f"`{entry.name}`", str(len(memory.rules)), "none", "", "", "", ""))
    heads = ("memory", "rules", "left out by", "rule", "scope", "cycles", "after → before")
    return table(heads, rows, numbers=(1, 5))


def rules() -> str:
    """The timing rules of every family in the library, with the cycles that each memory makes of them."""
    parts = [
        "# Timing rules of the library",
        "Made from the library. A row says that no *before* may follow an *after* within its scope sooner"
        " than *wait*, and how many cycles this comes to for each memory. An empty cell is a rule that asks"
        " for no wait there. How to change them: [Write a system](../howto/write_a_machine.md).",
    ]
    families: dict[str, list[Any]] = {}
    for entry in _memories():
        given = yaml.safe_load(entry.path.read_text(encoding="utf-8"))
        families.setdefault(given.get("extends", entry.name), []).append(arch.load(entry.name))
    for family, systems in families.items():
        names = [system.name for system in systems]
        cycles = [{rule.name: rule.wait for rule in system.spec.resolve().rules} for system in systems]
        declared = {name: row for system in systems for name, row in system.tree["constraints"].items()}
        rows = []
        for name, row in declared.items():
            last = f", {row['window']}th last" if row.get("window", 1) > 1 else ""
            excluded = f", not in `{'`, `'.join(row['not_in'])}`" if row.get("not_in") else ""
            waits = [str(found.get(name, "")) for found in cycles]
            between = _between(row["after"], row["before"])
            rows.append((f"`{name}`", between, *waits, f"{row['scope']}{last}{excluded}", f"`{row['wait']}`"))
        heads = ("rule", "after → before", *(f"`{name}`" for name in names), "scope", "wait")
        parts += [f"## {family}", table(heads, rows, numbers=range(2, len(heads) - 2))]
    return "\n\n".join(parts)


def _memories() -> list[arch.LibraryEntry]:
    return [entry for entry in arch.library() if entry.kind == "memory"]


def _between(after: Sequence[str], before: Sequence[str]) -> str:
    return f"`{', '.join(after)} → {', '.join(before)}`"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | str) else f"{float(value):g}"


# How fast it is


def speed() -> str:
    """The measured speed beside Ramulator 2.1, from the file that the benchmark wrote."""
    measured = json.loads(SPEED.read_text(encoding="utf-8"))
    devices: dict[str, list[dict[str, Any]]] = measured["devices"]
    rows = []
    for device, runs in devices.items():
        ratios = {run["trace"]: run["ratio"] for run in runs}
        least, most = min(ratios, key=ratios.__getitem__), max(ratios, key=ratios.__getitem__)
        rates = [run["requests_per_s"] / 1e6 for run in runs]
        rows.append(
            (
                f"`{device}`",
                f"{statistics.geometric_mean(ratios.values()):.1f}",
                f"{ratios[least]:.1f} (`{least}`)",
                f"{ratios[most]:.0f} (`{most}`)",
                f"{min(rates):.1f} to {max(rates):.1f}",
            )
        )
    heads = ("memory", "geometric mean", "least", "most", "million requests per CPU second")
    ways = "both simulators in the same run" if measured["side_by_side"] else "the peer measured elsewhere"
    return "\n\n".join(
        [
            f"Measured {measured['date']}, {measured['machine']}, profile `{measured['profile']}`; {ways},"
            f" median of {measured['repeat']}. How many times fewer CPU seconds than Ramulator 2.1, over"
            f" {len(runs)} traces:",
            table(heads, rows, numbers=range(1, len(heads))),
        ]
    )


# What changes in a machine do


def sweeps() -> str:
    """The sweeps of PIM-GPT: what each is about, its command, and the picture that was drawn of it."""
    parts = []
    for sweep in sorted(SWEEPS.glob("*.yaml")):
        lines = sweep.read_text(encoding="utf-8").splitlines()
        about = " ".join(line.removeprefix("# ") for line in lines if line.startswith("# "))
        title = str(yaml.safe_load("\n".join(lines))["title"]).partition(", ")[2]
        parts.append(f"### {title[:1].upper()}{title[1:]}")
        parts.append(f"{about} (`{sweep.relative_to(CHECKOUT)}`)")
        picture = PICTURES / f"{sweep.stem}.svg"
        if picture.is_file():
            svg = picture.read_text(encoding="utf-8").strip()
            svg = svg.replace(
                "<svg ", f'<svg role="img" aria-label="{title}" class="drawing" style="max-width: 40rem" ', 1
            )
            parts.append(f"```{{raw}} html\n{svg}\n```")
    return "\n\n".join(parts)


# Markdown


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[int] = ()) -> str:
    """A Markdown table; the columns ``numbers`` are set to the right."""
    right = set(numbers)
    rule = ["---:" if at in right else "---" for at in range(len(heads))]
    lines = [heads, rule, *([" ".join(c.split()).replace("|", "\\|") for c in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


PAGES: Mapping[str, Callable[[], str]] = {
    "reference/keys.md": keys,
    "reference/pim_keys.md": pim_keys,
    "reference/batch_keys.md": batch_keys,
    "reference/study_keys.md": study_keys,
    "reference/optimisers.md": optimisers,
    "reference/figures.md": figures,
    "reference/metrics.md": metrics,
    "reference/commands.md": commands,
    "systems/dram_rules.md": rules,
    # Parts of other pages.
    "generated/names.md": names,
    "generated/profiles.md": profile_table,
    "generated/left_out.md": left_out,
    "generated/speed.md": speed,
    "generated/pim_gpt_sweeps.md": sweeps,
}
"""What is written where, below the folder of the documentation."""
