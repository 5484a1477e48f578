"""Every way by which LAVA's readers get results tells the same."""

import csv
import io
import json
import xmlrpc.client
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest
import yaml
from attrs import frozen
from lavacases import spoken
from lxml import etree
from recorded import Recorded
from taptext import Told, of_tap
from webtest import TestApp

from wsgi_app.app import create_app
from wsgi_app.config import Config
from wsgi_app.model import Caller
from wsgi_app.protocols.lava.suites import cases

SUITES = ("lava", "0_smoke", "1_distribution.net io")


@frozen
class Reader:
    """Reads a recipe's results through the front door, as anybody may."""

    web: TestApp
    found: Recorded

    def get(self, path: str) -> str:
        """GET a path; `ID` in it is the job."""
        text: str = self.web.get(path.replace("ID", str(self.found.recipe))).text
        return text

    def rpc(self, method: str, *arguments: Any) -> Any:
        """Call a method about the job."""
        body = xmlrpc.client.dumps((str(self.found.recipe), *arguments), method)
        answer = self.web.post("/RPC2", body.encode(), content_type="text/xml").body
        return xmlrpc.client.loads(answer.decode())[0][0]

    def pages(self, path: str) -> Iterable[Mapping[str, Any]]:
        """Yield the entries of a list in pages of three."""
        following: str | None = f"{path}?limit=3".replace("ID", str(self.found.recipe))
        while following is not None:
            page = self.web.get(following).json
            yield from page["results"]
            following = page["next"]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Who reads what was said of a recipe."""
    config = Config(data=tmp_path_factory.mktemp("lab") / "data")
    application = create_app(config)
    application.gateway.access.issue_admin_token()
    admin = Caller(f"Bearer {config.admin_token.read_text().strip()}", "127.0.0.1")
    yield Reader(TestApp(application, extra_environ={"REMOTE_ADDR": "127.0.0.1"}), spoken(application.gateway, admin))
    application.gateway.close()


def of_rows(rows: Iterable[Mapping[str, Any]]) -> Told:
    """Count rows that have suite, name and result."""
    return Counter((row["suite"], row["name"], row["result"]) for row in rows)


def of_csv(text: str) -> Told:
    """Count the rows of a CSV document."""
    return of_rows(csv.DictReader(io.StringIO(text)))


def of_yaml(text: str) -> Told:
    """Count the items of a YAML document."""
    return of_rows(yaml.safe_load(text))


def of_junit(text: str) -> Told:
    """Count the cases of a JUnit document."""
    words = {"skipped": "skip", "failure": "fail", "": "pass"}
    told: Told = Counter()
    for case in etree.fromstring(text.encode()).iter("testcase"):
        kind = next((part.get("type", "") for part in case), "")
        told[case.get("classname", ""), case.get("name", ""), words.get(kind, kind)] += 1
    return told


def test_routes_agree(reader: Reader) -> None:
    """Item 43: REST, the older routes and XML-RPC, whole, by suite and in pages, have the same cases and results."""
    sheet = reader.found.gateway.cases.read(reader.found.admin, [reader.found.recipe])
    expected = Counter((case.suite.name, case.name, case.result) for case in cases(sheet))
    assert len(expected) > 10 and {word for _, _, word in expected} == {"pass", "fail", "skip", "unknown"}
    rest = "/api/v0.2/jobs/ID"
    suites = {suite["id"]: suite["name"] for suite in reader.pages(f"{rest}/suites/")}
    assert tuple(suites.values()) == SUITES
    told = {
        "csv": of_csv(reader.get(f"{rest}/csv/")),
        "yaml": of_yaml(reader.get(f"{rest}/yaml/")),
        "junit": of_junit(reader.get(f"{rest}/junit/")),
        "tap": of_tap(reader.get(f"{rest}/tap13/")),
        "json lines": of_rows(json.loads(line) for line in reader.get(f"{rest}/jsonl/").splitlines()),
        "tests": of_rows({**row, "suite": suites[row["suite"]]} for row in reader.pages(f"{rest}/tests/")),
        "older csv": of_csv(reader.get("/results/ID/csv")),
        "older yaml": of_yaml(reader.get("/results/ID/yaml")),
        "rpc csv": of_csv(reader.rpc("results.get_testjob_results_csv")),
        "rpc yaml": of_yaml(reader.rpc("results.get_testjob_results_yaml")),
    }
    for number, name in suites.items():
        by_suite = {
            "suite tests": of_rows({**row, "suite": name} for row in reader.pages(f"{rest}/suites/{number}/tests/")),
            "suite csv": of_csv(reader.get(f"{rest}/suites/{number}/csv/")),
            "suite yaml": of_yaml(reader.get(f"{rest}/suites/{number}/yaml/")),
            "older suite csv": of_csv(reader.get(f"/results/ID/{name}/csv")),
            "older suite yaml": of_yaml(reader.get(f"/results/ID/{name}/yaml")),
            "rpc suite csv": of_csv(reader.rpc("results.get_testsuite_results_csv", name)),
            "rpc suite yaml": of_yaml(reader.rpc("results.get_testsuite_results_yaml", name)),
        }
        for route, counted in by_suite.items():
            told[route] = told.get(route, Counter()) + counted
    assert {route: counted - expected for route, counted in told.items() if counted != expected} == {}


def test_calls(reader: Reader) -> None:
    """Item 37: results of a job, a suite and a case; an unknown suite is Fault 404, an unknown case an empty list."""
    name = "results.get_testcase_results_yaml"
    assert [row["result"] for row in yaml.safe_load(reader.rpc(name, "0_smoke", "disk"))] == ["fail"]
    assert yaml.safe_load(reader.rpc(name, "0_smoke", "no such case")) == []
    for method, arguments in (("get_testsuite_results_yaml", ()), ("get_testcase_results_yaml", ("disk",))):
        with pytest.raises(xmlrpc.client.Fault) as refused:
            reader.rpc(f"results.{method}", "no such suite", *arguments)
        assert refused.value.faultCode == 404
    assert [one["name"] for one in yaml.safe_load(reader.rpc("results.get_testjob_suites_list_yaml"))] == [*SUITES]


def test_windows_of_a_suite(reader: Reader) -> None:
    """Item 38: limit and offset cover a suite's results without overlap, as XML-RPC and as REST have them."""
    suite = SUITES[2]
    method = "results.get_testsuite_results_yaml"
    everything = [row["id"] for row in yaml.safe_load(reader.rpc(method, suite))]
    windows = [yaml.safe_load(reader.rpc(method, suite, 3, offset)) for offset in range(0, len(everything) + 3, 3)]
    assert [row["id"] for window in windows for row in window] == everything
    assert reader.rpc("results.get_testsuite_results_count", suite) == len(everything)
    number = reader.found.tasks[1]
    rest = reader.get(f"/api/v0.2/jobs/ID/suites/{number}/yaml/?limit=2&offset=1")
    assert [row["id"] for row in yaml.safe_load(rest)] == everything[1:3]
