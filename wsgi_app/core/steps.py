"""Steps of the system's clock: what is due moves with them, so that seconds stay seconds. Source: decision 0015."""

import logging
from contextlib import suppress
from pathlib import Path

from attrs import asdict, evolve

from wsgi_app.clock import Mark, Reading, boot_id
from wsgi_app.core.change import Ground
from wsgi_app.store import times

#: how often the mark is written anew, in seconds: so far off we may be about a clock that was put back during a reboot
MARK_SECONDS = 10.0
#: slewing that the mark need not know of, in seconds
SLACK_SECONDS = 0.5

_log = logging.getLogger(__name__)


class Steps:
    """Moves stored times when the system's clock was stepped."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._path: Path = ground.config.clock_mark

    def follow(self) -> float:
        """Deal with a step of the clock since the last time, by whatever process; return its seconds, 0.0 for none."""
        reading, mark = Reading.take(), Mark.load(self._path)
        # who wrote one that may not be committed is at it, or died over it
        if mark is not None and (mark.undo is not None or mark.step_to(reading)):
            return self._move()
        self._refresh(mark, reading)
        return 0.0

    def _move(self) -> float:
        step, mark = 0.0, None
        try:
            with self._ground.change() as change:
                # under the writer lock: another process may have dealt with it, and whoever writes next finds the mark
                reading, found = Reading.take(), Mark.load(self._path)
                if found is not None:
                    steps = times.count(change.tx)
                    mark = found.committed(steps)
                    step = mark.step_to(reading)
                if mark is not None and step:
                    times.move(change.tx, step, now=reading.wall)
                    fresh = Mark(boot_id(), reading.epoch, reading.wall, round(step, 3), reading.wall, steps + 1)
                    evolve(fresh, undo=asdict(mark)).store(self._path)
                    mark = fresh
        except BaseException:
            if step and mark is not None:
                self._put_back()
            raise
        if mark is not None:
            mark.store(self._path)
        if step:
            _log.warning("the system's clock was stepped by %+.1f s: what is due was moved with it", step)
        return step

    def _put_back(self) -> None:
        """Undo the mark of what was not committed; where that fails, too, the next one to look undoes it."""
        mark = Mark.load(self._path)
        if mark is not None and mark.undo is not None:
            with suppress(OSError):
                Mark(**mark.undo).store(self._path)

    def _refresh(self, mark: Mark | None, reading: Reading) -> None:
        """Let the mark follow slewing, and know up to when we ran."""
        boot = boot_id()
        if mark is None:
            fresh = Mark(boot, reading.epoch, reading.wall)
        elif (
            mark.boot != boot
            or abs(mark.epoch - reading.epoch) > SLACK_SECONDS
            or not 0 <= reading.wall - mark.seen < MARK_SECONDS
        ):
            fresh = evolve(mark, boot=boot, epoch=reading.epoch, seen=reading.wall)
        else:
            return
        try:
            fresh.store(self._path)
        except OSError as error:
            _log.warning("%s cannot be written: %s", self._path, error.strerror)
