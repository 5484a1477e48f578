"""Jobs as JSON, without HTTP around them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_app.documents import jobjson
from wsgi_app.errors import BadDocument
from wsgi_app.states import Visibility
from wsgi_app.submitted import NewTask

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


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


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ('{"name": "t", "comand": ["true"]}', "recipe_sets[0].recipes[0].tasks[0].comand: there is no such field"),
        ('{"name": "t", "command": "true"}', "recipe_sets[0].recipes[0].tasks[0].command: expected an array"),
        ('{"name": "t", "params": {"A": 1}}', "recipe_sets[0].recipes[0].tasks[0].params['A']: expected a string"),
        ('{"name": "t", "params": []}', "recipe_sets[0].recipes[0].tasks[0].params: expected an object"),
        ("{}", "recipe_sets[0].recipes[0].tasks[0].name: is missing"),
        ('"t"', "recipe_sets[0].recipes[0].tasks[0]: expected an object"),
        (f'{{"name": {"9" * 5000}}}', "this is not JSON: a number is too large"),
        (f'{{"q": "{"x" * jobjson.SMALL}"}}', "there is no field q: send it in a smaller document to be told where"),
    ],
)
def test_what_is_wrong_is_said(task: str, said: str) -> None:
    """A refusal has the place and the document's own words, not those of the library that reads it."""
    with pytest.raises(BadDocument) as refused:
        jobjson.parse_job(f'{{"recipe_sets": [{{"recipes": [{{"tasks": [{task}]}}]}}]}}'.encode())
    assert refused.value.message == said
