"""What the transcript must have led to."""

from tests.restraint.transcript import LOGS, Replay


def require_outcome(sender: Replay) -> None:
    """Fail unless everything that was sent is there, and the job is settled with the right verdict."""
    given = sender.given
    job = given.settled()
    assert (job["status"], job["result"], job["verdict"]) == ("Completed", "Fail", "fail")
    recipe = given.read()
    assert (recipe["status"], recipe["result"], recipe["settled"]) == ("Completed", "Fail", True)
    assert [(task["status"], task["result"]) for task in recipe["tasks"]] == [
        ("Completed", "Pass"),
        ("Completed", "Fail"),
    ]
    first, second = given.tasks
    assert [
        (found["id"] == sender.names["N"], found["task"], found["result"], found["path"], found["score"])
        for found in given.results()
    ] == [(True, first, "Pass", "/local/t1/sub", 7), (False, second, "Fail", "exit_code", 768)]
    assert [found["message"] for found in given.results()] == ["msg & more", "Command returned non-zero"]
    assert set(given.logs()) == {path.format(**sender.names) for path in LOGS}
    for path, content in LOGS.items():
        given.require_log(path.format(**sender.names), content)
    assert given.call("GET", "watchdog").json == {"seconds": False}
    # one connection for the queue, one for GETs, one for each HEAD
    assert sorted(sender.opened) == ["GET", *["HEAD"] * 7, "queue"]
