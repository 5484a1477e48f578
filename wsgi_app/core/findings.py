"""What passes over logs found, taken into the database: of many logs in one transaction."""

import logging
from collections.abc import Sequence

from attrs import define, field, frozen
from sqlalchemy import Connection

from wsgi_app.core import declared, lifecycle
from wsgi_app.core.announcing import announce
from wsgi_app.core.change import Change
from wsgi_app.core.logname import parse_path
from wsgi_app.core.registry import require_owner
from wsgi_app.errors import TackroomError
from wsgi_app.model import Log, LogAddress, LogIndex, Recipe
from wsgi_app.states import LogState
from wsgi_app.store import logs, results

_log = logging.getLogger(__name__)


@frozen
class Finding:
    """What one pass over a log found."""

    recipe: int
    #: below `/recipes/R/`
    path: str
    index: LogIndex


def store(change: Change, findings: Sequence[Finding], *, anew: bool) -> list[bool | TackroomError]:
    """Store what was found, each in place of what was known; say of each whether that changed anything, or why not.

    No log comes twice. What is found again is stored again only with `anew`, and when it differs.
    """
    batch = _Batch(change, anew)
    batch.look_up(findings)
    outcomes = [batch.outcome(finding) for finding in findings]
    batch.finish()
    return outcomes


@define
class _Batch:
    """The logs of one transaction."""

    _change: Change
    _anew: bool
    _logs: dict[tuple[int, str], Log] = field(factory=dict)
    #: those that results were found in before
    _parsed: set[tuple[int, str]] = field(factory=set)
    _recipes: dict[int, Recipe] = field(factory=dict)
    _indexed: list[tuple[LogAddress, LogIndex, LogState]] = field(factory=list)
    #: recipes whose results are to be counted, and whose damaged logs are
    _count: set[int] = field(factory=set)
    _count_damaged: set[int] = field(factory=set)

    def look_up(self, findings: Sequence[Finding]) -> None:
        """See what is known of the logs, once for all of them."""
        for number in {finding.recipe for finding in findings}:
            paths = [finding.path for finding in findings if finding.recipe == number]
            self._logs.update(((number, log.path), log) for log in logs.load_these(self._change.tx, number, paths))
            self._parsed.update((number, path) for path in results.parsed(self._change.tx, number, paths))

    def outcome(self, finding: Finding) -> bool | TackroomError:
        """Take what was found, or return why not; then nothing was written for it."""
        try:
            return self._take(finding)
        except TackroomError as error:
            return error

    def finish(self) -> None:
        """Write what is written for many at once, and count what has changed."""
        logs.set_indexes(self._change.tx, self._indexed)
        for number in self._count_damaged:
            declared.count_damaged(self._change, lifecycle.recipe_of(self._change, number))
        for number in self._count:
            lifecycle.count_results(self._change, number)

    def _take(self, finding: Finding) -> bool:
        change, index = self._change, finding.index
        recipe = self._recipe(finding.recipe)
        address = parse_path(recipe.id, finding.path)
        log = self._logs.get((recipe.id, finding.path))
        state = declared.state_of(None if log is None else log.declared, index.size, index.sha256)
        if log is None:
            require_owner(change.tx, recipe, address)
            logs.insert_logs(change.tx, [address], change.now, size=index.size)
            change.log_event(recipe.job, recipe.id, address.path, LogState.GROWING, index.size)
        elif _known(change.tx, log, address, index, state, anew=self._anew):
            return False
        elif not (
            log.declared is None
            or declared.closed(recipe, log.task, change.now)
            or declared.look(change, recipe, address, log, index.size, index.sha256)
        ):
            return True
        self._store(recipe, address, index, state)
        if LogState.DAMAGED in (state, None if log is None else log.state):
            self._count_damaged.add(recipe.id)
        return True

    def _store(self, recipe: Recipe, address: LogAddress, index: LogIndex, state: LogState) -> None:
        change = self._change
        self._indexed.append((address, index, state))
        known = self._logs.get((recipe.id, address.path))
        about = {"recipe": recipe.id, "log": address.path, "request": None if known is None else known.request}
        _log.info("log read: %d bytes, %d lines, %s", index.size, index.lines, state, extra=about)
        if index.results or (recipe.id, address.path) in self._parsed:
            for result in results.replace_parsed(change.tx, address, index.results, change.now).new:
                change.result_event(recipe.job, result)
            # what is found after settling is listed, but the verdict that was told stands
            if not recipe.settled:
                self._count.add(recipe.id)
        if not self._anew:
            announce(change, recipe, address, index.signals)
        change.log_event(recipe.job, recipe.id, address.path, state, index.size)

    def _recipe(self, number: int) -> Recipe:
        if number not in self._recipes:
            self._recipes[number] = lifecycle.recipe_of(self._change, number)
        return self._recipes[number]


def _known(tx: Connection, log: Log, address: LogAddress, index: LogIndex, state: LogState, *, anew: bool) -> bool:
    """Whether a log was indexed before, and nothing else was found."""
    if not anew:
        return log.sha256 == index.sha256 and log.state is state
    return logs.holds_index(tx, log.recipe, log.path, index, state) and results.holds_parsed(tx, address, index.results)
