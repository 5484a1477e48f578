"""The calls of KernelCI and SQUAD, as those make them, and what they read of the answers. readers-lava.md section 7."""

from urllib.parse import urlsplit

import pytest
import yaml
from lavarest import API, DEFINITION, Rest


@pytest.fixture
def board(rest: Rest) -> str:
    """A type of which there is one system."""
    rest.system("alpha", type="board", health="good")
    return "board"


def _ran(rest: Rest, job: int) -> None:
    """Let the system have a job, and play its harness."""
    rest.run(job, ("Pass", "boot"), ("Fail", "net/ping"), on="alpha")


def test_kernelci(rest: Rest, board: str) -> None:
    """It looks at devices and the queue, submits once without redirects, and polls state and health."""
    session = "format=json&limit=256"
    devices = rest.rows(f"devices/?device_type={board}&{session}")
    assert [(row["hostname"], row["device_type"], row["health"]) for row in devices] == [("alpha", board, "Good")]
    queue = f"jobs/?state=Submitted&requested_device_type={board}&{session}"
    assert rest.get(queue).json["count"] == 0
    body = {"definition": DEFINITION.format(name="kernelci", type=board)}
    job = rest.post(f"jobs/?{session}", body, 201).json["job_ids"][0]
    assert rest.get(queue).json["count"] == 1
    before = rest.get(f"jobs/{job}?{session}").json
    assert (before["state"], before["health"]) == ("Submitted", "Unknown")
    _ran(rest, job)
    after = rest.get(f"jobs/{job}?{session}").json
    assert (after["state"], after["health"], after["actual_device"]) == ("Finished", "Complete", "alpha")
    assert yaml.safe_load(after["definition"])["metadata"]["branch"] == "main"


def test_squad_rest(rest: Rest, board: str) -> None:
    """SQUAD's REST mode: a form, jobs without a slash, log, suites and tests by `next`, resubmit and cancel by POST."""
    definition = DEFINITION.format(name="squad", type=board)
    answer = rest.web.post(f"{API}jobs/", {"definition": definition}, headers=rest.admin, status=201)
    (job,) = answer.json["job_ids"]
    _ran(rest, job)
    data = rest.get(f"jobs/{job}").json
    assert data["health"] == "Complete"
    assert yaml.safe_load(data["definition"])["job_name"][:255] == "squad"
    log = yaml.safe_load(rest.get(f"jobs/{job}/logs/").text)
    assert {"dt", "lvl", "msg"} <= log[0].keys()
    results = []
    for suite in rest.get(f"jobs/{job}/suites/").json["results"]:
        place = f"{API}jobs/{job}/suites/{suite['id']}/tests?limit=1"
        while place:
            page = rest.get(place).json
            results += [{**test, "suite": suite["name"]} for test in page["results"]]
            link = urlsplit(page["next"] or "")
            place = page["next"] and f"{link.path}?{link.query}"
    tests = {f"{row['suite'].split('_', 1)[-1]}/{row['name']}": row for row in results if row["suite"] != "lava"}
    assert {name: row["result"] for name, row in tests.items()} == {"smoke/boot": "pass", "smoke/ping": "fail"}
    assert {row["measurement"] for row in tests.values()} == {None}
    (other,) = rest.post(f"jobs/{job}/resubmit", status=201).json["job_ids"]
    assert rest.post(f"jobs/{other}/cancel").status_int == 200
    assert rest.get(f"jobs/{other}/definition/").text == definition
    assert rest.get("system/master_config/", token={}).json["EVENT_SOCKET"] == ""


def test_squad_infrastructure(rest: Rest, board: str) -> None:
    """It learns from the suite `lava` that a job could not run to its end, and of which kind that was."""
    job = rest.recipe()
    rest.run(job, end="Aborted")
    assert rest.get(f"jobs/{job}").json["health"] == "Incomplete"
    suite = rest.rows(f"jobs/{job}/suites/?name=lava")[0]["id"]
    (case,) = rest.rows(f"jobs/{job}/suites/{suite}/tests?name=job")
    metadata = yaml.safe_load(case["metadata"])
    assert (case["result"], metadata["error_type"]) == ("fail", "Test")
    assert metadata["error_msg"]


def test_squad_log(rest: Rest, board: str) -> None:
    """SQUAD's XML-RPC mode gets the log with credentials in the query, and parses it as YAML."""
    job = rest.recipe(visibility="private")
    secret = rest.user("admin", "read", "admin")["Authorization"].split()[1]
    place = f"/scheduler/job/{job}/log_file/plain?user=admin&token={secret}"
    assert list(yaml.parse(rest.get(place, token={}).body))
    rest.run(job)
    levels = [
        event.value for event in yaml.parse(rest.get(place, token={}).body) if isinstance(event, yaml.ScalarEvent)
    ]
    assert {"dt", "lvl", "msg"} <= set(levels)
    rest.get(place.replace(secret, "wrong"), 403, token={})
