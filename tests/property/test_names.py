"""Whatever something is called: a name is taken as it is, or refused; of logs and sync states by both planes alike.

A log's name is taken when the rule says so (design.md section 2), and then found again under exactly that name; else it
is refused with a 4xx, and nothing is there.
"""

import itertools
import json
import unicodedata
from collections.abc import Iterator
from urllib.parse import quote, quote_from_bytes

import pytest
from acting import Acting
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lab import Lab, running_lab
from raw import ask

NUMBERS = itertools.count()
JSON = {"Content-Type": "application/json"}
#: what has a meaning to a shell, a path, a URL or a terminal
STRANGE = "./\\%?#;:&=+~*|<>\"'`$ \t\n\r\0\x1b\x7f\x80\x9b"
FOREIGN = "\u0085\u2028\u202e\u200b\ufeff\u00e9e\u0301\uff0e\uff0f\U0001f600"
characters = st.one_of(st.sampled_from(STRANGE + FOREIGN), st.characters(exclude_categories=["Cs"]))
texts = st.text(characters, min_size=1, max_size=300)
components = st.one_of(
    st.binary(min_size=1, max_size=300).map(lambda name: name.replace(b"/", b".")), texts.map(str.encode)
)
#: `..` is for tests/security/test_paths.py
names = st.lists(components, min_size=1, max_size=5).map(b"/".join).filter(lambda name: b".." not in name.split(b"/"))


@pytest.fixture(scope="module")
def planes() -> Iterator[tuple[Acting, Acting]]:
    """A recipe whose task runs, behind httpd and embedded."""
    with running_lab("apache", TACKROOM_MAX_LOGS="0") as front, running_lab("none", TACKROOM_MAX_LOGS="0") as alone:
        made = [Acting(lab, "one", system="names").claim() for lab in (front, alone)]
        for acting in made:
            acting.status(0, "Running")
        yield made[0], made[1]


@pytest.fixture(scope="module")
def lab(planes: tuple[Acting, Acting]) -> Lab:
    """The embedded one: these names are the application's alone."""
    return planes[1].lab


def is_log_name(name: bytes) -> bool:
    """Whether a log may have that name, by the design's rule."""
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return len(name) <= 1000 and all(
        0 < len(component) <= 255
        and not component.startswith(b".")
        and not any(byte < 32 or byte in (0x5C, 0x7F) for byte in component)
        for component in name.split(b"/")
    )


def resolved(name: bytes) -> bytes:
    """What a URL's path leaves of it: doubled slashes and single dots say nothing (RFC 3986 section 5.2.4)."""
    *inner, last = name.split(b"/")
    kept = [component for component in inner if component not in (b"", b".")]
    return b"/".join([*kept, b"" if last == b"." else last])


@settings(deadline=None)
@given(name=names)
@example(name=b"a" * 255)
@example(name=b"a" * 256)
@example(name="\u202ecod.gol".encode())
@example(name=b"%2e%2e/%252e")
@example(name=b"a//b")
@example(name=b"a/./b")
@example(name=b"a/")
@example(name=b"\xed\xa0\x80")
@example(name=b"\xc0\xae")
def test_a_log(planes: tuple[Acting, Acting], name: bytes) -> None:
    """The same status on both planes; what is taken is there under that name, and nothing else."""
    directory, asked, name = str(next(NUMBERS)), name, resolved(name)
    taken = is_log_name(f"{directory}/".encode() + name)
    statuses = []
    for acting in planes:
        base = f"/recipes/{acting.recipe}/tasks/{acting.tasks[0]}/logs/{directory}"
        path = f"{base}/{quote_from_bytes(asked)}"
        answer = ask(acting.lab, "PUT", path, {"Authorization": f"Bearer {acting.key}"}, b"content")
        statuses.append(answer.status)
        place = acting.lab.data / "logs" / base.strip("/")
        files = [file for file in place.rglob("*") if file.is_file()]
        if taken:
            assert acting.lab.call("GET", path).body == b"content"
            assert [str(file.relative_to(place)).encode() for file in files] == [name]
        else:
            assert files == []
    assert statuses[0] == statuses[1]
    assert statuses[0] == 201 if taken else 400 <= statuses[0] < 500


@settings(deadline=None, max_examples=settings().max_examples // 2)
@given(name=texts)
def test_a_sync_state(planes: tuple[Acting, Acting], name: str) -> None:
    """It is reached under its name, or refused on both planes alike."""
    answers = []
    for acting in planes:
        path = f"/recipes/{acting.recipe}/sync/{quote(name, safe='')}"
        answers.append(ask(acting.lab, "PUT", path, {"Authorization": f"Bearer {acting.key}"}, b"").status)
    taken = not any(character == "/" or unicodedata.category(character) == "Cc" for character in name)
    taken = taken and len(name.encode()) <= 255 and name not in (".", "..")
    assert answers[0] == answers[1]
    assert answers[0] in (200, 201, 204) if taken else 400 <= answers[0] < 500


@settings(deadline=None, max_examples=settings().max_examples // 2)
@given(name=texts)
@example(name="bench-1")
def test_others(lab: Lab, name: str) -> None:
    """Systems, tokens, jobs and tasks: taken and shown as they were given, or refused with the field that is wrong."""
    task = {"name": name}
    job = {"name": name, "recipe_sets": [{"recipes": [{"requires": {"tags": ["nowhere"]}, "tasks": [task]}]}]}
    for path, value in (("/systems/", {"name": name}), ("/tokens/", {"name": name}), ("/jobs/", job)):
        answer = lab.call("POST", path, json.dumps(value).encode(), JSON)
        if answer.status == 201:
            assert answer.json["name"] == name
        elif answer.status == 409:
            assert (path, answer.json["error"]["code"]) == ("/systems/", "system.exists")
        else:
            assert answer.status == 400, answer
            assert answer.json["error"]["field"], answer
