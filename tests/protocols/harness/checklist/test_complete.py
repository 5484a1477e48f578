"""The checklist as a whole: each item that is ours has its test, by its number."""

import re
from pathlib import Path

import pytest

from tests.protocols.harness.checklist.doors import Door, Recipe

#: guests, the task library, watchdog scripts, reservations, netboot, power, places and watchers of Beaker's own
NOT_OURS = {4, 33, 36, 43, 44, 45, *range(51, 57), 64, 65, *range(69, 77)}
LAST = 89

#: what items 33, 36, 43 to 45, 51 to 56, 64, 65, 69 to 76 would be asked by, and XML-RPC
ABSENT = [
    ("GET", "/nopxe/host1.example"),
    ("GET", "/nopxe/host1.example/"),
    ("GET", "/postreboot/{recipe}"),
    ("GET", "/postreboot/{recipe}/"),
    ("PUT", "/power/host1.example/"),
    ("PUT", "/power/host1.example"),
    ("POST", "/server"),
    # /RPC2 is there: it speaks LAVA, and does not know these methods
    ("GET", "/server"),
    ("GET", "/recipes/{recipe}/reservation"),
    ("POST", "/recipes/{recipe}/return"),
    ("GET", "/beaker/logs/recipes/0+/{recipe}/console.log"),
]

_NAME = re.compile(r"^ *def test_(\d\d)_\w+\(", re.MULTILINE)


def test_every_item_has_its_test() -> None:
    """The numbers in the names of this directory's tests are the checklist's."""
    files = Path(__file__).parent.glob("test_*.py")
    found = {int(number) for file in files for number in _NAME.findall(file.read_text())}
    assert found == set(range(1, LAST + 1)) - NOT_OURS


@pytest.mark.parametrize(("method", "target"), ABSENT)
def test_what_is_not_ours_is_not_there(recipe: Recipe, method: str, target: str) -> None:
    """Power, netboot, reboots, XML-RPC and public log URLs are 404: a harness gives up at once."""
    body = None if method == "GET" else b"action=reboot"
    recipe.raw(method, target.format(recipe=recipe.id), body, 404, {"Content-Type": "text/xml"})


def test_xml_rpc_at_the_root_is_refused(door: Door) -> None:
    """`/` is a page for people: what is posted there is refused for good."""
    assert door.call("POST", "/", b"<methodCall/>", {"Content-Type": "text/xml"}).status == 405
