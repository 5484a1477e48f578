"""Documents and logs that mean no good: XML, JSON, YAML. Refused or read in a moment; no file and no host is asked."""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cast import Cast, Running
from lab import Lab

XML = {"Content-Type": "application/xml"}
JSON = {"Content-Type": "application/json"}
#: seconds, on a busy machine, for one document
QUICK = 20
#: MiB that a process may grow by
GROWTH = 250
SECRET = b"root:x:"

JOB = b"<job><whiteboard>%s</whiteboard><recipeSet><recipe><task name='t'/></recipe></recipeSet></job>"
LOL = b"<!DOCTYPE job [<!ENTITY a0 'lol'>" + b"".join(
    b"<!ENTITY a%d '%s'>" % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 11)
)
EBCDIC = b"\x4c\x6f\xa7\x94\x93\x40"  # `<?xml `

#: job XML that is refused, by what it tries; HOST is where we listen
HOSTILE: dict[str, Callable[[bytes], bytes]] = {
    "a file": lambda host: b"<!DOCTYPE job [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>" + JOB % b"&x;",
    "a host": lambda host: b"<!DOCTYPE job [<!ENTITY x SYSTEM 'http://%s/x'>]>" % host + JOB % b"&x;",
    "a document type elsewhere": lambda host: b"<!DOCTYPE job SYSTEM 'http://%s/x.dtd'>" % host + JOB % b"",
    "a public one": lambda host: b"<!DOCTYPE job PUBLIC '-//x' 'http://%s/x.dtd'>" % host + JOB % b"",
    "parameter entities": lambda host: b"<!DOCTYPE job [<!ENTITY %% p SYSTEM 'http://%s/x'>%%p;]>" % host + JOB % b"",
    "a billion laughs": lambda host: LOL + b"]>" + JOB % b"&a10;",
    "quadratic": lambda host: b"<!DOCTYPE job [<!ENTITY a '" + b"a" * 50_000 + b"'>]>" + JOB % (b"&a;" * 50_000),
    "a loop": lambda host: b"<!DOCTYPE job [<!ENTITY a '&b;'><!ENTITY b '&a;'>]>" + JOB % b"&a;",
    "a type behind comments": lambda host: b"<!-- x -->\n" * 1000 + b"<?x?><!DOCTYPE job>" + JOB % b"",
    "a type in UTF-16": lambda host: ("\ufeff<!DOCTYPE job [<!ENTITY a 'x'>]>" + (JOB % b"").decode()).encode("utf-16"),
    "attributes of a type": lambda host: b"<!DOCTYPE job [<!ATTLIST job a CDATA 'x'>]>" + JOB % b"",
    "an entity without a type": lambda host: JOB % b"&x;",
    "UTF-7": lambda host: b"<?xml version='1.0' encoding='UTF-7'?>+ADwAIQ-DOCTYPE job+AD4-" + JOB % b"",
    "UTF-32": lambda host: (JOB % b"").decode().encode("utf-32"),
    "EBCDIC": lambda host: EBCDIC + (JOB % b"").decode().encode("cp037"),
    "EBCDIC declared": lambda host: b"<?xml version='1.0' encoding='cp037'?>" + JOB % b"",
    "a codec of Python's": lambda host: b"<?xml version='1.0' encoding='unicode_escape'?>" + JOB % b"",
    "a codec that unpacks": lambda host: b"<?xml version='1.0' encoding='zlib_codec'?>" + JOB % b"",
    "UTF-8 that is longer than it must": lambda host: JOB % b"\xc0\xbc",
    "half a pair": lambda host: JOB % b"\xed\xa0\x80",
    "a reference to NUL": lambda host: JOB % b"&#0;",
    "a reference to half a pair": lambda host: JOB % b"&#xD800;",
    "a reference beyond": lambda host: JOB % b"&#x110000;",
    "a huge reference": lambda host: JOB % (b"&#" + b"9" * 100_000 + b";"),
    "NUL": lambda host: JOB % b"\0",
    "a control": lambda host: JOB % b"\x1b[2J",
    "depth": lambda host: b"<job>" + b"<a>" * 500_000,
    "depth in a known place": lambda host: JOB.replace(b"<task", b"<hostRequires>" + b"<and>" * 5000 + b"<task") % b"",
    "width": lambda host: b"<job>" + b"<a/>" * 400_000 + b"</job>",
    "attributes": lambda host: b"<job " + b" ".join(b"a%d=''" % n for n in range(200_000)) + b"/>",
    "an attribute twice": lambda host: b"<job a='1' a='2'/>",
    "names that collide": lambda host: (
        b"<job " + b" ".join(b"%c%c=''" % (97 + n // 26, 97 + n % 26) for n in range(676))
    ),
    "a huge name": lambda host: b"<" + b"a" * 5_000_000 + b"/>",
    "a tag without end": lambda host: b"<job a='" + b"x" * 9_000_000,
    "a comment without end": lambda host: b"<job><!--" + b"- " * 4_000_000,
    "sections": lambda host: b"<job>" + b"<![CDATA[]]>" * 500_000,
    "two roots": lambda host: JOB % b"" + JOB % b"",
    "data behind": lambda host: JOB % b"" + b"x",
    "another root": lambda host: b"<x:job xmlns:x='a'/>",
    "an element of another space": lambda host: (
        (JOB % b"").replace(b"recipe>", b"x:recipe>").replace(b"<job", b"<job xmlns:x='a'")
    ),
    "a stylesheet first": lambda host: b"\n<?xml version='1.0'?>" + JOB % b"",
}


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket of ours that nobody has any reason to connect to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def nobody_came(listener: socket.socket) -> bool:
    """Whether no connection waits to be accepted."""
    try:
        listener.accept()
    except BlockingIOError:
        return True
    return False


def memory(lab: Lab, process: str) -> int:
    """Return the most MiB that a process of this name has had."""
    texts = [Path(f"/proc/{pid}/status").read_text() for pid in lab.pids(process)]
    return max(int(found[1]) for text in texts if (found := re.search(r"VmHWM:\s+(\d+)", text))) // 1024


def cancel(lab: Lab, job: int) -> None:
    """Take a job away that any system of another test would be given."""
    assert lab.call("POST", f"/jobs/{job}/cancel").status == 204


@pytest.mark.parametrize("lab", ["apache"], indirect=True)
def test_xml_that_is_no_job(lab: Lab, listener: socket.socket) -> None:
    """Each is a 400 that names the line, at once; nothing is fetched, nothing grows."""
    host = f"127.0.0.1:{listener.getsockname()[1]}".encode()
    before = memory(lab, "gunicorn")
    for what, make in HOSTILE.items():
        body = make(host)
        began = time.monotonic()
        answer = lab.call("POST", "/jobs/", body, XML)
        assert answer.status == 400, (what, answer.body[:500])
        error = answer.json["error"]
        assert error["code"] == "document.invalid", what
        assert re.match(r"line [0-9]+, column [0-9]+: ", error["message"]), (what, error)
        assert len(answer.body) < 2000, what
        assert SECRET not in answer.body
        assert time.monotonic() - began < QUICK, what
    assert memory(lab, "gunicorn") < before + GROWTH
    assert nobody_came(listener)


def test_xml_that_only_looks_odd(lab: Lab, listener: socket.socket) -> None:
    """Instructions, comments and namespaces are passed over: nothing is fetched for them, nothing included."""
    host = f"127.0.0.1:{listener.getsockname()[1]}".encode()
    document = (
        b"<?xml version='1.0'?><?xml-stylesheet href='http://%s/x.xsl'?><!-- &x; <!DOCTYPE x> -->"
        b"<job xmlns:xi='http://www.w3.org/2001/XInclude' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' "
        b"xsi:schemaLocation='a http://%s/x.xsd' xml:base='http://%s/'>"
        b"<whiteboard><![CDATA[<!DOCTYPE x>&x;]]></whiteboard><recipeSet><recipe><task name='t'/></recipe></recipeSet>"
        b"<xi:include href='file:///etc/passwd' parse='text'/></job>"
    ) % (host, host, host)
    answer = lab.call("POST", "/jobs/", document, XML)
    assert answer.status == 201
    assert answer.json["name"] == "<!DOCTYPE x>&x;"
    assert SECRET not in answer.body
    number = answer.json["recipe_sets"][0]["recipes"][0]["id"]
    cancel(lab, answer.json["id"])
    assert b"<!DOCTYPE" not in lab.call("GET", f"/recipes/{number}/").body
    assert nobody_came(listener)


WRONG = {
    "a job twice": b'{"recipe_sets": [], "recipe_sets": []}',
    "a name twice, spelled otherwise": b'{"name": "a", "n\\u0061me": "b"}',
    "no number": b'{"priority": NaN}',
    "no end": b'{"priority": -Infinity}',
    "half a pair": b'{"name": "\\ud800"}',
    "half a pair in a name": b'{"\\udfff": 1}',
    "NUL": b'{"name": "\\u0000"}',
    "a raw control": b'{"name": "\x1b"}',
    "two values": b"{}{}",
    "data behind": b"{} x",
    "UTF-16": '{"name": "a"}'.encode("utf-16"),
    "UTF-32": '{"name": "a"}'.encode("utf-32-le"),
    "UTF-7": b'+AHs-"name": "a"+AH0-',
    "comments": b"{/* x */}",
    "single quotes": b"{'name': 'a'}",
    "a trailing comma": b'{"name": "a",}',
    "nothing": b"",
    "prototypes": b'{"__proto__": {"admin": true}, "constructor": 1}',
    "a class": b'{"py/object": "os.system", "__class__": "x", "__reduce__": ["os.system", ["id"]]}',
}
VALUES: tuple[object, ...] = (None, True, -1, 2**31, 1.5, "", [], [[]], {"": None}, [None])
#: where a value of another kind is refused, in a job that is right
FIELDS = ("recipe_sets", "priority", "visibility", "name")
INNER = ("tasks", "system", "requires", "role", "max_seconds", "stop_on_fail")
TASK = ("name", "params", "command", "script", "fetch", "role")


def test_json_that_is_no_job(lab: Lab) -> None:
    """Each is a 400 that says why; a value of another kind, wherever it is, is one or is read as what it is."""
    for what, body in WRONG.items():
        answer = lab.call("POST", "/jobs/", body, JSON)
        assert (answer.status, answer.json["error"]["code"]) == (400, "document.invalid"), (what, answer.body)
        assert len(answer.body) < 2000
    documents = []
    for value in VALUES:
        task = {"name": "t"}
        recipe = {"tasks": [task]}
        whole = {"recipe_sets": [{"recipes": [recipe]}]}
        documents += [{**whole, name: value} for name in FIELDS]
        documents += [{"recipe_sets": [{"recipes": [{**recipe, name: value}]}]} for name in INNER]
        documents += [{"recipe_sets": [{"recipes": [{"tasks": [{**task, name: value}]}]}]} for name in TASK]
    answers = [lab.call("POST", "/jobs/", json.dumps(document).encode(), JSON) for document in documents]
    statuses = [answer.status for answer in answers]
    for answer in answers:
        if answer.status == 201:
            cancel(lab, answer.json["id"])
    assert set(statuses) <= {201, 400}
    # null, and what is of the field's own kind
    assert statuses.count(201) < len(statuses) / 3


BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (97 + n, 97 + n, b",".join([b"*%c" % (96 + n)] * 9)) for n in range(1, 12)
)


@pytest.mark.parametrize("kind", ["application/yaml", "text/x-yaml"])
def test_yaml_that_is_no_job(lab: Lab, kind: str) -> None:
    """Bombs and tags in a LAVA job are refused at their place; and YAML that is called JSON is no JSON."""
    for body, said in (
        (BOMB, "its aliases make more than"),
        (b"!!python/object/apply:os.system ['id']", "line 1, column 1: !!python/object/apply:os.system is nothing"),
        (b"recipe_sets: []", "it is missing"),
    ):
        refused = lab.call("POST", "/jobs/", body, {"Content-Type": kind})
        assert (refused.status, refused.json["error"]["code"]) == (400, "lava-job.invalid")
        assert said in refused.json["error"]["message"]
        assert lab.call("POST", "/jobs/", body, JSON).status == 400


@pytest.mark.parametrize("kind", ["text/vnd.yaml", "application/json+yaml"])
def test_yaml_by_another_name(lab: Lab, kind: str) -> None:
    """What no client sends is a 415."""
    assert lab.call("POST", "/jobs/", BOMB, {"Content-Type": kind}).status == 415


#: logs that a parser of their format would choke on: name, content, and a word of what is found
LOGS: dict[str, Callable[[bytes], bytes]] = {
    "file.xml": lambda host: (
        b"<!DOCTYPE testsuite [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><testsuite><testcase name='&x;'/></testsuite>"
    ),
    "host.xml": lambda host: b"<!DOCTYPE testsuite SYSTEM 'http://%s/x.dtd'><testsuite/>" % host,
    "laughs.xml": lambda host: LOL.replace(b"job", b"testsuite") + b"]><testsuite><testcase name='&a10;'/></testsuite>",
    "quadratic.xml": lambda host: (
        b"<!DOCTYPE testsuite [<!ENTITY a '" + b"a" * 50_000 + b"'>]><testsuite name='" + b"&a;" * 50_000 + b"'/>"
    ),
    "include.xml": lambda host: (
        b"<testsuite xmlns:xi='http://www.w3.org/2001/XInclude'><testcase name='a'>"
        b"<xi:include href='file:///etc/passwd'/><failure><xi:include href='http://%s/'/></failure></testcase></testsuite>"
        % host
    ),
    "depth.xml": lambda host: b"<testsuite>" * 700_000,
    "attribute.xml": lambda host: b"<testsuite name='" + b"x" * 8_000_000 + b"'/>",
    "utf7.xml": lambda host: b"<?xml version='1.0' encoding='UTF-7'?><testsuite><testcase name='+ADw-'/></testsuite>",
    "zlib.xml": lambda host: b"<?xml version='1.0' encoding='zlib'?><testsuite><testcase name='a'/></testsuite>",
    "bomb.tap": lambda host: (
        b"TAP version 14\n1..1\nnot ok 1 - bomb\n  ---\n" + BOMB.replace(b"\n", b"\n  ") + b"...\n"
    ),
    "tags.tap": lambda host: (
        b"TAP version 14\n1..1\nnot ok 1 - tags\n  ---\n  message: !!python/object/apply:os.system ['id']\n"
        b"  error: *nobody\n  <<: &x {a: *x}\n  ...\n"
    ),
}


@pytest.mark.parametrize("lab", ["apache"], indirect=True)
def test_logs_that_mean_no_good(lab: Lab, cast: Cast, listener: socket.socket) -> None:
    """Each is indexed like any other log, in bounded memory; no entity, no tag and no alias means anything."""
    host = f"127.0.0.1:{listener.getsockname()[1]}".encode()
    running: Running = cast.running()
    before = memory(lab, "indexer")
    for name, make in LOGS.items():
        assert lab.call("PUT", f"{running.url}logs/{name}", make(host), key=running.key).status == 201
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    status = f"{running.url}tasks/{running.task}/status"
    assert lab.call("POST", status, b"status=Completed", form, key=running.key).status == 204
    lab.settled(running.job, 60)
    logs = {log["path"]: log for log in lab.call("GET", f"{running.url}log-index").json["logs"]}
    assert {log["state"] for log in logs.values()} == {"finished"}
    answer = lab.call("GET", f"{running.url}results?limit=1000")
    assert SECRET not in answer.body
    assert len(answer.body) < 100_000
    said = {one["log"]: one["message"] for one in answer.json["results"] if one["source"] == "log"}
    for name in ("file.xml", "host.xml", "laughs.xml", "quadratic.xml"):
        assert "DOCTYPE" in said[f"logs/{name}"], name
    assert "too many elements" in said["logs/depth.xml"]
    assert said["logs/tags.tap"] == "!!python/object/apply:os.system ['id']"
    assert memory(lab, "indexer") < before + GROWTH
    assert nobody_came(listener)


def test_words_that_are_too_many(lab: Lab, cast: Cast) -> None:
    """A megabyte of message is taken, since a refusal would lose the result, and cut; a name is refused."""
    running = cast.running()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    task = f"{running.url}tasks/{running.task}/"
    body = b"result=Fail&path=/" + b"p" * 90_000 + b"&message=" + b"m" * 900_000
    assert lab.call("POST", f"{task}results/", body, form, key=running.key).status == 201
    for name in ("name", "version"):
        answer = lab.call("PATCH", task, json.dumps({name: "n" * 2001}).encode(), JSON, key=running.key)
        assert (answer.status, answer.body) == (400, b"a name has at most 2000 characters\n"), name
    body = b"status=Aborted&message=" + b"m" * 900_000
    assert lab.call("POST", f"{running.url}status", body, form, key=running.key).status == 204
    results = lab.call("GET", f"{running.url}results").json["results"]
    reported = [one for one in results if one["result"] in ("Fail", "Warn")]
    assert len(reported) == 2
    for one in reported:
        assert one["message"].startswith("mmm")
        assert one["message"].endswith("... (cut)")
        assert len(one["message"]) == 4000
        assert len(one["path"] or "") <= 2000
    assert len(lab.call("GET", running.url).body) < 20_000
