"""The workers' door against clients that no stock worker is: hostile ones, broken ones, very old ones."""

import asyncio
import io
from collections.abc import Callable
from typing import Any

import pytest
from fakebot import ARGS, Bot, OldError, OldFailure, lodge, run, saying, update
from twisted.internet.defer import Deferred

from wsgi_app.harnesses.buildbot.pb import Limits
from wsgi_app.harnesses.buildbot.transport import Ended, Kept, Lost, NoFile, TooLarge, WorkerError


class Logs(Kept):
    """A sink that keeps the logs too."""

    def log(self, name: str, data: bytes) -> None:
        self.text(f"log {name}", data)


def test_what_a_worker_says_of_itself() -> None:
    async def test() -> None:
        async with lodge() as door:
            about = (await door.worker(Bot())).about
            assert (about.name, about.version, about.shell, about.old) == ("w1", "4.3.0", (3, 3), False)
            assert (about.system, about.basedir, about.cpus) == ("posix", "/home/worker", 4)
            assert "hush" not in repr(about)

    run(test)


def test_only_what_makes_sense_is_taken() -> None:
    nonsense: list[object] = [
        update(stdout=7, stderr=["x"], header=None, rc="0", elapsed="x", failure_reason="because"),
        update(rc=True),
        update(rc=1 << 40),
        update(log="dmesg"),
        update(log=("dmesg",)),
        update(log=(7, "x")),
        update(log=("../../etc/passwd", "x")),
        update(log=("dmesg", 7)),
        [[{7: "x", None: "y", ("stdout",): "z", b"\xff": b"x"}, 0]],
    ]

    async def test() -> None:
        async with lodge() as door:
            good = [
                update(stdout="a\x00\U0001f600"),
                update(log=("dmesg", "line")),
                update(rc=3),
                update(header="late"),
            ]
            worker = await door.worker(Bot(saying(*nonsense, *good)))
            sink = Logs()
            ended = await (await worker.start("slot0", ARGS, sink)).ended()
            assert ended == Ended(3)
            assert {name: bytes(kept) for name, kept in sink.streams.items()} == {
                "stdout": "a\x00\U0001f600".encode(),
                "log dmesg": b"line",
                "header": b"late",
            }

    run(test)


@pytest.mark.parametrize(
    "hostile",
    [7, None, "stdout", [7], [[]], [["x", 0]], [[{"stdout": "x"}, 0]] * 10_001],
    ids=lambda value: ascii(value)[:20],
)
def test_an_update_that_is_none_ends_the_command(hostile: object) -> None:
    async def test() -> None:
        async with lodge() as door:
            bot = Bot(lambda command, *_: command.callRemote("update", hostile).addErrback(lambda _: None) and None)
            worker = await door.worker(bot)
            running = await worker.start("slot0", ARGS, Kept())
            with pytest.raises(WorkerError):
                await running.ended()
            await bot.interrupted.wait()

    run(test)


def test_a_sink_that_cannot_keep_it_ends_the_command_and_the_slot_is_free_after_it() -> None:
    class Full(Kept):
        def text(self, stream: str, data: bytes) -> None:
            raise OSError(28, "No space left on device")

    async def test() -> None:
        async with lodge() as door:
            held: list[Any] = []

            def script(command: Any, name: object, args: object) -> None:
                held.append(command)
                command.callRemote("update", update(stdout="x"))

            bot = Bot(script)
            worker = await door.worker(bot)
            running = await worker.start("slot0", ARGS, Full())
            with pytest.raises(OSError, match="No space"):
                await running.ended()
            await bot.interrupted.wait()
            second = asyncio.create_task(worker.start("slot0", ARGS, Kept()))
            aside = await worker.start("side0", ARGS, Kept())
            assert len(bot.commands) == 2  # beside it, but not on the slot where the worker still kills
            held[0].callRemote("complete", None)
            await second
            assert len(bot.commands) == 3
            held[1].callRemote("update", update(rc=0))
            held[1].callRemote("complete", None)
            assert (await aside.ended()).rc == 0

    run(test)


@pytest.mark.parametrize(
    ("header", "reason", "signal"),
    [
        (
            "command timed out: 2 seconds without output running x\nprocess killed by signal 9\n",
            "timeout_without_output",
            9,
        ),
        (b"command timed out: 2 seconds elapsed, attempting to kill\nprocess killed by signal 15\n", "timeout", 15),
        ("sh -c 'echo process killed by signal 9'\n", None, None),
    ],
)
def test_the_reason_of_older_workers_is_in_their_words(header: object, reason: str | None, signal: int | None) -> None:
    async def test() -> None:
        async with lodge() as door:
            worker = await door.worker(Bot(saying(update(header=header), update(rc=-1))))
            assert await (await worker.start("slot0", ARGS, Kept())).ended() == Ended(-1, None, reason, signal)

    run(test)


def test_no_exit_status_is_a_failure() -> None:
    async def test() -> None:
        async with lodge() as door:
            worker = await door.worker(Bot(saying()))
            ended = await (await worker.start("slot0", ARGS, Kept())).ended()
            assert ended.rc is None and ended.failure

    run(test)


def test_38_a_slave_of_old() -> None:
    async def test() -> None:
        async with lodge() as door:
            bot = Bot(saying([[{b"stdout": b"\xff\r\n", "rc": 0}, 0]]), old=True)
            worker = await door.worker(bot)
            assert worker.about.old and worker.about.version == "0.8.4" and worker.about.basedir == "/home/slave"
            sink = Kept()
            running = await worker.start("slot0", {**ARGS, "initial_stdin": "yes\n"}, sink)
            assert (await running.ended()).rc == 0
            assert sink.streams["stdout"] == b"\xff\r\n"
            assert bot.commands[0][3]["initial_stdin"] == b"yes\n"
            bot.script = saying(failure=OldFailure())
            ended = await (await worker.start("slot0", ARGS, Kept())).ended()
            assert ended == Ended(None, "OSError: no such d\N{REPLACEMENT CHARACTER}r")

            def refuse(*_: object) -> None:
                raise OldError

            bot.script = refuse
            with pytest.raises(WorkerError, match="no such d"):
                await worker.start("slot0", ARGS, Kept())
            bot.script = saying([[{b"stderr": b"Cannot open file 'x' for upload", b"rc": 1}, 0]])
            with pytest.raises(NoFile):
                await worker.upload("slot0", "x", "build", io.BytesIO(), 10)
            assert bot.commands[-1][3]["slavesrc"] == "x"

    run(test)


def writing(*blocks: object, close: bool = True) -> Callable[..., None]:
    """An upload that sends these blocks, whatever it was told of sizes."""

    def script(command: Any, name: object, args: Any) -> None:
        for block in blocks:
            args["writer"].callRemote("write", block)
        if close:
            args["writer"].callRemote("close")
        command.callRemote("update", update(rc=0))
        command.callRemote("complete", None)

    return script


def unpacking(command: Any, name: object, args: Any) -> None:
    """An upload that is a directory's."""
    args["writer"].callRemote("unpack")
    saying(update(rc=0))(command, 0, 0)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (writing(b"x" * 7, b"x" * 7), TooLarge),
        (writing("text"), TypeError),
        (writing(b"x", close=False), WorkerError),
        (
            lambda command, name, args: args["writer"].callRemote("unpack") and saying(update(rc=0))(command, 0, 0),
            TypeError,
        ),
    ],
    ids=["too large", "no bytes", "not closed", "an archive"],
)
def test_an_upload_is_mistrusted(script: Callable[..., None], error: type[Exception]) -> None:
    async def test() -> None:
        async with lodge() as door:
            worker = await door.worker(Bot(script))
            target = io.BytesIO()
            with pytest.raises(error):
                await worker.upload("slot0", "f", "build", target, 10)
            assert len(target.getvalue()) <= 10

    run(test)


def test_giving_up_a_start_kills_what_the_worker_makes_of_it() -> None:
    async def test() -> None:
        async with lodge() as door:
            answer: Deferred[None] = Deferred()
            held: list[Any] = []

            def script(command: Any, name: object, args: object) -> Deferred[None]:
                held.append(command)
                return answer

            bot = Bot(script)
            worker = await door.worker(bot)
            start = asyncio.create_task(worker.start("slot0", ARGS, Kept()))
            while not held:
                await asyncio.sleep(0)
            start.cancel()
            with pytest.raises(asyncio.CancelledError):
                await start
            answer.callback(None)
            await bot.interrupted.wait()
            bot.script = saying(update(rc=0))
            held[0].callRemote("complete", None)
            assert (await (await worker.start("slot0", ARGS, Kept())).ended()).rc == 0

    run(test)


def test_a_lost_connection_ends_what_ran_and_what_waited() -> None:
    async def test() -> None:
        async with lodge() as door:
            bot = Bot()
            worker = await door.worker(bot)
            running = await worker.start("slot0", ARGS, Kept())
            waiting = asyncio.create_task(worker.start("slot0", ARGS, Kept()))
            await asyncio.sleep(0)
            bot.broker.transport.abortConnection()
            with pytest.raises(Lost):
                await running.ended()
            with pytest.raises(Lost):
                await waiting
            with pytest.raises(Lost):
                await worker.start("slot0", ARGS, Kept())
            assert worker.gone.is_set()

    run(test)


def test_a_worker_that_says_nothing_any_more_is_given_up() -> None:
    async def test() -> None:
        async with lodge(Limits(silent=0.1, patience=0.2)) as door:
            bot = Bot()
            worker = await door.worker(bot)
            running = await worker.start("slot0", ARGS, Kept())
            bot.freeze()
            with pytest.raises(Lost):
                await running.ended()
            assert any("does not answer" in line for line in door.said)

    run(test)
