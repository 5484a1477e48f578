"""Subunit version 2: packets, as testtools, stestr and `subunit-output` write them, also with text between them.

We find the packets, and python-subunit (the extra `tackroom[subunit]`) says what is in them; without it the log has a
mark that says so. A result's line is the one in which its packet begins, as `sed -n` counts.
"""

import io
import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any, Protocol

from attrs import define, field

from wsgi_app.indexer.formats.format import MAX_TEXT, ByteFormat, Found, one_line, path, text
from wsgi_app.model import Mark, ParsedResult
from wsgi_app.states import ResultValue

#: a packet's first byte, and in the second one the version
_SIGNATURE = re.compile(rb"\xb3[\x20-\x2f]")
_MAYBE = re.compile(rb"\xb3(?:[\x20-\x2f]|\Z)")
#: signature, flags, one byte of length, checksum
_SHORTEST = 8
_LONGEST_HEADER = 6
#: packets that are looked at, and bytes of what looked like packets and was none: each costs a checksum
_MOST_PACKETS = 1_000_000
_MOST_WASTED = 64 << 20
#: tests that may run at the same time, and bytes of what each may say
_MOST_TESTS = 1000
_MOST_SAID = 4 * MAX_TEXT

_VALUES = {
    "success": ResultValue.PASS,
    "fail": ResultValue.FAIL,
    "skip": ResultValue.SKIP,
    "xfail": ResultValue.NONE,
    "uxsuccess": ResultValue.FAIL,
}


class _Decoder(Protocol):
    """python-subunit's parser, as far as we use it."""

    def __call__(self, source: io.BytesIO) -> Any:
        """Return what has a method `run(result)`."""


def _decoder() -> _Decoder | None:
    """Return python-subunit's parser, None when it is not installed; imported here, for it is slow to load."""
    try:
        from subunit.v2 import ByteStreamToStreamResult
    except ImportError:
        return None
    decoder: _Decoder = ByteStreamToStreamResult
    return decoder


@define
class _Packets:
    """Finds the packets in a log."""

    #: the first line in which a packet should have begun and none did
    damaged: int = 0
    _data: bytes = b""
    _line: int = 1
    _wasted: int = 0
    #: whether since a packet, or the log's beginning, no text came
    _expected: bool = True

    def find(self, blocks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
        """Yield each packet with the line in which it begins."""
        for block in blocks:
            self._data += block
            yield from self._cut(last=False)
        yield from self._cut(last=True)

    def _cut(self, *, last: bool) -> Iterator[tuple[int, bytes]]:
        """Yield the packets that are complete; keep what may be the beginning of one."""
        data, place = self._data, 0
        while self._wasted <= _MOST_WASTED:
            match = _MAYBE.search(data, place)
            start = match.start() if match else len(data)
            self._expected = self._expected and not data[place:start].strip()
            place = self._pass(place, start)
            if match is None:
                break
            length = _length(data[start : start + _LONGEST_HEADER])
            if not last and (length is None or len(data) < start + length):
                break
            packet = data[start : start + (length or 0)]
            if _whole(packet):
                yield self._line, packet
                place = self._pass(place, start + len(packet))
                self._expected = True
                continue
            if self._expected:
                self.damaged = self.damaged or self._line
            self._wasted += len(packet) + 256
            self._expected = False
            place = self._pass(place, start + 1)
        else:
            self.damaged = self.damaged or self._line
            place = len(data)
        self._data = data[place:]

    def _pass(self, begin: int, end: int) -> int:
        """Count the lines that end between two places; return the second."""
        self._line += self._data.count(b"\n", begin, end)
        return end


def _length(header: bytes) -> int | None:
    """Return the length of the packet that begins so, 0 when none does, None when that cannot be told yet."""
    if len(header) < _LONGEST_HEADER:
        return None
    kind, value = header[3] >> 6, header[3] & 0x3F
    if kind == 3:
        return 0
    return int.from_bytes(bytes([value]) + header[4 : 4 + kind])


def _whole(packet: bytes) -> bool:
    """Whether these bytes are a packet."""
    return len(packet) >= _SHORTEST and zlib.crc32(packet[:-4]) == int.from_bytes(packet[-4:])


@define
class _Test:
    """A test that has begun, or about which something was said."""

    line: int
    running: bool = False
    reason: bytes = b""
    traceback: bytes = b""


@define
class _Results:
    """Takes what python-subunit says; it is a StreamResult as far as that needs one."""

    found: list[Found] = field(factory=list)
    #: the line of the packet that is being read
    line: int = 1
    _tests: dict[str, _Test] = field(factory=dict)

    def status(
        self,
        *,
        test_id: str | None = None,
        test_status: str | None = None,
        file_name: str | None = None,
        file_bytes: bytes | None = None,
        **_: object,
    ) -> None:
        """Take what one packet says."""
        if test_id is None:
            return
        name = one_line(test_id)
        test = self._tests.get(name, _Test(self.line))
        if len(self._tests) < _MOST_TESTS:
            self._tests[name] = test
        if file_name is not None and file_bytes:
            self._attach(test, file_name, bytes(file_bytes))
        if test_status == "inprogress":
            test.line, test.running = self.line, True
        elif value := _VALUES.get(test_status or ""):
            self._tests.pop(name, None)
            self.found.append(ParsedResult(path(name), value, self.line, _message(test, test_status)))

    def finish(self) -> None:
        """Tell the tests that began and did not end."""
        for name, test in self._tests.items():
            if test.running:
                message = _message(test, "fail") or "the test did not end"
                self.found.append(ParsedResult(path(name), ResultValue.FAIL, test.line, message))

    def _attach(self, test: _Test, file_name: str, data: bytes) -> None:
        if file_name == "reason":
            test.reason = (test.reason + data[:_MOST_SAID])[:_MOST_SAID]
        elif file_name.startswith("traceback"):
            test.traceback = (test.traceback + data[-_MOST_SAID:])[-_MOST_SAID:]


def _message(test: _Test, status: str | None) -> str | None:
    """Return the reason that was given, or the last line of the traceback: it names the exception."""
    if status == "uxsuccess":
        return "unexpected success"
    lines = test.reason.strip().splitlines()[:1] or test.traceback.strip().splitlines()[-1:]
    return text(lines[0]) or None if lines else None


def _parse(blocks: Iterator[bytes]) -> Iterator[Found]:
    decoder = _decoder()
    if decoder is None:
        yield Mark("unread", 1, "subunit is read where python-subunit is installed: pip install 'tackroom[subunit]'")
        return
    packets, results = _Packets(), _Results()
    for number, (line, packet) in enumerate(packets.find(blocks)):
        if number == _MOST_PACKETS:
            yield ParsedResult("/", ResultValue.WARN, line, f"more than {number} packets: the rest was not read")
            return
        results.line = line
        try:
            decoder(io.BytesIO(packet)).run(results)
        except (struct.error, ValueError, LookupError, OverflowError):
            packets.damaged = packets.damaged or line
        yield from results.found
        results.found.clear()
    results.finish()
    yield from results.found
    if packets.damaged:
        yield ParsedResult("/", ResultValue.WARN, packets.damaged, "from here on packets are damaged or cut off")


def _detect(head: bytes, name: str) -> bool:
    return _SIGNATURE.match(head) is not None


FORMAT = ByteFormat("subunit", _detect, _parse, text=False)
