"""Methods made of functions: their parameters' types are checked, and told, as the function's annotations have them."""

import inspect
import itertools
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from attrs import frozen

from wsgi_app.protocols.rpc.faults import INVALID_PARAMETERS, Fault
from wsgi_app.protocols.rpc.writing import ArrayStream, ByteStream, TextStream

#: functions by the names that they are called by
Functions: TypeAlias = Mapping[str, Callable[..., Any]]

#: what XML-RPC calls a type
_NAMES: dict[Any, str] = {
    bool: "boolean",
    int: "int",
    float: "double",
    str: "string",
    bytes: "base64",
    datetime: "dateTime.iso8601",
    list: "array",
    tuple: "array",
    Sequence: "array",
    dict: "struct",
    Mapping: "struct",
    types.NoneType: "nil",
    ArrayStream: "array",
    ByteStream: "base64",
    TextStream: "string",
}


@frozen
class Parameter:
    """A parameter of a method: its name, the types that it may have, whether it may be left out."""

    name: str
    kinds: tuple[Any, ...]
    optional: bool

    def accepted(self, value: Any) -> Any:
        """Return the value as the function takes it. Raises `Fault`."""
        for kind in self.kinds:
            if _is(value, kind):
                return value
        # some languages have no booleans, and some no whole numbers
        if bool in self.kinds and value in (0, 1):
            return bool(value)
        wanted = " or ".join(_NAMES[kind] for kind in self.kinds)
        raise Fault(INVALID_PARAMETERS, f"Invalid parameters: {self.name} is {wanted}, not {_NAMES[type(value)]}")


@frozen
class Method:
    """A function that may be called: its first parameter is who calls, the others are the call's."""

    function: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    returns: tuple[Any, ...]
    help: str

    def call(self, context: Any, params: Sequence[Any]) -> Any:
        """Call it. Raises `Fault` for parameters that do not fit, and as the function does."""
        least = sum(not parameter.optional for parameter in self.parameters)
        most = len(self.parameters)
        if not least <= len(params) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            raise Fault(INVALID_PARAMETERS, f"Invalid parameters: {wanted} are expected, {len(params)} were given")
        pairs = zip(self.parameters, params, strict=False)
        return self.function(context, *(parameter.accepted(value) for parameter, value in pairs))

    @property
    def signatures(self) -> list[list[str]]:
        """Each way to call it: the type of the answer, then those of the parameters."""
        least = sum(not parameter.optional for parameter in self.parameters)
        found: list[list[str]] = []
        for number in range(least, len(self.parameters) + 1):
            kinds = [_told(parameter.kinds) for parameter in self.parameters[:number]]
            found += [[_told(self.returns)[0], *taken] for taken in itertools.product(*kinds)]
        return found


def method(function: Callable[..., Any]) -> Method:
    """Make a method of a function with annotations and a docstring."""
    signature = inspect.signature(function, eval_str=True)
    _, *parameters = signature.parameters.values()
    return Method(
        function,
        tuple(
            Parameter(parameter.name, _kinds(parameter.annotation), parameter.default is not parameter.empty)
            for parameter in parameters
        ),
        _kinds(signature.return_annotation),
        inspect.getdoc(function) or "",
    )


def _kinds(annotation: Any) -> tuple[Any, ...]:
    """Return the types that an annotation admits, without what is in them."""
    if annotation is None:
        return (types.NoneType,)
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        return tuple(kind for part in typing.get_args(annotation) for kind in _kinds(part))
    kind = typing.get_origin(annotation) or annotation
    if kind not in _NAMES:
        raise TypeError(f"XML-RPC has no {annotation}")
    return (kind,)


def _told(kinds: tuple[Any, ...]) -> list[str]:
    """Return the types' names, as signatures have them: that a value may be nil is said where nothing else may be."""
    names = list(dict.fromkeys(_NAMES[kind] for kind in kinds))
    return [name for name in names if name != "nil"] or names


def _is(value: Any, kind: Any) -> bool:
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)
