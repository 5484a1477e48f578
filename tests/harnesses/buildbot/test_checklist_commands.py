"""The protocol's checklist, 14 to 29, 36 and 37: commands on stock workers, and (38) on what stands for the oldest."""

from __future__ import annotations

import asyncio
import resource
import time
from pathlib import Path

import pytest
from buildbotworker import OLDEST, VERSIONS
from waiting import until
from workersdoor import Told, WorkersDoor

from wsgi_app.harnesses.buildbot.transport import SIDE, SLOT, Ended, Running, Worker, WorkerError

#: for what the oldest does in another way
newer = pytest.mark.parametrize("process", VERSIONS, indirect=True)
COMMANDS = 600  #: on one connection


@pytest.mark.parametrize(
    ("command", "rc", "signal"),
    [
        (["true"], 0, None),
        (["sh", "-c", "exit 42"], 42, None),
        (["sh", "-c", "kill -SEGV $$"], -1, 11),
        (["no-such-program"], 1, None),
        ("no-such-program", 127, None),
    ],
)
def test_14_exit_status(
    door: WorkersDoor, worker: Worker, command: str | list[str], rc: int, signal: int | None
) -> None:
    ended = door.run(worker, command)
    assert (ended.rc, ended.signal, ended.failure, ended.reason) == (rc, signal, None, None)


def test_15_text_after_the_exit_status(door: WorkersDoor, worker: Worker) -> None:
    told = Told()
    assert door.run(worker, ["echo", "all"], told).rc == 0
    assert told.all("stdout") == b"all\n"
    assert b"elapsedTime=" in told.all("header")


def test_16_failure_without_exit_status(door: WorkersDoor, worker: Worker) -> None:
    ended = door.run(worker, ["true"], env={"FOO": 3})
    assert ended.rc is None
    assert ended.failure
    assert "FOO" in ended.failure
    assert door.run(worker, ["true"]).rc == 0


def test_17_unknown_command_and_missing_arguments(door: WorkersDoor, worker: Worker) -> None:
    with pytest.raises(WorkerError, match=r"(?i)unrecognized|unknown|nonsense"):
        door.do(worker.start(SLOT, {}, Told(), command="nonsense"))
    if worker.about.old:  # there that is the end of a command that was begun
        ended = door.do(door.do(worker.start(SLOT, {}, Told())).ended())
        assert ended.rc is None
        assert "workdir" in (ended.failure or "")
    else:
        with pytest.raises(WorkerError, match=r"command|workdir"):
            door.do(worker.start(SLOT, {}, Told()))
    assert door.run(worker, ["true"]).rc == 0


def test_18_streams_tagged_and_in_order(door: WorkersDoor, worker: Worker) -> None:
    told = Told()
    door.run(worker, "echo out; echo err >&2", told)
    assert told.all("stdout") == b"out\n"
    assert told.all("stderr") == b"err\n"
    assert told.pieces[0][0] == "header"
    assert told.pieces[-1][0] == "header"


def test_19_timeout_without_output(door: WorkersDoor, worker: Worker) -> None:
    begun = time.monotonic()
    ended = door.run(worker, ["sleep", "60"], timeout=1)
    assert (ended.rc, ended.reason) == (-1, "timeout_without_output")
    assert 0.9 < time.monotonic() - begun < 5


def test_20_max_time(door: WorkersDoor, worker: Worker) -> None:
    begun = time.monotonic()
    ended = door.run(worker, "while :; do echo more; sleep 0.1; done", maxTime=1)
    assert (ended.rc, ended.reason) == (-1, "timeout")
    assert 0.9 < time.monotonic() - begun < 5


def test_21_interrupt(door: WorkersDoor, worker: Worker, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    running = door.start(worker, f"sleep 60 & echo $! > {pids}; wait", Told())
    child = int(until(lambda: pids.exists() and pids.read_text(), "the child's pid"))
    begun = time.monotonic()
    door.do(running.interrupt("user pressed stop"))
    assert door.do(running.ended()).rc == -1
    assert time.monotonic() - begun < 3
    until(lambda: not alive(child), "the end of the group")
    # nothing runs any more: nothing is sent, and who runs next is not hit
    following = door.start(worker, ["sleep", "0.3"], Told())
    door.do(running.interrupt("again"))
    assert door.do(following.ended()).rc == 0


def alive(pid: int) -> bool:
    """Whether there is such a process, and no mere remains of one."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


@newer
def test_22_sigterm_time(door: WorkersDoor, worker: Worker) -> None:
    told = Told()
    # the sleep is in the background: a shell runs its trap only when what it waits for has ended
    tidy = "trap 'echo last words; exit 7' TERM; echo set; sleep 60 & wait"
    running = door.start(worker, ["sh", "-c", tidy], told, sigtermTime=5)
    until(lambda: Path(f"/proc/{pid_of(tidy)}").exists(), "the command")
    door.do(running.interrupt("stop"))
    ended = door.do(running.ended())
    assert ended.rc != 0
    assert b"last words\n" in told.all("stdout")

    stubborn = "trap '' TERM; echo set; while :; do sleep 0.1; done"
    running = door.start(worker, ["sh", "-c", stubborn], Told(), sigtermTime=1)
    until(lambda: pid_of(stubborn), "the command")
    begun = time.monotonic()
    door.do(running.interrupt("stop"))
    assert door.do(running.ended()).rc == -1
    assert 0.9 < time.monotonic() - begun < 5


def pid_of(script: str) -> int:
    """Return the process that runs this script, once it has set its trap (SIGTERM is caught or ignored); 0: none."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
            status = dict(line.split(":\t") for line in (place / "status").read_text().splitlines() if ":\t" in line)
        except OSError:
            continue
        if words[-2:-1] == [script.encode()] and (int(status["SigCgt"], 16) | int(status["SigIgn"], 16)) & (1 << 14):
            return int(place.name)
    return 0


def test_23_never_two_at_once(door: WorkersDoor, worker: Worker, tmp_path: Path) -> None:
    file = tmp_path / "order"
    first = door.start(worker, f"echo begin 1 >> {file}; sleep 0.5; echo end 1 >> {file}", Told())

    async def both() -> list[Ended]:
        args = {"command": f"echo begin 2 >> {file}", "workdir": "work", "logEnviron": False}
        second = await worker.start(SLOT, args, Told())
        return [await first.ended(), await second.ended()]

    assert [one.rc for one in door.do(both())] == [0, 0]
    assert file.read_text().splitlines() == ["begin 1", "end 1", "begin 2"]


def test_23_slots_run_in_parallel(door: WorkersDoor, worker: Worker, tmp_path: Path) -> None:
    met = tmp_path / "met"
    # each waits for the other
    first = door.start(worker, f"touch {met}1; until [ -e {met}2 ]; do sleep 0.05; done", Told(), maxTime=10)
    second = door.start(worker, f"touch {met}2; until [ -e {met}1 ]; do sleep 0.05; done", Told(), SIDE, maxTime=10)
    assert [door.do(one.ended()).rc for one in (first, second)] == [0, 0]


def test_25_environment_directory_and_input(door: WorkersDoor, worker: Worker) -> None:
    told = Told()
    env = {"NEW": "b c", "SECRET_OF_THE_WORKER": None, "PATH": "/extra:${PATH}"}
    command = 'echo "$NEW|${SECRET_OF_THE_WORKER-gone}|$PATH"; pwd; cat'
    ended = door.run(worker, command, told, workdir="t1/deep", env=env, initial_stdin="h\u00e9llo\n")
    assert ended.rc == 0
    lines = told.all("stdout").decode().splitlines()
    assert lines[0].startswith("b c|gone|/extra:/")
    assert lines[1].endswith("/slot0/t1/deep")
    assert lines[2] == "h\u00e9llo"


@newer
def test_26_watched_files(door: WorkersDoor, worker: Worker) -> None:
    told = Told()
    door.run(worker, "printf 'old\\n' > followed", Told(), workdir="watch")
    # a file that is followed counts from where it ends when first seen to have changed; it looks every two seconds
    command = "echo one > first; echo seen >> followed; sleep 2.5; echo two > second; echo new >> followed"
    files = {"a": "first", "b": "second", "c": {"filename": "followed", "follow": True}}
    assert door.run(worker, command, told, workdir="watch", logfiles=files).rc == 0
    assert told.all("log a") == b"one\n"
    assert told.all("log b") == b"two\n"
    assert told.all("log c") == b"new\n"


@newer
def test_27_text_of_all_kinds(door: WorkersDoor, worker: Worker) -> None:
    told = Told()
    door.run(worker, ["printf", r"smile \360\237\230\200|\377bad|nul\000end\n"], told)
    assert told.all("stdout") == "smile \U0001f600|\ufffdbad|nul\0end\n".encode()


@pytest.mark.parametrize("process", [OLDEST], indirect=True)
def test_27_38_bytes_of_the_oldest_are_kept_as_they_are(door: WorkersDoor, worker: Worker) -> None:
    told = Told()
    door.run(worker, ["printf", r"smile \360\237\230\200|\377bad|nul\000\r\nno end"], told)
    assert told.all("stdout") == b"smile \xf0\x9f\x98\x80|\xffbad|nul\0\r\nno end"


def test_28_much_output_in_little_memory(door: WorkersDoor, worker: Worker) -> None:
    # 83 bytes a line; the reference's 100 MB are the bench's
    line, count = "x" * 82, 300_000

    class Counted(Told):
        """Keeps nothing but how much it was, and how large we became meanwhile."""

        size = largest = 0

        def text(self, stream: str, data: bytes) -> None:
            if stream == "stdout":
                assert not data.strip(b"x\n")
                self.size += len(data)
                self.largest = max(self.largest, resident())

    door.run(worker, f"yes {line} | head -n 5000")
    told, before = Counted(), resident()
    assert door.run(worker, f"yes {line} | head -n {count}", told).rc == 0
    assert told.size == count * 83
    assert told.largest - before < told.size / 3


def resident() -> int:
    """Bytes of this process, where the door is, in memory. Source: proc(5), statm."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.parametrize("process", VERSIONS[:1], indirect=True)  # it takes the five seconds that all hold text back
def test_29_text_while_it_runs(door: WorkersDoor, worker: Worker) -> None:
    told = Told()
    running = door.start(worker, "echo early; sleep 30", told)
    begun = time.monotonic()
    until(lambda: b"early" in told.all("stdout"), "what it printed", 8)
    assert time.monotonic() - begun < 6
    end(door, running)


def end(door: WorkersDoor, running: Running) -> None:
    """Interrupt it and wait for its end."""
    door.do(running.interrupt("enough"))
    door.do(running.ended())


@newer
def test_36_many_commands_on_one_connection(door: WorkersDoor, worker: Worker) -> None:
    broker = worker._broker  # type: ignore[attr-defined]
    most = 0

    async def many(slot: str) -> None:
        nonlocal most
        for number in range(COMMANDS // 2):
            # most of them start no process there: what counts is that they are commands
            if number % 6:
                running = await worker.start(slot, {"file": ".", "workdir": "."}, Told(), command="stat")
            else:
                args = {"command": ["true"], "workdir": "work", "logEnviron": False}
                running = await worker.start(slot, args, Told())
            assert (await running.ended()).rc == 0
            most = max(most, len(broker.localObjects))

    async def both() -> None:
        await asyncio.gather(many(SLOT), many(SIDE))

    door.do(both(), 60)
    # at 1024 a connection ends; workers let go of some only when their garbage is collected: 69 were seen
    assert most < 128
    assert len(broker.waitingForAnswers) == 0


def test_37_a_sink_that_raises(door: WorkersDoor, worker: Worker) -> None:
    class Full(Told):
        def text(self, stream: str, data: bytes) -> None:
            if stream == "stdout":
                raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        # more than a worker holds back
        door.run(worker, "yes much | head -n 20000; sleep 60", Full())
    assert door.run(worker, ["true"]).rc == 0
