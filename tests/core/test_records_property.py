"""Any bytes in growing logs, read in any ranges at any moments, are what one read at the end has in those places."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import recorded

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway, open_gateway
from wsgi_app.core.record import Record
from wsgi_app.model import Caller

PIECE = st.one_of(
    st.binary(max_size=30),
    st.sampled_from(
        [b"\n", b"\r\n", b"\n\n", b"\r", b"\xe2\x80\xa8", b"\x1b[0m\n", b"secret", b"sec", b"ret\n", b"\0" * 70]
    ),
    st.sampled_from(
        [b"<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=a RESULT=pass>", b"\n<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=secret"]
    ),
    st.builds(lambda number: b"x" * number + b"\n", st.integers(65_500, 65_600)),
)
RANGE = st.tuples(st.integers(0, 12), st.one_of(st.none(), st.integers(0, 20)))
STEP = st.tuples(PIECE, RANGE)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for all examples."""
    config = Config(data=Path(tmp_path_factory.mktemp("records")) / "data")
    made = open_gateway(evolve(config, quiet_seconds=0.0))
    made.access.issue_admin_token()
    yield made
    made.close()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(STEP, max_size=6), min_size=2, max_size=2))
def test_a_record_stays_what_it_is(gateway: Gateway, tasks: list[list[tuple[bytes, tuple[int, int | None]]]]) -> None:
    """What was read while it grew is a part of the whole; a line is one record; no secret is in any."""
    admin = Caller(f"Bearer {gateway.config.admin_token.read_text().strip()}", "127.0.0.1")
    (one,) = recorded(gateway, admin, "a", "b", secrets=("secret",))
    seen: list[tuple[int, int | None, int, list[Record]]] = []

    def read(start: int, end: int | None) -> None:
        stream = gateway.records.read(admin, [one.recipe], start, end)
        assert not stream.finished
        seen.append((start, end, stream.total, list(stream.records)))

    for place, steps in enumerate(tasks):
        one.begin(place)
        for data, (start, end) in steps:
            one.write(place, data)
            read(start, end)
        one.end(place)
        read(0, None)
        if any(data for data, _ in steps):
            one.indexed(place)
        read(0, None)
    one.settle()
    whole = one.records()
    for start, end, total, found in seen:
        assert found == whole[start : total if end is None else min(end, total)]
    lines = [b"".join(data for data, _ in steps) for steps in tasks]
    assert len(whole) == 4 + sum(len(text.split(b"\n")) - (text.endswith(b"\n") or not text) for text in lines)
    assert not any("secret" in record.words for record in whole)
