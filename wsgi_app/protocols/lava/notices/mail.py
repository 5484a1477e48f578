"""Subject and text of a mail about a job, by how much it is to say. Source: readers-lava.md section 10.2."""

from collections.abc import Collection, Iterable, Iterator

from wsgi_app.core.access import ITSELF
from wsgi_app.core.dossiers import Dossier
from wsgi_app.core.gateway import Gateway
from wsgi_app.core.selection import selection_of
from wsgi_app.documents.reports.shown import printable
from wsgi_app.errors import NoSuchRecipe
from wsgi_app.notification import Delivery, Moment, Verbosity
from wsgi_app.protocols.lava import wire, words
from wsgi_app.protocols.lava.measures import moment
from wsgi_app.protocols.lava.notices import facts
from wsgi_app.protocols.lava.notices.comparison import differences, side
from wsgi_app.protocols.lava.suites import Case, cases

#: characters of a text; LAVA's mails of large jobs are refused by many servers
LONGEST = 512 << 10
#: characters of one line: SMTP allows 998, and what is not ASCII grows
_LONGEST_LINE = 300


def subject(dossier: Dossier) -> str:
    """Return the subject, as LAVA's, by which people sort their mail."""
    return f"LAVA notification for Test Job {words.number(dossier.listed)} {dossier.listed.job.name}".rstrip()


def text(gateway: Gateway, dossier: Dossier, delivery: Delivery, public_url: str) -> str:
    """Return the text, each line at most `_LONGEST_LINE` characters, all of them printable."""
    shown: list[str] = []
    left = LONGEST
    for line in _lines(gateway, dossier, delivery, public_url):
        one = printable(line)[:_LONGEST_LINE]
        left -= len(one) + 1
        if left < 0:
            shown.append("(the rest is left out: see the link above)")
            break
        shown.append(one)
    return "\n".join(shown) + "\n"


def _lines(gateway: Gateway, dossier: Dossier, delivery: Delivery, public_url: str) -> Iterator[str]:
    at, number = delivery.transition, words.number(dossier.listed)
    state, health = facts.state(dossier, at), facts.health(dossier, at)
    yield f"The job with id {number} is in state {state}" + ("." if at is Moment.RUNNING else f", health {health}.")
    yield f"Job: {facts.link(public_url, dossier)}"
    if delivery.order.verbosity is Verbosity.STATUS_ONLY:
        return
    yield ""
    yield from _quiet(dossier, at)
    if delivery.order.verbosity is Verbosity.VERBOSE and at is Moment.FINISHED:
        yield f"Results: {public_url}results/{number}/"
        yield from _verbose(gateway, dossier, delivery)


def _quiet(dossier: Dossier, at: Moment) -> Iterator[str]:
    listed, job, recipe = dossier.listed, dossier.listed.job, dossier.listed.recipe
    if (error := facts.error(dossier, at)) is not None:
        yield f"Error: {words.error_type(recipe)}: {error}"
    yield f"Description: {job.name}"
    yield f"Submitter: {job.owner}"
    yield f"Device type: {listed.type or '-'}"
    yield f"Device: {wire.device(listed) or '-'}"
    yield f"Priority: {job.priority}"
    ended = facts.finished(dossier, at)
    for name, seconds in (("Submitted", job.submitted), ("Started", recipe.started), ("Finished", ended)):
        if seconds is not None:
            yield f"{name}: {moment(seconds)}"
    if ended is not None and recipe.started is not None:
        minutes, rest = divmod(max(0, int(ended - recipe.started)), 60)
        yield f"Duration: {minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _verbose(gateway: Gateway, dossier: Dossier, delivery: Delivery) -> Iterator[str]:
    recipe, order = dossier.listed.recipe.id, delivery.order
    pairs = [(name, value) for one in wire.noted(selection_of(dossier.listed)) for name, value in one.items()]
    yield from _section("Metadata:", (f"  {name}: {value}" for name, value in pairs))
    # what differs is short, and wanted more than all that there is
    if order.base is not None:
        yield from _compared(gateway, recipe, order.base, order.blacklist)
    found = cases(gateway.cases.read(ITSELF, [recipe]))
    yield from _section("Results:", (_case(case) for case in found if _wanted(case, order.blacklist)))


def _compared(gateway: Gateway, recipe: int, base: int, blacklist: Collection[str]) -> Iterator[str]:
    try:
        other = gateway.dossiers.of(base)
        before = side(cases(gateway.cases.read(ITSELF, [base])), blacklist)
    except NoSuchRecipe:
        return
    now = side(cases(gateway.cases.read(ITSELF, [recipe])), blacklist)
    yield ""
    yield f"Compared with job {words.number(other.listed)} ({other.listed.job.name}):"
    empty = True
    for line in differences(before, now):
        empty = False
        yield f"  {line}"
    if empty:
        yield "  no differences"


def _section(head: str, lines: Iterable[str]) -> Iterator[str]:
    first = True
    for line in lines:
        if first:
            yield ""
            yield head
            first = False
        yield line


def _wanted(case: Case, blacklist: Collection[str]) -> bool:
    return case.suite.name not in blacklist and case.name not in blacklist


def _case(case: Case) -> str:
    measurement = "" if case.measurement == "None" else f" {case.measurement.rstrip('0').removesuffix('.')}"
    return f"  {case.suite.name}/{case.name}: {case.result}{measurement} {case.units if measurement else ''}".rstrip()
