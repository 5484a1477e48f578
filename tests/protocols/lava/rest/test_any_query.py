"""Whatever a query says, lists answer 200, or 400 with the name of the field; never with an error of the server."""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lavarest import API, Rest

LISTS = ["jobs/", "jobs/{}/tests/", "jobs/{}/suites/", "devices/", "devicetypes/", "workers/", "tags/"]
NAMES = [
    *("id", "state", "health", "submitter__username", "requested_device_type", "actual_device", "tags__name"),
    *("description", "definition", "failure_comment", "submit_time", "start_time", "end_time", "priority"),
    *("health_check", "metadata", "metadata__a", "metadata__a__b", "viewing_groups", "result", "name", "suite"),
    *("measurement", "logged", "start_log_line", "test_set", "hostname", "device_type", "worker_host", "last_ping"),
    *("limit", "offset", "ordering", "format", "all", "display"),
]
LOOKUPS = [
    *("", "", "exact", "in", "lt", "lte", "gt", "gte", "isnull", "contains", "icontains", "startswith", "endswith"),
    *("iexact", "istartswith", "iendswith", "regex", "iregex", "has_key", "has_keys", "has_any_keys", "other"),
]
VALUES = st.one_of(
    st.sampled_from(
        ["", "1", "-1", "0", "true", "Finished", "Complete,Canceled", "pass", "2026-01-01", "{}", '{"a":1}']
    ),
    st.sampled_from(["9" * 30, "1e400", "nan", "9999-12-31T23:59:59-23:59", "%", "_", "\\", "[", "\ud800", "\0", "'"]),
    st.text(max_size=20),
)


@pytest.fixture(scope="module")
def asked(fresh_rest: Rest) -> Iterator[tuple[Rest, int]]:
    """A job with metadata and a result, to be looked for."""
    number = fresh_rest.recipe(metadata={"a": {"b": 1}})
    fresh_rest.run(number, ("Pass", "x"))
    yield fresh_rest, number


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.sampled_from(LISTS),
    pairs=st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(LOOKUPS), VALUES), min_size=1, max_size=3),
)
def test_any_query(asked: tuple[Rest, int], place: str, pairs: list[tuple[str, str, str]]) -> None:
    """A list answers, or names the key of the query that it refuses."""
    rest, job = asked
    query = [(f"{name}__{lookup}" if lookup else name, value) for name, lookup, value in pairs]
    text = urlencode(query, errors="surrogatepass")
    answer = rest.web.get(f"{API}{place.format(job)}?{text}", headers=rest.admin, expect_errors=True)
    assert answer.status_int in (200, 400), answer
    if answer.status_int == 400:
        (field,) = answer.json
        assert field in dict(query)
    else:
        assert answer.json["count"] >= len(answer.json["results"])
