"""The protocol's checklist, 30 and 31: files to and from stock workers, byte by byte."""

from __future__ import annotations

import io
import os

import pytest
from buildbotworker import BuildbotWorker
from workersdoor import WorkersDoor

from wsgi_app.harnesses.buildbot.transport import SLOT, NoFile, TooLarge, Worker, WorkerError

SIZE = 20_000_003  #: bytes; no multiple of a block


def test_30_upload(door: WorkersDoor, process: BuildbotWorker, worker: Worker) -> None:
    data = os.urandom(SIZE)
    (process.directory / "slot0/big").write_bytes(data)
    got = io.BytesIO()
    assert door.do(worker.upload(SLOT, "big", ".", got, SIZE)) == SIZE
    assert got.getvalue() == data


def test_30_upload_of_nothing_and_of_no_file(door: WorkersDoor, process: BuildbotWorker, worker: Worker) -> None:
    (process.directory / "slot0/empty").touch()
    assert door.do(worker.upload(SLOT, "empty", ".", io.BytesIO(), 10)) == 0
    with pytest.raises(NoFile, match="missing"):
        door.do(worker.upload(SLOT, "missing", ".", io.BytesIO(), 10))
    assert door.run(worker, ["true"]).rc == 0


def test_30_too_large(door: WorkersDoor, process: BuildbotWorker, worker: Worker) -> None:
    (process.directory / "slot0/large").write_bytes(bytes(1_000_000))
    got = io.BytesIO()
    with pytest.raises(TooLarge):
        door.do(worker.upload(SLOT, "large", ".", got, 999_999))
    assert len(got.getvalue()) <= 999_999
    assert door.run(worker, ["true"]).rc == 0


def test_31_download_with_its_mode(door: WorkersDoor, process: BuildbotWorker, worker: Worker) -> None:
    data = os.urandom(SIZE)
    door.do(worker.download(SLOT, io.BytesIO(data), "script", "t9/bin", 0o750))
    made = process.directory / "slot0/t9/bin/script"
    assert made.read_bytes() == data
    assert made.stat().st_mode & 0o7777 == 0o750


def test_31_download_to_where_nothing_can_be(door: WorkersDoor, worker: Worker) -> None:
    with pytest.raises(WorkerError, match=r"No such file|Cannot open file"):
        door.do(worker.download(SLOT, io.BytesIO(b"x"), "/proc/no/such", ".", None))
    assert door.run(worker, ["true"]).rc == 0


def test_30_a_reader_or_writer_of_ours_that_fails(door: WorkersDoor, process: BuildbotWorker, worker: Worker) -> None:
    class Full(io.BytesIO):
        def write(self, data: object, /) -> int:
            raise OSError(28, "No space left on device")

    (process.directory / "slot0/some").write_bytes(bytes(300_000))
    with pytest.raises(OSError, match="No space left"):
        door.do(worker.upload(SLOT, "some", ".", Full(), 300_000))

    class Torn(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        door.do(worker.download(SLOT, Torn(), "some", ".", None))
    assert door.run(worker, ["true"]).rc == 0
