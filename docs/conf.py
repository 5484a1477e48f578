"""How the documentation is built: `sphinx-build -W -b html docs build/docs/html`. It fetches nothing."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "Tackroom"
author = "the Tackroom authors"
extensions = ["myst_parser", "tackroom_reference"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_ext", "examples", "changelog.d"]
html_theme = "alabaster"
html_theme_options = {
    "description": "A lab controller",
    "page_width": "76rem",
    "body_max_width": "none",
    "sidebar_width": "15rem",
}
html_static_path = ["_static"]
html_css_files = ["tackroom.css"]
html_show_copyright = False
html_show_sourcelink = False
#: options begin with two hyphens, not with a dash
smartquotes = False
#: so deep do headings get anchors that links may name
myst_heading_anchors = 3
#: job XML and terminal sessions have tokens that the highlighters do not know
suppress_warnings = ["misc.highlighting_failure"]
