"""Jobs that want somebody to be told, run to an end by a bench of tests/core; and whom that tells."""

from typing import Any

from wsgi_app.notification import Address, Callback, Moment, Notify
from wsgi_app.states import RecipeStatus, TaskStatus
from wsgi_app.submitted import NewRecipe, NewRecipeSet, NewTask

HOOK = Callback("http://ci.example/hook")
COMPLETED, ABORTED, CANCELLED = RecipeStatus.COMPLETED, RecipeStatus.ABORTED, RecipeStatus.CANCELLED


def told(bench: Any, *, of: int | None = None) -> list[tuple[int, Moment]]:
    """Decide all there is to decide, and return which transitions somebody is told of, oldest first."""
    while bench.gateway.notices.decide(50):
        pass
    found = bench.gateway.deliveries.page(bench.admin, recipe=of, limit=1000)
    return [(one.recipe, one.transition) for one in reversed(found)]


def submit(bench: Any, notify: Notify | None, **job: Any) -> int:
    """Submit a job of one recipe for system a; return the recipe."""
    recipe = NewRecipe((NewTask("t"),), system=job.pop("system", "a"))
    made = bench.submit(NewRecipeSet((recipe,)), **{"notify": notify, "name": "boot", **job})
    found: int = made.recipe_sets[0].recipes[0].id
    return found


def begin(bench: Any, recipe: int) -> None:
    """Let a recipe begin."""
    bench.claim("a")
    task = bench.recipe(recipe).tasks[0]
    bench.gateway.tasks.update(bench.admin, recipe, task.id, status=TaskStatus.RUNNING)


def end(bench: Any, recipe: int, status: RecipeStatus) -> None:
    """Let a recipe that runs end so, and be settled."""
    found = bench.recipe(recipe)
    if status is COMPLETED:
        bench.gateway.tasks.update(bench.admin, recipe, found.tasks[0].id, status=TaskStatus.COMPLETED)
    elif status is ABORTED:
        bench.gateway.recipes.abort(bench.admin, recipe, "the board is gone")
    else:
        bench.gateway.jobs.cancel(bench.admin, found.job)
    bench.clock.now += 100
    bench.round()
    assert bench.recipe(recipe).settled


def run(bench: Any, notify: Notify | None, status: RecipeStatus, **job: Any) -> int:
    """Run a job to that end."""
    recipe = submit(bench, notify, **job)
    begin(bench, recipe)
    end(bench, recipe, status)
    return recipe


def address(user: str) -> Address:
    """Where a user is reached."""
    return Address(user, f"{user}@example.org", f"{user}_", "irc.example:6697")
