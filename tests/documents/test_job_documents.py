"""Jobs as XML and JSON, without HTTP around them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from wsgi_app.documents import jobjson, jobxml
from wsgi_app.errors import BadDocument
from wsgi_app.model import NewRecipe, NewTask, Requires
from wsgi_app.states import Visibility


def parsed(recipe: str) -> NewRecipe:
    """The one recipe of a job in XML."""
    return jobxml.parse_job(f"<job><recipeSet>{recipe}</recipeSet></job>".encode()).recipe_sets[0].recipes[0]


@pytest.mark.parametrize(
    ("wishes", "system", "requires"),
    [
        ("", None, Requires()),
        ("<hostRequires/>", None, Requires()),
        ('<hostRequires force="a.b"/>', "a.b", Requires()),
        ('<hostRequires><and><hostname op="=" value="h"/></and></hostRequires>', "h", Requires()),
        (
            '<hostRequires><tag value="a"/><!-- x --><tag op="==" value="b"/></hostRequires>',
            None,
            Requires(None, ("a", "b")),
        ),
        ('<hostRequires><system_type value="VM"/></hostRequires>', None, Requires("VM")),
    ],
)
def test_host(wishes: str, system: str | None, requires: Requires) -> None:
    """What hostRequires asks for."""
    recipe = parsed(f'<recipe>{wishes}<task name="t"/></recipe>')
    assert (recipe.system, recipe.requires) == (system, requires)


def test_several_sets() -> None:
    """The highest priority of the sets is the job's; sets and recipes keep their order."""
    sets = "".join(
        f'<recipeSet priority="{priority}"><recipe role="{priority}"><task name="t"/></recipe></recipeSet>'
        for priority in ("Low", "Urgent", "Normal")
    )
    job = jobxml.parse_job(f"<job>{sets}</job>".encode())
    assert job.priority == 90
    assert [group.recipes[0].role for group in job.recipe_sets] == ["Low", "Urgent", "Normal"]
    assert job.visibility is None


def test_errors_name_the_line() -> None:
    """What is wrong in XML is said with its line."""
    with pytest.raises(BadDocument, match="line 3: task: the attribute name is missing") as refused:
        jobxml.parse_job(b"<job>\n<recipeSet><recipe>\n<task/></recipe></recipeSet></job>")
    assert refused.value.field == "task"


WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(
    st.builds(
        dict,
        name=WORDS,
        role=WORDS | st.none(),
        params=st.dictionaries(WORDS, WORDS, max_size=3),
        command=st.lists(WORDS, min_size=1, max_size=3) | st.none(),
    ),
    st.integers(0, 100),
    st.sampled_from(Visibility) | st.none(),
)
def test_json_is_read_as_it_is(task: dict[str, Any], priority: int, visibility: Visibility | None) -> None:
    """Every right job in JSON is taken, value by value."""
    value = {
        "recipe_sets": [{"recipes": [{"tasks": [task], "stop_on_fail": True}], "stage": 3}],
        "priority": priority,
        "visibility": visibility,
    }
    job = jobjson.parse_job(json.dumps(value).encode())
    command = None if task["command"] is None else tuple(task["command"])
    assert job.recipe_sets[0].recipes[0].tasks == (
        NewTask(task["name"], role=task["role"], params=task["params"], command=command),
    )
    assert (job.priority, job.visibility, job.recipe_sets[0].stage) == (priority, visibility, 3)
    assert job.visibility is None or type(job.visibility) is Visibility


XML_TEXT = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cn"]), max_size=20)


@given(XML_TEXT, XML_TEXT, st.lists(XML_TEXT, min_size=1, max_size=3))
def test_xml_is_read_as_it_is(name: str, value: str, words: list[str]) -> None:
    """Text of any letters comes out of XML as it went in."""
    recipe = etree.Element("recipe")
    task = etree.SubElement(recipe, "task", name=name)
    etree.SubElement(etree.SubElement(task, "params"), "param", name=name, value=value)
    command = etree.SubElement(task, "command")
    for word in words:
        etree.SubElement(command, "arg").text = word
    read = parsed(etree.tostring(recipe, encoding="unicode"))
    assert read.tasks == (NewTask(name, params={name: value}, command=tuple(words)),)
