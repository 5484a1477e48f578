"""What changes jobs: submitted, validated, repeated, cancelled, waited for."""

import threading

import pytest
from lavarest import API, DEFINITION, Rest

BROWSER = {"Accept-Language": "de"}


@pytest.fixture
def definition(rest: Rest) -> str:
    """A job of LAVA's for a type that there is."""
    rest.system("alpha", type="qemu")
    return DEFINITION.format(name="first", type="qemu")


def test_submit(rest: Rest, definition: str) -> None:
    """A job comes as JSON or as a form, and is kept as it was typed; its id is told."""
    answer = rest.post("jobs/", {"definition": definition}, 201).json
    assert answer["message"] == "job(s) successfully submitted"
    form = rest.web.post(f"{API}jobs/", {"definition": definition}, headers=rest.admin, status=201)
    assert rest.ids("jobs/?ordering=id") == [*answer["job_ids"], *form.json["job_ids"]]
    (job,) = answer["job_ids"]
    row = rest.get(f"jobs/{job}").json
    assert row["definition"] == rest.get(f"jobs/{job}/definition/").text == definition
    assert rest.get(f"/scheduler/job/{job}/definition/plain").text == definition
    assert (row["requested_device_type"], row["description"], row["metadata"]["branch"]) == ("qemu", "first", "main")


def test_submitted_once(rest: Rest, definition: str) -> None:
    """With an Idempotency-Key the same call is the same job; with another body it is refused."""
    headers = {**rest.admin, "Idempotency-Key": "k"}
    made = [rest.post("jobs/", {"definition": definition}, 201, headers).json["job_ids"] for _ in range(2)]
    assert made[0] == made[1]
    assert "detail" in rest.post("jobs/", {"definition": definition.replace("first", "other")}, 409, headers).json


def test_bad_jobs(rest: Rest, definition: str) -> None:
    """A job that is none is 400 with the reason and where it is; nothing is stored."""
    missing = rest.post("jobs/", {"definition": definition.replace("job_name", "name")}, 400).json
    assert "job_name" in missing["message"]
    broken = rest.post("jobs/", {"definition": "a: [1"}, 400).json
    assert "line 2, column 1" in broken["message"]
    unknown = rest.post("jobs/", {"definition": definition.replace("qemu", "cray")}, 400).json
    assert "cray" in unknown["message"]
    for body, field in (({}, "definition"), ({"definition": 7}, "definition")):
        assert list(rest.post("jobs/", body, 400).json) == [field]
    sent = {**rest.admin, "Content-Type": "application/json"}
    assert "JSON" in rest.web.post(f"{API}jobs/", "{", headers=sent, status=400).json["detail"]
    assert (
        "send"
        in rest.web.post(f"{API}jobs/", "x", headers={**rest.admin, "Content-Type": "text/plain"}, status=415).json[
            "detail"
        ]
    )
    assert "Token" in rest.post("jobs/", {"definition": definition}, 403, token={}).json["detail"]
    assert rest.ids("jobs/") == []


def test_validate(rest: Rest, definition: str) -> None:
    """Valid or not the answer is 200 and says which; nothing is stored."""
    valid = rest.post("jobs/validate/", {"definition": definition}).json
    assert valid["message"] == "Job valid."
    assert [(one["systems"], one["healthy"], one["idle"], one["ahead"]) for one in valid["advice"]] == [(1, 1, 0, 0)]
    rest.web.post("/systems/alpha/claim", headers=rest.admin, status=204)
    assert rest.post("jobs/validate/", {"definition": definition}).json["advice"][0]["idle"] == 1
    bad = rest.post("jobs/validate/", {"definition": definition.replace("visibility: public", "")}).json["message"]
    assert bad.startswith("Job invalid: ")
    extra = {"definition": definition + "nonsense: 1\n", "strict": True}
    assert "nonsense" in rest.post("jobs/validate/", extra).json["message"]
    assert list(rest.post("jobs/validate/", {"definition": definition, "strict": "x"}, 400).json) == ["strict"]
    assert rest.ids("jobs/") == []


def test_resubmit(rest: Rest) -> None:
    """A job is submitted once more, and the first one stays what it was."""
    job = rest.recipe(name="again")
    before = rest.get(f"jobs/{job}").json
    (other,) = rest.post(f"jobs/{job}/resubmit", status=201).json["job_ids"]
    assert other != job
    assert rest.get(f"jobs/{other}").json["definition"] == before["definition"]
    assert rest.get(f"jobs/{job}").json == before
    rest.post(f"jobs/{job}/resubmit", status=403, token={})


def test_cancel(rest: Rest) -> None:
    """Item 59: both POST and GET cancel a job, again and again; a HEAD does nothing, and no browser can be made to."""
    posted, got, kept = rest.recipe(), rest.recipe(), rest.recipe()
    for _ in range(2):
        assert rest.post(f"jobs/{posted}/cancel/").json == {"message": "Job cancel signal sent."}
        assert rest.get(f"jobs/{got}/cancel").json == {"message": "Job cancel signal sent."}
    rest.web.head(f"{API}jobs/{kept}/cancel/", headers=rest.admin, status=405)
    refused = rest.web.get(f"{API}jobs/{kept}/cancel/", headers={**rest.admin, **BROWSER}, status=403)
    assert "POST" in refused.json["detail"]
    rest.get(f"jobs/{kept}/cancel/", 403, token={})
    assert "another user's" in rest.get(f"jobs/{kept}/cancel/", 403, token=rest.user("nora", "submit")).json["detail"]
    for job in (posted, got):
        rest.application.gateway.recipes.settle(job, late=False)
    assert rest.ids("jobs/?health=Canceled") == [got, posted]
    assert rest.ids("jobs/?state=Submitted") == [kept]


def test_cancel_of_a_set(rest: Rest) -> None:
    """Cancelling one of several that run together cancels all."""
    first = rest.job(size=2)["recipe_sets"][0]["recipes"][0]["id"]
    rest.post(f"jobs/{first}.1/cancel/")
    assert {row["state"] for row in rest.rows("jobs/")} <= {"Canceling", "Finished"}


def test_batch_cancel(rest: Rest) -> None:
    """Item 59: many are cancelled by one call, which names the ids that are wrong or another user's."""
    nora = rest.user("nora", "read", "submit")
    mine, other = rest.recipe(token=nora), rest.recipe()
    answer = rest.post("jobs/batch_cancel/", {"job_ids": [mine, other, 99, "x"]}, token=nora).json
    assert (answer["job_ids"], answer["invalid_job_ids"]) == ([mine], [other, 99, "x"])
    assert "none" in rest.post("jobs/batch_cancel/", {"job_ids": []}).json["message"]
    bad: list[dict[str, object]] = [{}, {"job_ids": 3}, {"job_ids": [[]]}, {"job_ids": [1] * 1001}]
    for wrong in bad:
        assert list(rest.post("jobs/batch_cancel/", wrong, 400).json) == ["job_ids"]
    assert rest.get(f"jobs/{other}").json["state"] == "Submitted"


def test_wait(rest: Rest) -> None:
    """A waiting call is answered when the job is over, with verdict and exit status; before that after its time."""
    job = rest.recipe()
    early = rest.get(f"jobs/{job}/wait/?timeout=0").json
    assert (early["state"], early["verdict"], early["exit_code"]) == ("Submitted", None, 5)
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(rest.get(f"jobs/{job}/wait/?timeout=60").json))
    waiter.start()
    rest.run(job, ("Fail", "x"))
    waiter.join(30)
    assert (answers[0]["state"], answers[0]["verdict"], answers[0]["exit_code"]) == ("Finished", "fail", 10)
    assert "at x" in answers[0]["reason"]
    hung = rest.recipe()
    rest.run(hung, end="Aborted")
    over = rest.get(f"jobs/{hung}/wait").json
    assert (over["health"], over["exit_code"], over["error_type"]) == ("Incomplete", 11, "Test")
    assert list(rest.get(f"jobs/{hung}/wait?timeout=soon", 400).json) == ["timeout"]


def test_wait_for_a_part(rest: Rest) -> None:
    """A call waits for what its id means: one recipe of several has its own end, verdict and reason."""
    made = rest.job(size=3)
    first, second, third = (one["id"] for one in made["recipe_sets"][0]["recipes"])
    for recipe in (first, second, third):
        rest.web.post(f"/systems/{rest.system_of(recipe)}/claim", headers=rest.admin)
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(rest.get(f"jobs/{first}.1/wait/?timeout=60").json))
    waiter.start()
    rest.run(second, ("Fail", "broken"))
    waiter.join(30)
    assert (answers[0]["id"], answers[0]["state"], answers[0]["health"]) == (f"{first}.1", "Finished", "Complete")
    assert (answers[0]["verdict"], answers[0]["exit_code"]) == ("fail", 10)
    assert f"({made['recipe_sets'][0]['recipes'][1]['tasks'][0]['name']}) at broken" in answers[0]["reason"]
    whole = rest.get(f"jobs/J:{made['id']}/wait/?timeout=0").json
    assert (whole["state"], whole["verdict"], whole["exit_code"], whole["reason"]) == ("Scheduled", None, 5, None)
    rest.run(first, ("Pass", "fine"))
    part = rest.get(f"jobs/R:{first}/wait/?timeout=0").json
    assert (part["verdict"], part["exit_code"], part["reason"]) == ("pass", 0, "nothing failed: 1 Pass")
    rest.run(third, end="Aborted")
    assert rest.get(f"jobs/{third}/wait/?timeout=0").json["verdict"] == "infrastructure"
    assert rest.get(f"jobs/J:{made['id']}/wait/?timeout=0").json["verdict"] == "fail"
    shown = {row["id"]: row["verdict"] for row in rest.rows("jobs/")}
    assert shown == {f"{first}.0": "pass", f"{first}.1": "fail", f"{first}.2": "infrastructure"}
    assert [rest.get(f"jobs/{one}/").json["verdict"] for one in (first, second, made["id"])] == ["pass", "fail", "fail"]
