"""Lists of jobs: who sees what, pages, slashes, filters, order."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from lavarest import API, Rest
from sqlalchemy import Engine, event, update

from wsgi_app.core import listing
from wsgi_app.protocols.lava.rest.paging import LARGEST_PAGE
from wsgi_app.store.db import Database
from wsgi_app.store.schema import job_documents, recipes


def test_tokens(rest: Rest) -> None:
    """Item 55: a token works as header of LAVA's; a wrong one is 403 in JSON; nobody reads what is public only."""
    public, private = rest.recipe(), rest.recipe(visibility="private")
    assert rest.get("system/whoami/").json == {"user": "admin"}
    assert rest.get("system/whoami/", token=rest.user("nora", "read")).json == {"user": "nora"}
    assert rest.get("system/whoami/", token={}).json == {"user": None}
    wrong = rest.get("jobs/", 403, token={"Authorization": "Token wrong"})
    assert "Authorization: Token" in wrong.json["detail"]
    assert "WWW-Authenticate" not in wrong.headers
    assert rest.ids("jobs/") == [private, public]
    assert [row["id"] for row in rest.rows("jobs/", token={})] == [public]
    assert "needs a token" in rest.post("jobs/batch_cancel/", {"job_ids": [public]}, 403, token={}).json["detail"]
    assert "private" in rest.get(f"jobs/{private}/", 403, token={}).json["detail"]


def test_pages(rest: Rest) -> None:
    """Item 56: limit and offset lead through every job once; the count is right; KernelCI's parameters are taken."""
    made = [rest.recipe() for _ in range(7)]
    seen, place, counts = [], f"{API}jobs/?limit=3&format=json", set()
    while place:
        page = rest.get(place).json
        seen += [row["id"] for row in page["results"]]
        counts.add(page["count"])
        link = urlsplit(page["next"] or "")
        assert not page["next"] or page["next"].startswith("http://localhost/api/v0.2/jobs/?format=json&limit=3")
        place = f"{link.path}?{link.query}" if page["next"] else ""
    assert seen == made[::-1]
    assert counts == {7}
    assert rest.get("jobs/?limit=3&offset=5").json["previous"].endswith("?limit=3&offset=2")
    page = rest.get("jobs/?limit=256&format=json").json
    assert (page["count"], page["next"], page["previous"], len(page["results"])) == (7, None, None, 7)
    assert len(rest.ids(f"jobs/?limit={LARGEST_PAGE * 9}")) == len(rest.ids("jobs/?limit=0")) == 7
    assert rest.ids("jobs/?offset=900000000000000000000") == []
    assert list(rest.get("jobs/?limit=x", 400).json) == ["limit"]


def test_slashes(rest: Rest) -> None:
    """Item 57: with and without a slash at its end a URL answers the same, at once."""
    job = rest.recipe()
    rest.run(job)
    for place in (
        "jobs",
        "jobs/{}",
        "jobs/{}/suites",
        "jobs/{}/logs",
        "devices",
        "/results/{}/csv",
        "/scheduler/job/{}",
    ):
        without, slashed = rest.get(place.format(job)), rest.get(place.format(job) + "/")
        assert without.body == slashed.body


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=Submitted", "q"),
        ("state=finished", "pca"),
        ("state__in=Submitted,Running", "q"),
        ("health=Complete", "p"),
        ("health=Incomplete", "a"),
        ("health__in=Canceled,Incomplete", "ca"),
        ("health=Unknown", "q"),
        ("state=Finished&health=Complete", "p"),
        ("id__lt={a}", "pc"),
        ("id__gt={c}&id__lt={q}", "a"),
        ("id__in={p},{q},99", "pq"),
        ("id={c}", "c"),
        ("submit_time__gt=2020-01-01T00:00:00Z", "pcaq"),
        ("submit_time__gt=2120-01-01 00:00:00", ""),
        ("submit_time__lt=2120-01-01T00:00:00 02:00", "pcaq"),
        ("start_time__isnull=true", "cq"),
        ("metadata__branch=main", "p"),
        ("metadata__build__number=7", "p"),
        ("metadata__branch__icontains=MAI", "p"),
        ("metadata__branch__isnull=true", "caq"),
        ('metadata__contains={{"build":{{"number":7}}}}', "p"),
        ("metadata__has_key=branch", "p"),
        ("metadata__has_any_keys=none,build", "p"),
        ("description=passes", "p"),
        ("description__istartswith=PASS", "p"),
        ("submitter=nora", "q"),
        ("submitter__username__in=nora,admin", "pcaq"),
        ("requested_device_type=board", "pcaq"),
        ("requested_device_type__name=other", ""),
        ("actual_device__hostname__startswith=machine-", "pa"),
        ("priority__gt=50", "q"),
        ('definition__contains="main"', "p"),
        ("failure_comment__isnull=true", "pcq"),
        ("health_check=true", ""),
        ("health_check=false", "pcaq"),
        ("viewing_groups__name=x", ""),
        ("nonsense=1&state__nonsense=2&format=json", "pcaq"),
    ],
)
def test_filters(rest_of_four: tuple[Rest, dict[str, int]], query: str, found: str) -> None:
    """Item 58: filters by state, health, id, time, metadata and more find what they say; unknown ones are ignored."""
    rest, jobs = rest_of_four
    place = "jobs/?ordering=id&" + query.format(**jobs).replace("+", "%2B")
    assert rest.ids(place) == [jobs[letter] for letter in found]
    assert rest.get(place).json["count"] == len(found)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=Sleeping", "state"),
        ("state__in=Running,Sleeping", "state__in"),
        ("health=SUBMITTED", "health"),
        ("id=x", "id"),
        ("id__lt=1.5", "id__lt"),
        ("id__in=1,,2", "id__in"),
        ("submit_time__gt=yesterday", "submit_time__gt"),
        ("end_time__lt=0000-00-00", "end_time__lt"),
        ("start_time__isnull=perhaps", "start_time__isnull"),
        ("priority__gte=high", "priority__gte"),
        ("health_check=maybe", "health_check"),
        ("metadata__contains=[", "metadata__contains"),
        ("metadata__contains=[1]", "metadata__contains"),
        ("metadata__a__regex=(", "metadata__a__regex"),
        ("metadata__a__isnull=x", "metadata__a__isnull"),
        ("metadata__=x", "metadata__"),
        ("state=Running&state=Finished", "state"),
        ("state!=Running", "state!"),
        ("description=%00", "description"),
        ("ordering=color", "ordering"),
        ("offset=-1", "offset"),
        ("description=" + "x" * 1001, "description"),
    ],
)
def test_bad_filters(rest_of_four: tuple[Rest, dict[str, int]], query: str, field: str) -> None:
    """Item 58: a bad value is refused with 400, and the answer names the field and says why."""
    rest, _ = rest_of_four
    answer = rest.get("jobs/?" + query, 400).json
    assert list(answer) == [field]
    assert len(answer[field][0].split()) > 3


def test_order(rest_of_four: tuple[Rest, dict[str, int]]) -> None:
    """Jobs come newest first, or as it is asked; several fields count one after the other."""
    rest, jobs = rest_of_four
    ascending = sorted(jobs.values())
    assert rest.ids("jobs/") == ascending[::-1]
    assert rest.ids("jobs/?ordering=submit_time") == ascending
    assert rest.ids("jobs/?ordering=-priority,id") == [jobs["q"], *ascending[:3]]


def test_job(rest: Rest) -> None:
    """A job has LAVA's fields; a set of several has one id for each and can be asked for together."""
    number = rest.recipe(name="hello", metadata={"a": {"b": [1]}}, priority=70)
    rest.run(number, ("Fail", "x"))
    row = rest.get(f"jobs/{number}/").json
    wanted = {"id": number, "submitter": "admin", "description": "hello", "state": "Finished", "health": "Complete"}
    assert wanted.items() <= row.items()
    assert (row["verdict"], row["priority"], row["metadata"]) == ("fail", 70, {"a": {"b": [1]}})
    assert (row["requested_device_type"], row["actual_device"]) == ("board", "machine-1")
    assert row["submit_time"] < row["start_time"] < row["end_time"]
    assert row["definition"] == row["original_definition"] and '"hello"' in row["definition"]
    assert rest.get(f"jobs/{number}/metadata/").json == {"metadata": [{"a": '{"b": [1]}'}]}
    pair = rest.job(size=2)
    first, second = (recipe["id"] for recipe in pair["recipe_sets"][0]["recipes"])
    assert rest.ids("jobs/?limit=2") == [f"{first}.1", f"{first}.0"]
    assert rest.get(f"jobs/{second}/").json["id"] == rest.get(f"jobs/{first}.1/").json["id"] == f"{first}.1"
    both = rest.get(f"jobs/J:{pair['id']}/").json
    assert (both["id"], both["state"], both["actual_device"]) == (f"J:{pair['id']}", "Submitted", None)
    assert both["multinode_definition"] == both["definition"]


def test_no_job(rest: Rest) -> None:
    """What is no id, or is none of ours, is 404 and says where jobs are listed; so is what is no URL."""
    for job in ("x", "0", "999", "1.9", "R:", "J:1.0", "99999999999999999999", "%F0%9F%98%80"):
        for place in (f"jobs/{job}/", f"jobs/{job}/suites/1/tests/", f"/results/{job}/csv", f"/scheduler/job/{job}"):
            assert "api/v0.2/jobs/ lists them" in rest.get(place, 404).json["detail"]
    assert "openapi.yaml" in rest.get("nothing/", 404).json["detail"]
    assert "openapi.yaml" in rest.post("devices/", {}, 405).json["detail"]


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """What databases are asked, from now on."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield asked
    event.remove(Engine, "before_cursor_execute", note)


def test_documents_of_a_page(rest: Rest, statements: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a page is, its documents are loaded together; large ones some at a time."""
    jobs = [rest.recipe(name=f"job-{number}") for number in range(6)]
    statements.clear()
    rest.rows("jobs/?limit=1")
    few = len(statements)
    statements.clear()
    rows = rest.rows("jobs/")
    assert [row["id"] for row in rows] == jobs[::-1]
    assert all(row["description"] in row["definition"] for row in rows)
    assert len(statements) == few
    assert sum("job_documents.text" in one and "length" not in one for one in statements) == 1
    monkeypatch.setattr(listing, "HELD", 2 * len(rows[0]["definition"]))
    statements.clear()
    assert rest.rows("jobs/") == rows
    assert len(statements) == few + 2 * 2


def test_jobs_of_older_versions(rest: Rest) -> None:
    """A job that was stored without its document has one in a list, too; one aborted for an unknown cause says so."""
    jobs = [rest.recipe(name=name) for name in ("first", "older", "last")]
    rest.run(jobs[1], end="Aborted")
    database = Database(rest.application.gateway.config.database)
    with database.write() as tx:
        older = rest.get(f"/jobs/{jobs[1]}", token=rest.admin).json["id"]
        tx.execute(job_documents.delete().where(job_documents.c.job == older))
        tx.execute(update(recipes).where(recipes.c.id == jobs[1]).values(cause=None))
    database.close()
    rows = {row["description"]: row for row in rest.rows("jobs/")}
    assert {name for name, row in rows.items() if f'"{name}"' in row["definition"]} == {"first", "older", "last"}
    assert (rows["older"]["error_type"], rows["older"]["health"]) == ("Infrastructure", "Incomplete")
    suites = rest.rows(f"jobs/{jobs[1]}/tests/?name=job")
    assert 'error_type: "Infrastructure"' in suites[0]["metadata"]


def test_root(rest: Rest) -> None:
    """The root of the API, and of all versions of it, names the lists that there are: each URL answers."""
    found = rest.get("", token={}).json
    assert found == rest.get("/api/", token={}).json == rest.get("/api", token={}).json
    assert set(found) == {"jobs", "devices", "devicetypes", "workers", "aliases", "tags"}
    for name, url in found.items():
        assert urlsplit(url).path == f"{API}{name}/"
        rest.get(urlsplit(url).path, token={})
