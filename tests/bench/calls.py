"""A harness's calls a second / those of a bare Werkzeug "hello" on the same gunicorn; with much stored / empty.

Sixteen kept connections of wrk call eight recipes in turn. gunicorn is the one of `serve` without httpd, with its
workers, threads and access log; only the application behind it is another.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from attrs import frozen
from figure import Figure
from filled import RESULTS, fill
from lab import Lab, running_lab
from load import wrk
from pairs import turns
from scale import Scale
from servers import Server, running

from wsgi_app.config import Config
from wsgi_app.services import web

CONNECTIONS = 16
RECIPES = 8
#: results of the recipe that has many
MANY = 1200
STORED = 100_000
#: least and goal of the rate / hello's
GET, POST = (0.35, 0.6), (0.15, 0.3)
#: least and goal of the rate with much stored / empty
FULL = (0.8, 0.95)

Measure = Callable[[], float]


def measure(scale: Scale) -> Iterator[Figure]:
    """Measure beside hello, and beside a lab with much in it."""
    seconds, times = scale.of((2.0, 5), (0.2, 1))
    with ExitStack() as stack:
        full, empty = (stack.enter_context(running_lab("none", TACKROOM_MAX_RESULTS="0")) for _ in range(2))
        stored = scale.of(STORED, 100)
        fill(full.data / "tackroom.db", stored)
        ours, others = (_calls(Recipes.made(lab), seconds) for lab in (full, empty))
        # each beside its like
        rates = turns([call for what in ours for call in (ours[what], others[what])], times)
        for place, what in enumerate(ours):
            name = f"{what}, {stored:,} recipes and {stored * RESULTS:,} results stored / empty"
            yield Figure(name, rates[2 * place], rates[2 * place + 1], *FULL, unit="/s")
        full.end()
        hello = stack.enter_context(_hello())
        large = Recipes.made(empty, 1)
        large.report(scale.of(MANY, 20))
        others[f"GET recipe with {scale.of(MANY, 20):,} results"] = partial(large.get, seconds)
        rates = turns([partial(_greet, hello, seconds), *others.values()], times)
        for what, rate in zip(others, rates[1:], strict=True):
            bar, goal = GET if what.startswith("GET") else POST
            yield Figure(f"{what} / hello", rate, rates[0], bar, goal, unit="/s")


@frozen
class Recipe:
    """One that runs."""

    path: str
    task: str
    authorization: str


@frozen
class Recipes:
    """Recipes of a lab, all on systems of their own."""

    lab: Lab
    members: Sequence[Recipe]

    @classmethod
    def made(cls, lab: Lab, number: int = RECIPES, name: str = "board") -> "Recipes":
        """Let so many run, each on a system of its own, with ten tasks, the first of which has begun."""
        return cls(lab, [_running(lab, f"{name}-{number}-{place}") for place in range(number)])

    def get(self, seconds: float) -> float:
        """GET their documents."""
        return self._rate(seconds, "GET", {one.path: one for one in self.members})

    def report(self, number: int) -> None:
        """Report so many results of each."""
        for one in self.members:
            for _ in range(number):
                answer = self.lab.call(
                    "POST", f"{one.task}results/", RESULT, {**FORM, "Authorization": one.authorization}
                )
                assert answer.status == 201, answer

    def result(self, seconds: float) -> float:
        """POST results."""
        return self._rate(seconds, "POST", {f"{one.task}results/": one for one in self.members}, RESULT)

    def watchdog(self, seconds: float) -> float:
        """POST watchdogs."""
        return self._rate(seconds, "POST", {f"{one.path}watchdog": one for one in self.members}, b"seconds=600")

    def _rate(self, seconds: float, method: str, targets: Mapping[str, Recipe], body: bytes = b"") -> float:
        words = [word for path, recipe in targets.items() for word in (path, recipe.authorization)]
        load = wrk(self.lab.url, "calls", CONNECTIONS, seconds, method, body.decode(), *words)
        assert not load.refused, load
        return load.rate


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
RESULT = b"result=Pass&path=suite/case&score=1&message=hello"


def _running(lab: Lab, system: str) -> Recipe:
    recipe = lab.job(*({"name": f"t{place}"} for place in range(10)), system=system)["recipe_sets"][0]["recipes"][0]
    path = f"/recipes/{recipe['id']}/"
    one = Recipe(path, f"{path}tasks/{recipe['tasks'][0]['id']}/", f"Bearer {lab.claim(system)['key']}")
    answer = lab.call("POST", f"{one.task}status", b"status=Running", {**FORM, "Authorization": one.authorization})
    assert answer.status == 204, answer
    return one


def _calls(recipes: Recipes, seconds: float) -> dict[str, Measure]:
    # documents grow with each result: those that are read are of recipes that report none
    read = Recipes.made(recipes.lab, RECIPES, "read")
    return {
        "GET recipe": partial(read.get, seconds),
        "POST result": partial(recipes.result, seconds),
        "POST watchdog": partial(recipes.watchdog, seconds),
    }


@contextmanager
def _hello() -> Iterator[Server]:
    with running("hello", _command) as server:
        yield server


def _command(port: int, place: Path) -> list[str]:
    config = Config(data=place, front="none")
    config.run.mkdir(parents=True)
    *same, _application = web.command(config, f"127.0.0.1:{port}")
    # what it has from us are hooks that look after the application's own state
    hooks = same.index("--config")
    del same[hooks : hooks + 2]
    return [*same, "--pythonpath", str(Path(__file__).parent), "hello:application()"]


def _greet(server: Server, seconds: float) -> float:
    return wrk(server.url, "calls", CONNECTIONS, seconds, "GET", "", "/", "nobody").rate
