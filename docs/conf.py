"""Sphinx configuration; `make docs` builds with warnings as errors and needs no network."""

import sys
from pathlib import Path

from sphinx.application import Sphinx

from cyclewise import __version__

sys.path.insert(0, str(Path(__file__).parent))
from generate import write_pages

project = "cyclewise"
author = "the cyclewise contributors"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "generated"]

html_theme = "furo"
html_title = f"cyclewise {__version__}"
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["pages.css"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_default_options = {"members": True}
napoleon_numpy_docstring = False


def _write(app: Sphinx) -> None:
    write_pages(Path(app.srcdir))


def setup(app: Sphinx) -> None:
    """Hook into Sphinx."""
    app.connect("builder-inited", _write)
