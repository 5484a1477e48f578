"""Titles of crashes, such that the same crash has the same title in every run."""

import re

from wsgi_app.indexer.formats.format import MAX_TEXT

#: where a kernel's sources begin, wherever they were built
_TOP = "arch|block|crypto|drivers|fs|include|init|io_uring|ipc|kernel|lib|mm|net|rust|security|sound|virt"
#: what differs between runs, in the order in which it is taken out
_VOLATILE = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        (r" ?\[#\d+\].*", ""),
        (r"CPU: \d+ (?:UID: \d+ )?PID: \d+ ", ""),
        (r", CPU#\d+.*", ""),
        (r" ?(?:-|on) CPU ?#?\d+.*", ""),
        (r" for more than \d+ seconds.*", ""),
        (r"(?<=CPUs/tasks).*", ""),
        (r"\btask ([^\s/:]{1,64})[/:][^\s]*", r"task \1"),
        (r"(?<= by task )([^\s/]{1,64})/.*", r"\1"),
        (rf"(?<= at )(?:/[^\s/]+)*?/(?=(?:{_TOP})/)", ""),
        (r"(?<=\.[chS]):\d+", ""),
        (r"\+0x[0-9a-f]+/0x[0-9a-f]+(?: \[[\w-]+\])?", ""),
        (r" ?\((?:0x[0-9a-f]+|[\d,\s]*)\)", ""),
        (r"\b\w+=(?:0x)?[0-9a-f]+\b", ""),
        (r"\b0x[0-9a-fA-F]+\b", ""),
        (r"(?<![\w.])(?=[a-f]*\d)[0-9a-f]{8,}(?![\w.])", ""),
        (r"(?<![\w.-])\d[\d.]*(?:ms|us|ns|s)?(?![\w.])", ""),
        (r":(?= |$|!)(?: ?:)*", ":"),
        (r"\s+", " "),
        (r"[\s:,-]*(?:\b(?:at|address|at virtual address|at address):? ?)?[\s:,(\[-]*\]?$", ""),
    )
)


def title(line: str) -> str:
    """Return a crash's line without addresses, offsets, numbers, times and the processor that it hit."""
    line = line[:MAX_TEXT]
    for pattern, instead in _VOLATILE:
        line = pattern.sub(instead, line)
    return line.strip()
