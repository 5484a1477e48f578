"""The page for the wall that the how-to shows: in a browser it says what the lab does."""

import re
from urllib.parse import unquote

import pytest
from chromium import site, visit
from lab import running_lab
from listener import add_system, set_health, wait_for_publisher
from pages import ROOT
from waiting import until

#: a browser that hangs is started again
pytestmark = pytest.mark.timeout(300)

PAGE = ROOT / "docs" / "howto" / "dashboards.md"
#: has the page tell what it shows, and be loaded when the test has seen enough
TELL = """
<script>
const tell = () => fetch("/shown?" + encodeURIComponent(document.body.innerText));
new MutationObserver(tell).observe(document.body, {childList: true, characterData: true, subtree: true});
</script>
<img src="/enough">
"""


def test_the_page_shows_states() -> None:
    """Each system and each job is on it, with its state, and changes when that does."""
    (source,) = re.findall(r"^```html\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (script,) = re.findall(r"<script>\n(.*?)</script>", source, re.DOTALL)
    assert len(script.splitlines()) <= 15
    with site() as wall, running_lab("none", TACKROOM_WEBSOCKET_ORIGINS=wall.url) as lab:
        add_system(lab, "bench-9")
        job = lab.job({"name": "t"}, system="bench-8")
        recipe = job["recipe_sets"][0]["recipes"][0]["id"]
        wait_for_publisher(lab)

        def shows(*lines: str) -> bool:
            shown = [unquote(asked.partition("?")[2]).split("\n") for asked in wall.asked if "/shown?" in asked]
            return bool(shown) and set(lines) <= set(shown[-1])

        def meanwhile(path: str) -> None:
            if path == "/enough":
                until(lambda: shows("bench-9: Idle, Unknown", f"job {recipe}: Submitted, Unknown"), "how it is", 30)
                set_health(lab, "bench-9", "good")
                until(lambda: shows("bench-9: Idle, Good"), "what has changed", 30)

        wall.meanwhile = meanwhile
        wall.pages["/"] = source.replace("127.0.0.1:8080", f"127.0.0.1:{lab.port}") + TELL
        assert "<p>bench-9: Idle, Good</p>" in visit(wall.url + "/")
