"""Chunks of logs that exist: our front door beside what others have, and beside what the kernel alone does.

`lighttpd` is its mod_webdav with partial PUT in place, a process for each processor; `tus` npm's @tus/server over its
file store, the one process that it has, whose uploads grow where the others write one log again and again; `kernel` the
least that a server can do (kernel.c): receive, write to the file, answer. The load is that of the module puts. A peer
that could not be installed is told of and left out.
"""

import base64
import http.client
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from attrs import define
from figure import Figure
from lab import SERVICE
from pairs import turns
from puts import CHUNKS, PATH, named, putting
from scale import Scale
from servers import Server, owned, running
from sink import CONNECTIONS, Sink, our_sink

_HERE = Path(__file__).parent
#: where .ci/install puts npm's packages
_PACKAGES = _HERE.parents[1] / "build" / "peers"
_TUS_SERVER = _PACKAGES / "node_modules" / "@tus" / "server"
_WEBDAV = Path("/usr/lib/lighttpd/mod_webdav.so")
TIMES = 3


def measure(scale: Scale) -> Iterator[Figure]:
    """Measure all in turns."""
    seconds = scale.of(2.0, 0.2)
    with ExitStack() as stack:
        ours = stack.enter_context(our_sink("apache"))
        others = {name: stack.enter_context(made()) for name, made in _peers()}
        sinks = [ours, *others.values()]
        for chunk in CHUNKS:
            for sink in sinks:
                sink.put(chunk, scale.of(0.5, 0.1))
                sink.forget()
            rates = turns([putting(sink, chunk, seconds) for sink in sinks], scale.of(TIMES, 1))
            for rate, (name, sink) in zip(rates[1:], others.items(), strict=True):
                yield Figure(f"PUT {named(chunk)}: Apache / {name}", rates[0], rate, unit="/s")
                costs = ours.cost(*PATH), sink.cost()
                yield Figure(f"CPU in {named(chunk)}: Apache / {name}", *costs, more=False, unit="s/GiB")
        for name, sink in others.items():
            yield from (
                Figure(f"PUTs: the largest process of {name}", used.most, more=False, unit="MiB")
                for used in sink.used.used.values()
            )


@define
class Uploads(Sink):
    """Takes chunks of uploads as tus has them: they only grow, so there are new ones for each load."""

    server: Server | None = None
    made: int = 0

    def put(self, chunk: int, seconds: float) -> float:
        """Make empty uploads, put, and take them away."""
        assert self.server is not None
        self.made += 1
        self.prefix = f"{self.server.url}/files/{self.made}-"
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port)
        for number in range(CONNECTIONS):
            name = base64.b64encode(f"{self.made}-{number}".encode()).decode()
            told = {"Tus-Resumable": "1.0.0", "Upload-Length": str(1 << 40), "Upload-Metadata": f"name {name}"}
            connection.request("POST", "/files", headers=told)
            answer = connection.getresponse()
            assert answer.status == 201, answer.read()
            answer.read()
        connection.close()
        rate = super().put(chunk, seconds)
        for file in (self.server.place / "files").glob(f"{self.made}-*"):
            file.unlink()
        return rate


def _peers() -> Iterator[tuple[str, Callable[[], AbstractContextManager[Sink]]]]:
    for name, there, made in (
        ("lighttpd", _WEBDAV.exists(), _lighttpd),
        ("tus", _TUS_SERVER.exists() and shutil.which("node") is not None, _tus),
        ("kernel", shutil.which("cc") is not None, _kernel),
    ):
        if there:
            yield name, made
        else:
            print(f"peers: {name} is not installed and is left out", file=sys.stderr)


@contextmanager
def _lighttpd() -> Iterator[Sink]:
    with running("lighttpd", _lighttpd_command) as server:
        yield Sink(f"{server.url}/", server.pids)


def _lighttpd_command(port: int, place: Path) -> Sequence[str]:
    files = place / "files"
    files.mkdir()
    for number in range(CONNECTIONS):
        (files / str(number)).touch()
    owned(files)
    lines = [
        'server.modules = ("mod_webdav")',
        f'server.document-root = "{files}"',
        'server.bind = "127.0.0.1"',
        f"server.port = {port}",
        f"server.max-worker = {os.cpu_count()}",
        "server.max-keep-alive-requests = 65535",
        f'server.upload-dirs = ("{place}")',
        'webdav.activate = "enable"',
        # in place, as mod_dav_fs does it; the other way is to copy the file for each chunk
        'webdav.opts = ("deprecated-unsafe-partial-put" => "enable")',
        *([f'server.username = "{SERVICE}"', f'server.groupname = "{SERVICE}"'] if os.getuid() == 0 else []),
    ]
    (place / "lighttpd.conf").write_text("\n".join(lines) + "\n")
    return [shutil.which("lighttpd") or "/usr/sbin/lighttpd", "-D", "-f", str(place / "lighttpd.conf")]


@contextmanager
def _tus() -> Iterator[Sink]:
    with running("tus", _tus_command) as server:
        yield Uploads("", server.pids, script="tus", server=server)


def _tus_command(port: int, place: Path) -> Sequence[str]:
    return ["node", str(_HERE / "tus.mjs"), str(port), str(place / "files"), str(_PACKAGES)]


@contextmanager
def _kernel() -> Iterator[Sink]:
    with running("kernel", _kernel_command) as server:
        yield Sink(f"{server.url}/", server.pids)


def _kernel_command(port: int, place: Path) -> Sequence[str]:
    program = str(place / "kernel")
    options = ["-O2", "-D_GNU_SOURCE", "-pthread", "-o", program]
    subprocess.run(["cc", *options, str(_HERE / "kernel.c")], check=True)
    return [program, str(port), str(place)]
