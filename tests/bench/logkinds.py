"""Logs of each format, as large as one likes: the corpus's, again and again, between what kernels and programs say."""

import itertools
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

CORPUS = Path(__file__).parents[1] / "indexer" / "corpus"

#: what nobody is told of; `{a}` and `{b}` are numbers
_KERNEL = (
    "usb 1-{a}: new high-speed USB device number {a} using xhci_hcd",
    "usb 1-{a}: New USB device found, idVendor=0951, idProduct=1666, bcdDevice= 1.{b}",
    "e1000e 0000:00:1f.{a} eth0: NIC Link is Up 1000 Mbps Full Duplex, Flow Control: Rx/Tx",
    "EXT4-fs (sda{a}): mounted filesystem with ordered data mode. Opts: (null)",
    'audit: type=1400 audit(1709546000.{b}:{a}): apparmor="STATUS" operation="profile_load"',
    "pci 0000:0{a}:00.0: BAR {a}: assigned [mem 0x{b:08x}-0x{b:08x} 64bit pref]",
    "CPU{a}: Booted secondary processor 0x{b:010x} [0x410fd034]",
    "BTRFS info (device vdb): disk space caching is enabled",
    "IPv6: ADDRCONF(NETDEV_CHANGE): eth{a}: link becomes ready",
    "clocksource: tsc: mask: 0xffffffffffffffff max_cycles: 0x{b:x}, max_idle_ns: 440795{b} ns",
)
_PROGRAMS = (
    "[  OK  ] Reached target Multi-User System - {a}.",
    "         Starting Network Time Synchronization...",
    "+ ./runltp -f syscalls-{a} -s fork -Q",
    "fork{a:02}      0  TINFO  :  Timeout per run is 0h 05m 00s, {b} children",
    "stress-ng: info: [{b}] dispatching hogs: {a} cpu, 2 vm",
    "  CC      drivers/net/ethernet/intel/e1000e/part-{b}.o",
    "gcc -DHAVE_CONFIG_H -I. -I../include -O2 -Wall -MT lib_la-{b}.lo -c -o .libs/lib_la-{b}.o lib-{a}.c",
    "{b} bytes from 192.0.2.{a}: icmp_seq={b} ttl=64 time=0.0{a} ms",
)
_CASE = """<testcase classname="pkg.mod{a}" name="test_{b}" time="0.{b}"><system-out>setting up {b}
connecting to 192.0.2.{a}, sent 64 bytes
</system-out></testcase>"""
_BOOT = b"[    0.000000] Linux version 6.9.1 (builder@lab) #1 SMP\n"
_LINES = 6000


@frozen
class Kind:
    """A log: how it begins, what comes again and again, and its name."""

    head: bytes
    body: bytes
    name: str = "taskout.log"

    def write(self, path: Path, size: int) -> None:
        """Write a log of that many bytes."""
        body = self.body * (1 + (1 << 20) // len(self.body))
        with path.open("wb") as file:
            left = size - file.write(self.head[:size])
            while left > 0:
                left -= file.write(body[:left])


def kinds() -> Mapping[str, Kind]:
    """Return a log of each format, and of consoles more."""
    kernel = _said(_KERNEL, "[{:5d}.{:06d}] ")
    programs = _said(_PROGRAMS)
    console = b"".join(itertools.chain(*zip(kernel.splitlines(True), programs.splitlines(True), strict=True)))
    points = b"ok 1 - a\nnot ok 2 - b\n"
    return {
        "console": Kind(_BOOT, console + _corpus("console", "x86"), "console.log"),
        "console, one line": Kind(b"", kernel.splitlines(True)[0], "console.log"),
        "console, syslog": Kind(b"", _said(_KERNEL, "Mar  4 10:11:12 bay3 kernel: [{:5d}.{:06d}] "), "messages"),
        "console, tests in it": Kind(_BOOT + b"TAP version 13\n1..2\n" + points, console + points, "console.log"),
        "plain": Kind(b"", programs),
        "lava": Kind(_corpus("lava", "run"), programs + _corpus("lava", "run")),
        "beakerlib": Kind(_corpus("beakerlib", "new"), programs + _corpus("beakerlib", "new")),
        "automake": Kind(_corpus("automake", "parallel"), programs + _corpus("automake", "parallel")),
        "xm-test": Kind(_corpus("xm-test", "parallel"), programs + _corpus("xm-test", "parallel")),
        "tap, few": Kind(b"TAP version 13\n", programs + points),
        "tap, nothing else": Kind(b"TAP version 13\n", points),
        "junit": Kind(b"<testsuite>\n", _said((_CASE,))),
        "subunit": Kind(b"", _corpus("subunit", "testtools")),
        "binary": Kind(b"", bytes(range(256)), "vmcore"),
    }


def _said(patterns: tuple[str, ...], stamp: str = "") -> bytes:
    """Return lines with numbers in them; `stamp`: what stands before each."""
    numbered = zip(range(_LINES), itertools.cycle(patterns), strict=False)
    return "".join(
        f"{stamp.format(n // 7, n * 7919 % 1000000)}{pattern.format(a=n % 8 + 1, b=n * 7907 % 99991)}\n"
        for n, pattern in numbered
    ).encode()


def _corpus(format_: str, name: str) -> bytes:
    return (CORPUS / format_ / f"{name}.log").read_bytes() + b"\n"
