"""Sphinx configuration; `make docs` builds with warnings as errors and needs no network."""

from cyclewise import __version__

project = "cyclewise"
author = "the cyclewise contributors"
release = version = __version__

extensions = ["myst_parser"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"cyclewise {__version__}"
html_show_copyright = False
