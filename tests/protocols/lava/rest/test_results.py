"""Suites, cases and documents of a job; the older URLs tell the same."""

import csv
import io
import json
import tarfile
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest
import yaml
from lavarest import Rest
from lxml import etree

RESULTS = (("Pass", "a/one"), ("Fail", "a/two"), ("Skip", "three"), ("Warn", "b/c/four"), ("Fail", "five"))


@pytest.fixture(scope="module")
def done(fresh_rest: Rest) -> tuple[Rest, int]:
    """A job that is over, with five results of its first task and a second task; read only."""
    number = fresh_rest.recipe("/kernel/smoke", "other", name="hello")
    fresh_rest.run(number, *RESULTS, score="12", message="it & <said>")
    return fresh_rest, number


@pytest.fixture
def rest(done: tuple[Rest, int]) -> Rest:
    """The API with that job, shared by the tests here."""
    return done[0]


@pytest.fixture
def job(done: tuple[Rest, int]) -> int:
    """That job."""
    return done[1]


def test_suites(rest: Rest, job: int) -> None:
    """Each task is a suite, and what became of the job is one; they have ids and can be filtered."""
    suites = {row["name"]: row for row in rest.rows(f"jobs/{job}/suites/")}
    assert list(suites) == ["lava", "0_kernel.smoke", "1_other"]
    assert rest.rows(f"jobs/{job}/suites/?name=lava") == [suites["lava"]]
    assert rest.get(suites["1_other"]["resource_uri"]).json == suites["1_other"]
    rest.get(f"jobs/{job}/suites/999999/", 404)
    names = [row["name"] for row in rest.rows(f"jobs/{job}/suites/?ordering=-name&limit=2")]
    assert names == ["lava", "1_other"]


def test_cases(rest: Rest, job: int) -> None:
    """A suite's cases come in pages; a case has LAVA's fields, its metadata as YAML."""
    suite = rest.rows(f"jobs/{job}/suites/?name__contains=smoke")[0]["id"]
    seen = []
    for offset in range(0, 6, 2):
        page = rest.get(f"jobs/{job}/suites/{suite}/tests?limit=2&offset={offset}").json
        assert (page["count"], bool(page["next"])) == (5, offset < 4)
        seen += page["results"]
    assert [(row["name"], row["result"], row["test_set"]) for row in seen] == [
        ("one", "pass", "a"),
        ("two", "fail", "a"),
        ("three", "skip", None),
        ("four", "unknown", "b/c"),
        ("five", "fail", None),
    ]
    assert yaml.safe_load(seen[3]["metadata"])["native_result"] == "Warn"
    assert (seen[0]["measurement"], seen[0]["unit"]) == ("12.0000000000", "")
    assert rest.get(seen[0]["resource_uri"]).json == seen[0]
    other = rest.rows(f"jobs/{job}/suites/?name=lava")[0]["id"]
    rest.get(f"jobs/{job}/suites/{other}/tests/{seen[0]['id']}/", 404)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("result=fail", "two five"),
        ("result__in=pass,skip&suite__name__contains=smoke", "one three"),
        ("name__istartswith=T", "two three"),
        ("test_set=a", "one two"),
        ("test_set__isnull=true&result=fail", "five"),
        ("measurement__gt=11.5&result=fail", "two five"),
        ("measurement__lt=11", ""),
        ("start_log_line__isnull=false", ""),
        ("logged__lt=2020-01-01", ""),
        ("metadata__contains=Warn", "four"),
        ("ordering=-id&result=fail", "five two"),
        ("ordering=result,-name&suite__name=0_kernel.smoke&limit=2", "two five"),
    ],
)
def test_case_filters(rest: Rest, job: int, query: str, names: str) -> None:
    """Cases of a job are filtered and ordered."""
    assert " ".join(row["name"] for row in rest.rows(f"jobs/{job}/tests/?{query}")) == names


def test_bad_case_filters(rest: Rest, job: int) -> None:
    """Bad values are refused by name."""
    for query, field in (("result=good", "result"), ("measurement__gt=much", "measurement__gt"), ("id=x", "id")):
        assert list(rest.get(f"jobs/{job}/tests/?{query}", 400).json) == [field]
    assert list(rest.get(f"jobs/{job}/csv/?limit=x", 400).json) == ["limit"]


def test_same_results_everywhere(rest: Rest, job: int) -> None:
    """Item 43: every document, list and older URL tells the same cases of the same suites with the same results."""
    suites = {row["id"]: row["name"] for row in rest.rows(f"jobs/{job}/suites/")}
    cases = rest.rows(f"jobs/{job}/tests/?limit=100")
    told = Counter((suites[row["suite"]], row["name"], row["result"]) for row in cases)
    assert told.total() == 3 + len(RESULTS)

    def items(found: Sequence[Mapping[str, str]]) -> Counter[tuple[str, str, str]]:
        return Counter((row["suite"], row["name"], row["result"]) for row in found)

    for place in (f"jobs/{job}/csv/", f"/results/{job}/csv"):
        assert items(list(csv.DictReader(io.StringIO(rest.get(place).text)))) == told
    for place in (f"jobs/{job}/yaml/", f"/results/{job}/yaml"):
        assert items(yaml.safe_load(rest.get(place).text)) == told
    assert items([json.loads(line) for line in rest.get(f"jobs/{job}/jsonl/").text.splitlines()]) == told
    by_suite: list[dict[str, str]] = []
    for number, name in suites.items():
        there = list(csv.DictReader(io.StringIO(rest.get(f"jobs/{job}/suites/{number}/csv/").text)))
        assert there == list(csv.DictReader(io.StringIO(rest.get(f"/results/{job}/{name}/stream/csv").text)))
        assert items(yaml.safe_load(rest.get(f"jobs/{job}/suites/{number}/yaml/").text)) == items(there)
        assert items(yaml.safe_load(rest.get(f"/results/{job}/{name}/yaml").text)) == items(there)
        assert rest.get(f"/results/{job}/{name}/+testcase-count").text == str(len(there))
        by_suite += there
    assert items(by_suite) == told
    junit = etree.fromstring(rest.get(f"jobs/{job}/junit/?classname_prefix=lab").body)
    found = [case for case in junit.iter("testcase") if case.get("classname", "").startswith("lab_")]
    assert len(found) == told.total()
    assert sum(case.find("failure") is not None for case in found) == sum(told[key] for key in told if key[2] == "fail")
    assert f"1..{told.total()}" in rest.get(f"jobs/{job}/tap13/").text


def test_names_of_files(rest: Rest, job: int) -> None:
    """Documents are attachments with LAVA's media types and names."""
    for place, kind, name in (
        (f"jobs/{job}/junit/", "application/xml", f"job_{job}.xml"),
        (f"jobs/R:{job}/tap13/", "text/plain", f"job_R_{job}.tap"),
        (f"jobs/{job}/csv/", "application/csv", f"job_{job}.csv"),
        (f"jobs/{job}/logs/", "application/yaml", f"job_{job}.yaml"),
        (f"/results/{job}/csv", "text/csv", f"lava_{job}.csv"),
        (f"/scheduler/job/{job}/log_file/plain", "application/yaml", f"job_{job}.log"),
    ):
        answer = rest.get(place)
        assert answer.content_type == kind
        assert name in answer.headers["Content-Disposition"]


def test_older_urls(rest: Rest, job: int) -> None:
    """Summary, metadata, a case by its id, and what it ran with, where LAVA had them."""
    assert [suite["name"] for suite in yaml.safe_load(rest.get(f"/results/{job}/yaml_summary").text)] == [
        "lava",
        "0_kernel.smoke",
        "1_other",
    ]
    assert yaml.safe_load(rest.get(f"/results/{job}/metadata").text) == {}
    case = rest.rows(f"jobs/{job}/tests/?name=two")[0]["id"]
    (item,) = yaml.safe_load(rest.get(f"/results/testcase/{case}/yaml").text)
    assert (item["name"], item["result"], item["url"]) == ("two", "fail", f"/results/testcase/{case}")
    with tarfile.open(fileobj=io.BytesIO(rest.get(f"/scheduler/job/{job}/configuration").body)) as archive:
        assert archive.getnames() == ["job.yaml", "device.yaml"]
        device = archive.extractfile("device.yaml")
        assert device is not None
        assert yaml.safe_load(device.read())["hostname"].startswith("machine-")
    for place in (f"/results/{job}/none/csv", "/results/testcase/999", f"/scheduler/job/{job}/job_data"):
        assert rest.get(place, 404).json["detail"]
    assert rest.get(f"/scheduler/job/{rest.recipe()}/configuration", 404).json["detail"]


def test_credentials_in_the_query(rest: Rest) -> None:
    """Older URLs take `user` and `token` of the query for credentials, as SQUAD sends them; the API does not."""
    job = rest.recipe(visibility="private")
    secret = rest.user("admin", "read", "admin")["Authorization"].split()[1]
    for place in (f"/scheduler/job/{job}/log_file/plain", f"/scheduler/job/{job}", f"/results/{job}/csv"):
        rest.get(f"{place}?user=admin&token={secret}", token={})
        rest.get(place, 403, token={})
        assert "credentials" in rest.get(f"{place}?user=admin&token=wrong", 403, token={}).json["detail"]
    rest.get(f"jobs/{job}/?user=admin&token={secret}", 403, token={})


def test_pages(rest: Rest) -> None:
    """The pages say what became of a job, run and load nothing, and take no name of a job or test for HTML."""
    bad = "<script>alert(1)</script>&'\""
    job = rest.recipe("/x/<img src=x>", name=bad)
    rest.run(job, ("Fail", "<b>/<i>x"), message="<u>&")
    for place in (
        f"/scheduler/job/{job}",
        f"/results/{job}",
        f"/results/{job}/lava",
        f"/results/{job}/lava/job",
        f"/results/testcase/{job}",
    ):
        page = rest.get(place)
        assert page.content_type == "text/html"
        assert not {"<script", "<img", "<b>", "<i>", "<u>"} & set(page.text.replace("<", " <").split())
        policy = page.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        assert page.headers["X-Content-Type-Options"] == "nosniff"
    page = rest.get(f"/scheduler/job/{job}")
    assert [word for word in ("Finished", "Complete", "verdict: fail", "machine-") if word in page.text] == [
        "Finished",
        "Complete",
        "verdict: fail",
        "machine-",
    ]
    for link in page.html.find_all("a"):
        rest.get(link["href"])
    pair = rest.job(size=2)
    several = rest.get(f"/scheduler/job/J:{pair['id']}").html
    for link in several.find_all("a"):
        if "log_file" not in link["href"]:
            rest.get(link["href"])
