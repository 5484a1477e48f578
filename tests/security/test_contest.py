"""ConTest's API: what a submitter names is read nowhere it must not be, and nobody acts for somebody else."""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import pytest
from cast import Cast, basic
from descriptor import STEP, changed
from lab import Answer, Lab
from waiting import until

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
NATIVE = {"Content-Type": "application/vnd.contest.job+json"}
FETCHER = "TestDescriptors.0.TestFetcherName"
FETCHED = "TestDescriptors.0.TestFetcherFetchParameters"
TARGETS = "TestDescriptors.0.TargetManagerAcquireParameters"
MANAGER = "TestDescriptors.0.TargetManagerName"


def verb(lab: Lab, name: str, who: Mapping[str, str], **fields: object) -> Answer:
    """Call a verb of the API with these credentials."""
    form = urlencode({key: str(value) for key, value in fields.items()}).encode()
    return lab.call("POST", f"/contest/{name}", form, {**FORM, "Authorization": "", **who})


def targets(*names: str) -> dict[str, Any]:
    """Parameters of a list of targets."""
    return {"Targets": [{"ID": name} for name in names]}


def newest(lab: Lab) -> int:
    """The number of the newest job, as the admin sees it."""
    return max((job["id"] for job in lab.call("GET", "/jobs/?limit=1").json["jobs"]), default=0)


def started(lab: Lab, who: Mapping[str, str], user: str, descriptor: object) -> int:
    """Start a job and return its number."""
    answer = verb(lab, "start", who, requestor=user, jobDesc=json.dumps(descriptor)).json
    assert answer["Error"] is None, answer
    return int(answer["Data"]["JobID"])


class Neighbour(ThreadingHTTPServer):
    """A server of this machine that would answer with steps, and notes what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Counting)
        self.asked: list[str] = []


class _Counting(BaseHTTPRequestHandler):
    server: Neighbour

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        body = json.dumps({"steps": [STEP]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


def test_no_uri_leads_into_the_network(lab: Lab, cast: Cast) -> None:
    """Where no hosts are named in the settings none is asked: not this machine, under any of its names, nor another."""
    bob = cast.token("bob", "read", "submit")
    with Neighbour() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_port
        for host in ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0", "x@127.0.0.1"):
            for scheme in ("http", "https", "HTTP"):
                uri = f"{scheme}://{host}:{port}/steps.json"
                descriptor = json.dumps(changed({FETCHER: "URI", FETCHED: {"TestName": "t", "URI": uri}}))
                answer = verb(lab, "start", bob, requestor="bob", jobDesc=descriptor)
                assert (answer.status, answer.json["Data"]["JobID"]) == (200, 0), uri
                assert lab.call("POST", "/jobs/", descriptor.encode(), {**NATIVE, **bob}).status == 400
        for uri in (f"gopher://127.0.0.1:{port}/x", f"//127.0.0.1:{port}/x", f"file://127.0.0.1:{port}/x", "unix:/x"):
            parameters = {"TestName": "t", "URI": uri}
            descriptor = json.dumps(changed({FETCHER: "URI", FETCHED: parameters}))
            assert verb(lab, "start", bob, requestor="bob", jobDesc=descriptor).json["Data"]["JobID"] == 0, uri
        server.shutdown()
        assert server.asked == []


#: what a path may be, with the token's file and a secret file beside the folder for descriptors
PATHS = (
    "../admin.token",
    "../tackroom.db",
    "{data}/admin.token",
    "file://{data}/admin.token",
    "file:../admin.token",
    "file://localhost/etc/passwd",
    "/etc/passwd",
    "%2e%2e/admin.token",
    "..%2fadmin.token",
    "sub/../../admin.token",
    "link",
    "away/admin.token",
    "/proc/self/environ",
    ".",
    "",
)


@pytest.fixture
def folder(lab: Lab) -> Iterator[Path]:
    """The folder for descriptors, with links in it that lead out."""
    made = lab.data / "descriptors"
    (made / "sub").mkdir(parents=True)
    (made / "link").symlink_to(lab.data / "admin.token")
    (made / "away").symlink_to(lab.data)
    yield made
    shutil.rmtree(made)


def test_no_path_leads_out_of_the_folder(lab: Lab, cast: Cast, folder: Path) -> None:
    """Neither steps nor targets are read from elsewhere, and no error has a word of what lies there."""
    bob = cast.token("bob", "read", "submit")
    secret = lab.token
    assert (folder / "link").read_text().strip() == secret
    for path in (text.format(data=lab.data) for text in PATHS):
        fetch = changed({FETCHER: "URI", FETCHED: {"TestName": "t", "URI": path}})
        answer = verb(lab, "start", bob, requestor="bob", jobDesc=json.dumps(fetch))
        assert answer.json["Data"]["JobID"] == 0, path
        assert secret not in answer.body.decode()
        assert "root:" not in answer.body.decode()
    jobs = []
    for path in (text.format(data=lab.data) for text in PATHS):
        parameters = {"FileURI": path, "MinNumberDevices": 1, "MaxNumberDevices": 9}
        table = changed({MANAGER: "CSVFileTargetManager", TARGETS: parameters})
        answer = verb(lab, "start", bob, requestor="bob", jobDesc=json.dumps(table)).json
        jobs += [answer["Data"]["JobID"]] if answer["Error"] is None else []
    assert jobs
    for job in jobs:
        settled = lab.settled(job)
        said = verb(lab, "status", bob, requestor="bob", jobID=job).body.decode()
        assert settled["verdict"] in ("fail", "infrastructure")
        assert "TargetAcquireErr" in said
        assert secret not in said + json.dumps(settled)
        assert "root:" not in said


def test_nobody_submits_for_somebody_else(lab: Lab, cast: Cast) -> None:
    """The requestor is the token's user, and the job is his; who has no token starts nothing."""
    eve = cast.token("eve", "read", "submit")
    reader = cast.token("bob", "read")
    system_key = cast.system_key(cast.system())
    descriptor = json.dumps(changed({}))
    before = newest(lab)
    for who, requestor in (
        (eve, "bob"),
        (eve, "EVE"),
        (eve, "admin"),
        (eve, "eve\0"),
        ({}, "bob"),
        ({}, "anonymous"),
        (reader, "bob"),
        (system_key, "admin"),
        ({"Authorization": "Bearer nonsense"}, "admin"),
        # who it is, the token says, and not the name beside it
        ({"Authorization": basic("bob", eve["Authorization"].partition(" ")[2])}, "bob"),
    ):
        for name in ("start", "validate"):
            answer = verb(lab, name, who, requestor=requestor, jobDesc=descriptor)
            assert (answer.status, list(answer.json)) == (400, ["Msg"]), (who, requestor, answer)
    assert newest(lab) == before
    job = started(lab, {"Authorization": basic("eve", eve["Authorization"].partition(" ")[2])}, "eve", changed({}))
    assert lab.call("GET", f"/jobs/{job}").json["owner"] == "eve"


def test_other_users_jobs(lab: Lab, cast: Cast) -> None:
    """A private job is shown, listed and repeated for its owner only; no job is stopped by anybody else."""
    bob, eve = cast.token("bob", "read", "submit"), cast.token("eve", "read", "submit")
    system = cast.system()
    mine = cast.running(bob, visibility="private")
    public = started(lab, bob, "bob", changed({TARGETS: targets(system), "Runs": 0, "JobName": "told"}))
    for who, user in ((eve, "eve"), ({}, "bob"), (cast.system_key(system), "bob"), (mine.bearer, "bob")):
        for name in ("status", "stop", "retry"):
            answer = verb(lab, name, who, requestor=user, jobID=mine.job)
            assert answer.status == 400 or answer.json["Error"] is not None, (user, name)
            assert b"secret-" not in answer.body
        listed = verb(lab, "list", who, requestor=user)
        assert mine.job not in (listed.json.get("Data", {}).get("JobIDs") or [])
        stopped = verb(lab, "stop", who, requestor=user, jobID=public)
        assert stopped.status == 400 or stopped.json["Error"] is not None
    assert lab.call("GET", f"/jobs/{public}").json["finished"] is None
    assert lab.call("GET", f"/jobs/{mine.job}").json["cancelling"] is False
    # what is public may be read, and repeated as one's own
    assert verb(lab, "status", eve, requestor="eve", jobID=public).json["Data"]["Status"]["Name"] == "told"
    for user, who in (("bob", bob), ("admin", cast.admin)):
        assert verb(lab, "status", who, requestor=user, jobID=mine.job).json["Error"] is None
        assert mine.job in verb(lab, "list", who, requestor=user).json["Data"]["JobIDs"]
    assert verb(lab, "stop", bob, requestor="bob", jobID=public).json["Error"] is None
    lab.settled(public)
    again = verb(lab, "retry", eve, requestor="eve", jobID=public).json["Data"]["NewJobID"]
    assert lab.call("GET", f"/jobs/{again}").json["owner"] == "eve"
    assert verb(lab, "stop", eve, requestor="eve", jobID=again).json["Error"] is None


def test_no_other_site_submits(lab: Lab, cast: Cast) -> None:
    """A form on a page of another site, sent with what a browser remembers, starts and stops nothing."""
    bob = {"Authorization": basic("bob", cast.token("bob", "read", "submit")["Authorization"].partition(" ")[2])}
    job = started(lab, bob, "bob", changed({TARGETS: targets(cast.system()), "Runs": 0}))
    before = newest(lab)
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        fields = {"requestor": "bob", "jobDesc": json.dumps(changed({}))}
        assert verb(lab, "start", {**bob, **headers}, **fields).status == 403
        assert verb(lab, "stop", {**bob, **headers}, requestor="bob", jobID=job).status == 403
    assert newest(lab) == before
    assert lab.call("GET", f"/jobs/{job}").json["finished"] is None
    assert verb(lab, "stop", bob, requestor="bob", jobID=job).json["Error"] is None


def test_logs_tell_neither_forms_nor_archives(lab: Lab, cast: Cast) -> None:
    """What a descriptor holds, whose token started it, and the word in an archive's path are in no log of ours."""
    token = cast.token("bob", "read", "submit")["Authorization"].partition(" ")[2]
    bob = {"Authorization": basic("bob", token)}
    system = cast.system()
    hidden = "words-that-are-nobodys"
    step = {"name": "cmd", "label": "a", "parameters": {"executable": ["true"], "args": [hidden]}}
    descriptor = changed({TARGETS: targets(system), FETCHED: {"TestName": "t", "Steps": [step]}})
    job = started(lab, bob, "bob", descriptor)
    verb(lab, "start", bob, requestor="bob", jobDesc=json.dumps({**descriptor, "Version": hidden}))
    until(lambda: lab.call("GET", f"/systems/{system}").json["recipe"], "the reservation")
    recipe = lab.claim(system)
    document = lab.call("GET", f"/recipes/{recipe['id']}/", headers={"Accept": "application/xml"}).body.decode()
    found = re.search(r"/recipes/\d+/tasks/\d+/archive/([^/]+)/task\.tar\.gz", document)
    assert found is not None, document
    answer = lab.call("GET", found[0], headers={"Authorization": ""})
    assert (answer.status, answer.body[:2]) == (200, b"\x1f\x8b")
    wrong = found[0].replace(found[1], found[1][:-1] + ("A" if found[1][-1] != "A" else "B"))
    for path in (
        wrong,
        found[0].replace("task.tar.gz", "task.tar"),
        found[0].replace("/archive", "//archive") + "?x=1",
    ):
        lab.call("GET", path, headers={"Authorization": ""})
    lab.call("POST", f"/jobs/{job}/cancel")
    said = b"".join(path.read_bytes() for path in (lab.said, *(lab.data / "run").glob("*.log")))
    assert b"/archive/" in said
    assert [word for word in (hidden, token, found[1], found[1][:-1]) if word.encode() in said] == []


def test_descriptors_that_mean_no_good(lab: Lab, cast: Cast) -> None:
    """What costs much to read is refused, and nothing is stored."""
    bob = cast.token("bob", "read", "submit")
    before = newest(lab)
    many = [{"ID": f"t{number}"} for number in range(30_000)]
    for text in (
        *("[" * depth for depth in (50, 100_000)),
        *('{"a":' * depth + "1" + "}" * depth for depth in (50, 100_000)),
        json.dumps(changed({TARGETS: {"Targets": many}})),
        json.dumps(changed({"JobName": "x" * (5 << 20)})),
        json.dumps(changed({"Runs": 10**400})),
        "9" * 100_000,
        '{"JobName": "a", "JobName": "b"}',
        "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    ):
        answer = verb(lab, "start", bob, requestor="bob", jobDesc=text)
        assert answer.status in (200, 400)
        assert answer.status == 400 or answer.json["Data"]["JobID"] == 0, text[:40]
    assert newest(lab) == before
