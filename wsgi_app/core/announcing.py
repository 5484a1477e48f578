"""What tests want readers to know, told once for each line of a log, whoever reads it and how often."""

from collections.abc import Sequence

from wsgi_app.core.change import Change
from wsgi_app.core.masking import Mask
from wsgi_app.model import LogAddress, Recipe, Signal
from wsgi_app.store import jobs, logs


def announce(change: Change, recipe: Recipe, log: LogAddress, signals: Sequence[Signal]) -> None:
    """Tell what a registered log says that was not told before: what stands below the last line that was."""
    if not signals:
        return
    reached = logs.signalled(change.tx, log)
    new = [signal for signal in signals if signal.line > reached]
    if not new:
        return
    mask = Mask(jobs.load_secrets(change.tx, recipe.job))
    for signal in new:
        text = mask.text(signal.text)
        change.event("signal", recipe.job, job=recipe.job, recipe=recipe.id, task=log.task, text=text)
    logs.set_signalled(change.tx, log, max(signal.line for signal in new))
