"""Results as JUnit XML, for CI: a suite for each recipe, a case for each result.

A task of which nothing was said is a case, too; a recipe that was aborted or cancelled is an error. Warn is no failure:
it is in the case's system-out. Source of the dialect: https://github.com/testmoapp/junitxml
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from lxml import etree

from wsgi_app.cli.jobpages import recipes_of
from wsgi_app.cli.reports.outcome import BAD, NEUTRAL, NOT_COMPLETED, Outcome, label, where
from wsgi_app.documents.reports.shown import printable
from wsgi_app.states import ResultValue


def write(outcome: Outcome) -> Iterator[str]:
    """Yield the report, suite by suite."""
    name = f"job {outcome.job['id']} {outcome.job['name'] or ''}".strip()
    root = etree.Element("testsuites", name=printable(name))
    # the root's end comes last: what is in between is written as it comes
    opening = etree.tostring(root, encoding="unicode").removesuffix("/>")
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n{opening}>\n'
    recipes = {recipe["id"]: recipe for recipe in recipes_of(outcome.job)}
    for said in outcome.recipes:
        etree.indent(suite := _suite(outcome, said, recipes[said["recipe"]]))
        yield etree.tostring(suite, encoding="unicode") + "\n"
    yield "</testsuites>\n"


def _suite(outcome: Outcome, said: dict[str, Any], recipe: dict[str, Any]) -> etree._Element:
    number = said["recipe"]
    suite = etree.Element("testsuite", name=printable(label(said)))
    properties = etree.SubElement(suite, "properties")
    facts = {"job": outcome.job["id"], "recipe": number, "status": said["status"], "result": said["result"]}
    doubts = {"settled": said["settled"], "late": said["late"], "damaged": " ".join(said["damaged"])}
    for name, value in (facts | doubts).items():
        etree.SubElement(properties, "property", name=name, value=printable(str(value)))
    names = {task["task"]: task["name"] for task in said["tasks"]}
    counted: Counter[str] = Counter()
    for result in (*outcome.results_of(number), *outcome.silent_tasks(said)):
        counted[_case(suite, number, names.get(result["task"]), result)] += 1
    if said["status"] in NOT_COMPLETED:
        case = etree.SubElement(suite, "testcase", name="(the recipe)", classname=suite.attrib["name"])
        why = printable(said["reason"] or said["status"])
        etree.SubElement(case, "error", message=why, type=said["status"])
        counted["errors"] += 1
    suite.set("tests", str(sum(counted.values())))
    for name in ("failures", "errors", "skipped"):
        suite.set(name, str(counted[name]))
    _times(suite, recipe)
    if said["system"]:
        suite.set("hostname", printable(said["system"]))
    return suite


def _case(suite: etree._Element, recipe: int, task: str | None, result: dict[str, Any]) -> str:
    """Add a case and return which of the suite's counts it belongs to."""
    value, path = result["result"], result["path"].removeprefix("/")
    class_name = printable(task or suite.attrib["name"])
    case = etree.SubElement(suite, "testcase", name=printable(path) or class_name, classname=class_name)
    message = printable(result["message"])
    place = printable(where(recipe, result))
    if value in BAD:
        failure = etree.SubElement(case, "failure", message=message or value, type=value)
        failure.text = "\n".join(text for text in (message, place) if text) or value
        return "failures"
    if value in NEUTRAL:
        etree.SubElement(case, "skipped", message=message or value)
        return "skipped"
    if value == ResultValue.WARN:
        etree.SubElement(case, "system-out").text = "\n".join(text for text in (f"Warn: {message}", place) if text)
    return "passed"


def _times(suite: etree._Element, recipe: dict[str, Any]) -> None:
    """Say when the recipe's first task began (UTC), and the seconds that its tasks took."""
    spans = [(_time(task["started"]), task["finished"]) for task in recipe["tasks"] if task["started"]]
    if spans:
        suite.set("timestamp", min(start for start, _ in spans).strftime("%Y-%m-%dT%H:%M:%S"))
        took = [(_time(finished) - start).total_seconds() for start, finished in spans if finished]
        suite.set("time", f"{sum(took):.3f}")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
