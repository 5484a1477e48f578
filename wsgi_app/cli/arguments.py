"""What subcommands take: numbers, lengths of time, names. What cannot be one is wrong use, and no call is made."""

import math
from typing import Any

import click

#: what a number of the API may be at most
MOST = 2**63 - 1


class _Number(click.IntRange):
    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return it as an integer."""
        if isinstance(value, str) and len(value) > len(str(MOST)):
            # Python refuses to read some thousands of digits, in words of its own
            self.fail(f"{value[:20] + '...'!r} is not a valid number.", param, ctx)
        return super().convert(value, param, ctx)


class Span(click.FloatRange):
    """A length of time: not endless, and a number (`nan` is none)."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return it as a float that is finite."""
        span = super().convert(value, param, ctx)
        if not math.isfinite(span):
            self.fail(f"{value!r} is no length of time.", param, ctx)
        return span


class _SystemName(click.ParamType[str]):
    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return it unless it would be another URL than a system's; all else the server knows better."""
        if value in ("", ".", "..") or "/" in value:
            self.fail(f"{value!r} is no system's name.", param, ctx)
        return value


#: the number of a job, a recipe, a token
NUMBER = _Number(1, MOST)
#: how many of something
AMOUNT = _Number(0, MOST)
#: seconds to wait
SECONDS = Span(0)
#: a system's name
SYSTEM_NAME = _SystemName()
