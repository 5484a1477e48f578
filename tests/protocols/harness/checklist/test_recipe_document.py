"""The checklist, recipe document: items 1 to 10 of harness-beaker.md section 4; 4, guests, is not ours."""

import re
from collections.abc import Callable
from urllib.parse import urljoin

from lxml import etree

from tests.protocols.harness.checklist.doors import Door, Recipe, add_system, post, recipes_of

XML = "application/xml"


def document(recipe: Recipe) -> etree._Element:
    """Return the recipe element of the document."""
    found = etree.fromstring(recipe.call("GET", "", status=200).body).find("recipeSet/recipe")
    assert found is not None
    return found


def roles(parent: etree._Element) -> list[tuple[str | None, list[str | None]]]:
    """Return each role with its systems, in the order of the document."""
    return [
        (role.get("value"), [host.get("value") for host in role.iterfind("system")])
        for role in parent.iterfind("roles/role")
    ]


def test_01_xml(recipe: Recipe) -> None:
    """Who asks for XML gets it, with exactly that type."""
    answer = recipe.call("GET", "", status=200, headers={"Accept": XML})
    assert answer.headers["Content-Type"] == XML


def test_02_without_accept(recipe: Recipe) -> None:
    """Who does not say what it accepts gets the same."""
    answer = recipe.call("GET", "", status=200)
    assert answer.headers["Content-Type"] == XML
    assert answer.body == recipe.call("GET", "", headers={"Accept": XML}).body


def test_03_root_and_id(recipe: Recipe) -> None:
    """The root is a job, and the recipe is the one that was asked for."""
    root = etree.fromstring(recipe.call("GET", "", status=200).body)
    assert root.tag == "job"
    assert [element.get("id") for element in root.iterfind("recipeSet/recipe")] == [str(recipe.id)]


def test_05_custom_distro(door: Door) -> None:
    """A distribution without name and variant changes nothing: the attributes that restraint copies are there."""
    job = (
        f'<job><recipeSet><recipe><hostRequires force="{add_system(door)}"/>'
        '<distroRequires><distro_arch op="=" value="x86_64"/></distroRequires><task name="t"/>'
        "</recipe></recipeSet></job>"
    )
    answer = post(door, "/jobs/", job.encode(), XML)
    assert answer.status == 201, answer
    (recipe,) = recipes_of(door, answer.json, keys=True)
    element = document(recipe)
    assert {"arch", "distro", "family", "variant"} <= set(element.attrib)


def test_06_roles(recipes: Callable[..., list[Recipe]]) -> None:
    """Roles are sorted, and each has the systems of all peers in it: by recipe, and by task of the same position."""
    one, two, three = recipes(
        [
            {"role": "SERVERS", "tasks": [{"name": "a", "role": "SERVERS"}, {"name": "b"}]},
            {"role": "CLIENTS", "tasks": [{"name": "a", "role": "CLIENTS"}, {"name": "b", "role": "LAST"}]},
            {"role": "CLIENTS", "tasks": [{"name": "a", "role": "CLIENTS"}]},
        ]
    )
    whole = [("CLIENTS", [two.system, three.system]), ("SERVERS", [one.system])]
    for member in (one, two, three):
        element = document(member)
        assert roles(element) == whole
        tasks = [roles(task) for task in element.iterfind("task")]
        assert tasks == [whole, [("LAST", [two.system]), ("STANDALONE", [one.system])]][: len(member.tasks)]


def test_06_default_roles(recipe: Recipe) -> None:
    """Without roles the recipe is in RECIPE_MEMBERS and its tasks in STANDALONE."""
    element = document(recipe)
    assert roles(element) == [("RECIPE_MEMBERS", [recipe.system])]
    assert [roles(task) for task in element.iterfind("task")] == [[("STANDALONE", [recipe.system])]] * 2


def test_07_installation(recipe: Recipe) -> None:
    """The three times of an installation appear once they are recorded, and not before."""
    assert document(recipe).find("installation") is None
    seen: set[str] = set()
    for call, name in (
        (f"/install_start/{recipe.id}", "install_started"),
        (f"/install_done/{recipe.id}/", "install_finished"),
        (f"/postinstall_done/{recipe.id}", "postinstall_finished"),
    ):
        recipe.raw("GET", call, status=200)
        seen.add(name)
        element = document(recipe).find("installation")
        assert element is not None
        assert set(element.attrib) == seen
        for moment in element.attrib.values():
            assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", str(moment))


def test_08_version_and_results(recipe: Recipe) -> None:
    """A version is an attribute of its task; a result has path, score, result, and its message as text."""
    first, second = recipe.tasks
    recipe.form(f"tasks/{first}/status", "status=Running&version=1.2-3", 204)
    number = recipe.result(first, "result=Fail&path=/a/b&score=17&message=two+%3C+one")
    element = document(recipe)
    one, two = element.iterfind("task")
    assert (one.get("id"), one.get("version")) == (str(first), "1.2-3")
    assert (two.get("id"), two.get("version")) == (str(second), None)
    (result,) = element.iterfind("task/results/result")
    assert [result.get(name) for name in ("id", "path", "score", "result")] == [str(number), "/a/b", "17", "Fail"]
    assert result.text == "two < one"


def test_09_logs(recipe: Recipe) -> None:
    """Every log has its name relative to its level, and a reference that leads to it from the document's URL."""
    task = recipe.tasks[0]
    result = recipe.result(task)
    written = {
        "logs/some dir/console.log": "some dir/console.log",
        f"tasks/{task}/logs/t.log": "t.log",
        f"tasks/{task}/results/{result}/logs/r.log": "r.log",
    }
    for path in written:
        recipe.call("PUT", path.replace(" ", "%20"), path.encode(), 201)
    element = document(recipe)
    base = f"/recipes/{recipe.id}/"
    found = {log.get("name"): urljoin(base, str(log.get("href"))) for log in element.iter("log")}
    assert {name: recipe.raw("GET", href, status=200).body.decode() for name, href in found.items()} == {
        name: path for path, name in written.items()
    }
    for level in ("logs/log", "task/logs/log", "task/results/result/logs/log"):
        assert len(element.findall(level)) == 1


def test_10_no_empty_params(recipes: Callable[..., list[Recipe]]) -> None:
    """`params` is there for a task that has some, and for no other."""
    (recipe,) = recipes([{"tasks": [{"name": "a"}, {"name": "b", "params": {"X": "1"}}]}])
    element = document(recipe)
    assert [len(task.findall("params")) for task in element.iterfind("task")] == [0, 1]
    assert [(param.get("name"), param.get("value")) for param in element.iter("param")] == [("X", "1")]
    assert element.find("params") is None
