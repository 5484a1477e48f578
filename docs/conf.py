"""How the documentation is built: `sphinx-build -W -b html docs build/docs/html`. It fetches nothing."""

project = "Tackroom"
author = "the Tackroom authors"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["examples", "changelog.d"]
html_theme = "alabaster"
html_theme_options = {"description": "A lab controller", "page_width": "70rem", "sidebar_width": "15rem"}
html_show_copyright = False
html_show_sourcelink = False
#: so deep do headings get anchors that links may name
myst_heading_anchors = 3
#: job XML and terminal sessions have tokens that the highlighters do not know
suppress_warnings = ["misc.highlighting_failure"]
