"""By how many targets must come through: what is an expression, and what it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_app.core.campaign.criteria import Criterion, parse

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
COUNTS = st.integers(min_value=1, max_value=2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("expression", "criterion"),
    [
        ("=100%", Criterion("=", 100.0, True)),
        (">=80", Criterion(">=", 80.0, False)),
        ("<=0", Criterion("<=", 0.0, False)),
        ("<50%", Criterion("<", 50.0, True)),
        (">80.5%", Criterion(">", 80.5, True)),
        ("==100%", Criterion("=", 100.0, True)),
        (">=>=5", Criterion(">=", 5.0, False)),
        ("=>5", Criterion("=", 5.0, False)),
        ("=1e0", Criterion("=", 1.0, False)),
        ("=1%%", Criterion("=", 1.0, True)),
        (">-1", Criterion(">", -1.0, False)),
        (">+.5", Criterion(">", 0.5, False)),
        ("=5.", Criterion("=", 5.0, False)),
        ("=1_000", Criterion("=", 1000.0, False)),
        ("=0x1p-2", Criterion("=", 0.25, False)),
        ("=0X_1.8P+1_0", Criterion("=", 1536.0, False)),
        ("<Infinity", Criterion("<", float("inf"), False)),
        ("<-inf%", Criterion("<", float("-inf"), True)),
    ],
)
def test_what_is_taken(expression: str, criterion: Criterion) -> None:
    """As loosely as the reference takes it; numbers are what Go takes for them."""
    assert parse(expression) == criterion


def test_what_is_no_number_is_reached_by_none() -> None:
    """Go reads `nan`, too."""
    for sign in ("=", "<", ">=", ">"):
        finding = parse(f"{sign}NaN%").judge(1, 2)
        assert (finding.passed, finding.text) == (False, f"50.00% is not {sign} NaN%")


@pytest.mark.parametrize(
    "expression",
    [
        *("", "100%", "> 80%", ">=", "=%", ">80 ", "=1%0", "~5", "=1e", "=1e999", "=0x1", "=0x1p9999", "=_1"),
        *("=1__0", "=1_", "=٣", "=1.5.2", "!=3", "=in", "=.", "=1f", "\n=1"),
    ],
)
def test_what_is_refused(expression: str) -> None:
    """By `ValueError`, which says what it was."""
    with pytest.raises(ValueError, match=r"begin|number|range"):
        parse(expression)


@pytest.mark.parametrize(
    ("expression", "passed", "total", "runs", "text"),
    [
        (">=50%", 2, 3, 1, "66.67% >= 50.00%"),
        ("=100%", 0, 4, 1, "0.00% is not = 100.00%"),
        (">80", 1, 4, 1, "1.00 is not > 80.00"),
        (">=1", 1, 4, 1, "1.00 >= 1.00"),
        ("=100%", 3, 3, 3, "100.00% = 100.00%"),
        (">=2", 3, 6, 2, "1.50 is not >= 2.00"),
        ("<inf", 1, 1, 1, "1.00 < +Inf"),
    ],
)
def test_what_it_says(expression: str, passed: int, total: int, runs: int, text: str) -> None:
    """A share of all targets, or their mean number per run; with two digits."""
    finding = parse(expression).judge(passed, total, runs=runs)
    assert (finding.passed, finding.text) == ("is not" not in text, text)


@given(sign=st.sampled_from([">=", "<=", "<", ">", "="]), value=NUMBERS, percent=st.sampled_from(["", "%"]))
def test_every_number_comes_back(sign: str, value: float, percent: str) -> None:
    """However it is written."""
    for written in (repr(value), value.hex(), f"{value:.17e}"):
        assert parse(f"{sign}{written}{percent}") == Criterion(sign, value, bool(percent))


@given(st.text(alphabet="<>=0123456789.e+-_%xpinfa ٣\n", max_size=12))
def test_anything_else_is_refused_in_order(text: str) -> None:
    """What is taken can be judged; what is not raises `ValueError` and nothing else."""
    try:
        criterion = parse(text)
    except ValueError:
        return
    assert text.startswith(criterion.operator)
    assert criterion.judge(1, 2).text


@given(counts=COUNTS, value=st.integers(0, 100))
def test_each_comparison_has_its_opposite(counts: tuple[int, int], value: int) -> None:
    """Of `<` and `>=` one holds, and of `>` and `<=`; `=` is both `<=` and `>=`."""
    passed, total = counts
    held = {sign: parse(f"{sign}{value}%").judge(passed, total).passed for sign in ("<", ">=", ">", "<=", "=")}
    assert held["<"] is not held[">="]
    assert held[">"] is not held["<="]
    assert held["="] is (held["<="] and held[">="])
