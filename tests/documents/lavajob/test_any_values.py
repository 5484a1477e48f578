"""Whatever stands anywhere in a LAVA job, it is read or refused, and nothing else."""

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from lavajob import FIRST, GROUP, changed, read_text

from wsgi_app.documents.yamltext import parse
from wsgi_app.errors import BadLavaJob
from wsgi_app.submitted import NewJob

WORDS = ["inline", "git", "url", "client", "yes", "1", "tmpfs", "qemu", "a b", "../..", "$(x)", "", "minutes", "<<"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)
JOBS = {name: parse(text.encode()) for name, text in (("first", FIRST), ("group", GROUP))}


def places(value: Any, way: str = "") -> Iterator[str]:
    """Yield the path of every value in a job."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield f"{way}{name}"
        yield from places(one, f"{way}{name}.")


def outcome(text: str | bytes) -> None:
    """Read it: it is a job, or refused as a LAVA job that is wrong, with words that can be told."""
    try:
        job = read_text(text)
    except BadLavaJob as error:
        assert error.message.strip()
        error.message.encode()
    else:
        assert isinstance(job, NewJob)


@given(st.sampled_from([(name, place) for name, job in JOBS.items() for place in places(job)]), VALUES)
def test_any_value_anywhere(where: tuple[str, str], value: Any) -> None:
    """A value of any kind at any place is taken, or refused as a job that is wrong."""
    name, place = where
    outcome(json.dumps(changed({place: value}, JOBS[name])))


@given(st.binary(max_size=200) | st.text(st.characters(), max_size=200))
def test_any_text(text: str | bytes) -> None:
    """Any bytes and letters are refused, or are a job."""
    outcome(text)


@given(st.integers(0, len(GROUP)), st.text(st.sampled_from("\t\n -:[]{}&*!|>'\"%@`#,?a1"), max_size=4))
def test_a_few_letters_more(place: int, letters: str) -> None:
    """A job with a few letters more somewhere is read or refused."""
    outcome(GROUP[:place] + letters + GROUP[place:])
