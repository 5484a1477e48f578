"""By how many targets must come through: expressions such as `>=80%` or `>2`. Source: jobs-contest.md section 8."""

import math
import operator
import re
from collections.abc import Callable

from attrs import frozen

#: the order in which they are tried
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
#: what follows an operator may repeat operators; that is read over
_SIGNS = "<>="
_DIGITS = r"[0-9](?:_?[0-9])*"
_EXPONENT = rf"[+-]?{_DIGITS}"
_DECIMAL = re.compile(
    rf"[+-]?(?:inf|infinity|nan|(?:{_DIGITS}\.?|{_DIGITS}\.{_DIGITS}|\.{_DIGITS})(?:e{_EXPONENT})?)", re.IGNORECASE
)
_HEX = r"[0-9a-f](?:_?[0-9a-f])*"
_HEXADECIMAL = re.compile(
    rf"[+-]?0x(?:_?{_HEX}\.?|_?{_HEX}\.{_HEX}|\.{_HEX})p{_EXPONENT}",
    re.IGNORECASE,
)


@frozen
class Finding:
    """What a criterion says of a number of targets: whether they will do, and that in few words."""

    passed: bool
    text: str


@frozen
class Criterion:
    """How many targets must come through: a percentage of all, or a number."""

    operator: str
    value: float
    percent: bool

    def judge(self, passed: int, total: int, *, runs: int = 1) -> Finding:
        """Judge `passed` of `total` targets (not zero) of so many runs: their share, or their mean number per run."""
        reached = 100.0 * passed / total if self.percent else passed / runs
        sign = "%" if self.percent else ""
        good = _COMPARISONS[self.operator](reached, self.value)
        sentence = f"{_number(reached)}{sign} {'' if good else 'is not '}{self.operator} {_number(self.value)}{sign}"
        return Finding(good, sentence)


def parse(expression: str) -> Criterion:
    """Read an expression as loosely as it is read elsewhere; raise `ValueError` for what is none."""
    for sign in _COMPARISONS:
        if expression.startswith(sign):
            number = expression.lstrip(_SIGNS)
            bare = number.rstrip("%")
            return Criterion(sign, _parse_float(bare), bare != number)
    raise ValueError(f"{expression!r} does not begin with one of {' '.join(_COMPARISONS)}")


def _parse_float(text: str) -> float:
    """Read a number as Go does: also `1_000`, hexadecimal ones, infinity, and what is no number."""
    value = math.nan
    if _HEXADECIMAL.fullmatch(text):
        try:
            value = float.fromhex(text.replace("_", ""))
        except OverflowError:
            value = math.inf
    elif _DECIMAL.fullmatch(text):
        value = float(text)
    else:
        raise ValueError(f"{text!r} is no number")
    if math.isinf(value) and "inf" not in text.lower():
        raise ValueError(f"{text!r} is out of range")
    return value


def _number(value: float) -> str:
    """Write a number as Go does."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else f"{value:.2f}"
