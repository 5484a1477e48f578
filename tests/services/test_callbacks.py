"""Callbacks, sent by a real publisher to a real receiver. Checklist: readers-lava.md section 12."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

import pytest
import yaml
from acting import Acting
from lab import Lab, free_port, running_lab
from receiver import PRIVATE, Receiver, attempts, deliveries, notify, over, receiving
from waiting import until

#: what every body has (readers-lava.md 10.3), and what the datasets add
FACTS = frozenset(
    {
        *("id", "status", "status_string", "state", "state_string", "health", "health_string"),
        *("submit_time", "start_time", "end_time", "submitter_username", "submitter_email", "failure_comment"),
        *("priority", "description", "actual_device_id", "definition", "metadata", "health_check"),
    }
)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab that tries again at once."""
    with running_lab("none", TACKROOM_CALLBACK_PRIVATE=PRIVATE, TACKROOM_DELIVERY_RETRY_SECONDS="0.2") as lab:
        yield lab


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def before(lab: Lab) -> int:
    """How many deliveries there were before this test."""
    return len(deliveries(lab))


def new(lab: Lab, before: int, number: int) -> list[dict[str, object]]:
    """Return the deliveries of this test when all of them are over."""
    return over(lab, before + number)[before:]


def run(lab: Lab, system: str, *callbacks: Mapping[str, object], **job: Any) -> Acting:
    """Run a job of one task with a log and a result to its end."""
    acting = Acting(lab, "smoke", system=system, notify=notify(*callbacks), **job).claim()
    acting.status(0, "Running")
    acting.log(0, "taskout.log", b"hello\nworld\n")
    acting.result(0, "Pass", "/boot")
    acting.status(0, "Completed")
    return acting


@pytest.mark.parametrize(
    ("dataset", "more"),
    [("minimal", set()), ("logs", {"log"}), ("results", {"results"}), ("all", {"log", "results"})],
)
def test_61_a_body_has_what_its_dataset_says(lab: Lab, receiver: Receiver, dataset: str, more: set[str]) -> None:
    """Item 61: every key of 10.3; the token is in the header alone, as it is."""
    hook = {"url": receiver.url("/hook"), "token": "Some Token, raw", "dataset": dataset}
    acting = run(lab, f"body-{dataset}", hook, name="boot", metadata={"branch": "main"}, priority=70)
    (got,) = receiver.wait()
    assert (got.method, got.path, got.headers["Content-Type"]) == ("POST", "/hook", "application/json")
    assert got.headers["Authorization"] == "Some Token, raw"
    assert got.headers["User-Agent"].startswith("tackroom/")
    value = got.json
    assert set(value) == {*FACTS, *more}
    said = {name: value[name] for name in FACTS}
    assert (said["id"], said["status"], said["status_string"]) == (acting.recipe, 2, "complete")
    assert (said["state"], said["state_string"], said["health"], said["health_string"]) == (
        5,
        "Finished",
        1,
        "Complete",
    )
    assert (said["submitter_username"], said["description"], said["priority"]) == ("admin", "boot", 70)
    assert (said["actual_device_id"], said["metadata"]) == (acting.system, [{"branch": "main"}])
    assert all(said[name].endswith("+00:00") for name in ("submit_time", "start_time", "end_time"))
    assert "Some Token, raw" not in got.body.decode()
    if "log" in more:
        assert {"hello", "world"} <= {line["msg"] for line in yaml.safe_load(value["log"]) if line["lvl"] == "target"}
    if "results" in more:
        suites = {name: yaml.safe_load(text) for name, text in value["results"].items()}
        assert set(suites) == {"lava", "0_smoke"}
        assert [(case["name"], case["result"]) for case in suites["0_smoke"]] == [("boot", "pass")]


def test_61_a_header_of_its_own_a_form_and_a_get(lab: Lab, receiver: Receiver) -> None:
    """Item 61: another header; a form is what browsers make of it; GET has no body; values of the job in URLs."""
    form = {"url": receiver.url("/f/{ID}/{STATUS_STRING}"), "content_type": "urlencoded", "header": "X-Secret"}
    get = {"url": receiver.url("/g?job={ID}&s={STATUS}&what={WHAT}&d={DESCRIPTION}"), "method": "GET", "token": "t1"}
    acting = run(lab, "form", {**form, "token": "t0", "dataset": "all"}, get, name="a&b /c")
    receiver.wait(2)
    by = {one.method: one for one in receiver.got}
    assert by["POST"].path == f"/f/{acting.recipe}/complete"
    assert (by["POST"].headers["X-Secret"], by["POST"].headers.get("Authorization")) == ("t0", None)
    fields = parse_qs(by["POST"].body.decode(), strict_parsing=True)
    assert fields["description"] == ["a&b /c"]
    assert fields["results"] == ["lava", "0_smoke"]
    assert yaml.safe_load(fields["log"][0])
    assert by["GET"].path == f"/g?job={acting.recipe}&s=2&what={{WHAT}}&d=a%26b%20%2Fc"
    assert (by["GET"].body, by["GET"].headers["Authorization"]) == (b"", "t1")


def test_61_a_signature_is_verified_in_five_lines(lab: Lab, receiver: Receiver) -> None:
    """As the how-to shows it; the key is what the command prints."""
    run(lab, "signed", {"url": receiver.url(), "dataset": "all"})
    (got,) = receiver.wait()
    secret, headers, body = lab.command("notify", "secret").stdout.strip(), got.headers, got.body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert hmac.compare_digest(headers["webhook-signature"], f"v1,{expected}")
    assert headers["Idempotency-Key"] == headers["webhook-id"]


def test_61_running_is_told_as_it_was(lab: Lab, receiver: Receiver, before: int) -> None:
    """Item 64 of callbacks: both transitions, each once; the first says Running, whatever has become of it since."""
    acting = Acting(lab, "smoke", system="both", notify=notify({"url": receiver.url()}, status="all")).claim()
    acting.run(0)
    new(lab, before, 2)
    first, last = sorted((one.json for one in receiver.got), key=lambda value: value["state"])
    assert (first["state_string"], first["health_string"], first["end_time"]) == ("Running", "Unknown", "None")
    assert (last["state_string"], last["health_string"]) == ("Finished", "Complete")
    assert set(receiver.keys().values()) == {1}
    assert len(receiver.keys()) == 2


def test_62_twice_down_then_up(lab: Lab, receiver: Receiver, before: int) -> None:
    """Item 62: 503 and a broken connection, then it is taken; once, by one key, and the job never waits for it."""
    receiver.answers += [(503, {}), (429, {"Retry-After": "0"})]
    run(lab, "down", {"url": receiver.url()})
    (delivery,) = new(lab, before, 1)
    assert (delivery["state"], delivery["attempts"], delivery["status"]) == ("delivered", 3, 200)
    assert [(one["outcome"], one["status"]) for one in attempts(lab, delivery)] == [
        ("failed", 503),
        ("failed", 429),
        ("delivered", 200),
    ]
    assert receiver.keys() == {delivery["key"]: 3}
    assert len({one.body for one in receiver.got}) == 1


def test_62_nobody_listens_then_somebody_does(lab: Lab, before: int) -> None:
    """Item 62: while nobody is there it is tried again, and the job is over meanwhile."""
    port = free_port()
    acting = run(lab, "absent", {"url": f"http://127.0.0.1:{port}/"})
    lab.settled(acting.job)
    until(lambda: deliveries(lab)[0]["attempts"] >= 2, "two attempts")
    assert deliveries(lab)[0]["reason"] == f"127.0.0.1 port {port}: Connection refused"
    with receiving(port) as receiver:
        (delivery,) = new(lab, before, 1)
        assert (delivery["state"], len(receiver.got)) == ("delivered", 1)


@pytest.mark.parametrize(
    ("status", "headers", "reason"),
    [
        (404, {}, "it answered 404 Not Found: ok"),
        (410, {}, "it answered 410 Gone: ok"),
        (302, {"Location": "http://10.0.0.1/x"}, "points to 10.0.0.1: redirects are not followed"),
        (307, {"Location": "/elsewhere"}, "points to another path of its own: redirects are not followed"),
    ],
)
def test_63_a_redirect_is_recorded_and_not_followed(
    lab: Lab, receiver: Receiver, before: int, status: int, headers: dict[str, str], reason: str
) -> None:
    """Item 63: where it points to is noted; what says no for good is not tried again."""
    receiver.answers.append((status, headers))
    run(lab, f"no-{status}", {"url": receiver.url()})
    (delivery,) = new(lab, before, 1)
    assert (delivery["state"], delivery["attempts"], delivery["status"]) == ("failed", 1, status)
    assert reason in str(delivery["reason"])
    assert len(receiver.got) == 1


@pytest.mark.parametrize("host", ["10.1.2.3", "[::ffff:10.1.2.3]", "169.254.169.254", "0xa.1", "192.168.1.1.", "[::1]"])
def test_63_a_blocked_address_is_refused_and_recorded(lab: Lab, before: int, host: str) -> None:
    """Item 63: at once, with the reason; nothing is connected."""
    url = f"http://{host}/x"
    made = lab.post("/deliveries/test", {"method": "callback", "target": url})
    (delivery,) = new(lab, before, 1)
    assert (made["id"], delivery["state"], delivery["attempts"]) == (delivery["id"], "failed", 1)
    assert "not public, nor in callback_private" in str(delivery["reason"])


def test_sent_once_more_has_a_key_of_its_own(lab: Lab, receiver: Receiver, before: int) -> None:
    """What was delivered is sent again by somebody's word: another delivery."""
    run(lab, "more", {"url": receiver.url()})
    (first,) = new(lab, before, 1)
    lab.command("notify", "redeliver", str(first["id"]))
    second = new(lab, before, 2)[1]
    assert (second["copy_of"], second["state"]) == (first["id"], "delivered")
    assert [one.key for one in receiver.got] == [first["key"], f"{first['key']}-r1"]


def test_job_data_is_what_was_posted(lab: Lab, receiver: Receiver) -> None:
    """Its owner and admins read the body of a job's first POST; there is none while it runs, or where none was."""
    acting = Acting(lab, "smoke", system="data", notify=notify({"url": receiver.url(), "dataset": "all"})).claim()
    path = f"/scheduler/job/{acting.recipe}/job_data"
    assert lab.call("GET", path).status == 404
    acting.run(0, ("Pass", "/boot"))
    (got,) = receiver.wait()
    answer = lab.call("GET", path)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json == got.json
    ann = lab.post("/tokens/", {"user": "ann", "name": "a", "scopes": ["read"]})["token"]
    assert lab.call("GET", path, key=ann).status == 404
    quiet = Acting(lab, "smoke", system="quiet").claim()
    quiet.run(0)
    lab.settled(quiet.job)
    assert lab.call("GET", f"/scheduler/job/{quiet.recipe}/job_data").status == 404


def test_secrets_are_told_to_nobody(lab: Lab, receiver: Receiver) -> None:
    """Tokens of callbacks are not in the definition: each receiver would learn those of the others."""
    run(lab, "secret", {"url": receiver.url(), "token": "token-of-this", "dataset": "all"})
    (got,) = receiver.wait()
    assert "token-of-this" not in json.dumps(got.json)


LAVA_JOB = """\
device_type: qemu
job_name: from LAVA
visibility: personal
timeouts: {job: {minutes: 5}}
secrets: {API: hush-hush-secret}
notify:
  criteria: {status: canceled}
  callbacks:
  - {url: "URL/json", method: POST, dataset: all, content-type: json, token: first-token, header: X-Lava}
  - {url: "URL/form", method: POST, dataset: all, token: second-token}
  - {url: "URL/get/{ID}"}
actions:
- test:
    definitions:
    - from: inline
      path: inline/a.yaml
      name: smoke
      repository:
        metadata: {format: Lava-Test Test Definition 1.0, name: smoke}
        run: {steps: [echo hush-hush-secret]}
"""


def test_61_a_job_of_lava(lab: Lab, receiver: Receiver) -> None:
    """Item 61: as LAVA's document says it, with LAVA's defaults; a cancelled job has results, secrets are masked."""
    lab.post("/systems/", {"name": "qemu1", "type": "qemu"})
    body = LAVA_JOB.replace("URL", receiver.url()[:-1]).encode()
    job = lab.call("POST", "/jobs/", body, {"Content-Type": "application/yaml"}).json
    recipe = job["recipe_sets"][0]["recipes"][0]["id"]
    assert lab.call("POST", f"/jobs/{job['id']}/cancel").status == 204
    receiver.wait(3)
    by = {one.path: one for one in receiver.got}
    value = by["/json"].json
    assert set(value) == {*FACTS, "log", "results"}
    assert (value["id"], value["status_string"], value["health_string"]) == (recipe, "canceled", "Canceled")
    assert set(value["results"]) == {"lava", "0_smoke"}
    assert yaml.safe_load(value["definition"])["job_name"] == "from LAVA"
    assert by["/json"].headers["X-Lava"] == "first-token"
    assert by["/form"].headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(by["/form"].body.decode())["id"] == [str(recipe)]
    assert (by[f"/get/{recipe}"].method, by[f"/get/{recipe}"].body) == ("GET", b"")
    for secret in (b"hush-hush-secret", b"first-token", b"second-token"):
        assert all(secret not in one.body for one in receiver.got)


def test_a_body_that_is_too_large_is_cut_at_a_line(receiver: Receiver) -> None:
    """What is left out is said; what is there can be read."""
    settings = {"CALLBACK_PRIVATE": PRIVATE, "CALLBACK_MAX_BODY": "20000"}
    with running_lab("none", **{f"TACKROOM_{name}": value for name, value in settings.items()}) as lab:
        hooks = [
            {"url": receiver.url("/json"), "dataset": "all"},
            {"url": receiver.url("/form"), "dataset": "all", "content_type": "urlencoded"},
        ]
        acting = Acting(lab, "smoke", system="large", notify=notify(*hooks)).claim()
        acting.status(0, "Running")
        acting.log(0, "taskout.log", b"".join(b"line %d\n" % number for number in range(2000)))
        acting.status(0, "Completed")
        receiver.wait(2)
    by = {one.path: one for one in receiver.got}
    assert all(len(one.body) <= 20000 for one in receiver.got)
    value, form = by["/json"].json, parse_qs(by["/form"].body.decode())
    assert (value["log_truncated"], form["log_truncated"]) == (True, ["True"])
    assert len(yaml.safe_load(value["log"])) > 50
    assert len(yaml.safe_load(form["log"][0])) > 50
