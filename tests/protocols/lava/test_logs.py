"""The record stream over XML-RPC, REST and the older addresses, in one process."""

import base64
import json
import re
import xmlrpc.client
from datetime import datetime
from typing import Any

import pytest
import yaml
from recorded import Recorded, recorded
from webtest import TestApp

from wsgi_app.app import Application
from wsgi_app.model import Caller

LEVELS = {"exception", "error", "warning", "info", "debug", "target", "input", "feedback", "results"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")
HOSTILE = [
    "plain",
    "smile \U0001f600 and \u65e5\u672c",
    "nul \0 esc [31m bell \x07 del \x7f",
    "next \x85 line \u2028 paragraph \u2029 mark \ufeff",
    "quotes \" ' \\ \\n %s {} [] #: - & * ! | > % @ `",
    "10%\r20%\r30%",
    "lone \ufffd\ufffd bytes",
    "x" * 200_000,
    "",
    "- {dt: 1}",
    "---",
    "\ttab\u0436\ud7ff\ue000\U0010ffff",
]
RAW = "\n".join(HOSTILE).replace("\ufffd", "\udcff").replace("esc [", "esc \x1b[").encode("utf-8", "surrogateescape")


@pytest.fixture
def caller(admin: dict[str, str]) -> Caller:
    """User admin, to core."""
    return Caller(admin["Authorization"], "127.0.0.1")


@pytest.fixture
def one(application: Application, caller: Caller) -> Recorded:
    """A recipe of one task, which has begun."""
    (found,) = recorded(application.gateway, caller, "smoke/one")
    found.begin(0)
    return found


def over(one: Recorded) -> None:
    """Let a recipe of one task end."""
    one.end(0)
    one.indexed(0)
    one.settle()


def call(web: TestApp, *arguments: Any) -> tuple[bool, str]:
    """Call `scheduler.jobs.logs`; return whether it is finished, and the YAML."""
    body = xmlrpc.client.dumps(arguments, "scheduler.jobs.logs", allow_none=True)
    answer = web.post("/RPC2", body, content_type="text/xml")
    told: Any = xmlrpc.client.loads(answer.body)
    finished, data = told[0][0]
    return finished, data.data.decode("ascii")


def parsed(text: str) -> list[dict[str, Any]]:
    """Return the records of a YAML text."""
    return yaml.load(text, yaml.CSafeLoader) or []


def rest(web: TestApp, job: object, query: str = "", **more: Any) -> Any:
    """GET the log by REST."""
    return web.get(f"/api/v0.2/jobs/{job}/logs/{query}", **more)


def test_a_follower_has_each_line_once(web: TestApp, one: Recorded) -> None:
    """Items 29, 35: across polls at any moment each line comes once and in order, only when it has its end."""
    seen: list[dict[str, Any]] = []
    told = []
    for piece in (b"", b"one\ntw", b"o\nthr", b"", b"ee\nfour\nfi", b"ve"):
        one.write(0, piece) if piece else None
        finished, text = call(web, str(one.recipe), len(seen), None)
        seen += parsed(text)
        told.append((finished, len(seen)))
    over(one)
    finished, text = call(web, one.recipe, len(seen), None)
    seen += parsed(text)
    assert told == [(False, 1), (False, 2), (False, 3), (False, 3), (False, 5), (False, 5)]
    assert finished
    assert [record["msg"] for record in seen] == [
        "start: 1 smoke/one (timeout 00:30:00)",
        *("one", "two", "three", "four", "five"),
        "end: 1 smoke/one (duration 00:00:00)",
    ]
    assert call(web, one.recipe, len(seen), None) == (True, "")


@pytest.mark.parametrize("lines", [0, 1, 1023, 1024, 1025, 100_000])
def test_all_lines_come(web: TestApp, one: Recorded, lines: int) -> None:
    """Item 30: whatever the number of lines, all come, in one answer or in several, and once."""
    one.write(0, b"".join(b"line %d\n" % number for number in range(lines)) or b"\n")
    over(one)
    finished, text = call(web, one.recipe)
    assert finished
    expected = [f"line {number}" for number in range(lines)] or [""]
    assert re.findall(r'"target", "msg": "(.*)"}$', text, re.MULTILINE) == expected
    half = lines // 2
    first, second = call(web, one.recipe, 0, half), call(web, one.recipe, half, lines + 3)
    assert (first[0], second[0]) == (False, True)
    assert first[1] + second[1] == text


def test_ranges(web: TestApp, one: Recorded) -> None:
    """Item 31: `end - start` records, as many as there are; none of those beyond the last; the same by REST."""
    one.write(0, b"a\nb\nc\nd\n")
    over(one)
    whole = parsed(call(web, one.recipe)[1])
    for start, end in ((0, 2), (1, 3), (3, 99), (4, 4), (5, 2), (99, None), (-3, 2)):
        finished, text = call(web, one.recipe, start, end)
        assert parsed(text) == whole[max(start, 0) : end], (start, end)
        assert finished is (end is None or end >= len(whole))
        if start >= 0 and parsed(text):
            query = f"?start={start}" + ("" if end is None else f"&end={end}")
            assert parsed(rest(web, one.recipe, query).text) == parsed(text)
    rest(web, one.recipe, "?start=99", status=404)
    for bad in ("start=x", "end=-1", "level=loud", "tail=1.5", "start=1&start=2"):
        rest(web, one.recipe, f"?{bad}", status=400)
    rest(web, 999_999, status=404)
    rest(web, "garbage", status=404)


def test_hostile_lines(web: TestApp, one: Recorded) -> None:
    """Item 32: any characters and any bytes are ASCII on the wire, a line each, and read back as what they are."""
    one.write(0, RAW)
    over(one)
    _, text = call(web, one.recipe)
    assert text.isascii()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f]", text)
    found = parsed(text)
    assert [record["msg"] for record in found][1:-1] == HOSTILE
    assert list(found[0]) == ["dt", "lvl", "msg"]
    assert len(text.splitlines()) == len(found)
    assert rest(web, one.recipe).text == text
    incremental = web.get(f"/scheduler/job/{one.recipe}/log_pipeline_incremental?line=0")
    assert incremental.json == found
    assert incremental.headers["X-Is-Finished"] == "1"
    plain = web.get(f"/scheduler/job/{one.recipe}/log_file/raw")
    assert plain.body == RAW
    assert plain.headers["Content-Disposition"] == f'attachment; filename="job_{one.recipe}.log"'


def test_levels_and_times(web: TestApp, one: Recorded) -> None:
    """Item 33: levels are of the known words, times are strict and never go back, all keys are there."""
    one.write(0, b"a\n<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=c RESULT=odd MEASUREMENT=1.50 UNITS=s>\n")
    one.append("logs/more.log", b"x")
    one.gateway.recipes.abort(one.admin, one.recipe, "no power")
    one.indexed(0)
    one.index("logs/more.log")
    one.settle()
    found = parsed(call(web, one.recipe)[1])
    assert [record["lvl"] for record in found] == ["info", "target", "results", "info", "info", "error"]
    assert {record["lvl"] for record in found} <= LEVELS
    assert all(TIME.fullmatch(record["dt"]) for record in found)
    times = [datetime.fromisoformat(record["dt"]) for record in found]
    assert times == sorted(times)
    assert found[2]["msg"] == {
        "definition": "0_smoke.one",
        "case": "c",
        "result": "unknown",
        "measurement": "1.50",
        "units": "s",
    }
    assert [record["msg"] for record in found[4:]] == ["log logs/more.log (1 bytes)", "no power"]


def test_phases(application: Application, web: TestApp, caller: Caller) -> None:
    """Item 34: tasks begin and end by the numbers that a definition's actions have, or else by their own."""
    tasks = [("a", {"LAVA_ACTION": "3"}), ("b", {"LAVA_ACTION": "x"})]
    given = [{"name": name, "params": params} for name, params in tasks]
    job = {"recipe_sets": [{"recipes": [{"system": "r0", "max_seconds": 36_061, "tasks": given}]}]}
    headers = {"Authorization": caller.authorization or ""}
    web.post_json("/systems/", {"name": "r0"}, headers=headers)
    recipe = web.post_json("/jobs/", job, headers=headers).json["recipe_sets"][0]["recipes"][0]
    application.gateway.systems.claim(caller, "r0", wait=0)
    one = Recorded(application.gateway, caller, recipe["id"], tuple(task["id"] for task in recipe["tasks"]))
    for place in (0, 1):
        one.begin(place)
        one.write(place, b"x\n")
        one.end(place)
        one.indexed(place)
    found = [record["msg"] for record in parsed(call(web, one.recipe)[1]) if record["lvl"] == "info"]
    assert found == [
        "start: 3 a (timeout 10:01:01)",
        "end: 3 a (duration 00:00:00)",
        "start: 2 b (timeout 10:01:01)",
        "end: 2 b (duration 00:00:00)",
    ]


def test_looked_for_on_the_server(web: TestApp, one: Recorded) -> None:
    """The last records, those of some levels, those with a text: the server looks for them."""
    one.write(0, b"".join(b"<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=c%d RESULT=pass>\nline %d\n" % (n, n) for n in range(9)))

    def messages(query: str) -> list[Any]:
        return [record["msg"] for record in parsed(rest(web, one.recipe, query).text)]

    assert messages("?tail=2&level=target") == ["line 7", "line 8"]
    assert [message["case"] for message in messages("?level=results&grep=c4")] == ["c4"]
    assert len(messages("?level=results,info&level=error")) == 10
    assert messages("?tail=1") == ["line 8"]
    assert messages("?grep=line&start=2&end=4") == ["line 0"]
    rest(web, one.recipe, "?level=debug", status=404)
    rest(web, one.recipe, "?tail=0", status=404)


def test_while_it_grows(web: TestApp, one: Recorded) -> None:
    """Item 35: the log is there while the job runs, on every route, without a line that is not complete."""
    rest(web, one.recipe)
    one.write(0, b"whole\nhal")
    assert [record["msg"] for record in parsed(rest(web, one.recipe, "?start=1").text)] == ["whole"]
    answer = web.get(f"/scheduler/job/{one.recipe}/log_pipeline_incremental?line=1")
    assert [record["msg"] for record in answer.json] == ["whole"]
    assert "X-Is-Finished" not in answer.headers
    assert web.get(f"/scheduler/job/{one.recipe}/log_file/raw").body == b"whole\n"


def test_secrets(application: Application, web: TestApp, caller: Caller) -> None:
    """Item 36: what was given as a secret is in no route's answer, whatever part of a job it is in."""
    secret = "hunter2 \u00e4\U0001f600"
    (one,) = recorded(application.gateway, caller, f"t {secret}", secrets=(secret,))
    one.begin(0)
    one.write(
        0, f"a {secret}\n<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=c RESULT=pass MEASUREMENT=1 UNITS={secret}>\n".encode()
    )
    one.append(f"logs/{secret}", b"x")
    one.gateway.recipes.abort(one.admin, one.recipe, f"why {secret}")
    one.indexed(0)
    one.index(f"logs/{secret}")
    one.settle()
    base = f"/scheduler/job/{one.recipe}/"
    answers = [
        call(web, one.recipe)[1],
        rest(web, one.recipe).text,
        rest(web, one.recipe, "?grep=MASKED").text,
        web.get(f"{base}log_pipeline_incremental").text,
        web.get(f"{base}log_file/raw").text,
    ]
    for answer in answers:
        assert "[MASKED]" in answer
        assert "hunter" not in answer
        assert base64.b64encode(secret.encode()).decode() not in answer
    rest(web, one.recipe, "?grep=hunter", status=404)
    assert json.loads(answers[3])[-1]["msg"] == "why [MASKED]"


def test_head(web: TestApp, one: Recorded) -> None:
    """HEAD tells the headers, and reads no log."""
    answer = web.head(f"/scheduler/job/{one.recipe}/log_file/raw")
    assert (answer.body, answer.content_type) == (b"", "text/plain")
