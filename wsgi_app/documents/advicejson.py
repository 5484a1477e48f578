"""What awaits a job that is not submitted yet, as JSON."""

from typing import Any

from wsgi_app.core.advice import Advice, Prospect


def advice_value(advice: Advice) -> dict[str, Any]:
    """Return the JSON value of what a job would be and what would await it; a campaign's tasks are its tests' steps."""
    new = advice.job
    tasks = sum(len(recipe.tasks) for group in new.recipe_sets for recipe in group.recipes)
    tests = () if new.campaign is None else [test for test in new.campaign.tests if not test.disabled]
    return {
        "name": new.name,
        "recipe_sets": len(new.recipe_sets),
        "tests": len(tests),
        "tasks": tasks + sum(len(test.steps) for test in tests),
        "warnings": list(new.warnings),
        "advice": prospects(advice),
    }


def prospects(advice: Advice) -> list[dict[str, Any]]:
    """Return the JSON value of what awaits a job's recipes."""
    return [_prospect(one) for one in advice.prospects]


def _prospect(one: Prospect) -> dict[str, Any]:
    return {
        "recipe_set": one.recipe_set,
        "recipes": one.recipes,
        "role": one.role,
        "system": one.wish.system,
        "requires": {"type": one.wish.type, "tags": sorted(one.wish.tags)},
        "systems": one.systems,
        "healthy": one.healthy,
        "idle": one.idle,
        "ahead": one.ahead,
        "reason": one.reason,
    }
