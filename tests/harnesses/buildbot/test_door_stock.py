"""The workers' door with stock workers, of a new and an old release."""

import asyncio
import io
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from certificates import make_authority
from fakebot import PASSWORD, PATIENT, Lodge, lodge

from wsgi_app.harnesses.buildbot.pb import Limits
from wsgi_app.harnesses.buildbot.transport import Ended, Kept, Lost, NoFile, TooLarge, Worker, WorkerError

CLIENTS = Path(__file__).resolve().parents[3] / "build/clients"
VERSIONS = ("4.3.0", "3.7.0")
SECONDS = 50.0
QUIET = {"workdir": "build", "logEnviron": False}


def _programs(version: str) -> Path:
    place = CLIENTS / f"buildbot-worker=={version}/bin"
    assert place.is_dir(), ".ci/install installs it"
    return place


@pytest.fixture(params=VERSIONS)
def programs(request: pytest.FixtureRequest) -> Path:
    """Where the programs of a release are."""
    return _programs(request.param)


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(SECONDS):
            await test()

    asyncio.run(bounded())


@asynccontextmanager
async def stock(programs: Path, base: Path, master: str, *options: str) -> AsyncIterator["subprocess.Popen[bytes]"]:
    """A stock worker that runs."""
    words: list[str | Path] = [
        programs / "buildbot-worker",
        "create-worker",
        *options,
        base,
        master,
        "w1",
        PASSWORD.decode(),
    ]
    subprocess.run(words, check=True, capture_output=True)
    words = [programs / "twistd", "--nodaemon", "--python", "buildbot.tac"]
    with subprocess.Popen(words, cwd=base, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


@asynccontextmanager
async def working(
    programs: Path, base: Path, *options: str, limits: Limits = PATIENT
) -> AsyncIterator[tuple[Lodge, Worker, "subprocess.Popen[bytes]"]]:
    """A stock worker that is in."""
    async with lodge(limits) as door, stock(programs, base, f"127.0.0.1:{door.port}", *options) as process:
        yield door, await door.attached.get(), process


async def done(worker: Worker, args: dict[str, Any], slot: str = "slot0") -> tuple[Ended, Kept]:
    """Run a command to its end."""
    said = Kept()
    return await (await worker.start(slot, {**QUIET, **args}, said)).ended(), said


def test_commands(programs: Path, tmp_path: Path) -> None:
    async def test() -> None:
        async with working(programs, tmp_path / "w") as (_, worker, process):
            assert worker.about.system == "posix" and worker.about.basedir == str(tmp_path / "w")
            ended, said = await done(worker, {"command": ["sh", "-c", "echo out; echo err >&2; exit 42"]})
            assert ended == Ended(42) and said.read("stdout") == "out\n" and said.read("stderr") == "err\n"
            assert (await done(worker, {"command": "kill -SEGV $$"}))[0] == Ended(-1, None, None, 11)
            assert (await done(worker, {"command": ["no-such-program"]}))[0].rc == 1
            assert (await done(worker, {"command": "no-such-program"}))[0].rc == 127
            ended, said = await done(worker, {"command": ["cat"], "initial_stdin": "hello\N{PILE OF POO}".encode()})
            assert ended.rc == 0 and said.read("stdout").strip() == "hello\N{PILE OF POO}"
            assert (await done(worker, {"command": ["sleep", "60"], "timeout": 1}))[
                0
            ].reason == "timeout_without_output"
            assert (await done(worker, {"command": "while echo x; do sleep 0.1; done", "maxTime": 1}))[
                0
            ].reason == "timeout"
            ended, _ = await done(worker, {"command": ["true"], "env": {"FOO": 3}})
            assert ended.rc is None and "FOO" in (ended.failure or "")
            with pytest.raises(WorkerError):
                await worker.start("slot0", {}, Kept(), command="nonsense")
            with pytest.raises(WorkerError, match="too long"):
                await worker.start("slot0", {**QUIET, "command": "x" * 700_000}, Kept())
            running = await worker.start("slot0", {**QUIET, "command": ["sleep", "60"]}, Kept())
            assert (await done(worker, {"command": ["true"]}, "side0"))[0].rc == 0
            waiting = asyncio.create_task(done(worker, {"command": ["true"]}))
            await running.interrupt("no more of it")
            assert (await running.ended()).signal == 9
            await running.interrupt("it is over: nothing is sent")
            assert (await waiting)[0].rc == 0
            await worker.shutdown()
            assert await asyncio.to_thread(process.wait, 10) == 0

    run(test)


def test_files(programs: Path, tmp_path: Path) -> None:
    data = os.urandom(3_000_001)

    async def test() -> None:
        async with working(programs, tmp_path / "w") as (_, worker, _process):
            await worker.download("slot0", io.BytesIO(data), "deep/down.bin", "build", 0o750)
            written = tmp_path / "w/slot0/build/deep/down.bin"
            assert written.read_bytes() == data and written.stat().st_mode & 0o777 == 0o750
            target = io.BytesIO()
            assert await worker.upload("slot0", "deep/down.bin", "build", target, len(data)) == len(data)
            assert target.getvalue() == data
            for limit in (0, 10, len(data) - 1):
                with pytest.raises(TooLarge):
                    await worker.upload("slot0", "deep/down.bin", "build", io.BytesIO(), limit)
            with pytest.raises(NoFile):
                await worker.upload("slot0", "nothing", "build", io.BytesIO(), 10)
            with pytest.raises(NoFile):
                await worker.download("slot0", io.BytesIO(data), "deep", "build", None)

            class Full(io.BytesIO):
                def write(self, _: object) -> int:
                    raise OSError(28, "No space left on device")

                def read(self, _: object = None) -> bytes:
                    raise OSError(5, "Input/output error")

            with pytest.raises(OSError, match="No space"):
                await worker.upload("slot0", "deep/down.bin", "build", Full(), 1 << 30)
            with pytest.raises(OSError, match="Input/output"):
                await worker.download("slot0", Full(), "broken", "build", None)
            assert (await done(worker, {"command": ["true"]}))[0].rc == 0

    run(test)


def test_a_frozen_worker_is_given_up_and_comes_back_though_the_login_fails_at_first(
    programs: Path, tmp_path: Path
) -> None:
    async def test() -> None:
        patient = Limits(silent=0.5, patience=0.5)
        async with working(programs, tmp_path / "w", limits=patient) as (door, worker, process):
            running = await worker.start("slot0", {**QUIET, "command": ["sleep", "60"]}, Kept())
            process.send_signal(signal.SIGSTOP)
            with pytest.raises(Lost):
                await running.ended()
            door.trouble = OSError("database is locked")
            process.send_signal(signal.SIGCONT)
            while not any("cannot be checked" in line for line in door.said):
                await asyncio.sleep(0.02)
            door.trouble = None
            assert (await done(await door.attached.get(), {"command": ["true"]}))[0].rc == 0

    run(test)


def test_it_asks_to_go(programs: Path, tmp_path: Path) -> None:
    async def test() -> None:
        async with working(programs, tmp_path / "w", "--allow-shutdown=signal") as (_, worker, process):
            process.send_signal(signal.SIGHUP)
            await worker.leaves.wait()
            assert (await done(worker, {"command": ["true"]}))[0].rc == 0
            await worker.shutdown()
            assert await asyncio.to_thread(process.wait, 10) == 0

    run(test)


def test_a_killed_worker_is_seen_at_once(programs: Path, tmp_path: Path) -> None:
    async def test() -> None:
        async with working(programs, tmp_path / "w") as (_, worker, process):
            running = await worker.start("slot0", {**QUIET, "command": ["sleep", "1"]}, Kept())
            process.kill()
            async with asyncio.timeout(1):
                with pytest.raises(Lost):
                    await running.ended()

    run(test)


def test_many_commands_leave_nothing_behind(programs: Path, tmp_path: Path) -> None:
    async def test() -> None:
        async with working(programs, tmp_path / "w") as (_, worker, _process):
            for _ in range(1100):  # references: Twisted ends a connection that has more than 1024
                assert (await done(worker, {"command": ["true"]}))[0].rc == 0

    run(test)


def test_over_tls(tmp_path: Path) -> None:
    programs = _programs("4.3.0")  # 3.7.0 trusts nobody but its system's authorities

    async def test() -> None:
        for directory in ("ca", "roots"):
            (tmp_path / directory).mkdir()
        authority = make_authority(tmp_path / "ca")
        (tmp_path / "roots/ca.pem").write_bytes(authority.certificate.read_bytes())
        issued = authority.issue("lab")
        async with lodge() as door:
            port = await door.door.listen("127.0.0.1", 0, (str(issued.certificate), str(issued.key)))
            where = f"--connection-string=tls:host=localhost:port={port}:trustRoots={tmp_path / 'roots'}"
            async with stock(programs, tmp_path / "w", "localhost", where):
                worker = await door.attached.get()
                assert (await done(worker, {"command": ["true"]}))[0].rc == 0

    run(test)
