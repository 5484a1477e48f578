"""Each method of the table, called with what no client sends: a fault or an answer, and never an error inside."""

import datetime
import xmlrpc.client
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lavarpc import LavaRPC

INSIDE = -32603
TEXTS = st.one_of(
    st.sampled_from(
        [
            *("", "0", "-1", "1.0", "R:1", "J:1", "T:99999999999", "1.1.1", "RUNNING", "running", "COMPLETE", "GOOD"),
            *("s1", "lab1", "bench", "\u0130", "\u212a", "\u0661", "\u2028", "9" * 5000, "1e999", "x: .inf", "- a"),
            *('{"recipe_sets": 1}', '{"recipe_sets": [1e999]}', '{"TestDescriptors": []}', "<a/>", "<", "{" * 500),
            *("[" * 5000, "&a [*a]", "!!python/object:os.system x", "x: 2026-13-45", "<<: 1", '"\\ud800"', "? {a: b}"),
            *("job_name: x", '{"a": 1, "a": 2}', "%YAML 9.9\n---\nx", 'x: !!binary "@"', "x: 2026-01-01T99:99:99Z"),
        ]
    ),
    st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=20),
)
INTS = st.one_of(st.sampled_from([0, 1, -1, 100, 101, 2**31 - 1, -(2**31)]), st.integers(-3, 30))
SCALARS = st.one_of(
    TEXTS,
    INTS,
    st.none(),
    st.booleans(),
    st.sampled_from([1.5, -1e300]),
    st.binary(max_size=3),
    st.sampled_from([datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31)]),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner), max_leaves=6
)
BY_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "int": INTS,
    "string": TEXTS,
    "boolean": st.booleans(),
    "array": st.lists(SCALARS, max_size=3),
}


@pytest.fixture(scope="module")
def lab1(shared: LavaRPC) -> LavaRPC:
    """A lab with a system and a job."""
    shared.add("s1")
    value = {"recipe_sets": [{"recipes": [{"system": "s1", "tasks": [{"name": "one"}]}]}]}
    shared.web.post_json("/jobs/", value, headers=shared.headers(), status=201)
    shared.claim("s1")
    return shared


# derandomized: the same calls each time, some for each method
@settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_odd_arguments(lab1: LavaRPC, data: st.DataObject) -> None:
    """Of the right types and of wrong ones, by an admin and by a stranger."""
    name = data.draw(st.sampled_from(lab1.call("system.listMethods", user=None)))
    signatures = lab1.call("system.methodSignature", name, user=None)
    if data.draw(st.integers(0, 3)):
        params = [data.draw(BY_TYPE.get(kind, VALUES)) for kind in data.draw(st.sampled_from(signatures))[1:]]
    else:
        params = data.draw(st.lists(VALUES, max_size=5))
    try:
        lab1.call(name, *params, user=data.draw(st.sampled_from(["admin", "admin", None])))
    except xmlrpc.client.Fault as fault:
        assert fault.faultCode != INSIDE, (name, params, fault.faultString)
        assert fault.faultString
