"""What a client may send that nobody meant: names beyond Latin-1, halves of characters, orders of a thousand fields."""

from urllib.parse import quote

import pytest
from lavarest import API, Rest
from werkzeug.test import EnvironBuilder

from wsgi_app.core.longreads import MOST_READS
from wsgi_app.protocols.lava.rest import rows
from wsgi_app.protocols.web import Request


@pytest.mark.parametrize("name", ["\u00e9\U0001f600", 'a;b="c"', "a\r\nX: 1", "\u202e"])
def test_files_of_suites_of_any_name(fresh_rest: Rest, name: str) -> None:
    """A suite's CSV and YAML have names of plain letters, whatever the test is called."""
    recipe = fresh_rest.recipe(name)
    suite = fresh_rest.rows(f"jobs/{recipe}/suites/")[1]
    for place in (
        *(f"{API}jobs/{recipe}/suites/{suite['id']}/{kind}/" for kind in ("csv", "yaml")),
        *(f"/results/{recipe}/{quote(suite['name'], safe='')}/{kind}" for kind in ("csv", "yaml")),
    ):
        answer = fresh_rest.get(place)
        said = answer.headers["Content-Disposition"]
        assert said.startswith("attachment; filename=")
        assert set(said.removeprefix("attachment; filename=")) <= set(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
        )


def test_half_of_a_character_is_no_id(fresh_rest: Rest) -> None:
    """JSON can say it, and no answer could repeat it."""
    answer = fresh_rest.post("jobs/batch_cancel/", {"job_ids": ["\ud800"]}, status=400)
    assert list(answer.json) == ["job_ids"]


def test_a_field_orders_once(fresh_rest: Rest) -> None:
    """Naming it a thousand times costs no thousand sorts; the first time counts."""
    many = ",".join(["-name", *["name", "id"] * 500])
    asked = Request(EnvironBuilder(query_string={"ordering": many}).get_environ())
    assert rows.order(asked, ("id", "name"), "id") == [("name", True), ("id", False)]
    assert fresh_rest.get(f"jobs/?ordering={','.join(['priority'] * 900)}").status_int == 200


def test_long_reads_take_places(fresh_rest: Rest) -> None:
    """While all places of long reads are taken, what searches or sorts all is told to come back; the rest goes on."""
    recipe = fresh_rest.recipe("smoke")
    reads = fresh_rest.application.gateway.long_reads
    taken = [reads.share(iter("ab")) for _ in range(MOST_READS)]
    for path in ("logs/?grep=x", "junit/", "tap13/", "tests/?name=hello"):
        fresh_rest.get(f"jobs/{recipe}/{path}", status=503)
    for path in ("", "csv/", "yaml/", "jsonl/", "tests/", "suites/"):
        fresh_rest.get(f"jobs/{recipe}/{path}")
    taken.clear()
    for path in ("junit/", "tap13/", "tests/?name=hello"):
        fresh_rest.get(f"jobs/{recipe}/{path}")
