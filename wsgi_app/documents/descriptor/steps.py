"""Steps of a test: as a descriptor, or what it has fetched, describes them, and as they are checked."""

import re
from collections.abc import Sequence

from attrs import frozen

from wsgi_app.campaign import Step, StepKind
from wsgi_app.core.campaign.steps import check_step
from wsgi_app.core.excerpt import short
from wsgi_app.documents.descriptor.fields import Fields
from wsgi_app.documents.descriptor.limits import STEP_LABEL, check_length
from wsgi_app.documents.descriptor.plugins import registered
from wsgi_app.documents.descriptor.wording import within
from wsgi_app.errors import BadDescriptor

_STEPS = {kind.value: kind for kind in StepKind}
_LABEL = re.compile(r"[a-zA-Z]\w*", re.ASCII)


@frozen
class Described:
    """A step as it is described."""

    name: str
    label: str
    params: dict[str, tuple[str, ...]]


def decode(holder: Fields) -> list[Described | None]:
    """Return the steps in the array `Steps`; None for each null."""
    return [None if fields is None else _described(fields) for fields in holder.sections("Steps")]


def build(described: Sequence[Described | None], warnings: list[str]) -> tuple[Step, ...]:
    """Return the steps of a test, and add to the warnings what of them has no effect. Raises `BadDescriptor`."""
    with within("could not create test steps bundle"):
        steps = tuple(_build(step, index, warnings) for index, step in enumerate(described))
        if not steps:
            raise BadDescriptor("at least one test step is required per test")
    seen: set[str] = set()
    for step in steps:
        if step.label in seen:
            raise BadDescriptor(f"found duplicated labels: {step.label}")
        seen.add(step.label)
    return steps


def _described(fields: Fields) -> Described:
    # ConTest decodes this, and does nothing with it
    fields.mapping("VariablesMapping")
    return Described(fields.text("Name"), fields.text("Label"), fields.parameters("Parameters"))


def _build(described: Described | None, index: int, warnings: list[str]) -> Step:
    if described is None:
        raise BadDescriptor("test step description is null")
    check_length(described.label, "Test step label", STEP_LABEL)
    name = short(described.name)
    with within(f"NewStepBundle for test step '{name}' with index {index} failed"):
        with within(f"could not get the desired TestStep ({name})"):
            kind = registered(_STEPS, "TestStep", described.name)
        step = Step(kind, described.label, described.params)
        try:
            warnings += check_step(step)
        except ValueError as error:
            raise BadDescriptor(f"could not validate parameters for test step {name}: {short(str(error))}") from None
        _check_label(described)
    return step


def _check_label(described: Described) -> None:
    label = described.label
    if not label:
        raise BadDescriptor(f"step has no label, but it is mandatory (step: {{Name:{described.name} Label:}})")
    if not _LABEL.fullmatch(label):
        raise BadDescriptor(
            f"'{label}' doesn't match variable name format: "
            f"identifier should be an non-empty string that matches: {_LABEL.pattern}"
        )
