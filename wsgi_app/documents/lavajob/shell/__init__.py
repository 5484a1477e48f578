"""A test definition as one shell script: the steps, and LAVA's tools that they call, which are sent along.

It needs a POSIX shell and the core utilities (GNU or busybox), for several systems our harness or curl. What the tools
say are LAVA's signals, which the indexer reads. Sources: LAVA's lava_dispatcher/lava_test_shell, its multi node API.
"""

import base64
import hashlib
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files

from attrs import field, frozen

from wsgi_app.core.shelltext import ABORT, REPORT_LOG, SYNC
from wsgi_app.documents.lavajob.definition import Definition, Install

_COMMON = "lava-common-functions"
_SEVERAL = "lava-multi-node"
#: what each test has, and what those have, too, that run on several systems
_TOOLS = (
    "lava-test-case",
    "lava-test-reference",
    "lava-test-set",
    "lava-test-raise",
    "lava-test-event",
    "lava-test-feedback",
    "lava-test-run-attach",
    "lava-test-case-attach",
    "lava-background-process-start",
    "lava-background-process-stop",
    "lava-install-packages",
    "lava-echo-ipv4",
)
_SEVERAL_TOOLS = (
    "lava-hello",
    "lava-self",
    "lava-role",
    "lava-group",
    "lava-send",
    "lava-wait",
    "lava-wait-all",
    "lava-sync",
)
#: a positional parameter in a step that is a command for a tool: the tool's shell is to expand it
_POSITIONAL = re.compile(r"\$(\d+)\b", re.ASCII)
_NO_NAME = re.compile(r"[^A-Za-z0-9_.-]")


@frozen(kw_only=True)
class RunFacts:
    """What a job says of one run of a definition; `test_no` is the number of its task in the recipe, from 0.

    `parameters` come before the definition's own; `secrets` go into the file that LAVA has for them. `roles` are those
    of the group and how many systems each has, none when the test runs on one system alone.
    """

    name: str
    test_no: int
    parameters: Mapping[str, str] = field(factory=dict)
    secrets: Mapping[str, str] = field(factory=dict, repr=False)
    role: str | None = None
    roles: Mapping[str, int] = field(factory=dict)
    max_seconds: int | None = None
    sync_seconds: int | None = None
    skip_install: Sequence[str] = ()
    path: str = ""


def script_of(definition: Definition, facts: RunFacts) -> str:
    """Return the script that a task runs. It ends with 0 when the test ran, whatever became of its cases.

    `lava-test-raise`, the time limit and a failed installation abort the recipe.
    """
    parts = ["#!/bin/sh", *_settings(facts), _text("begin"), SYNC, ABORT]
    parts += [_put(f"bin/{name}", text) for name, text in _tools(bool(facts.roles))]
    parts += [_put(name, text) for name, text in _files(definition, facts)]
    return "\n".join([*parts, _text("end")])


def _settings(facts: RunFacts) -> Iterator[str]:
    yield f"run={facts.test_no}_{_NO_NAME.sub('_', facts.name)}"
    yield f"role={shlex.quote(facts.role or '')}"
    yield f"max_seconds={facts.max_seconds or ''}"
    yield f"sync_seconds={facts.sync_seconds or ''}"


def _tools(several: bool) -> Iterator[tuple[str, str]]:
    yield _COMMON, _text(_COMMON) + REPORT_LOG
    if several:
        yield _SEVERAL, SYNC + _text(_SEVERAL)
    for name in (*_TOOLS, *(_SEVERAL_TOOLS if several else ())):
        yield name, "#!/bin/sh\n" + _text(name)


def _files(definition: Definition, facts: RunFacts) -> Iterator[tuple[str, str]]:
    variables = _exported({**definition.params, **facts.parameters})
    install = _install(definition.install, facts.skip_install)
    if install:
        yield "install.sh", f"export LAVA_STEPS=$$\n{variables}{install}"
    yield "run.sh", f"export LAVA_STEPS=$$\n{variables}UUID=$(cat uuid)\nset -x\n{_steps(definition.steps)}"
    if definition.expected:
        yield "expected", "".join(f"{name}\n" for name in definition.expected)
    if facts.roles:
        yield "roles", "".join(f"{role}\n" for role in facts.roles)
    if facts.secrets:
        yield "secrets", _exported(facts.secrets)
    if definition.archive is not None:
        yield "archive", base64.encodebytes(definition.archive).decode()


def _exported(variables: Mapping[str, str]) -> str:
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def _steps(steps: Sequence[str]) -> str:
    # as LAVA does, whose definitions are written for it
    shown = (_POSITIONAL.sub(r"\\$\1", step) if "--cmd" in step or "--shell" in step else step for step in steps)
    return "".join(f"{step}\n" for step in shown)


def _install(install: Install, skipped: Sequence[str]) -> str:
    lines = []
    if not {"deps", "all"} & set(skipped):
        if install.packages:
            lines.append(f"lava-install-packages {shlex.join(install.packages)} || exit")
        if install.by_distribution:
            lines.append("distribution=$(sed -n 's/^ID=//p' /etc/os-release | tr -d '\"')")
        for name, packages in install.by_distribution.items():
            wanted = f'[ "$distribution" != {shlex.quote(name)} ]'
            lines.append(f"{wanted} || lava-install-packages {shlex.join(packages)} || exit")
    if not {"steps", "all"} & set(skipped):
        lines += install.steps
    return "".join(f"{line}\n" for line in lines)


def _put(name: str, text: str) -> str:
    """Return the lines that write a file; the word that ends them is in no text that does not know its own digest."""
    end = f"END-{hashlib.sha256(text.encode()).hexdigest()[:20]}"
    return f"put {name} <<'{end}'\n{text}{'' if text.endswith(chr(10)) else chr(10)}{end}"


@cache
def _text(name: str) -> str:
    return (files(__name__) / f"{name}.sh").read_text(encoding="utf-8")
