"""LAVA's `notify`: what is taken and what is refused, as readers-lava.md section 10 has it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lavajob import read

from wsgi_app.conditions import AllOf, AnyOf, Condition, Where
from wsgi_app.errors import BadLavaJob
from wsgi_app.notification import (
    BodyForm,
    Callback,
    Compare,
    Criteria,
    Dataset,
    Method,
    Notify,
    Recipient,
    Turn,
    Verbosity,
    When,
)
from wsgi_app.store.noticejson import notify_of, notify_value

STATUSES = {
    "all": When.ALL,
    "finished": When.FINISHED,
    "running": When.RUNNING,
    "complete": When.COMPLETED,
    "incomplete": When.ABORTED,
    "canceled": When.CANCELLED,
}


def notify(block: Any) -> Notify:
    """Read a job with that block."""
    found = read({"notify": block}).notify
    assert found is not None
    return found


def others(question: str) -> Where | None:
    """Read a job that asks for others."""
    return notify({"criteria": {"status": "finished", "dependency_query": question}}).criteria.others


def test_none() -> None:
    """A job without it tells nobody."""
    assert read({}).notify is None


@pytest.mark.parametrize("word", STATUSES)
def test_statuses(word: str) -> None:
    """Six words, ours for them; what is not said is as LAVA has it."""
    found = read({"notify": {"criteria": {"status": word}}})
    assert found.notify == Notify(Criteria(STATUSES[word]), Verbosity.QUIET)
    assert found.warnings == ()


def test_everything() -> None:
    """All that can be said."""
    found = notify(
        {
            "criteria": {"status": "incomplete", "type": "regression"},
            "verbosity": "verbose",
            "recipients": [
                {"to": {"method": "email", "user": "ann"}},
                {"to": {"method": "email", "email": "bob@example.org"}},
                {"to": {"method": "email", "user": "{LAVA_DEVICE_OWNER}"}},
                {"to": {"method": "irc", "handle": "carl", "server": "irc.example.org"}},
                {"to": {"method": "irc", "user": "dora"}},
            ],
            "callbacks": [
                {"url": "http://ci.example.org/{ID}?s={STATUS}"},
                {
                    "url": "https://ci.example.org/",
                    "method": "POST",
                    "token": "hush",
                    "header": "X-Secret",
                    "dataset": "all",
                    "content-type": "json",
                },
            ],
            "compare": {
                "blacklist": ["lava"],
                "query": {"entity": "testjob", "conditions": {"testjob__description__icontains": "nightly"}},
            },
        }
    )
    assert found == Notify(
        Criteria(When.ABORTED, Turn.REGRESSION),
        Verbosity.VERBOSE,
        (
            Recipient(Method.EMAIL, user="ann"),
            Recipient(Method.EMAIL, email="bob@example.org"),
            Recipient(Method.EMAIL, system_owner=True),
            Recipient(Method.IRC, handle="carl", server="irc.example.org"),
            Recipient(Method.IRC, user="dora"),
        ),
        (
            Callback(
                "http://ci.example.org/{ID}?s={STATUS}",
                "GET",
                None,
                "Authorization",
                Dataset.MINIMAL,
                BodyForm.URLENCODED,
            ),
            Callback("https://ci.example.org/", "POST", "hush", "X-Secret", Dataset.ALL, BodyForm.JSON),
        ),
        Compare(("lava",), AllOf((Condition("name", "icontains", "nightly"),))),
    )
    assert "hush" not in repr(found)


def test_one_callback() -> None:
    """The older form of one."""
    found = notify({"criteria": {"status": "all"}, "callback": {"url": "http://h/"}})
    assert [callback.url for callback in found.callbacks] == ["http://h/"]


ALL = {"status": "all"}


@pytest.mark.parametrize(
    ("block", "path"),
    [
        (3, ("notify",)),
        ({}, ("notify", "criteria")),
        ({"criteria": {}}, ("notify", "criteria", "status")),
        ({"criteria": {"status": "done"}}, ("notify", "criteria", "status")),
        ({"criteria": {"status": "all", "type": "regression"}}, ("notify", "criteria", "type")),
        ({"criteria": {"status": "finished", "type": "regression"}}, ("notify", "criteria", "type")),
        ({"criteria": {"status": "complete", "type": "better"}}, ("notify", "criteria", "type")),
        ({"criteria": {**ALL, "dependency_query": "id__1"}}, ("notify", "criteria", "dependency_query")),
        (
            {"criteria": {"status": "complete", "type": "regression", "dependency_query": "id__1"}},
            ("notify", "criteria"),
        ),
        ({"criteria": ALL, "verbosity": "loud"}, ("notify", "verbosity")),
        ({"criteria": ALL, "recipients": {}}, ("notify", "recipients")),
        ({"criteria": ALL, "recipients": [{}]}, ("notify", "recipients", 0, "to")),
        ({"criteria": ALL, "recipients": [{"to": {}}]}, ("notify", "recipients", 0, "to", "method")),
        ({"criteria": ALL, "recipients": [{"to": {"method": "fax"}}]}, ("notify", "recipients", 0, "to", "method")),
        ({"criteria": ALL, "recipients": [{"to": {"method": "email"}}]}, ("notify", "recipients", 0, "to")),
        (
            {"criteria": ALL, "recipients": [{"to": {"method": "irc", "handle": "x"}}]},
            ("notify", "recipients", 0, "to"),
        ),
        ({"criteria": ALL, "callback": {"url": "http://h/"}, "callbacks": []}, ("notify",)),
        ({"criteria": ALL, "callback": {}}, ("notify", "callback", "url")),
        ({"criteria": ALL, "callbacks": [{"url": "http://h/", "method": "PUT"}]}, ("notify", "callbacks", 0, "method")),
        ({"criteria": ALL, "compare": {"blacklist": "lava"}}, ("notify", "compare", "blacklist")),
        ({"criteria": ALL, "compare": {"query": {"entity": "testjob"}}}, ("notify", "compare", "query", "conditions")),
        (
            {"criteria": ALL, "compare": {"query": {"username": "ann", "name": "mine"}}},
            ("notify", "compare", "query"),
        ),
        (
            {"criteria": ALL, "compare": {"query": {"entity": "testsuite", "conditions": {"a": "b"}}}},
            ("notify", "compare", "query", "entity"),
        ),
    ],
)
def test_refused(block: Any, path: tuple[str | int, ...]) -> None:
    """What LAVA refuses, and what cannot be here, with its place."""
    with pytest.raises(BadLavaJob) as caught:
        notify(block)
    assert caught.value.field == BadLavaJob(path=path).field


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"callback": {"url": "gopher://h/"}}, "callbacks[0].url: "),
        ({"callbacks": [{"url": "http://h/"}] * 11}, "callbacks: there are at most 10"),
        ({"recipients": [{"to": {"method": "email", "email": "a@b\r\nBcc: c@d"}}]}, "recipients[0].email: "),
        ({"callback": {"url": "http://h/", "token": "a\r\nX: y"}}, "callbacks[0].token: "),
        ({"callback": {"url": "http://h/", "header": "X: y"}}, "callbacks[0].header: "),
    ],
)
def test_66_nothing_that_ends_a_line(block: Any, said: str) -> None:
    """What could never be sent, or would be more than it says, is refused at once."""
    with pytest.raises(BadLavaJob) as caught:
        notify({"criteria": ALL, **block})
    assert caught.value.message.removeprefix("notify: ").startswith(said)


@pytest.mark.parametrize(
    ("question", "means"),
    [
        ("description__batch", Condition("name", "exact", "batch")),
        ("description__icontains__a__b", Condition("name", "icontains", "a__b")),
        ("testjob__submitter__exact__ann", Condition("owner", "exact", "ann")),
        ("submitter__username__exact__ann", Condition("owner", "exact", "ann")),
        ("requested_device_type__name__qemu", Condition("type", "exact", "qemu")),
        ("priority__gt__50", Condition("priority", "gt", 50)),
        ("submit_time__gte__1970-01-02 00:00", Condition("submitted", "gte", 86400.0)),
        ("namedtestattribute__build__exact__7", Condition("metadata", "exact", "7", ("build",))),
        ("state__Finished", Condition("settled", "exact", True)),
        ("health_check__False", AllOf(())),
        ("health_check__True", AnyOf(())),
    ],
)
def test_questions(question: str, means: Where) -> None:
    """LAVA's questions about jobs, and what they are here."""
    assert others(question) == AllOf((means,))
    assert others(f"{question}, id__lt__7") == AllOf((means, Condition("id", "lt", 7)))


@pytest.mark.parametrize(
    "question",
    [
        "description",
        "__x",
        "colour__red",
        "priority__high",
        "priority__icontains__5",
        "submit_time__yesterday",
        "testcase__name__exact__x",
        "health__Good",
        "state__lt__Finished",
        "description__gt__x",
        "id__1," * 21,
        "id__" + "9" * 400,
    ],
)
def test_questions_that_cannot_be_asked(question: str) -> None:
    """They are refused with the job, not forgotten at its end."""
    with pytest.raises(BadLavaJob):
        others(question)


def test_what_never_comes() -> None:
    """LAVA takes it, and nobody would ever be told: the submitter is."""
    assert read({"notify": {"criteria": {"status": "complete", "type": "regression"}}}).warnings == (
        "notify.criteria.type: nobody is ever told: no job ends complete by a regression",
    )
    form = {"url": "http://h/", "method": "POST", "dataset": "results"}
    assert read({"notify": {"criteria": ALL, "callback": form}}).warnings == (
        "notify.callback.content-type: a form cannot say what results hold: json can",
    )


WORDS = st.sampled_from(
    [
        *("criteria", "status", "type", "dependency_query", "verbosity", "recipients", "to", "method", "user", "email"),
        *("handle", "server", "callback", "callbacks", "url", "token", "header", "dataset", "content-type", "compare"),
        *("blacklist", "query", "entity", "conditions", "username", "name"),
    ]
)
VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(*STATUSES, "regression", "progression", "verbose", "quiet", "email", "irc", "ann", "a@b", "http://h/", "GET"),
        *("POST", "all", "json", "testjob", "description__x", "id__lt__3,state__Running", "", "\r\n", "\x7f", 1, 1.5),
        *(None, True, [], {}),
    ]
)
ANYTHING = st.recursive(
    VALUES | st.text(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5)
)


@given(st.dictionaries(WORDS, ANYTHING))
def test_anything(block: dict[str, Any]) -> None:
    """Whatever it is, it is read, stored and read again as it was, or refused with a place below `notify`."""
    try:
        found = read({"notify": block}).notify
    except BadLavaJob as error:
        assert error.field is None or error.field.startswith("notify") or "notify" in error.message
        return
    assert found is not None
    assert notify_of(json.loads(json.dumps(notify_value(found)))) == found


TO = st.one_of(
    st.fixed_dictionaries({"method": st.sampled_from(["email", "irc"]), "user": st.sampled_from(["ann", "bob"])}),
    st.fixed_dictionaries({"method": st.just("email"), "email": st.just("a@example.org")}),
    st.fixed_dictionaries(
        {"method": st.just("irc"), "handle": st.just("x"), "server": st.just("irc.example.org:6697")}
    ),
)
CALLBACK = st.fixed_dictionaries(
    {"url": st.sampled_from(["http://h/{ID}", "https://[::1]:8443/x?y=z"])},
    optional={
        "method": st.sampled_from(["GET", "POST"]),
        "token": st.just("secret"),
        "header": st.just("X-Token"),
        "dataset": st.sampled_from([*Dataset]).map(str),
        "content-type": st.sampled_from(["json", "urlencoded"]),
    },
)
CRITERIA = st.one_of(
    st.just({"status": "all"}),
    st.fixed_dictionaries(
        {"status": st.sampled_from([word for word in STATUSES if word != "all"])},
        optional={"dependency_query": st.sampled_from(["description__x", "id__lt__3,health__Complete"])},
    ),
    st.fixed_dictionaries(
        {"status": st.sampled_from(["complete", "incomplete"])},
        optional={"type": st.sampled_from(["regression", "progression"])},
    ),
)
BLOCK = st.fixed_dictionaries(
    {"criteria": CRITERIA},
    optional={
        "verbosity": st.sampled_from([*Verbosity]).map(str),
        "recipients": st.lists(st.fixed_dictionaries({"to": TO}), max_size=20),
        "callbacks": st.lists(CALLBACK, max_size=10),
        "compare": st.fixed_dictionaries({}, optional={"blacklist": st.lists(st.just("lava"), max_size=100)}),
    },
)


@given(BLOCK)
def test_what_lava_takes(block: dict[str, Any]) -> None:
    """What LAVA's schema allows is taken, and nothing of it is lost."""
    found = notify(block)
    assert found.criteria.status is STATUSES[block["criteria"]["status"]]
    assert (found.criteria.others is None) == ("dependency_query" not in block["criteria"])
    assert (found.criteria.type or "") == block["criteria"].get("type", "")
    assert found.verbosity == block.get("verbosity", "quiet")
    assert [one.url for one in found.callbacks] == [one["url"] for one in block.get("callbacks", [])]
    assert [str(one.method) for one in found.recipients] == [one["to"]["method"] for one in block.get("recipients", [])]
    assert notify_of(json.loads(json.dumps(notify_value(found)))) == found
