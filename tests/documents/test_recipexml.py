"""The recipe document by the checklist of harness-beaker.md section 4, without HTTP around it."""

from attrs import evolve
from lxml import etree

from wsgi_app.documents import recipexml
from wsgi_app.model import Job, Log, LogAddress, Recipe, Requires, Result, Task
from wsgi_app.states import LogState, RecipeStatus, ResultValue, TaskStatus, Visibility

JOB = Job(
    id=1,
    name="w <&> \x00",
    owner="jane",
    visibility=Visibility.PUBLIC,
    priority=50,
    status=RecipeStatus.RUNNING,
    cancelling=False,
    settled=False,
    result=ResultValue.NEW,
    verdict=None,
    reason=None,
    submitted=0.0,
    started=None,
    finished=None,
    retry_of=None,
    warnings=(),
)


def task(number: int, *, role: str | None = None) -> Task:
    """A task of recipe 3."""
    return Task(
        id=number,
        recipe=3,
        name=f"t{number}",
        role=role,
        params={},
        command=None,
        script=None,
        fetch=None,
        status=TaskStatus.WAITING,
        result=ResultValue.NEW,
        version=None,
        started=None,
        finished=None,
        closes=None,
    )


def recipe(number: int, *tasks: Task, role: str | None = None, status: RecipeStatus = RecipeStatus.RUNNING) -> Recipe:
    """A recipe of set 2 on a host with its number."""
    return Recipe(
        id=number,
        job=1,
        recipe_set=2,
        system=f"host{number}",
        assigned=5.0,
        requires=Requires(),
        role=role,
        status=status,
        cancelling=False,
        settled=False,
        late=False,
        damaged=0,
        result=ResultValue.NEW,
        reason=None,
        watchdog=None,
        max_seconds=None,
        stop_on_fail=False,
        started=None,
        finished=None,
        closes=None,
        install_started=None,
        install_finished=None,
        postinstall_finished=None,
        tasks=tasks,
    )


def document(
    shown: Recipe, *peers: Recipe, results: tuple[Result, ...] = (), logs: tuple[Log, ...] = ()
) -> etree._Element:
    """The recipe element of its document."""
    document = recipexml.recipe_document(JOB, shown, peers or (shown,), results, logs, base="http://lab.example/t/")
    root = etree.fromstring(document)
    assert (root.tag, root.get("owner"), root.findtext("whiteboard")) == ("job", "jane", "w <&> \ufffd")
    (found,) = root.iterfind("recipeSet/recipe")
    return found


def roles(element: etree._Element) -> list[tuple[str | None, list[str | None]]]:
    """What its `roles` says."""
    return [(role.get("value"), [host.get("value") for host in role]) for role in element.iterfind("roles/role")]


def attributes(element: etree._Element) -> dict[str, str]:
    """An element's attributes."""
    return {str(name): str(value) for name, value in element.items()}


def test_03_identity() -> None:
    """The document's recipe is the one that was asked for, in its job and set."""
    found = document(recipe(3, task(4)), recipe(9), recipe(3, task(4)))
    names = ("id", "job_id", "recipe_set_id", "system", "role", "status")
    assert [found.get(name) for name in names] == ["3", "1", "2", "host3", "RECIPE_MEMBERS", "Running"]


def test_06_roles() -> None:
    """Roles are sorted by name; those of tasks are of the tasks at the same place; the recipe itself is among them."""
    first = recipe(3, task(4, role="B"), task(5), role="SERVERS")
    second = recipe(6, task(7, role="A"), role="CLIENTS")
    third = recipe(8, task(9, role="B"), task(10, role="B"))
    found = document(first, first, second, third)
    assert roles(found) == [("CLIENTS", ["host6"]), ("RECIPE_MEMBERS", ["host8"]), ("SERVERS", ["host3"])]
    assert [roles(element) for element in found.iterfind("task")] == [
        [("A", ["host6"]), ("B", ["host3", "host8"])],
        [("B", ["host8"]), ("STANDALONE", ["host3"])],
    ]


def test_06_no_roles_yet() -> None:
    """There are no roles while the recipe waits for its set."""
    for status in (RecipeStatus.QUEUED, RecipeStatus.SCHEDULED):
        assert document(recipe(3, task(4), status=status)).find(".//roles") is None


def test_07_installation() -> None:
    """The element has those of the three times that are recorded, and is there when one is."""
    shown = recipe(3, task(4))
    assert document(shown).find("installation") is None
    shown = evolve(shown, install_started=1_700_000_000.9)
    (element,) = document(shown).iterfind("installation")
    assert attributes(element) == {"install_started": "2023-11-14 22:13:20"}
    shown = evolve(shown, install_finished=1_700_000_060.0, postinstall_finished=1_700_003_600.0)
    (element,) = document(shown).iterfind("installation")
    assert attributes(element) == {
        "install_started": "2023-11-14 22:13:20",
        "install_finished": "2023-11-14 22:14:20",
        "postinstall_finished": "2023-11-14 23:13:20",
    }


def test_08_09_10_order_and_reports() -> None:
    """Elements come in Beaker's order; results and logs stand where they belong; there are no empty params."""
    done = evolve(task(4), version="1-2", fetch="https://e/t#d", params={"A": "\x01"})
    result = Result(7, 3, 4, None, ResultValue.WARN, -1, "m", "harness", None, None, 60.0)
    addresses = (LogAddress(3, None, None, "a b"), LogAddress(3, 4, None, "d/e"), LogAddress(3, 4, 7, "f"))
    logs = tuple(
        Log(3, place.path, place.task, place.result, 1, LogState.GROWING, None, None, None) for place in addresses
    )
    found = document(evolve(recipe(3, done, task(5)), install_started=0.0), results=(result,), logs=logs)
    assert [child.tag for child in found] == ["installation", "roles", "logs", "task", "task"]
    first, second = found.iterfind("task")
    assert [child.tag for child in first] == ["fetch", "params", "roles", "logs", "results"]
    assert [child.tag for child in second] == ["roles"]
    assert first.get("version") == "1-2"
    assert [attributes(param) for param in first.iterfind("params/param")] == [{"name": "A", "value": "\ufffd"}]
    (told,) = first.iterfind("results/result")
    assert attributes(told) == {
        "id": "7",
        "path": "/",
        "result": "Warn",
        "score": "-1",
        "start_time": "1970-01-01 00:01:00",
    }
    assert told.text == "m"
    where = ("logs/log", "task/logs/log", "task/results/result/logs/log")
    assert [[attributes(log) for log in found.iterfind(path)] for path in where] == [
        [{"name": "a b", "href": "logs/a%20b"}],
        [{"name": "d/e", "href": "tasks/4/logs/d/e"}],
        [{"name": "f", "href": "tasks/4/results/7/logs/f"}],
    ]


def test_a_command_is_an_archive_to_be_fetched() -> None:
    """A command, a script, and what is decided later have a URL with the recipe's secret, before their parameters."""
    work = (
        evolve(task(4), command=("true",), params={"A": "b"}),
        evolve(task(5), script="true"),
        evolve(task(6), later=True),
        evolve(task(7), fetch="https://git.example/a.tar.gz#b"),
        task(8),
    )
    shown = evolve(recipe(3, *work), archive_secret="s3cret")
    found = document(shown).findall("task")
    assert [[child.tag for child in one][:2] for one in found] == [
        ["fetch", "params"],
        *[["fetch", "roles"]] * 3,
        ["roles"],
    ]
    archive = "http://lab.example/t/recipes/3/tasks/{}/archive/s3cret/task.tar.gz"
    urls = [next((child.get("url") for child in one.iterfind("fetch")), None) for one in found]
    assert urls == [archive.format(4), archive.format(5), archive.format(6), "https://git.example/a.tar.gz#b", None]


def test_a_recipe_without_a_secret_names_no_archives() -> None:
    """A recipe that got its system before there were archives has commands for our own harness only."""
    (found,) = document(recipe(3, evolve(task(4), command=("true",)))).findall("task")
    assert found.find("fetch") is None
