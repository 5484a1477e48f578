"""Who comes to the workers' door, and how they go: logins, strangers, floods, and farewells."""

import asyncio
from contextlib import suppress

import pytest
from fakebot import ARGS, SECONDS, Answered, Bot, Lodge, answered, lodge, run, saying, update
from twisted.spread import pb

from wsgi_app.harnesses.buildbot.pb import Limits
from wsgi_app.harnesses.buildbot.transport import Kept, Lost


async def _refused(door: Lodge, name: bytes, password: bytes) -> str:
    with pytest.raises(Answered) as refusal:
        await door.login(Bot(), name, password)
    assert refusal.value.args[0] == "twisted.cred.error.UnauthorizedLogin"
    return str(refusal.value.args[1])


def test_03_a_wrong_password_and_an_unknown_name_are_refused_alike() -> None:
    async def test() -> None:
        async with lodge() as door:
            assert await _refused(door, b"w1", b"wrong") == await _refused(door, b"nobody", b"wrong")
            assert "refused" in await _refused(door, b"\xff", b"wrong")

    run(test)


def test_trouble_of_ours_at_the_login_is_never_answered() -> None:
    async def test() -> None:
        async with lodge() as door:
            door.trouble = OSError("database is locked")
            with pytest.raises(pb.PBConnectionLost):
                await door.login(Bot())
            door.trouble = None
            await door.worker(Bot())

    run(test)


def test_one_connection_for_a_name() -> None:
    async def test() -> None:
        async with lodge(Limits(duplicate=0.3)) as door:
            first = Bot()
            worker = await door.worker(first)
            running = await worker.start("slot0", ARGS, Kept())
            assert "connected" in await _refused(door, b"w1", b"open sesame")
            first.freeze()
            second = await door.worker(Bot())
            with pytest.raises(Lost):
                await running.ended()
            assert worker.gone.is_set() and not second.gone.is_set()

    run(test)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n" * 9,
        b"\xff" * 100,
        b"\x80" * 20_000,
        b"\x01\x80" * 20_000,
        b"x" * 1_000_000,
    ],
    ids=["nothing", "HTTP", "no banana", "a list in a list", "lists in lists", "a lot"],
)
def test_who_does_not_log_in_is_dropped_and_nobody_else_minds(said: bytes) -> None:
    async def test() -> None:
        async with lodge(Limits(login_seconds=0.3)) as door:
            worker = await door.worker(Bot(saying(update(rc=0))))
            reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
            try:
                writer.write(said)
                while await reader.read(65536):
                    pass
            except ConnectionError:
                pass
            finally:
                writer.close()
            assert (await (await worker.start("slot0", ARGS, Kept())).ended()).rc == 0

    run(test)


def nested(kind: list[object], depth: int) -> list[object]:
    """Lists in lists: [list [list ...]] of Jelly, or bare ones."""
    made: list[object] = []
    for _ in range(depth):
        made = [*kind, made]
    return made


@pytest.mark.parametrize(
    ("target", "method", "argument"),
    [
        (b"root", b"login", [b"instance", [b"class", b"os.system"], [b"dictionary"]]),
        (b"root", b"login", nested([], 20_000)),
        (b"root", b"login", nested([b"list"], 15_000)),
        (b"root", b"__init__", b"x"),
        (7, b"update", b"x"),
        (b"root", b"login", [b"local", b"root"]),
        (b"root", b"loginAnonymous", [b"None"]),
        ([[]], b"login", b"x"),
        (b"root", [], b"x"),
    ],
    ids=[
        "an instance",
        "lists",
        "lists of jelly",
        "no method",
        "no object",
        "ours",
        "anonymous",
        "odd object",
        "odd method",
    ],
)
def test_09_calls_before_the_login_get_an_error_or_the_boot(target: object, method: object, argument: object) -> None:
    def encoded(value: object) -> bytes:
        # Banana's: the length in sevens of bits, then what it is
        if isinstance(value, bytes):
            return length(len(value)) + b"\x82" + value
        if isinstance(value, int):
            return length(value) + b"\x81"
        assert isinstance(value, list)
        made = bytearray()
        stack: list[object] = [value]
        while stack:  # not recursive: that deep
            item = stack.pop()
            if isinstance(item, list):
                made += length(len(item)) + b"\x80"
                stack.extend(reversed(item))
            else:
                made += encoded(item)
        return bytes(made)

    def length(number: int) -> bytes:
        made = bytearray([number & 127])
        while number := number >> 7:
            made.append(number & 127)
        return bytes(made)

    async def test() -> None:
        async with lodge(Limits(login_seconds=1, login_bytes=1 << 20)) as door:
            worker = await door.worker(Bot(saying(update(rc=0))))
            reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
            message = [b"message", 1, target, method, 1, [b"tuple", argument], [b"dictionary"]]
            writer.write(encoded(b"pb") + encoded([b"version", 6]) + encoded(message))
            answer = b""
            with suppress(ConnectionError):
                while more := await reader.read(65536):
                    answer += more
            writer.close()
            assert not door.attached.qsize()
            if argument != [b"local", b"root"]:  # as a name that is: answered by a challenge, as all names are
                assert b"\x1b\x87" not in answer, "an answer, not an error"
            assert (await (await worker.start("slot0", ARGS, Kept())).ended()).rc == 0

    run(test)


def test_many_strangers_at_once_are_no_more_than_allowed() -> None:
    async def silent(port: int) -> None:
        with suppress(ConnectionError):
            reader, _ = await asyncio.open_connection("127.0.0.1", port)
            while await reader.read(100):
                pass

    async def test() -> None:
        async with lodge(Limits(strangers=3)) as door:
            strangers = {asyncio.create_task(silent(door.port)) for _ in range(60)}
            while len(strangers) > 3:
                done, strangers = await asyncio.wait(strangers, return_when=asyncio.FIRST_COMPLETED)
                assert all(task.exception() is None for task in done)
            assert sum("too many connections" in line for line in door.said) == 57
        await asyncio.wait(strangers)

    run(test)


def test_a_worker_that_is_used_writes_so_in_its_log() -> None:
    async def test() -> None:
        async with lodge() as door:
            bot = Bot()
            await door.worker(bot)
            async with asyncio.timeout(SECONDS):
                while bot.printed != ["attached"]:
                    await asyncio.sleep(0)

    run(test)


def test_the_oldest_of_too_many_strangers_goes() -> None:
    async def test() -> None:
        async with lodge(Limits(strangers=3)) as door:
            opened = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(5)]
            with pytest.raises(ConnectionError):
                while await opened[0][0].read(100):
                    pass
                raise ConnectionError
            await door.worker(Bot())
            for _, writer in opened:
                writer.close()

    run(test)


def test_leaving_and_shutdown() -> None:
    async def test() -> None:
        async with lodge() as door:
            bot = Bot()
            worker = await door.worker(bot)
            assert not worker.leaving
            await answered(bot.perspective.callRemote("keepalive"))
            await answered(bot.perspective.callRemote("shutdown"))
            assert worker.leaving and worker.leaves.is_set()
            await worker.shutdown()
            assert worker.gone.is_set()

    run(test)
