"""What events tell of: the topics, and the data of each. The reference is made from this."""

from collections.abc import Mapping

from attrs import frozen


@frozen
class Topic:
    """One kind of event."""

    #: when there is such an event
    when: str
    #: the names in its `data`, each with what it means where the name alone does not say it
    data: Mapping[str, str]


TOPICS: Mapping[str, Topic] = {
    "job": Topic(
        "submitted; status, result or `settled` changed",
        {"id": "", "status": "", "result": "", "settled": ""},
    ),
    "recipe": Topic(
        "submitted, assigned; status, result or `settled` changed",
        {
            "id": "",
            "job": "",
            "recipe_set": "",
            "status": "",
            "result": "",
            "settled": "",
            "system": "",
            "was": "those of `status`, `result` and `settled` that changed, as they were; null when it is new",
            "peers_placed": "only when it waits on, and the first other recipe of its set has got a system: true",
            "late": "only when it is settled: not all of its logs have been read",
        },
    ),
    "task": Topic(
        "status or result changed",
        {"id": "", "job": "", "recipe": "", "status": "", "result": ""},
    ),
    "result": Topic(
        "reported, or found in a log",
        {"id": "", "job": "", "recipe": "", "task": "", "path": "", "result": ""},
    ),
    "log": Topic(
        "made or declared; finished or found damaged, with what it held indexed",
        {"job": "", "recipe": "", "path": "the URL path below `/recipes/R/`", "state": "", "size": "bytes"},
    ),
    "system": Topic(
        "added, changed, removed, idle, running, free again",
        {
            "name": "",
            "state": "null when it was removed",
            "health": "null when it was removed",
            "recipe": "only when it gets one, or (null) is free of it",
            "was": "what changed, as it was: `health`, the `recipe` that it holds, whether that has `begun`; "
            "null when it is new",
            "holds": "only when any of these changed: null, or the `recipe` that it holds and whether that has `begun`",
            "worker": "only when its worker comes or goes: whether it is `online`, and its `version`",
        },
    ),
    "lab": Topic(
        "its health or what else is set of it changed", {"health": "", "was": "its `health` before, if that changed"}
    ),
    "sync": Topic(
        "a recipe has reached a sync state, for the first time",
        {
            "job": "",
            "recipe_set": "",
            "state": "",
            "recipe": "",
            "complete": "it was the last of its set",
            "roles": "each role that it plays, and whether it was the last of that",
        },
    ),
    "message": Topic(
        "an installer has begun, has finished, or has finished what follows the installation",
        {"job": "", "recipe": "", "text": ""},
    ),
    "signal": Topic(
        "a test told its readers something (`lava-test-event`), as it was found in a log",
        {"job": "", "recipe": "", "task": "", "text": ""},
    ),
}
