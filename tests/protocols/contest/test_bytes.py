"""Every row of jobs-contest.md 1.1 and 1.4, byte for byte."""

import json
from typing import TYPE_CHECKING

import pytest
from contestlab import cmd, descriptor, one_test

if TYPE_CHECKING:
    from tests.protocols.contest.conftest import Contest

HEAD = '{"ServerID":"lab1","Type":"ResponseType'
ABSENT = "could not find job request with id"
RANGE = "99999999999999999999"

#: verb, fields, what follows `"Data":` up to the end
ANSWERS = [
    ("version", {}, 'Version","Data":{"Version":5},"Error":null}'),
    (
        "start",
        {"jobDesc": "{}"},
        'Start","Data":{"JobID":0},"Error":"Version Error: Empty Job Descriptor Version Field!"}',
    ),
    (
        "start",
        {"jobDesc": "null"},
        'Start","Data":{"JobID":0},"Error":"Version Error: Empty Job Descriptor Version Field!"}',
    ),
    ("stop", {"jobID": "99"}, 'Stop","Data":{},"Error":"could not stop job: unknown job ID: 99"}'),
    (
        "status",
        {"jobID": "99"},
        f'Status","Data":{{"Status":null}},"Error":"failed to fetch request for job ID 99: {ABSENT} 99"}}',
    ),
    (
        "retry",
        {"jobID": "99"},
        'Retry","Data":{"JobID":99,"NewJobID":0},"Error":"could not retry job: unknown job ID: 99"}',
    ),
    ("list", {}, 'List","Data":{"JobIDs":[]},"Error":null}'),
    (
        "list",
        {"tags": "a b"},
        'List","Data":{"JobIDs":null},"Error":"failed to list jobs: \\"a b\\" is not a valid tag"}',
    ),
    ("list", {"tags": "a,a"}, 'List","Data":{"JobIDs":null},"Error":"failed to list jobs: duplicate tag \\"a\\""}'),
    ("list", {"tags": "a,"}, 'List","Data":{"JobIDs":null},"Error":"failed to list jobs: \\"\\" is not a valid tag"}'),
    ("list", {"tags": "_x"}, 'List","Data":{"JobIDs":[]},"Error":null}'),
    ("list", {"states": "JobStatePaused"}, 'List","Data":{"JobIDs":[]},"Error":null}'),
    (
        "list",
        {"tags": "<&>"},
        'List","Data":{"JobIDs":null},"Error":"failed to list jobs: \\"<&>\\" is not a valid tag"}',
    ),
    # a signed number is taken for an unsigned one
    (
        "stop",
        {"jobID": "-1"},
        'Stop","Data":{},"Error":"could not stop job: unknown job ID: 18446744073709551615"}',
    ),
    (
        "retry",
        {"jobID": "+7"},
        'Retry","Data":{"JobID":7,"NewJobID":0},"Error":"could not retry job: unknown job ID: 7"}',
    ),
    (
        "retry",
        {"jobID": "9223372036854775807"},
        'Retry","Data":{"JobID":9223372036854775807,"NewJobID":0},'
        '"Error":"could not retry job: unknown job ID: 9223372036854775807"}',
    ),
]

#: verb, fields (requestor is admin unless they say), `Msg` as it is on the wire
REFUSALS = [
    ("", {}, "unknown verb: "),
    ("nope", {}, "unknown verb: nope"),
    ("version/", {}, "unknown verb: version/"),
    ("Version", {}, "unknown verb: Version"),
    ("base/version", {}, "unknown verb: base/version"),
    ("<b>&", {}, "unknown verb: \\u003cb\\u003e\\u0026"),
    ("start", {}, "Missing job description"),
    ("start", {"jobDesc": ""}, "Missing job description"),
    ("start", {"jobDesc": "", "requestor": ""}, "Missing job description"),
    ("validate", {}, "Missing job description"),
    ("start", {"jobDesc": "{}", "requestor": ""}, "Start failed: requestor cannot be empty"),
    ("validate", {"jobDesc": "{}", "requestor": ""}, "Validate failed: requestor cannot be empty"),
    ("stop", {"jobID": "1", "requestor": ""}, "Stop failed: requestor cannot be empty"),
    ("retry", {"jobID": "1", "requestor": ""}, "Retry failed: requestor cannot be empty"),
    ("list", {"requestor": ""}, "List failed: requestor cannot be empty"),
    ("status", {}, "Status failed: job ID cannot be empty"),
    ("status", {"jobID": " \t "}, "Status failed: job ID cannot be empty"),
    ("stop", {}, "Stop failed: job ID cannot be empty"),
    ("retry", {}, "Retry failed: job ID cannot be empty"),
    ("status", {"jobID": "abc"}, 'Status failed: strconv.ParseInt: parsing \\"abc\\": invalid syntax'),
    ("status", {"jobID": " 1"}, 'Status failed: strconv.ParseInt: parsing \\" 1\\": invalid syntax'),
    ("status", {"jobID": "-"}, 'Status failed: strconv.ParseInt: parsing \\"-\\": invalid syntax'),
    ("status", {"jobID": "1_0"}, 'Status failed: strconv.ParseInt: parsing \\"1_0\\": invalid syntax'),
    ("status", {"jobID": "0x1"}, 'Status failed: strconv.ParseInt: parsing \\"0x1\\": invalid syntax'),
    ("status", {"jobID": "\u0661"}, 'Status failed: strconv.ParseInt: parsing \\"\u0661\\": invalid syntax'),
    (
        "status",
        {"jobID": 'a\n\x01\x7f"\\<'},
        'Status failed: strconv.ParseInt: parsing \\"a\\\\n\\\\x01\\\\x7f\\\\\\"\\\\\\\\\\u003c\\": invalid syntax',
    ),
    ("status", {"jobID": RANGE}, f'Status failed: strconv.ParseInt: parsing \\"{RANGE}\\": value out of range'),
    ("status", {"jobID": RANGE + "x"}, f'Status failed: strconv.ParseInt: parsing \\"{RANGE}x\\": value out of range'),
    (
        "status",
        {"jobID": "9223372036854775808"},
        'Status failed: strconv.ParseInt: parsing \\"9223372036854775808\\": value out of range',
    ),
    (
        "status",
        {"jobID": "9223372036854775808x"},
        'Status failed: strconv.ParseInt: parsing \\"9223372036854775808x\\": invalid syntax',
    ),
    (
        "status",
        {"jobID": "-9223372036854775809"},
        'Status failed: strconv.ParseInt: parsing \\"-9223372036854775809\\": value out of range',
    ),
    ("status", {"jobID": "1", "requestor": "x" * 33}, "Status failed: Requestor name is too long: 33 \\u003e 32"),
    ("start", {"jobDesc": "{}", "requestor": "\u00e9" * 17}, "Start failed: Requestor name is too long: 34 \\u003e 32"),
    ("list", {"states": "JobStateNope"}, 'List failed: invalid job state \\"JobStateNope\\"'),
    ("list", {"states": "JobStateStarted,JobStateNope"}, 'List failed: invalid job state \\"JobStateNope\\"'),
    ("list", {"states": "jobstatestarted"}, 'List failed: invalid job state \\"jobstatestarted\\"'),
    ("list", {"states": "JobStateUnknown"}, 'List failed: invalid job state \\"JobStateUnknown\\"'),
    ("list", {"states": "JobStateStarted,"}, 'List failed: invalid job state \\"\\"'),
]


@pytest.mark.parametrize(("verb", "fields", "rest"), ANSWERS)
def test_02_answers(empty: "Contest", verb: str, fields: dict[str, str], rest: str) -> None:
    """What is taken is answered 200 with an envelope and one line end; markup is not escaped."""
    answer = empty.post(verb, **({} if verb == "version" else {"requestor": "admin"}), **fields)
    assert answer.status_int == 200
    assert answer.body.decode() == HEAD + rest + "\n"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(("verb", "fields", "message"), REFUSALS)
def test_03_refusals(empty: "Contest", verb: str, fields: dict[str, str], message: str) -> None:
    """What is not taken is answered 400 with `Msg` alone and no line end; markup is escaped."""
    answer = empty.post(verb, **{"requestor": "admin", **fields})
    assert answer.status_int == 400
    assert answer.body.decode() == f'{{"Msg":"{message}"}}'
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_a_job(contest: "Contest") -> None:
    """Start, list, stop and retry of a job that is there."""
    contest.add("T1")
    wanted = json.dumps(descriptor(one_test("Test 1", ["T1"], cmd("step1", "true")), Tags=["a", "b"]))
    started = contest.post("start", requestor="admin", jobDesc=wanted).body.decode()
    job = json.loads(started)["Data"]["JobID"]
    assert started == f'{HEAD}Start","Data":{{"JobID":{job}}},"Error":null}}\n'
    for fields in ({}, {"tags": "b,a"}, {"states": "JobStateStarted,JobStateFailed", "tags": "a"}):
        assert contest.list(**fields) == [job]
    assert contest.list(tags="a,c") == contest.list(states="JobStateCompleted") == []
    running = contest.post("retry", requestor="admin", jobID=str(job)).body.decode()
    data = f'"Data":{{"JobID":{job},"NewJobID":0}}'
    assert running == f'{HEAD}Retry",{data},"Error":"could not retry job: The job is still running"}}\n'
    stopped = contest.post("stop", requestor="admin", jobID=str(job)).body.decode()
    assert stopped == f'{HEAD}Stop","Data":{{}},"Error":null}}\n'


def test_validate(contest: "Contest") -> None:
    """A descriptor is checked as start does it, and nothing is started."""
    good = descriptor(one_test("A", ["T1"], cmd("a", "true"), cmd("b", "true")), one_test("B", [], cmd("c", "true")))
    answer = contest.post("validate", requestor="admin", jobDesc=json.dumps(good))
    data = '{"JobName":"job","Tests":2,"Steps":3,"Reporters":2}'
    assert answer.body.decode() == f'{HEAD}Validate","Data":{data},"Error":null}}\n'
    bad = contest.post("validate", requestor="admin", jobDesc=json.dumps({**good, "Version": "2.0"}))
    assert bad.body.decode() == (
        HEAD + 'Validate","Data":{"JobName":"","Tests":0,"Steps":0,"Reporters":0},'
        '"Error":"Version Error: The Job Descriptor Version 2.0 is not compatible with the server: 1.0"}\n'
    )
    assert contest.list() == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("verb", ["version", "nope", ""])
def test_05_other_methods(empty: "Contest", method: str, verb: str) -> None:
    """Whatever is no POST is a 400 in JSON, before anybody looks at the verb."""
    answer = empty.web.request(f"/contest/{verb}", method=method, status=400)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    said = b'{"Msg":"Only POST requests are supported"}'
    assert answer.headers["Content-Length"] == str(len(said))
    assert answer.body == (b"" if method == "HEAD" else said)


@pytest.mark.parametrize("path", ["/contest/version", "/contest//version", "//contest///version"])
def test_04_slashes_before_the_verb(empty: "Contest", path: str) -> None:
    """Slashes before the verb do not count."""
    assert empty.web.post(path, status=200).body.decode() == HEAD + 'Version","Data":{"Version":5},"Error":null}\n'


@pytest.mark.parametrize("path", ["/contest", "/contest/", "//contest//"])
def test_04_no_verb(empty: "Contest", path: str) -> None:
    """Without a verb there is an unknown one."""
    assert empty.web.post(path, status=400).body == b'{"Msg":"unknown verb: "}'


def test_a_page_of_another_site(empty: "Contest") -> None:
    """The guard of browsers stands before this door, too, and its answers cannot be run as pages."""
    foreign = {**empty.admin, "Origin": "http://elsewhere.example", "Host": "lab.example"}
    assert empty.post("version", foreign).status_int == 403
    assert empty.post("version").headers["X-Content-Type-Options"] == "nosniff"
