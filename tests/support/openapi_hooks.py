"""What Schemathesis is told about our document; it loads this file by name (see tests/property/test_openapi.py)."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import urllib.request
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import Failure

#: What no schema can say: which systems, roles and days there are. A valid request that names others is 400, and the
#: answer names the field. Operation: how the field ends.
BEYOND_SCHEMAS = {
    # each worker is named once
    "callRoll": "name",
    "submitJob": "system",
    "validateJob": "system",
    "retryJob": "system",
    "issueRecipeKey": "system",
    "waitForSync": "role",
    "createToken": "expires",
}

#: calls that take a job of LAVA's, and say by `message` what is wrong with it
LAVA_JOBS = ("submitLavaJob",)
#: what is always refused
NEVER = ("getLavaToken",)

#: a call that waits is told to come back at once, unless it would anyway
WAITING = {
    **dict.fromkeys(("waitForLavaJob", "waitForJob", "waitForSync"), "timeout"),
    **dict.fromkeys(("claim", "callRoll"), "wait"),
}

#: where the Tackroom is, an admin's token, and that token's id: nobody is to revoke it
URL, TOKEN, OWN_TOKEN = (os.environ[f"TACKROOM_SCHEMA_{name}"] for name in ("URL", "TOKEN", "TOKEN_ID"))

#: what is there, by parameter of a path
POOLS: dict[str, list[int | str]] = json.loads(os.environ["TACKROOM_SCHEMA_POOLS"])

#: in a path, this id stands for whatever is alive at that moment
ALIVE = int(os.environ["TACKROOM_SCHEMA_ALIVE"])


_NAMES = st.text(st.characters(codec="ascii", exclude_characters='<>&"', exclude_categories=["C"]), min_size=1)
_JOB_XML = st.lists(_NAMES, min_size=1, max_size=3).map(
    lambda names: "<job><recipeSet><recipe>{}</recipe></recipeSet></job>".format(
        "".join(f'<task name="{name}"><command><arg>true</arg></command></task>' for name in names)
    ).encode()
)
schemathesis.openapi.media_type("application/xml", _JOB_XML, aliases=["text/xml"])
_DESCRIPTOR = st.integers(1, 3).map(
    lambda runs: json.dumps(
        {
            "JobName": "explored",
            "Version": "1.0",
            "Runs": runs,
            "TestDescriptors": [
                {
                    "TargetManagerName": "TargetList",
                    "TargetManagerAcquireParameters": {"Targets": [{"ID": "nowhere"}]},
                    "TargetManagerReleaseParameters": {},
                    "TestFetcherName": "literal",
                    "TestFetcherFetchParameters": {
                        "TestName": "t",
                        "Steps": [{"name": "echo", "label": "said", "parameters": {"text": ["hi"]}}],
                    },
                }
            ],
            "Reporting": {"RunReporters": [{"Name": "noop"}]},
        }
    ).encode()
)
schemathesis.openapi.media_type("application/vnd.contest.job+json", _DESCRIPTOR)
_LAVA_JOB = st.integers(1, 3).map(
    lambda minutes: json.dumps(
        {
            "job_name": "explored",
            "visibility": "public",
            "device": "bench-1",
            "timeouts": {"job": {"minutes": minutes}},
            "actions": [
                {
                    "test": {
                        "definitions": [
                            {"from": "inline", "name": "a", "path": "a", "repository": {"run": {"steps": ["true"]}}}
                        ]
                    }
                }
            ],
        }
    ).encode()
)
_YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")
schemathesis.openapi.media_type(_YAML[0], _LAVA_JOB, aliases=[*_YAML[1:]])
schemathesis.openapi.media_type("application/octet-stream", st.binary(max_size=200))


@schemathesis.hook
def before_load_schema(context: HookContext, raw_schema: dict[str, Any]) -> None:
    """Close what is answered: clients must expect new fields, but we must not have any that are not documented.

    And let the examples be of what is there.
    """
    for parameter in raw_schema["components"]["parameters"].values():
        if parameter["in"] == "path" and "example" not in parameter["schema"] and parameter["name"] in POOLS:
            parameter["example"] = POOLS[parameter["name"]][0]
    _close(raw_schema["components"]["schemas"])
    _close(raw_schema["components"]["responses"])
    _close(raw_schema["paths"])


def _close(node: object, *, part: bool = False) -> None:
    """Let objects have no other properties; `part`: it is one part of an `allOf`, which is closed as a whole."""
    if isinstance(node, list):
        for item in node:
            _close(item, part=part)
    elif isinstance(node, dict):
        whole = "allOf" in node or ("properties" in node and not part)
        if whole and "additionalProperties" not in node:
            node["unevaluatedProperties"] = False
        for name, value in node.items():
            # requests say by themselves what is refused; ...Fields are parts of others
            if name not in ("requestBody", "requestBodies") and not name.endswith("Fields"):
                _close(value, part=name == "allOf")


@schemathesis.hook
def filter_case(context: HookContext, case: Case[Any]) -> bool:
    """Leave the token alone that the calls are made with."""
    return _operation(case) != "revokeToken" or str((case.path_parameters or {}).get("token")) != OWN_TOKEN


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Let no call wait, name what is alive, and make keys and ranges fit the one call that they come with."""
    if _operation(case) == "getArchive" and (case.path_parameters or {}).get("task") == ALIVE:
        case.path_parameters["secret"] = _alive.secret()
    for name, value in (case.path_parameters or {}).items():
        # an id of LAVA's is a text
        if value in POOLS.get(name, ()) and str(value) == str(ALIVE):
            case.path_parameters[name] = type(value)(_alive.now()[name])
    if _operation(case) == "setLavaWorkerHealth" and _positive(case):
        # a lab that rests gives nobody anything
        case.body = {"health": "Active"}
    if _operation(case) == "removeWorker" and _positive(case):
        case.path_parameters["name"] = _hired()["name"]
    if _operation(case) == "admitWorker" and _positive(case):
        # one who is known, and knows the answer
        worker, challenge = _hired(), bytes(16)
        key = hashlib.md5(worker["password"].encode(), usedforsecurity=False).digest()
        response = hashlib.md5(key + challenge, usedforsecurity=False).hexdigest()
        case.body = {"name": worker["name"], "challenge": challenge.hex(), "response": response}
    parameter = WAITING.get(_operation(case))
    if parameter is not None:
        asked = (case.query or {}).get(parameter)
        if asked is None or str(asked).strip().isdecimal():
            case.query = {**(case.query or {}), parameter: 0}
    headers: Any = case.headers or {}
    if _positive(case) and "Content-Range" in headers and isinstance(case.body, bytes):
        if case.body:
            headers["Content-Range"] = f"bytes 0-{len(case.body) - 1}/{len(case.body)}"
        else:
            del headers["Content-Range"]
    if _positive(case) and headers.get("Idempotency-Key"):
        # two calls with one key are one call
        headers["Idempotency-Key"] = f"{next(_numbers)}-{headers['Idempotency-Key']}"[:255]


#: operations whose last word may be a worker's name as well: what that allows is allowed there, too
NAMES_TOO = ("/workers/login", "/workers/roll-call")
#: what may be more than its schema says, so that what is made up is taken: users have any names. A request that is
#: wrong there only may be taken
WIDER = ("parameter `user` in path",)


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
    """Take a refusal of a valid request for right where it is about something `BEYOND_SCHEMAS`."""
    if type(failure).__name__ == "AllowHeaderMismatch" and case.path in NAMES_TOO:
        return False
    if type(failure).__name__ == "AcceptedNegativeData":
        return not any(words in failure.message for words in WIDER)
    if type(failure).__name__ != "RejectedPositiveData":
        return True
    if _operation(case) == "listen":
        # no schema says that it asks for a WebSocket
        return response.status_code != 426
    if _operation(case) in NEVER:
        return response.status_code != 400
    if _operation(case) in LAVA_JOBS and response.status_code == 400:
        # what a job of LAVA's is no schema says
        return "message" not in json.loads(response.content)
    field = BEYOND_SCHEMAS.get(_operation(case))
    if field is None or response.status_code != 400:
        return True
    error = json.loads(response.content)["error"]
    if error["code"] == "job.nothing-fits":
        return False
    return not (error["code"] == "input.invalid" and str(error["field"]).endswith(field))


def _operation(case: Case[Any]) -> str:
    name: str = case.operation.definition.raw.get("operationId", "")
    return name


def _positive(case: Case[Any]) -> bool:
    return case.meta is None or case.meta.generation.mode.is_positive


_numbers = itertools.count(1)


class Alive:
    """A job whose recipe runs; when calls have ended it, another."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def now(self) -> dict[str, int]:
        """Return ids of a job, its recipe, and a task and result of that."""
        if not self._ids or _ask("GET", f"/jobs/{self._ids['job']}")["finished"]:
            self._ids = self._made()
        return self._ids

    def secret(self) -> str:
        """Return what stands in the paths of the recipe's archives, of one whose tasks have not ended."""
        found = self._archive()
        while found is None:
            self._ids = self._made()
            found = self._archive()
        return found

    def _archive(self) -> str | None:
        request = urllib.request.Request(
            f"{URL}/recipes/{self.now()['recipe']}/", headers={"Accept": "application/xml"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = re.search(rf"/tasks/{self.now()['task']}/archive/([^/]+)/", answer.read().decode())
        return None if found is None else found[1]

    def _made(self) -> dict[str, int]:
        recipe = None
        while recipe is None:
            # a system that a set of somebody else's job waits with is of no use
            system = f"alive-{next(_numbers)}"
            _ask("POST", "/systems/", {"name": system})
            tasks = [{"name": name, "command": ["true"]} for name in ("first", "second")]
            _ask("POST", "/jobs/", {"recipe_sets": [{"recipes": [{"system": system, "tasks": tasks}]}]})
            recipe = _ask("POST", f"/systems/{system}/claim")
        task = recipe["tasks"][0]["id"]
        result = _ask("POST", f"/recipes/{recipe['id']}/tasks/{task}/results/", b"result=Pass")
        return {
            "job": recipe["job"],
            "recipe": recipe["id"],
            "task": task,
            "result": result,
            # LAVA's words
            "suite": task,
            "test": result,
        }


_alive = Alive()


def _hired() -> Any:
    """Add a worker, and return it with its password."""
    return _ask("POST", "/workers/", {"name": f"hired-{next(_numbers)}"})


def _ask(method: str, path: str, body: dict[str, Any] | bytes | None = None) -> Any:
    """Make a call as admin and return the JSON of the answer, None when it has none."""
    request = urllib.request.Request(URL + path, method=method, headers={"Authorization": f"Bearer {TOKEN}"})
    if body is not None:
        request.data = body if isinstance(body, bytes) else json.dumps(body).encode()
        if isinstance(body, dict):
            request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
        return json.loads(text) if text else None
