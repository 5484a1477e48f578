"""Titles of crashes: what differs between two runs of the same crash is not in them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_app.indexer.formats.title import title

#: lines of crashes, with placeholders for what differs between runs
LINES = [
    "BUG: unable to handle page fault for address: {long}",
    "BUG: kernel NULL pointer dereference, address: {long}",
    "BUG: unable to handle kernel paging request at {long}",
    "BUG: KASAN: slab-use-after-free in ring_pop.isra.{n}+{hex}/{hex} [ring]",
    "BUG: KFENCE: use-after-free read in ring_get.part.{n}+{hex}/{hex}",
    "BUG: KCSAN: data-race in ring_put / ring_get+{hex}/{hex}",
    "BUG: soft lockup - CPU#{n} stuck for {n}s! [spin:{n}]",
    "BUG: workqueue lockup - pool cpus={n} node={n} flags={hex} nice=0 stuck for {n}s!",
    "Watchdog detected hard LOCKUP on cpu {n}",
    "BUG: scheduling while atomic: swapper/{n}/{n}/{hex}",
    "BUG: sleeping function called from invalid context at /home/u{n}/linux/kernel/locking/rwsem.c:{n}",
    "BUG: using smp_processor_id() in preemptible [{short}] code: modprobe/{n}",
    "BUG: Bad page state in process kworker/{n}:{n}  pfn:{short}",
    "BUG: Bad rss-counter state mm:{long} type:MM_ANONPAGES val:{n}",
    "BUG kmalloc-64 (Tainted: G    B             ): Poison overwritten",
    "BUG: stack guard page was hit at {long} (stack is {long}..{long})",
    "list_add corruption. prev->next should be next ({long}), but was {long}. (prev={long}).",
    "list_del corruption. prev->next should be {long}, but was {long}. (prev={long})",
    "kernel BUG at /build/{n}/linux/mm/slub.c:{n}!",
    "Oops: {code} [#{n}] PREEMPT SMP",
    "general protection fault, probably for non-canonical address {hex}: {code} [#{n}] SMP",
    "PANIC: double fault, error_code: {hex}",
    "Internal error: Oops: {long} [#{n}] PREEMPT SMP",
    "Unable to handle kernel paging request at virtual address {long}",
    "Unable to handle kernel paging request at virtual address {short} when execute",
    "CPU {n} Unable to handle kernel paging request at virtual address {short}, epc == {short}, ra == {short}",
    "Unhandled fault: external abort on non-linefetch ({hex}) at {hex}",
    "SError Interrupt on CPU{n}, code {hex} -- SError",
    "Oops: Kernel access of bad area, sig: {n} [#{n}]",
    "specification exception: {code} ilc:2 [#{n}] SMP",
    "Kernel stack overflow in process frob[{n}], r1={long}",
    "WARNING: CPU: {n} PID: {n} at drivers/gpu/frob.c:{n} frob_setup.cold+{hex}/{hex} [frob]",
    "WARNING: /srv/{n}/kernel/frob.c:{n} at frob_go+{hex}/{hex}, CPU#{n}: frob/{n}",
    "UBSAN: shift-out-of-bounds in /srv/{n}/fs/ring/super.c:{n}:{n}",
    "INFO: task kworker/u{n}:{n}:{n} blocked for more than {n} seconds.",
    "INFO: rcu_preempt detected expedited stalls on CPUs/tasks: {{ {n}-.... }} {n} jiffies s: {n} root: {hex}/.",
    "INFO: rcu_sched self-detected stall on CPU {{ {n}}}  (t={n} jiffies g={n} c={n} q={n})",
    "Out of memory: Killed process {n} (stress) total-vm:{n}kB, anon-rss:{n}kB, UID:{n} pgtables:{n}kB",
    "Kernel panic - not syncing: Attempted to kill init! exitcode={hex}",
    "Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: frob_go+{hex}/{hex}",
]

_PLACE = re.compile(r"\{(n|hex|short|long|code)\}")
_VALUES = {
    "n": st.integers(0, 99_999).map(str),
    "hex": st.integers(0, 2**64 - 1).map(hex),
    "short": st.integers(0, 2**32 - 1).map("{:08x}".format),
    "long": st.integers(0, 2**64 - 1).map("{:016x}".format),
    "code": st.integers(0, 2**16 - 1).map("{:04x}".format),
}


@st.composite
def runs(draw: st.DrawFn) -> tuple[str, str]:
    """Draws the same line of a crash as two runs print it."""
    line = draw(st.sampled_from(LINES))

    def filled() -> str:
        values = _PLACE.sub(lambda match: draw(_VALUES[match[1]]), line)
        return values.replace("{{", "{").replace("}}", "}")

    return filled(), filled()


@given(runs())
def test_two_runs_have_one_title(lines: tuple[str, str]) -> None:
    """The same crash in two runs, at other addresses, times and processors, has the same title."""
    assert title(lines[0]) == title(lines[1])


def test_crashes_have_different_titles() -> None:
    """Each kind of crash keeps a title of its own, and no digits but those that name something."""
    filled = [_PLACE.sub("12345678", line).replace("{{", "{").replace("}}", "}") for line in LINES]
    titles = {title(line) for line in filled}
    assert len(titles) >= len(LINES) - 3
    assert not [name for name in titles if "12345678" in name]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("BUG: KASAN: slab-out-of-bounds in push.constprop.0.isra.0+0x190/0x3b8", "slab-out-of-bounds in push"),
        ("BUG: Bad page state in process cat  pfn:12ab3", "BUG: Bad page state in process cat"),
        ("BUG kmalloc-64 (Not tainted): Poison overwritten", "BUG kmalloc-64: Poison overwritten"),
        ("Out of memory: Killed process 12 (a b) total-vm:1kB", "Out of memory: Killed process (a b)"),
        ("UBSAN: Undefined behaviour in ../fs/x.c:1:2", "UBSAN: Undefined behaviour in fs/x.c"),
        ("WARNING: CPU: 1 PID: 1 at rust/kernel/sync.rs:17 go+0x1/0x2", "WARNING: at rust/kernel/sync.rs go"),
        ("Unable to handle kernel paging request at virtual address bf00f000 when execute", "request when execute"),
        ("INFO: suspicious RCU usage. ]", "INFO: suspicious RCU usage"),
    ],
)
def test_what_names_a_crash_stays(line: str, expected: str) -> None:
    """A title keeps the functions, the file, the cache and the process that name the crash."""
    assert title(line).endswith(expected)
