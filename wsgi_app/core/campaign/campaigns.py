"""Campaigns, as those see them who submit and follow jobs by them."""

from collections.abc import Collection

from wsgi_app.campaign import Phase
from wsgi_app.core.access import Access
from wsgi_app.core.campaign.history import History, load_history
from wsgi_app.core.campaign.scripts import LONGEST_OUTPUT
from wsgi_app.core.change import Ground
from wsgi_app.core.dispatch import dispatch
from wsgi_app.core.logplace import place
from wsgi_app.errors import NoSuchJob
from wsgi_app.model import Caller, LogAddress
from wsgi_app.store import campaigns, history, jobs

#: transactions of one call in which campaigns go on
ROUNDS = 20


class Campaigns:
    """Jobs as campaigns, whether they are or not, and what lets campaigns go on."""

    def __init__(self, ground: Ground, access: Access) -> None:
        self._ground = ground
        self._access = access

    def history(self, caller: Caller, job: int) -> History:
        """Return what has happened in a job. Raises `NoSuchJob`; `Unauthenticated` or `Denied` when it is private."""
        with self._ground.read() as tx:
            if not jobs.exists(tx, job):
                raise NoSuchJob
            found = jobs.load_job_row(tx, job)
            self._access.require_reader(tx, caller, found)
            return load_history(tx, found)

    def numbers(self, caller: Caller, *, phases: Collection[Phase] = (), tags: Collection[str] = ()) -> list[int]:
        """Return the jobs that the caller may see, ascending: in one of the phases, if any, and with all the tags."""
        with self._ground.read() as tx:
            actor = self._access.reader(tx, caller)
            visible = jobs.visible_to(None if actor is None else actor.user, admin=actor is not None and actor.admin)
            return history.job_numbers(tx, visible, phases=phases, tags=tags)

    def output(self, log: LogAddress) -> bytes:
        """Return the beginning of a log that a history names; nothing when it is gone."""
        try:
            with place(self._ground.config.logs, f"{log.recipe}/{log.path}").open("rb") as file:
                return file.read(LONGEST_OUTPUT)
        except OSError:
            return b""

    def advance(self) -> None:
        """Let the campaigns that are due go on; for the timer. What does not end is left to its next round."""
        for _ in range(ROUNDS):
            with self._ground.read() as tx:
                due = campaigns.due_jobs(tx, self._ground.now(tx), 1)
            if not due:
                return
            with self._ground.change() as change:
                dispatch(change, self._ground)
