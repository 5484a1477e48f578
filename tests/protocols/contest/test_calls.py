"""The calls, by the numbers of the checklist: jobs-contest.md section 13."""

import json
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from contestlab import cmd, descriptor, one_test

from wsgi_app.config import Config, load
from wsgi_app.errors import Invalid, NoSuchJob, TackroomError
from wsgi_app.model import Caller
from wsgi_app.protocols.contest import responses
from wsgi_app.protocols.contest.api import API, BadQuery, BadRequestor, Listener, Refused
from wsgi_app.protocols.contest.listener import HTTPListener
from wsgi_app.protocols.contest.wire import LEVELS, Level, level_of

if TYPE_CHECKING:
    from tests.protocols.contest.conftest import Contest

User = Callable[..., dict[str, str]]

JOB = descriptor(one_test("Test 1", ["T1"], cmd("step1", "true")))
#: a job that is over at once
OVER = descriptor(one_test("Test 1", [], cmd("step1", "true")))


def test_01_version(empty: "Contest") -> None:
    """Anybody may ask for the version, with whatever credentials and fields."""
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        answer = empty.web.post("/contest/version", headers=headers, status=200)
        assert json.loads(answer.body)["Type"] == "ResponseTypeVersion"
        assert json.loads(answer.body)["Data"] == {"Version": 5}


@pytest.mark.parametrize("verb", ["start", "stop", "status", "retry", "list", "validate"])
def test_07_requestor(contest: "Contest", user: User, verb: str) -> None:
    """Everybody says who asks, in at most 32 bytes, and it is the token's user; without a token, whatever it is."""
    name = "x" * 32
    fields = {"jobID": "1", "jobDesc": json.dumps(OVER)}
    assert contest.post(verb, user(name), requestor=name, **fields).status_int == 200
    for refused in ("", name + "x", "admin"):
        assert contest.post(verb, user(name), requestor=refused, **fields).status_int == 400
    without = contest.post(verb, {"Accept": "*/*"}, requestor="anybody", **fields)
    assert without.status_int == (
        400 if verb in ("start", "validate", "stop", "retry") and b"token" in without.body else 200
    )
    wrong = contest.post(verb, {"Authorization": "Bearer nonsense"}, requestor="x", **fields)
    assert wrong.status_int == 400
    said = f"{verb.capitalize()} failed: The credentials are not known, or no longer valid."
    assert json.loads(wrong.body) == {"Msg": said}


def test_07_somebody_else(contest: "Contest", user: User) -> None:
    """With credentials nobody asks in another's name."""
    answer = contest.post("start", user("alice"), requestor="bob", jobDesc=json.dumps(OVER))
    assert json.loads(answer.body)["Msg"] == 'Start failed: requestor "bob" is not the token\'s user "alice"'
    assert contest.list() == []


def test_07_anonymous(make_contest: Callable[[Config], "Contest"], config: Config, contest: "Contest") -> None:
    """Without credentials a job is started only where a site says so."""
    wanted = json.dumps(OVER)
    refused = contest.post("start", {"Accept": "*/*"}, requestor="contestcli-http", jobDesc=wanted)
    assert (refused.status_int, json.loads(refused.body)) == (400, {"Msg": "Start failed: this needs a token"})
    other = make_contest(evolve(config, data=config.data.with_name("open"), anonymous_submit=True))
    taken = other.post("start", {"Accept": "*/*"}, requestor="contestcli-http", jobDesc=wanted)
    job = json.loads(taken.body)["Data"]["JobID"]
    assert other.web.get(f"/jobs/{job}", status=200).json["owner"] == "anonymous"


def test_07_what_a_token_allows(contest: "Contest", user: User) -> None:
    """A token that only reads starts nothing, and nobody stops another's job."""
    job = contest.start({**JOB, "Runs": 0, "RunInterval": "1h"})
    reader = user("reader", "read")
    assert contest.post("start", reader, requestor="reader", jobDesc=json.dumps(OVER)).status_int == 400
    assert contest.post("stop", user("bob"), requestor="bob", jobID=str(job)).status_int == 400
    assert contest.status(job)["State"] == "JobStateStarted"
    assert contest.post("status", reader, requestor="reader", jobID=str(job)).status_int == 200


def test_08_server_id(make_contest: Callable[[Config], "Contest"], config: Config) -> None:
    """It is the host's name unless a site says otherwise, and in every answer; 64 bytes, or there is no server."""
    for given, shown in (("", socket.gethostname()), ("\u00e9" * 32, "\u00e9" * 32)):
        contest = make_contest(evolve(config, data=config.data.with_name(f"d{len(given)}"), server_id=given))
        assert contest.call("version")["ServerID"] == contest.call("stop", jobID="9")["ServerID"] == shown
    with pytest.raises(Invalid, match="Server ID is too long: 65 > 64"):
        load({"TACKROOM_SERVER_ID": "\u00e9" * 32 + "x", "TACKROOM_DATA": "/nonexistent"})
    with pytest.raises(Invalid, match="Server ID is too long: 65 > 64"):
        API(contest.application.gateway, server_id=lambda: "x" * 65)
    assert API(contest.application.gateway, server_id=lambda: "").server_id == "<unknown>"


def test_11_ids(contest: "Contest") -> None:
    """Jobs have numbers that grow."""
    made = [contest.start(OVER) for _ in range(3)]
    assert 0 < made[0] < made[1] < made[2]


#: what is wrong with a descriptor, and the beginning of what is said
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"Version": ""}, "Version Error: Empty Job Descriptor Version Field!"),
    ({"Version": "2.0"}, "Version Error: The Job Descriptor Version 2.0 is not compatible with the server: 1.0"),
    ({"Tags": ["a b"]}, '"a b" is not a valid tag'),
    ({"Tags": ["a", "a"]}, 'duplicate tag "a"'),
    ({"Tags": ["_a"]}, '"_a" is an internal tag and is not allowed'),
    ({"JobName": ""}, "could not validate job descriptor: job name cannot be empty"),
    ({"JobName": "x" * 65}, "Job name is too long: 65 > 64"),
    ({"TestDescriptors": []}, "could not validate job descriptor: need at least one TestDescriptor"),
    ({"Reporting": {}}, "could not validate job descriptor: at least one run reporter or one final reporter"),
    (
        {"Reporting": {"RunReporters": [{"Name": "Foo"}]}},
        "error while building reporters bundles: failed to create bundle for run reporter 'Foo'",
    ),
]


@pytest.mark.parametrize(("changed", "said"), WRONG)
def test_12_rejected(empty: "Contest", changed: dict[str, Any], said: str) -> None:
    """A descriptor that is not as it must be makes no job; validate says the same."""
    for verb in ("start", "validate"):
        answer = empty.call(verb, jobDesc=json.dumps({**JOB, **changed}))
        assert answer["Error"].startswith(said)
    assert empty.call("start", jobDesc="{")["Data"] == {"JobID": 0}
    assert empty.list() == []


def test_13_keys_in_any_case(contest: "Contest") -> None:
    """Keys match in any case, unknown ones are passed over, durations are Go's."""
    changed = {("jobname" if key == "JobName" else key): value for key, value in OVER.items()}
    job = contest.start({**changed, "Nonsense": 1, "RunInterval": "1m0.5s"})
    assert contest.status(job)["Name"] == "job"


def test_15_status_of_an_unknown_job(empty: "Contest") -> None:
    """There is no status, and an error; a number that is no job's is like any other."""
    for number in ("99", "0", "-1", "2147483648", "9223372036854775807"):
        answer = empty.call("status", jobID=number)
        assert answer["Data"] == {"Status": None}
        assert answer["Error"]


def test_21_stop(contest: "Contest") -> None:
    """An unknown job and one that is over cannot be stopped; a stopped one has stopped."""
    over, running = contest.start(OVER), contest.start({**JOB, "Runs": 0, "RunInterval": "1h"})
    for job in (over, 999):
        said = f"could not stop job: unknown job ID: {job}"
        assert contest.call("stop", jobID=str(job))["Error"] == said
    assert contest.call("stop", jobID=str(running))["Error"] is None
    assert contest.status(running)["State"] == "JobStateCancelled"
    assert contest.call("stop", jobID=str(running))["Error"] == f"could not stop job: unknown job ID: {running}"


def test_21_any_job(contest: "Contest") -> None:
    """Jobs that came in by another door are jobs here, too: status, list and stop."""
    contest.add("T1")
    tasks = [{"name": "one", "command": ["true"]}, {"name": "one", "command": ["true"]}]
    value = {"name": "native", "recipe_sets": [{"recipes": [{"system": "T1", "tasks": tasks}]}]}
    job = contest.web.post_json("/jobs/", value, headers=contest.admin, status=201).json["id"]
    assert contest.list(states="JobStateStarted") == [job]
    contest.claim("T1")
    status = contest.status(job)
    assert (status["Name"], status["State"], status["EndTime"]) == ("native", "JobStateStarted", None)
    (test,) = status["RunStatus"]["TestStatuses"]
    assert [step["TestStepName"] for step in test["TestStepStatuses"]] == ["one", "one"]
    assert contest.call("stop", jobID=str(job))["Error"] is None
    assert contest.status(job)["State"] in ("JobStateCancelling", "JobStateCancelled")
    assert contest.list(states="JobStateCancelling,JobStateCancelled") == [job]


def test_22_list(contest: "Contest", user: User) -> None:
    """Any of the states, all of the tags, ascending; what is private is for its owner."""
    assert contest.list() == []
    first = contest.start({**OVER, "Tags": ["a", "b"]})
    second = contest.start({**JOB, "Runs": 0, "RunInterval": "1h", "Tags": ["b"]})
    assert contest.list() == contest.list(tags="b") == contest.list(states="JobStateCompleted,JobStateStarted")
    assert contest.list() == [first, second]
    assert contest.list(states="JobStateStarted") == [second]
    assert contest.list(states="JobStateCompleted", tags="b") == contest.list(tags="b,a") == [first]
    assert contest.list(states="JobStateCompleted,JobStatePaused") == [first]
    assert contest.list(states="JobStatePaused,JobStateCancellationFailed") == contest.list(tags="_internal") == []
    contest.call("stop", jobID=str(second))
    assert contest.list(states="JobStateCancelled") == [second]
    value = {"visibility": "private", "recipe_sets": [{"recipes": [{"tasks": [{"name": "x"}]}]}]}
    hidden = contest.web.post_json("/jobs/", value, headers=contest.admin, status=201).json["id"]
    assert contest.list() == [first, second, hidden]
    seen = contest.post("list", user("bob"), requestor="bob").body
    assert json.loads(seen)["Data"]["JobIDs"] == [first, second]
    refused = contest.post("status", user("eve"), requestor="eve", jobID=str(hidden))
    assert (refused.status_int, json.loads(refused.body)) == (400, {"Msg": "Status failed: this job is private"})


def test_23_retry(contest: "Contest") -> None:
    """The same once more, as a new job; not while it runs, and not of a job that is not there."""
    job = contest.start({**JOB, "JobName": "again", "Runs": 1, "Tags": ["x"]})
    made = contest.call("retry", jobID=str(job))["Data"]["NewJobID"]
    assert made > job
    assert contest.list(tags="x") == [job, made]
    assert contest.status(made)["Name"] == "again"
    running = contest.start({**JOB, "Runs": 0, "RunInterval": "1h"})
    for unlike in (running, 999):
        answer = contest.call("retry", jobID=str(unlike))
        assert answer["Data"] == {"JobID": unlike, "NewJobID": 0}
        assert answer["Error"].startswith("could not retry job: ")


def test_the_api_in_python(contest: "Contest") -> None:
    """The same calls without HTTP: typed responses; what is not taken is raised."""
    gateway, admin = contest.application.gateway, Caller(contest.admin["Authorization"], "127.0.0.1")
    api = API(gateway, event_timeout=20, server_id=lambda: "inside")
    started = api.start("admin", json.dumps(JOB), caller=admin)
    assert isinstance(started, responses.StartResponse)
    assert (started.server_id, started.err) == ("inside", None)
    job = started.data.job_id
    assert api.list("admin", states=["JobStateFailed", "JobStateCompleted"], caller=admin).data.job_ids == (job,)
    status = api.status("anybody", job).data.status
    assert status is not None
    assert status["Name"] == "job"
    assert api.status("anybody", 99).err
    assert api.stop("admin", job, caller=admin).err == f"could not stop job: unknown job ID: {job}"
    assert api.retry("admin", job, caller=admin).data.new_job_id > job
    assert api.validate("admin", json.dumps(JOB), caller=admin).data.tests == 1
    assert api.version().data.version == responses.API_VERSION
    assert list(responses.ResponseType) == list(range(7))
    with pytest.raises(BadRequestor):
        api.stop("", 1)
    with pytest.raises(BadQuery):
        api.list("admin", states=["Nope"])
    with pytest.raises(Refused):
        api.start("nobody", json.dumps(JOB))
    listener: Listener = HTTPListener()
    assert callable(listener.serve(api))


def test_03_trouble_with_the_disk(contest: "Contest", config: Config) -> None:
    """What the disk keeps from being done is an error of the answer, and makes no job."""
    (config.run / "flights").write_text("in the way")
    answer = contest.call("start", jobDesc=json.dumps(OVER))
    assert answer["Data"] == {"JobID": 0}
    assert answer["Error"].startswith("the starts in flight cannot be used now")
    assert contest.list() == []


def kinds(kind: type[TackroomError] = TackroomError) -> list[type[TackroomError]]:
    """Return every class below a kind."""
    return [one for found in kind.__subclasses__() for one in (found, *kinds(found))]


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_03_every_error_has_its_level(kind: type[TackroomError]) -> None:
    """The table of errors is total: who may call is a matter of the call (400), all else of the answer (200)."""
    about_the_call = level_of(kind()) is Level.REQUEST
    assert about_the_call is (kind.code.startswith("auth.") or (kind.code.startswith(("recipe.too", "sync.too"))))
    assert NoSuchJob not in LEVELS
