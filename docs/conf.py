"""Sphinx configuration; `make docs` builds with warnings as errors and needs no network."""

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from arch import json_schema
from cyclewise import __version__

project = "cyclewise"
author = "the cyclewise contributors"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"cyclewise {__version__}"
html_show_copyright = False

autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_default_options = {"members": True, "show-inheritance": False}
napoleon_numpy_docstring = False


def write_keys(app: Sphinx) -> None:
    """The page of all keys of a memory, from the models that check them."""
    schema = json_schema("memory")
    sections: list[str] = []

    def resolve(part: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in part:
            part = schema["$defs"][part["$ref"].rsplit("/", 1)[1]]
        return part

    def form(part: dict[str, Any]) -> str:
        options = [o for o in part.get("anyOf", [part]) if o.get("type") != "null"]
        words = []
        for option in options:
            option = resolve(option)
            if "enum" in option or "const" in option:
                words += [f"`{value}`" for value in option.get("enum", [option.get("const")])]
            elif option.get("type") == "object" or "properties" in option:
                words.append("a section")
            else:
                words.append(str(option.get("type", "text")))
        return " or ".join(dict.fromkeys(words)).replace("|", "\\|")

    def section(title: str, part: dict[str, Any]) -> None:
        rows = [f"| `{key}` | {form(p)} | {text(p)} |" for key, p in part.get("properties", {}).items()]
        head = [f"## {title}", "", "| key | form | meaning |", "| --- | --- | --- |"]
        sections.append("\n".join([*head, *rows]))
        for key, p in part.get("properties", {}).items():
            for option in p.get("anyOf", [p]):
                option = resolve(option)
                inner = option.get("additionalProperties")
                rows_of = [resolve(o) for o in inner.get("anyOf", [inner])] if isinstance(inner, dict) else []
                for target, name in [(option, key), *((r, f"{key}.NAME") for r in rows_of)]:
                    if "properties" in target:
                        section(f"{title}.{name}" if title != "A memory" else name, target)

    def text(part: dict[str, Any]) -> str:
        found = part.get("description") or next(
            (resolve(o)["description"] for o in part.get("anyOf", []) if "description" in resolve(o)), ""
        )
        return " ".join(found.replace("``", "`").replace("|", "\\|").split())

    section("A memory", schema)
    page = "# All keys of a memory\n\nMade from the models that check a file when it is loaded.\n\n"
    (Path(app.srcdir) / "reference" / "keys.md").write_text(page + "\n\n".join(sections) + "\n")


def setup(app: Sphinx) -> None:
    """Hook into Sphinx."""
    app.connect("builder-inited", write_keys)
