"""A job as text: how it stands, what harnesses and logs said of it side by side, and why."""

import textwrap
from typing import Any

from wsgi_app.cli.output import when
from wsgi_app.cli.tables import coloured, table
from wsgi_app.documents.reports.shown import printable

#: how many recipe sets of a campaign are to be shown: it may have made thousands
NEWEST = 10

#: the order in which results are counted
_COUNTED = ("Pass", "Warn", "Fail", "Panic", "Skip", "None", "New")
_HEAD = ("TASK", "NAME", "STATUS", "RESULT", "HARNESS", "LOGS")


def describe(job: dict[str, Any], summary: dict[str, Any], width: int | None = None) -> str:
    """Return a job with the recipe sets that are given as text, `width` columns wide."""
    parts = [_head(job, width)]
    said = {one["recipe"]: one for one in summary["recipes"]}
    if job["earlier_sets"]:
        earlier = f"{job['earlier_sets']} recipe sets before these: 'tackroom results {job['id']}' has their results"
        parts.append(_wrapped(earlier, width))
    for group in job["recipe_sets"]:
        # what was made between the two calls is not told
        recipes = [_recipe(recipe, said[recipe["id"]], width) for recipe in group["recipes"] if recipe["id"] in said]
        if group["attempt"]:
            recipes[:1] = ["\n".join([f"{attempt_text(group['attempt'])}:", *recipes[:1]])]
        parts += recipes
    if job["upcoming"]:
        parts.append(_wrapped(_upcoming(job["upcoming"]), width))
    return "\n\n".join(parts)


def _upcoming(attempt: dict[str, Any]) -> str:
    """Return what a campaign does next, and why not now."""
    what = f"Run {attempt['run']}" if attempt["test"] is None else attempt_text(attempt)
    reason = f": {printable(attempt['reason'])}" if attempt["reason"] else ""
    return f"Next, {when(attempt['due'])} (UTC): {what}{reason}"


def attempt_text(attempt: dict[str, Any]) -> str:
    """Return which attempt at a test a recipe set is, counted as people count."""
    again = f", attempt {attempt['number'] + 1}" if attempt["number"] else ""
    return f"Run {attempt['run']}, test {printable(attempt['test'])}{again}"


def recipe_text(recipe: dict[str, Any], said: dict[str, Any], width: int | None = None) -> str:
    """Return a recipe as text: how it stands, and a table of its tasks."""
    return _recipe(recipe, said, width)


def counts(said: dict[str, int]) -> tuple[str, ...]:
    """Return how many results there are of each value, as `3 Pass`, `1 Fail`."""
    return tuple(f"{said[value]} {value}" for value in _COUNTED if value in said)


def closing(summary: dict[str, Any], width: int | None = None) -> str:
    """Return what a job came to and why, in a line."""
    if summary["verdict"] is None:
        return f"Job {summary['job']} is not settled yet: {coloured(summary['status'])}, result {summary['result']}"
    reason = f": {printable(summary['reason'])}" if summary["reason"] else ""
    return _wrapped(f"Verdict: {summary['verdict']}{reason}", width).replace(
        f"Verdict: {summary['verdict']}", f"Verdict: {coloured(summary['verdict'])}", 1
    )


def notes(said: dict[str, Any]) -> list[str]:
    """Return what makes a recipe's results doubtful, and how it ended, in lines."""
    found = [f"Why: {printable(said['reason'])}"] if said["reason"] else []
    if said["late"]:
        found.append("Late: settled before all of its logs were read; what they say may be missing")
    found += [f"Damaged: {printable(path)} is not what its harness declared" for path in said["damaged"]]
    return found


def title(said: dict[str, Any]) -> str:
    """Return a line about a recipe."""
    on = f" on {printable(said['system'])}" if said["system"] else ""
    unsettled = "" if said["settled"] else ", not settled"
    return f"Recipe {said['recipe']}{on}: {coloured(said['status'])}, result {coloured(said['result'])}{unsettled}"


def task_table(said: dict[str, Any], width: int | None = None) -> str:
    """Return what harness and logs said of each task of a recipe, as a table."""
    rows = [
        (task["task"], task["name"], task["status"], task["result"], counts(task["harness"]), counts(task["logs"]))
        for task in said["tasks"]
    ]
    if said["harness"] or said["logs"]:
        rows.append(("", "(of no task)", "", "", counts(said["harness"]), counts(said["logs"])))
    return table(_HEAD, rows, width=width, colour=True)


def wishes(requires: dict[str, Any]) -> str:
    """Return what a recipe wants of its system, as `(x86 kvm)`."""
    return "(" + (" ".join(wish for wish in (requires["type"], *requires["tags"]) if wish) or "any") + ")"


def _head(job: dict[str, Any], width: int | None) -> str:
    name = f" {printable(job['name'])}" if job["name"] else ""
    state = job["verdict"] or ("cancelling" if job["cancelling"] else job["status"])
    owner = printable(job["owner"])
    lines = [f"Job {job['id']}{name}: {coloured(state)}, result {coloured(job['result'])}, owner {owner}"]
    if job["reason"]:
        lines.append(_wrapped(f"Why: {printable(job['reason'])}", width))
    times = [f"{what} {when(job[what])}" for what in ("submitted", "started", "finished") if job[what]]
    lines.append(_wrapped(f"{', '.join(times)} (UTC)".capitalize().replace("(utc)", "(UTC)"), width))
    if job["retry_of"]:
        lines.append(f"Retry of job {job['retry_of']}")
    lines += [_wrapped(f"Warning: {printable(warning)}", width) for warning in job["warnings"]]
    return "\n".join(lines)


def _recipe(recipe: dict[str, Any], said: dict[str, Any], width: int | None) -> str:
    head = title(said)
    if not recipe["system"]:
        head += f", wants {printable(wishes(recipe['requires']))}"
    lines = [_wrapped(line, width) for line in notes(said)]
    return "\n".join([head, *lines, task_table(said, width)])


def _wrapped(line: str, width: int | None) -> str:
    if width is None:
        return line
    return textwrap.fill(line, width, subsequent_indent="  ", break_on_hyphens=False)
