"""Archives of commands over HTTP: who gets them, and when; and where the word that leads to them is not told."""

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from attrs import evolve
from lxml import etree
from webtest import TestApp

from wsgi_app.app import Application
from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.model import Caller, System
from wsgi_app.states import SystemHealth
from wsgi_app.submitted import NewJob, NewRecipe, NewRecipeSet, NewTask

WORK = [{"name": "one", "command": ["true"]}, {"name": "two", "script": "false"}, {"name": "three"}]


def fetched(harness: Any) -> list[str | None]:
    """The URL that each task is to be fetched from, as the recipe's document has it."""
    found = etree.fromstring(harness.call("GET", "", status=200).body).iterfind("recipeSet/recipe/task")
    return [next((child.get("url") for child in task.iterfind("fetch")), None) for task in found]


@pytest.fixture
def urls(make_harness: Callable[..., Any]) -> Iterator[tuple[Any, list[str | None]]]:
    """A harness, and what its tasks are to be fetched from."""
    harness = make_harness(tasks=WORK)
    yield harness, fetched(harness)


def path(url: str | None) -> str:
    """The path of a URL."""
    assert url is not None
    return urlsplit(url).path


def test_a_command_is_fetched_without_credentials(web: TestApp, urls: tuple[Any, list[str | None]]) -> None:
    """By anyone who knows its URL, with GET and HEAD; a task without a command has none."""
    harness, (one, two, three) = urls
    assert three is None
    for url, names in ((one, ["metadata", "runtest.sh", "work"]), (two, ["metadata", "runtest.sh", "script", "work"])):
        assert urlsplit(str(url)).netloc == "localhost"
        answer = web.get(path(url), status=200)
        assert answer.headers["Content-Type"] == "application/gzip"
        assert answer.headers["Cache-Control"] == "private, no-store"
        with tarfile.open(fileobj=io.BytesIO(answer.body)) as archive:
            assert archive.getnames() == names
        assert web.get(path(url)).body == answer.body
        head = web.head(path(url), status=200)
        assert (head.body, head.headers["Content-Length"]) == (b"", str(len(answer.body)))
    assert path(one).startswith(f"/recipes/{harness.recipe}/tasks/{harness.tasks[0]}/archive/")


def test_a_wrong_url_is_not_found(
    web: TestApp, make_harness: Callable[..., Any], urls: tuple[Any, list[str | None]]
) -> None:
    """Another word, another recipe's, another task, no such recipe: 404 all, and the same words."""
    harness, (one, two, _) = urls
    other = make_harness(tasks=WORK, number=2)
    secret = path(one).split("/")[-2]
    assert secret == path(two).split("/")[-2] != path(fetched(other)[0]).split("/")[-2]
    recipe, (first, _, third) = harness.recipe, harness.tasks
    wrong = [
        (recipe, first, secret[:-1]),
        (recipe, first, secret + "x"),
        (recipe, first, "%C3%A4"),
        (recipe, first, path(fetched(other)[0]).split("/")[-2]),
        (recipe, other.tasks[0], secret),
        (recipe, third, secret),
        (other.recipe, other.tasks[0], secret),
        (1999999, first, secret),
    ]
    said = {
        web.get(f"/recipes/{number}/tasks/{task}/archive/{word}/task.tar.gz", status=404).body
        for number, task, word in wrong
    }
    assert said == {b"There is no such archive.\n"}
    web.get(path(one).replace("task.tar.gz", "other.tar.gz"), status=404)
    web.post(path(one), status=405)


def program(body: bytes) -> tuple[list[str], str]:
    """The names in an archive, and the program in it."""
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        member = archive.extractfile("runtest.sh")
        assert member is not None
        return archive.getnames(), member.read().decode()


def test_what_is_over_is_not_run(web: TestApp, urls: tuple[Any, list[str | None]]) -> None:
    """The archives of a finished task, and all of a finished recipe, have nothing of the command, only a word of it."""
    harness, (one, two, three) = urls
    files = ["metadata", "runtest.sh", "work"]
    harness.say(harness.tasks[0], "Running")
    assert "nothing to run" not in program(web.get(path(one), status=200).body)[1]
    harness.say(harness.tasks[0], "Completed")
    said = "#!/bin/sh\necho 'The {} has ended: there is nothing to run.'\n"
    assert program(web.get(path(one), status=200).body) == (files, said.format("task"))
    assert program(web.get(path(two), status=200).body)[0] == ["metadata", "runtest.sh", "script", "work"]
    harness.form("status", "status=Aborted", 204)
    for url in (one, two):
        assert program(web.get(path(url), status=200).body) == (files, said.format("recipe"))
        web.get(path(url).replace("/task.tar.gz", "x/task.tar.gz"), status=404)
    third = path(two).replace(f"/{harness.tasks[1]}/", f"/{harness.tasks[2]}/")
    assert (three, web.get(third, status=404).body) == (None, b"There is no such archive.\n")


def test_a_recipe_without_a_system_has_no_archives(
    web: TestApp, admin: dict[str, str], urls: tuple[Any, list[str | None]]
) -> None:
    """No word leads to what nobody is to run yet, not even none."""
    harness, _ = urls
    recipe = {"system": "host1.example", "tasks": WORK}
    job = web.post_json("/jobs/", {"recipe_sets": [{"recipes": [recipe]}]}, headers=admin).json
    waiting = job["recipe_sets"][0]["recipes"][0]
    assert waiting["status"] == "Queued", harness
    for word in ("None", "-", "null"):
        web.get(f"/recipes/{waiting['id']}/tasks/{waiting['tasks'][0]['id']}/archive/{word}/task.tar.gz", status=404)
    assert b"<fetch" not in web.get(f"/recipes/{waiting['id']}/", status=200).body


def test_what_is_decided_later_is_to_be_asked_for_later(web: TestApp, application: Application, config: Config) -> None:
    """503: a harness tries again, and by then the task may have something to run."""
    gateway: Gateway = application.gateway
    admin = Caller(f"Bearer {config.admin_token.read_text().strip()}", "127.0.0.1")
    gateway.systems.add(admin, System("later", None, (), None, SystemHealth.GOOD, None, None, None, None))
    work = NewRecipe((NewTask("now", command=("true",)), NewTask("then", later=True)), system="later")
    job = gateway.jobs.submit(admin, lambda: NewJob((NewRecipeSet((work,)),)))
    recipe = job.recipe_sets[0].recipes[0]
    key = gateway.recipes.issue_key(admin, recipe.id).secret
    document = web.get(f"/recipes/{recipe.id}/", headers={"Authorization": f"Bearer {key}"}, status=200).body
    now, then = (str(one.get("url")) for one in etree.fromstring(document).iterfind("recipeSet/recipe/task/fetch"))
    web.get(path(now), status=200)
    answer = web.get(path(then), status=503)
    assert (answer.body, answer.headers["Retry-After"]) == (
        b"What the task runs is not decided yet: try again when its turn has come.\n",
        "2",
    )
    gateway.recipes.abort(admin, recipe.id, None)
    # it never came to be
    assert "has ended" in program(web.get(path(then), status=200).body)[1]


def test_who_may_not_read_a_recipe_is_not_told(
    web: TestApp, admin: dict[str, str], make_harness: Callable[..., Any]
) -> None:
    """A private recipe's document is for its readers; nobody finds the word in JSON or in events."""
    harness = make_harness(tasks=WORK, visibility="private")
    secret = path(fetched(harness)[0]).split("/")[-2]
    web.get(f"/recipes/{harness.recipe}/", status=401)
    web.get(f"/recipes/{harness.recipe}/", headers={"Authorization": "Bearer x"}, status=403)
    seen = [
        web.get(url, headers={**admin, "Accept": "application/json"}, status=200).text
        for url in (f"/jobs/{harness.job}", f"/recipes/{harness.recipe}/", "/events?limit=1000", "/systems/", "/queue")
    ]
    claimed = web.post("/systems/host1.example/claim", headers=admin, status=200).text
    assert [secret in text for text in (*seen, claimed)] == [False] * 6
    assert str(harness.recipe) in "".join(seen)
    assert json.loads(claimed)["id"] == harness.recipe


@pytest.mark.parametrize("name", ["", "A=B", "="])
def test_a_parameter_is_an_environment_variable(web: TestApp, admin: dict[str, str], name: str) -> None:
    """A name that none can have is refused with the job, whatever the task is."""
    tasks = [{"name": "fine", "params": {"we.ird name": "x"}}, {"name": "odd", "params": {"A": "", name: "x"}}]
    answer = web.post_json("/jobs/", {"recipe_sets": [{"recipes": [{"tasks": tasks}]}]}, headers=admin, status=400)
    assert answer.json["error"]["field"] == "recipe_sets[0].recipes[0].tasks[1].params"
    web.post_json("/jobs/", {"recipe_sets": [{"recipes": [{"tasks": tasks[:1]}]}]}, headers=admin, status=201)


class TestBase:
    """A site with a name, a prefix, and a password that is not for everyone."""

    @pytest.fixture
    def config(self, config: Config) -> Config:
        """Its settings."""
        return evolve(config, prefix="/t/", base_url="https://jane:pw@lab.example:8443/t")

    def test_the_url_is_absolute(self, web: TestApp, admin: dict[str, str]) -> None:
        """Below `base_url`; restraint's curl takes nothing relative."""
        web.post_json("/t/systems/", {"name": "s"}, headers=admin)
        job = web.post_json("/t/jobs/", {"recipe_sets": [{"recipes": [{"system": "s", "tasks": WORK}]}]}, headers=admin)
        recipe = job.json["recipe_sets"][0]["recipes"][0]["id"]
        assert web.post(f"/t/recipes/{recipe}/key", headers=admin).json["url"].endswith("@lab.example:8443/t/")
        found = etree.fromstring(web.get(f"/t/recipes/{recipe}/").body).find("recipeSet/recipe/task/fetch")
        url = urlsplit(str(found.get("url"))) if found is not None else urlsplit("")
        assert (url.scheme, url.netloc) == ("https", "lab.example:8443")
        web.get(url.path, status=200)
