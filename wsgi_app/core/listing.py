"""Recipes listed as readers ask for them: by conditions, in any order, page by page."""

from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen
from sqlalchemy import ColumnElement, Connection

from wsgi_app.conditions import Condition, Order, Where
from wsgi_app.core.access import Access
from wsgi_app.core.change import Ground
from wsgi_app.core.selection import document_of
from wsgi_app.errors import Invalid, NoSuchSystem, NotFound
from wsgi_app.model import Caller
from wsgi_app.store import jobs
from wsgi_app.store import listing as store
from wsgi_app.store.ids import LARGEST
from wsgi_app.store.listing import Listed
from wsgi_app.store.systems import load_system, load_systems
from wsgi_app.submitted import Document

#: newest first
NEWEST = (Order("id", descending=True),)
#: most recipes of one page
LONGEST_PAGE = 10_000
#: characters of documents that are held at a time, unless one alone has more
HELD = 1 << 22


@frozen
class Page:
    """Recipes of a list, the length of the whole list, and what their jobs were submitted as."""

    total: int
    found: Sequence[Listed]
    #: of each recipe, in their order; read some at a time, as they are taken
    documents: Iterator[Document]


class Listing:
    """Lists of recipes."""

    def __init__(self, ground: Ground, access: Access) -> None:
        self._ground = ground
        self._access = access

    def page(
        self,
        caller: Caller,
        where: Sequence[Where] = (),
        order: Sequence[Order] = NEWEST,
        *,
        offset: int = 0,
        limit: int = 100,
    ) -> Sequence[Listed]:
        """Return recipes that the caller may read and of which all conditions are true, without their tasks.

        Raises `Invalid`, naming the field.
        """
        if offset < 0:
            raise Invalid("an offset is 0 or more", field="offset")
        if not 0 <= limit <= LONGEST_PAGE:
            raise Invalid(f"a limit is 0 to {LONGEST_PAGE}", field="limit")
        with self._ground.read() as tx:
            visible, now = self._visible(tx, caller), self._ground.now(tx)
            return store.page(tx, where, visible, order, now=now, offset=min(offset, LARGEST), limit=limit)

    def count(self, caller: Caller, where: Sequence[Where] = ()) -> int:
        """Return how many recipes `page` would list if it had no end. Raises as that does."""
        with self._ground.read() as tx:
            return store.count(tx, where, self._visible(tx, caller), now=self._ground.now(tx))

    def of_system(self, caller: Caller, name: str, *, limit: int) -> Sequence[Listed]:
        """Return the newest recipes of a system, as `page` does. Raises `NoSuchSystem`."""
        with self._ground.read() as tx:
            if load_system(tx, name) is None:
                raise NoSuchSystem
            return self._newest(tx, caller, [Condition("system", "exact", name)], limit)

    def of_type(self, caller: Caller, kind: str, *, owner: str | None = None, limit: int) -> Sequence[Listed]:
        """Return the newest recipes (of an owner) that ask for a type, as `page` does. Raises `NotFound`."""
        with self._ground.read() as tx:
            if kind not in _types(tx):
                raise NotFound("no system is of this type")
            mine = [] if owner is None else [Condition("owner", "exact", owner)]
            return self._newest(tx, caller, [Condition("type", "exact", kind), *mine], limit)

    def count_by_type(self, caller: Caller, where: Sequence[Where]) -> dict[str, int]:
        """Return how many recipes of which all conditions are true ask for each type that the lab has."""
        with self._ground.read() as tx:
            visible, now = self._visible(tx, caller), self._ground.now(tx)
            return {
                kind: store.count(tx, [*where, Condition("type", "exact", kind)], visible, now=now)
                for kind in sorted(_types(tx))
            }

    def _newest(self, tx: Connection, caller: Caller, where: Sequence[Where], limit: int) -> Sequence[Listed]:
        visible, now = self._visible(tx, caller), self._ground.now(tx)
        return store.page(tx, where, visible, NEWEST, now=now, offset=0, limit=limit)

    def with_documents(
        self, caller: Caller, where: Sequence[Where], order: Sequence[Order], *, offset: int, limit: int
    ) -> Page:
        """Return what `page` and `count` do, of the same moment, and the documents. Raises as `page` does."""
        with self._ground.read() as tx:
            visible, now = self._visible(tx, caller), self._ground.now(tx)
            total = store.count(tx, where, visible, now=now)
            found = store.page(tx, where, visible, order, now=now, offset=min(offset, LARGEST), limit=limit)
        return Page(total, found, self._documents([one.job.id for one in found]))

    def _documents(self, wanted: Sequence[int]) -> Iterator[Document]:
        """Yield the documents of jobs, as many by one query as may be held together."""
        held: dict[int, Document] = {}
        with self._ground.read() as tx:
            sizes = jobs.document_sizes(tx, set(wanted))
        for place, job in enumerate(wanted):
            if job not in held:
                with self._ground.read() as tx:
                    if job in sizes:
                        held = jobs.load_documents(tx, _next(wanted[place:], sizes))
                    else:
                        # it is older than documents are kept
                        held[job] = document_of(tx, job)
            yield held[job]

    def _visible(self, tx: Connection, caller: Caller) -> list[ColumnElement[bool]]:
        actor = self._access.reader(tx, caller)
        return jobs.visible_to(None if actor is None else actor.user, admin=actor is not None and actor.admin)


def _types(tx: Connection) -> set[str]:
    """Return the types that the lab's systems have."""
    return {system.type for system in load_systems(tx) if system.type is not None}


def _next(wanted: Sequence[int], sizes: Mapping[int, int]) -> set[int]:
    """Return the first of these jobs, and those behind it whose documents may be held together with its own."""
    found: set[int] = set()
    room = HELD
    for job in wanted:
        if job in sizes and job not in found:
            room -= sizes[job]
            if found and room < 0:
                break
            found.add(job)
    return found
