"""TAP of LAVA's reports, read by a parser that is not ours."""

from collections import Counter

from tap.line import Diagnostic, Result
from tap.parser import Parser

#: cases, by suite, name and what became of them
Told = Counter[tuple[str, str, str]]


def of_tap(text: str) -> Told:
    """Count the points of a TAP document."""
    told: Told = Counter()
    suite = ""
    for line in Parser().parse_text(text):
        if isinstance(line, Diagnostic):
            suite = line.text.removeprefix("# TAP results for ")
        elif isinstance(line, Result):
            word = "skip" if line.skip else "unknown" if line.todo else "pass" if line.ok else "fail"
            assert line.ok == (word in ("pass", "skip"))
            told[suite, line.description.replace("\\\\", "\\"), word] += 1
    return told
