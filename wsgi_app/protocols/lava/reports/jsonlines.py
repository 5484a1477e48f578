"""Cases as JSON lines: an object a line, numbers as numbers, what there is not as null."""

import json
import math
from collections.abc import Iterable, Iterator

from wsgi_app.protocols.lava.blocks import blocks
from wsgi_app.protocols.lava.measures import moment
from wsgi_app.protocols.lava.suites import Case


def write(cases: Iterable[Case]) -> Iterator[str]:
    """Yield the document."""
    return blocks(map(_line, cases))


def _line(case: Case) -> str:
    said = None if case.said is None else case.said.result
    value = {
        "id": case.id,
        "job": case.suite.job,
        "recipe": case.suite.part.recipe.id,
        "task": said.task if said else (case.id if case.id != case.suite.id else None),
        "suite": case.suite.name,
        "set": case.set or None,
        "name": case.name,
        "result": case.result,
        "native_result": case.metadata["native_result"],
        "source": case.metadata["source"],
        "measurement": None if case.measurement == "None" else _number(case.measurement),
        "units": case.units or None,
        "message": case.metadata.get("message"),
        "error_type": case.metadata.get("error_type"),
        "error_msg": case.metadata.get("error_msg"),
        "logged": moment(case.logged).replace(" ", "T"),
        "log": said.log if said else None,
        "line": said.line if said else None,
        "record": case.line,
        "url": case.url,
    }
    # ASCII: what some take for the end of a line is escaped
    return json.dumps(value, separators=(",", ":")) + "\n"


def _number(text: str) -> float | int:
    number = float(text)
    return int(number) if math.isfinite(number) and number == int(number) else number
