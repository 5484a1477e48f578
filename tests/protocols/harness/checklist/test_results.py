"""The checklist, results: items 11 to 21 of harness-beaker.md section 4."""

from typing import Any
from urllib.parse import urlencode, urljoin

import pytest
from attrs import evolve

from tests.protocols.harness.checklist.doors import Recipe
from wsgi_app.config import Config


def report(recipe: Recipe, form: str) -> Any:
    """Report a result of the first task: 201, a Location below the URL posted to, the result's id at its end."""
    url = f"/recipes/{recipe.id}/tasks/{recipe.tasks[0]}/results/"
    answer = recipe.form(f"tasks/{recipe.tasks[0]}/results/", form, 201)
    place = urljoin(url, answer.headers["Location"])
    (result,) = recipe.results()
    assert place == f"{url}{result['id']}"
    return result


def test_11_pass(recipe: Recipe) -> None:
    """Pass: path, score and message are stored."""
    result = report(recipe, "result=Pass&path=/random/junk&score=123&message=The+thing+worked")
    stored = {"result": "Pass", "path": "/random/junk", "score": 123, "message": "The thing worked"}
    assert stored.items() <= result.items()


def test_12_fail(recipe: Recipe) -> None:
    """Fail likewise."""
    result = report(recipe, "result=Fail&path=/random/junk&score=456&message=The+thing+broke")
    stored = {"result": "Fail", "path": "/random/junk", "score": 456, "message": "The thing broke"}
    assert stored.items() <= result.items()


def test_13_warn(recipe: Recipe) -> None:
    """Warn likewise, with a score below zero."""
    result = report(recipe, "result=Warn&path=/random/junk&score=-1&message=hmm")
    assert {"result": "Warn", "path": "/random/junk", "score": -1, "message": "hmm"}.items() <= result.items()


def test_14_none(recipe: Recipe) -> None:
    """None without a score stores no score."""
    result = report(recipe, "result=None&path=/random/junk&message=Everything+is+fine")
    assert {"result": "None", "score": None, "message": "Everything is fine"}.items() <= result.items()


def test_15_skip(recipe: Recipe) -> None:
    """Skip without a score stores no score."""
    result = report(recipe, "result=Skip&path=/random/junk&message=not+today")
    assert {"result": "Skip", "score": None, "message": "not today"}.items() <= result.items()


@pytest.mark.parametrize("slash", ["/", ""])
def test_16_missing_result(recipe: Recipe, slash: str) -> None:
    """Without `result` it is 400 and no redirect, with the slash at the end and without."""
    recipe.form(f"tasks/{recipe.tasks[0]}/results{slash}", "asdf=lol", 400)
    assert recipe.results() == []


@pytest.mark.parametrize("value", ["Eggplant", "", "Panic", "New", "Passed"])
def test_17_unknown_result(recipe: Recipe, value: str) -> None:
    """An unknown value is 400."""
    recipe.form(f"tasks/{recipe.tasks[0]}/results/", f"result={value}", 400)
    assert recipe.results() == []


def test_18_finished_task(recipe: Recipe) -> None:
    """A finished task takes no result."""
    first, second = recipe.tasks
    recipe.say(first, "Running")
    recipe.say(first, "Completed")
    recipe.form(f"tasks/{first}/results/", "result=Pass", 409)
    assert recipe.results() == []
    recipe.result(second)


@pytest.mark.parametrize(
    ("text", "score"),
    [
        (None, None),
        ("", 0),
        ("123foo", 123),
        ("/foo", 0),
        ("8.88", 9),
        ("8.8.8", 9),
        ("-1", -1),
        ("768", 768),
        ("9999999999", 9999999999),
        ("10000000000", 9999999999),
    ],
)
def test_21_scores(recipe: Recipe, text: str | None, score: int | None) -> None:
    """The coercion table of section 1.3."""
    form = {"result": "Pass"} if text is None else {"result": "Pass", "score": text}
    recipe.result(recipe.tasks[0], urlencode(form))
    assert [result["score"] for result in recipe.results()] == [score]


class TestLimit:
    """A recipe has at most so many results."""

    @pytest.fixture
    def config(self, config: Config) -> Config:
        """Five instead of 7,500, which take a while."""
        return evolve(config, max_results=5)

    def test_19_too_many(self, recipe: Recipe) -> None:
        """The one above the limit is 403 and says so; so is that of another task of the recipe."""
        for _ in range(5):
            recipe.result(recipe.tasks[0])
        for task in recipe.tasks:
            answer = recipe.form(f"tasks/{task}/results/", "result=Pass", 403)
            assert b"Too many results in recipe" in answer.body

    def test_20_one_warn(self, recipe: Recipe) -> None:
        """One Warn tells of it, however often it happens."""
        for _ in range(5):
            recipe.result(recipe.tasks[0])
        for task in recipe.tasks * 3:
            recipe.form(f"tasks/{task}/results/", "result=Fail", 403)
        told = [(result["result"], result["path"], result["message"]) for result in recipe.results()[5:]]
        assert told == [("Warn", "/", "Too many results in recipe")]


def test_19_default() -> None:
    """Unless set otherwise the limit is Beaker's."""
    assert Config().max_results == 7500
