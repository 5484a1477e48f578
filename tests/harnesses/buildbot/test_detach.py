"""A task's command that outlives the connection of its worker."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from shellworker import ShellWorker

from wsgi_app.harnesses.buildbot.detach import Detached
from wsgi_app.harnesses.buildbot.transport import Ended, Kept, WorkerError


class Lab:
    """A worker that comes back whenever it is lost, and a task's directory on it."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.worker = ShellWorker(place)
        self.home = place / "slot0" / "t5"
        (self.home / "work").mkdir(parents=True)
        self.kept = Kept(1 << 24)

    async def back(self) -> ShellWorker:
        """Let the worker come back."""
        self.worker = ShellWorker(self._place)
        return self.worker

    def detached(self, *, offset: int = 0, silent: float | None = None) -> Detached:
        """Return what runs the task's command."""
        return Detached(self.worker, self.back, str(self.home), self.kept, offset=offset, silent=silent)

    def args(self, script: str, **more: object) -> dict[str, object]:
        """What starts a script."""
        env = {"WORD": "a word"}
        return {"command": ["sh", "-c", script], "workdir": f"{self.home}/work", "env": env, **more}

    @property
    def output(self) -> bytes:
        """What has come of its output."""
        return bytes(self.kept.streams.get("stdout", b""))

    def group(self) -> int:
        """The process group of the command."""
        return int((self.home / "side" / "session").read_text().split()[0])

    def alive(self) -> bool:
        """Whether something of it runs."""
        try:
            os.killpg(self.group(), 0)
        except ProcessLookupError:
            return False
        return True


async def until(ask: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not ask():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.02)


def test_output_byte_for_byte_and_the_exit_status(tmp_path: Path) -> None:
    """Long lines, bytes that are no text, more than one chunk; environment and directory are the task's."""

    async def scene() -> None:
        lab = Lab(tmp_path)
        running = lab.detached()
        await running.start(
            lab.args(r"""printf 'a\000\377\r\n'; head -c 6000000 /dev/zero; echo "$WORD" >&2; pwd; exit 42""")
        )
        assert await running.ended() == Ended(42)
        tail = f"a word\n{lab.home}/work\n".encode()
        assert lab.output == b"a\0\xff\r\n" + bytes(6_000_000) + tail

    asyncio.run(scene())


def test_it_survives_lost_connections_and_another_gateway(tmp_path: Path) -> None:
    """Nothing of its output is lost or twice, and it is not started again, however often that is asked for."""

    async def scene() -> None:
        lab = Lab(tmp_path)
        script = "echo x >> starts; i=0; while [ $i -lt 30 ]; do echo tick $i; i=$((i+1)); sleep 0.1; done; exit 7"
        running = lab.detached()
        await running.start(lab.args(script))
        ended = asyncio.create_task(running.ended())
        await until(lambda: lab.output)
        await lab.worker.lose()
        had = len(lab.output)
        await until(lambda: len(lab.output) > had)
        ended.cancel()  # the gateway is no more
        await lab.worker.lose()
        await lab.back()
        other = lab.detached(offset=len(lab.output))
        await other.start(lab.args(script))
        assert await asyncio.wait_for(other.ended(), 30) == Ended(7)
        assert lab.output.decode() == "".join(f"tick {number}\n" for number in range(30))
        assert (lab.home / "work" / "starts").read_text() == "x\n"

    asyncio.run(scene())


def test_interrupted(tmp_path: Path) -> None:
    """Its whole group is gone soon, its last words are there."""

    async def scene() -> None:
        lab = Lab(tmp_path)
        running = lab.detached()
        await running.start(lab.args("trap 'echo ends; exit 3' TERM; echo begins; sleep 600 & wait"))
        ended = asyncio.create_task(running.ended())
        await until(lambda: lab.output)
        began = time.monotonic()
        await running.interrupt("so")
        result = await asyncio.wait_for(ended, 20)
        assert result.rc == -1
        assert time.monotonic() - began < 6
        assert lab.output == b"begins\nends\n"
        assert not lab.alive()

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("args", "silent", "reason"), [({"maxTime": 1}, None, "timeout"), ({}, 1.0, "timeout_without_output")]
)
def test_time_limits(tmp_path: Path, args: dict[str, object], silent: float | None, reason: str) -> None:
    """They hold without a connection too, as far as the whole time goes."""

    async def scene() -> None:
        lab = Lab(tmp_path)
        running = lab.detached(silent=silent)
        await running.start(lab.args("echo begins; exec sleep 600", **args))
        assert await asyncio.wait_for(running.ended(), 30) == Ended(-1, reason=reason)
        assert not lab.alive()

    asyncio.run(scene())


def test_killed_by_somebody(tmp_path: Path) -> None:
    """A process that vanishes is no result of the task."""

    async def scene() -> None:
        lab = Lab(tmp_path)
        running = lab.detached()
        await running.start(lab.args("echo begins; kill -9 0"))
        result = await asyncio.wait_for(running.ended(), 30)
        assert result.rc is None
        assert result.failure is not None
        assert "vanished" in result.failure
        assert lab.output == b"begins\n"

    asyncio.run(scene())


def test_a_full_disk_here(tmp_path: Path) -> None:
    """When nobody can take its output, it is ended, and the reason comes out."""

    class Full(Kept):
        def text(self, stream: str, data: bytes) -> None:
            raise OSError(28, "No space left on device")

    async def scene() -> None:
        lab = Lab(tmp_path)
        lab.kept = Full()
        running = lab.detached()
        await running.start(lab.args("echo begins; exec sleep 600"))
        with pytest.raises(OSError, match="No space"):
            await asyncio.wait_for(running.ended(), 30)
        assert not lab.alive()

    asyncio.run(scene())


def test_no_setsid(tmp_path: Path) -> None:
    """A worker without it says so."""

    async def scene() -> None:
        lab = Lab(tmp_path)
        bare = tmp_path / "bin"
        bare.mkdir()
        (bare / "mkdir").symlink_to("/bin/mkdir")
        with pytest.raises(WorkerError, match="setsid"):
            await lab.detached().start({**lab.args("true"), "env": {"PATH": str(bare)}})

    asyncio.run(scene())
