"""Titles of crashes, such that the same crash has the same title in every run."""

import re

from wsgi_app.indexer.formats.format import MAX_TEXT

#: where a kernel's sources begin, wherever they were built
_TOP = "arch|block|crypto|drivers|fs|include|init|io_uring|ipc|kernel|lib|mm|net|rust|samples|security|sound|virt"
#: what differs between runs, in the order in which it is taken out
_VOLATILE = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        (r"(?:, sig: \d{1,5}|: [0-9a-f]{1,16})?(?: ilc:\d)? ?\[#\d+\].*", ""),
        (r"\bkworker/[^\s\])},]*", "kworker"),
        (r"^(BUG [\w.:/-]{1,64})\(\d[^)]{0,80}\)", r"\1"),
        (r"CPU: \d+ (?:UID: \d+ )?PID: \d+ ", ""),
        (r", CPU#\d+.*", ""),
        (r" ?(?:-|on) CPU ?#?\d+.*", ""),
        (r"^(?:Watchdog detected )?[Hh]ard LOCKUP.*", "hard LOCKUP"),
        (r"(?<=workqueue lockup) - pool.*", ""),
        (r" for more than \d+ seconds.*", ""),
        (r"(?:(?<=CPUs/tasks)|(?<=stalls on tasks)|(?<=stall on CPU)).*", ""),
        (r"\btask ([^\s/:]{1,64})[/:][^\s]*", r"task \1"),
        (r"(?<= by task )([^\s/]{1,64})/.*", r"\1"),
        (r"(?<=scheduling while atomic: )([^\s/]{1,64})/.*", r"\1"),
        (r" \[[0-9a-f]{8}\](?= code: )", ""),
        (r"(?<= code: )([^\s/]{1,64})/.*", r"\1"),
        (r"(?<=Killed process )\d+ (\([^)]{0,64}\)).*", r"\1"),
        (r"(?<=in process )([^\s/]{1,64})(?:/[^\s]{1,64})?\s+(?:pfn|pte):.*", r"\1"),
        (r"^Kernel stack overflow in process \[?([^\s,/\]]{1,64}).*", r"Kernel stack overflow in process \1"),
        (r"(?<=rss-counter state) mm:[^\s]+ ([^\s]+) val:.*", r" \1"),
        (r"(?<=stack guard page was hit) .*", ""),
        (r"corruption, [0-9a-f]{4,16}->", "corruption, "),
        (r" should be [0-9a-f]{4,16},", " should be another,"),
        (r", but was .*", ""),
        (r" \((?:Not tainted|Tainted: [^)]{0,80})\)", ""),
        (r", (?:error_code: |(?:epc|era) == ).*", ""),
        (rf"(?:(?<= at )|(?<= in )|(?<=^WARNING: ))\.{{0,2}}(?:/[^\s/]+)*?/(?=(?:{_TOP})/)", ""),
        (r"(?<=\.[chS]):\d+(?::\d+)?", ""),
        (r"(?<=\.rs):\d+(?::\d+)?", ""),
        (r"(?<=[a-z\d_])(?:\.(?:constprop|isra|part|cold|llvm|lto_priv)(?:\.\d+)?)+(?![\w])", ""),
        (r"\+0x[0-9a-f]+/0x[0-9a-f]+(?: \[[\w-]+\])?", ""),
        (r",? (?:at |for )?(?:(?:virtual )?address:?|at) (?:0x)?(?:[0-9a-f]{8}|[0-9a-f]{16})(?![\w.])", ""),
        (r" ?\((?:0x[0-9a-f]+|[0-9a-f]{8}|[0-9a-f]{16}|[\d,\s]*)\)", ""),
        (r"\b\w+=(?:0x)?[0-9a-f]+\b", ""),
        (r"\b0x[0-9a-fA-F]+\b", ""),
        (r"(?<![\w.])(?=[a-f]*\d)[0-9a-f]{8,}(?![\w.])", ""),
        (r"(?<![\w.-])\d[\d.]*(?:ms|us|ns|s)?(?![\w.]|-bit)", ""),
        (r":(?= |$|!)(?: ?:)*", ":"),
        (r"\s+", " "),
        (r"[\s:,.-]*(?:\b(?:at|address|at virtual address|at address):? ?)?[\s:,(\[-]*\]?$", ""),
    )
)


def title(line: str) -> str:
    """Return a crash's line without addresses, offsets, numbers, times, processes' ids and the processor that it hit.

    Suffixes that the compiler gives to functions (`.isra.0`, `.cold`) go too.
    """
    line = line[:MAX_TEXT]
    for pattern, instead in _VOLATILE:
        line = pattern.sub(instead, line)
    return line.strip()
