"""What tests tell those who follow them: found in logs, as they grow or in the end, and told once for each line."""

from corelab import CoreLab
from livelog import BEGIN, Run, case

from wsgi_app.indexer import index
from wsgi_app.indexer.index import MAX_SIGNALS
from wsgi_app.model import Recipe
from wsgi_app.submitted import NewJob, NewRecipe, NewRecipeSet, NewTask


def event(text: str) -> bytes:
    """Return what `lava-test-event` prints."""
    return f"<LAVA_SIGNAL_TESTEVENT {text}>\n".encode()


def told(lab: CoreLab) -> list[object]:
    """Return what was told, in order."""
    return [data["text"] for data in lab.events("signal")]


def record(lab: CoreLab, recipe: Recipe, content: bytes, name: str = "taskout.log", *, anew: bool = False) -> None:
    """Do the pass over a log of a recipe's first task that holds this."""
    path = f"tasks/{recipe.tasks[0].id}/logs/{name}"
    found = index.read(lab.write(recipe, path, content), name, lab.config.max_parsed)
    lab.gateway.logs.indexed(recipe.id, path, found, anew=anew)


def test_51_told_when_the_log_is_read(lab: CoreLab) -> None:
    """What stands in a log is told when it is read, with its task; what is read again, or longer by then, is not."""
    recipe = lab.start()
    content = BEGIN + event("flashed") + case("a") + event("flashed") + event("100 %")
    record(lab, recipe, content)
    assert told(lab) == ["flashed", "flashed", "100 %"]
    assert lab.events("signal")[0] == {
        "job": recipe.job,
        "recipe": recipe.id,
        "task": recipe.tasks[0].id,
        "text": "flashed",
    }
    assert [result.path for result in lab.results(recipe)] == ["/0_smoke/a", "/0_smoke"]
    record(lab, recipe, content)
    record(lab, recipe, content + event("more"))
    assert told(lab) == ["flashed", "flashed", "100 %", "more"]
    record(lab, recipe, content, "second.log")
    assert told(lab)[4:] == ["flashed", "flashed", "100 %"]


def test_51_told_as_it_comes(lab: CoreLab) -> None:
    """Of a log that is followed live it is told as soon as the line is whole, with no result and with one, once."""
    run = Run(lab)
    run.grow(BEGIN + b"<LAVA_SIGNAL_TESTEVENT fla")
    assert told(lab) == []
    run.grow(b"shed>\n")
    assert told(lab) == ["flashed"]
    run.grow(case("a") + event("booted"))
    run.restart()
    run.grow(event("again"))
    run.restart()
    run.look()
    run.grow(case("b"))
    assert told(lab) == ["flashed", "booted", "again"]
    assert [result.path for result in run.results()] == ["/0_smoke/a", "/0_smoke/b"]
    run.finish()
    assert told(lab) == ["flashed", "booted", "again"]


def test_a_console_tells_too(lab: CoreLab) -> None:
    """A signal between a kernel's lines is one."""
    head = b"".join(b"[    %d.000000] usb 1-1: new device\n" % second for second in range(5))
    record(lab, lab.start(), head + b"[    6.000000] " + event("up"), "console.log")
    assert told(lab) == ["up"]


def test_other_lines_tell_nothing(lab: CoreLab) -> None:
    """What a shell traces, an empty event, and other words are none; a dispatcher's echo counts where that is all."""
    traced = b"+ echo '<LAVA_SIGNAL_TESTEVENT traced>'\n"
    record(lab, lab.start(), BEGIN + traced + event("$1") + event("") + event(" ") + event("real"))
    assert told(lab) == ["real"]
    record(lab, lab.start(), b"Received signal: <STARTRUN> 0_smoke 1\nReceived signal: <TESTEVENT> echoed\n")
    assert told(lab) == ["real", "echoed"]


def test_a_flood_is_bounded(lab: CoreLab) -> None:
    """So many are told of one log, live or not, and results are not fewer for it."""
    flood = BEGIN + b"".join(event(str(number)) for number in range(MAX_SIGNALS + 5)) + case("a")
    recipe = lab.start()
    record(lab, recipe, flood)
    assert told(lab) == [str(number) for number in range(MAX_SIGNALS)]
    assert "/0_smoke/a" in [result.path for result in lab.results(recipe)]
    run = Run(lab)
    run.grow(flood)
    run.finish()
    assert len(told(lab)) == 2 * MAX_SIGNALS


def test_what_was_indexed_long_ago_is_not_told(lab: CoreLab) -> None:
    """`tackroom index` reads logs anew: that is no news."""
    recipe = lab.start()
    record(lab, recipe, BEGIN + event("flashed"), anew=True)
    assert told(lab) == []


def test_secrets_are_masked(lab: CoreLab) -> None:
    """A job's secret is in no event."""
    first = lab.start()
    lab.finish(first)
    new = NewRecipe((NewTask("t"),), system=first.system)
    job = lab.gateway.jobs.submit(lab.admin, lambda: NewJob((NewRecipeSet((new,)),), secrets=("hunter2",)))
    recipe = job.recipe_sets[0].recipes[0]
    lab.gateway.recipes.issue_key(lab.admin, recipe.id)
    record(lab, lab.recipe(recipe.id), BEGIN + event("the word is hunter2"))
    assert told(lab) == ["the word is [MASKED]"]
