"""Steps: what their parameters may be, and what a step is on a target. Source: jobs-contest.md sections 3.1 and 8."""

import re
from collections.abc import Callable, Mapping

from attrs import frozen

from wsgi_app.campaign import Step, StepKind, Target
from wsgi_app.core.campaign import duration, scripts
from wsgi_app.core.campaign.template import expand
from wsgi_app.core.campaign.templateparse import BadTemplate
from wsgi_app.core.campaign.variables import Variables

PROTOCOLS = ("tcp", "tcp4", "tcp6", "udp", "udp4", "udp6")
#: characters of a host's name
LONGEST_HOST = 255

#: what strconv.ParseBool takes
_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")


@frozen
class PortLook:
    """A port that the controller is to look at, every `interval` seconds, for `timeout` seconds."""

    host: str
    port: int
    protocol: str
    timeout: float
    interval: float


@frozen
class Work:
    """What a step comes to on a target: a command or a script; and for a port, what the controller has to do."""

    command: tuple[str, ...] | None = None
    script: str | None = None
    port: PortLook | None = None


@frozen
class CmdStep:
    """The command of a `cmd` step; `directory` is empty when it names none."""

    executable: str
    arguments: tuple[str, ...]
    directory: str
    emit_stdout: bool
    emit_stderr: bool

    @property
    def argv(self) -> tuple[str, ...]:
        """The whole command."""
        return (self.executable, *self.arguments)


def waitport_state(task: int) -> str:
    """Return the sync state by which the controller tells a `waitport` task what came of it."""
    return f"waitport-{task}"


def check_step(step: Step) -> tuple[str, ...]:
    """Raise ValueError when a step's parameters are wrong; return a sentence about each that has no effect.

    What holds templates is looked at when the step's turn comes.
    """
    checks: dict[StepKind, Callable[[Mapping[str, tuple[str, ...]]], object]] = {
        StepKind.CMD: _check_cmd,
        StepKind.ECHO: lambda params: _given(params, "text", "echo"),
        StepKind.RANDECHO: lambda params: _given(params, "text", "randecho"),
        StepKind.SLEEP: _sleep_seconds,
        StepKind.WAITPORT: _waited_for,
    }
    checks[step.kind](step.params)
    known = _PARAMETERS[step.kind]
    return tuple(
        f"step {step.label}: {step.kind} has no parameter {key!r} (it has {', '.join(known)})"
        for key in step.params
        if key not in known
    )


def work_of(step: Step, target: Target, variables: Variables, *, task: int) -> Work:
    """Return what a step that was checked comes to on a target. Raises BadTemplate."""
    if step.kind is StepKind.CMD:
        cmd = cmd_of(step, target, variables)
        if not (cmd.directory or cmd.emit_stdout or cmd.emit_stderr):
            return Work(command=cmd.argv)
        return Work(script=scripts.run_command(cmd.argv, cmd.directory, stdout=cmd.emit_stdout, stderr=cmd.emit_stderr))
    if step.kind is StepKind.ECHO:
        return Work(command=("printf", "%s\\n", _expanded(step, "text", target, variables)))
    if step.kind is StepKind.RANDECHO:
        return Work(script=scripts.say_and_toss(_expanded(step, "text", target, variables)))
    if step.kind is StepKind.SLEEP:
        return Work(command=("sleep", f"{max(_sleep_seconds(step.params), 0.0):.9f}".rstrip("0").rstrip(".")))
    port = _port_look(step, target, variables)
    return Work(script=scripts.await_word(waitport_state(task)), port=port)


def cmd_of(step: Step, target: Target, variables: Variables) -> CmdStep:
    """Return the command of a `cmd` step on a target. Raises BadTemplate."""
    params = step.params
    executable = _expanded(step, "executable", target, variables)
    if not executable:
        raise BadTemplate(f"executable {params['executable'][0]!r} comes to nothing")
    return CmdStep(
        executable,
        tuple(_text("args", argument, target, variables) for argument in params.get("args", ())),
        _expanded(step, "dir", target, variables),
        _truth(params, "emit_stdout"),
        _truth(params, "emit_stderr"),
    )


def _check_cmd(params: Mapping[str, tuple[str, ...]]) -> None:
    if len(params.get("executable", ())) != 1 or not params["executable"][0]:
        raise ValueError("invalid or missing 'executable' parameter, must be exactly one string")
    _one(params, "dir")
    for name in ("emit_stdout", "emit_stderr"):
        _truth(params, name)


def _given(params: Mapping[str, tuple[str, ...]], name: str, kind: str) -> str:
    value = _one(params, name)
    if not value:
        raise ValueError(f"Missing '{name}' field in {kind} parameters")
    return value


def _sleep_seconds(params: Mapping[str, tuple[str, ...]]) -> float:
    words = _given(params, "duration", "sleep")
    try:
        return duration.parse(words)
    except ValueError as error:
        raise ValueError(f'invalid duration "{words}": {error}') from None


def _waited_for(params: Mapping[str, tuple[str, ...]]) -> tuple[int, str, float, float]:
    """Return port, protocol, timeout and interval."""
    if len(params.get("target", ())) > 1:
        raise ValueError("0 or 1 'target' parameters should be provided")
    words = _one(params, "port")
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", words, re.ASCII):
        raise ValueError(f"failed to parse 'port' parameter: strconv.ParseInt: parsing \"{words}\": invalid syntax")
    port = int(words)
    if not 0 < port <= 65535:
        raise ValueError(f"'port' parameter should be a positive integer that is at most 65535, got: '{port}'")
    if len(params.get("protocol", ())) != 1:
        raise ValueError("a single 'protocol' should be provided")
    protocol = params["protocol"][0].lower()
    if protocol not in PROTOCOLS:
        raise ValueError(f"'protocol' should be one of [{', '.join(PROTOCOLS)}]")
    return port, protocol, _seconds(params, "timeout"), _seconds(params, "check_interval")


def _seconds(params: Mapping[str, tuple[str, ...]], name: str) -> float:
    if len(params.get(name, ())) != 1:
        raise ValueError(f"a single '{name}' should be provided")
    (words,) = params[name]
    try:
        return duration.parse(words)
    except ValueError as error:
        raise ValueError(f"failed to convert '{words}' duration parameter, err: {error}") from None


def _port_look(step: Step, target: Target, variables: Variables) -> PortLook:
    port, protocol, timeout, interval = _waited_for(step.params)
    addresses = {"4": (target.ipv4,), "6": (target.ipv6,)}.get(protocol[-1], (target.ipv4, target.ipv6))
    host = _expanded(step, "target", target, variables) or next(filter(None, (target.fqdn, *addresses)), "")
    if not host:
        raise BadTemplate(f"target {target.id} has neither an FQDN nor an address at which to look for its port {port}")
    if len(host) > LONGEST_HOST:
        raise BadTemplate(f"a host's name has at most {LONGEST_HOST} characters")
    return PortLook(host, port, protocol, max(timeout, 0.0), max(interval, 0.0))


def _one(params: Mapping[str, tuple[str, ...]], name: str) -> str:
    """Return the value of a parameter, "" when it has none. Raises ValueError when it has several."""
    values = params.get(name, ())
    if len(values) > 1:
        raise ValueError(f"'{name}' has {len(values)} values, and takes one")
    return values[0] if values else ""


def _truth(params: Mapping[str, tuple[str, ...]], name: str) -> bool:
    words = _one(params, name)
    if words and words not in _TRUE and words not in _FALSE:
        raise ValueError(
            f'invalid non-boolean `{name}` parameter: strconv.ParseBool: parsing "{words}": invalid syntax'
        )
    return words in _TRUE


def _expanded(step: Step, name: str, target: Target, variables: Variables) -> str:
    """Return the one value of a parameter on a target, "" when it has none."""
    return _text(name, _one(step.params, name), target, variables)


def _text(name: str, template: str, target: Target, variables: Variables) -> str:
    try:
        text = expand(template, target, variables)
        text.encode()
    except BadTemplate as error:
        raise BadTemplate(f"failed to expand {name}: {error}") from error
    except UnicodeEncodeError:
        raise BadTemplate(f"{name} cannot be written as UTF-8") from None
    if "\0" in text:
        raise BadTemplate(f"{name} holds a NUL, which no command can be given")
    return text


_PARAMETERS = {
    StepKind.CMD: ("executable", "args", "dir", "emit_stdout", "emit_stderr"),
    StepKind.ECHO: ("text",),
    StepKind.RANDECHO: ("text",),
    StepKind.SLEEP: ("duration",),
    StepKind.WAITPORT: ("target", "port", "protocol", "timeout", "check_interval"),
}
