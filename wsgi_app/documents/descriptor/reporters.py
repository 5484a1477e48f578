"""Reporters of a descriptor: who judges its runs, and by what."""

from collections.abc import Sequence

from attrs import frozen

from wsgi_app.campaign import Reporter, ReporterKind
from wsgi_app.core.campaign import criteria
from wsgi_app.core.excerpt import short
from wsgi_app.documents.descriptor.fields import Fields, Raw
from wsgi_app.documents.descriptor.limits import MOST_REPORTERS, REPORTER_NAME, check_length
from wsgi_app.documents.descriptor.plugins import registered
from wsgi_app.documents.descriptor.wording import within
from wsgi_app.errors import BadDescriptor

_REPORTERS = {kind.value: kind for kind in ReporterKind}
#: letters of an expression that a campaign keeps
_LONGEST_EXPRESSION = 255


@frozen
class Named:
    """A reporter as a descriptor has it."""

    name: str
    parameters: Raw


@frozen
class Role:
    """What its reporters judge, and where their expression is."""

    word: str
    parameter: str
    expression: str


RUN = Role("run", "SuccessExpression", "success expression")
FINAL = Role("final", "AverageSuccessExpression", "average success expression")


def decode(section: Fields, name: str) -> list[Named]:
    """Return the reporters in an array. Raises `BadDescriptor`."""
    sections = section.sections(name)
    if len(sections) > MOST_REPORTERS:
        raise BadDescriptor(f"{section.place}.{name}: there are more than {MOST_REPORTERS}")
    # Go makes of null one without a name
    found = [Fields(None, section.place) if fields is None else fields for fields in sections]
    return [Named(fields.text("Name"), fields.raw("Parameters")) for fields in found]


def build(named: Sequence[Named], role: Role) -> tuple[Reporter, ...]:
    """Return the reporters of a role. Raises `BadDescriptor`."""
    found = []
    for reporter in named:
        if not reporter.name.strip():
            raise BadDescriptor(f"invalid empty or all-whitespace {role.word} reporter name")
        check_length(reporter.name, "Reporter name", REPORTER_NAME)
        with within(f"failed to create bundle for {role.word} reporter '{reporter.name}'"):
            found.append(_build(reporter, role))
    return tuple(found)


def _build(reporter: Named, role: Role) -> Reporter:
    with within(f"could not get reporter '{short(reporter.name)}'"):
        kind = registered(_REPORTERS, "Reporter", reporter.name)
    if kind is ReporterKind.NOOP:
        return Reporter(kind)
    # of final ones, too: ConTest says run of both
    with within("could not validate run reporter parameters"):
        expression = reporter.parameters.fields().text(role.parameter)
        try:
            if len(expression) > _LONGEST_EXPRESSION:
                raise ValueError(expression)
            criteria.parse(expression)
        except ValueError:
            raise BadDescriptor(f"could not parse {role.expression}") from None
    return Reporter(kind, expression)
