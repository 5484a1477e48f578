"""Lengths of time as Go writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_app.core.campaign.duration import parse, spelled


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("-0", 0.0),
        ("5m", 300.0),
        ("1m5s", 65.0),
        ("+1.5h", 5400.0),
        ("-.5s", -0.5),
        ("1.s", 1.0),
        ("3µs2μs1us", 6e-6),
        ("0." + "9" * 100 + "s", 0.999999999),
        ("0" * 100 + "1s", 1.0),
    ],
)
def test_what_durations_are(text: str, seconds: float) -> None:
    """Numbers with units, one after the other, with a sign before all of them."""
    assert parse(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        ("5", 'time: missing unit in duration "5"'),
        ("5 s", 'time: unknown unit " s" in duration "5 s"'),
        ("1d", 'time: unknown unit "d" in duration "1d"'),
        (".s", 'time: invalid duration ".s"'),
        ("1s ", 'time: unknown unit "s " in duration "1s "'),
        ("é\n", 'time: invalid duration "\\xc3\\xa9\\x0a"'),
        ("٣s", 'time: invalid duration "\\xd9\\xa3s"'),
        ("9999999h", 'time: invalid duration "9999999h"'),
        ("9" * 5000 + "s", "time: invalid duration"),
    ],
)
def test_what_no_duration_is(text: str, words: str) -> None:
    """What is wrong is said in Go's words."""
    with pytest.raises(ValueError, match=r"^time: ") as caught:
        parse(text)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (300.0, "5m0s"),
        (3600.0, "1h0m0s"),
        (1.5, "1.5s"),
        (0.02, "20ms"),
        (-0.0015, "-1.5ms"),
        (2e-6, "2µs"),
        (1e-9, "1ns"),
        (90061.25, "25h1m1.25s"),
    ],
)
def test_how_they_are_written(seconds: float, text: str) -> None:
    """As Go does."""
    assert spelled(seconds) == text


@given(st.floats(min_value=-1e6, max_value=1e6))
def test_they_are_read_as_they_were_written(seconds: float) -> None:
    """To the nanosecond, as far as numbers go."""
    assert parse(spelled(seconds)) == pytest.approx(seconds, abs=2e-9)
