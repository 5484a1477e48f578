"""Templates in the parameters of steps, as Go's text/template has them, but without control flow.

Source: jobs-contest.md section 8. The dot is the target: `.ID`, `.FQDN`, `.PrimaryIPv4`, `.PrimaryIPv6`.
"""

from collections.abc import Callable

from attrs import define, field, frozen

from wsgi_app.campaign import Target
from wsgi_app.core.campaign.templateparse import (
    BadTemplate,
    Command,
    Field,
    Function,
    Literal,
    Operand,
    Pipeline,
    parse,
    place,
    shortened,
)
from wsgi_app.core.campaign.variables import Variables

#: characters that a template may come to
LONGEST = 1 << 20

#: what the parts of a template are worth
Value = str | int | float | Target


def expand(text: str, target: Target, variables: Variables) -> str:
    """Return a template's text for a target. Raises BadTemplate, with words near Go's."""
    if "{{" not in text:
        return text
    run = _Run(text, target, _functions(variables))
    made: list[str] = []
    length = 0
    for part in parse(text, frozenset(run.functions)):
        words = part if isinstance(part, str) else run.printed(part)
        length += len(words)
        if length > LONGEST:
            raise BadTemplate(f"template: it comes to more than {LONGEST} characters")
        made.append(words)
    return "".join(made)


@frozen
class _Known:
    """A function of one text."""

    call: Callable[[str], Value]


def _functions(variables: Variables) -> dict[str, _Known]:
    return {
        "ToUpper": _Known(lambda words: "".join(_one(letter, letter.upper()) for letter in words)),
        "ToLower": _Known(lambda words: "".join(_one(letter, letter.lower()) for letter in words)),
        "Title": _Known(_title),
        "StringVar": _Known(variables.text),
        "IntVar": _Known(variables.number),
    }


def _one(letter: str, changed: str) -> str:
    """Return a letter's other case; itself when that is more than one letter: Go goes letter by letter."""
    return changed if len(changed) == 1 else letter


def _title(words: str) -> str:
    made, before = [], " "
    for letter in words:
        inside = before.isalnum() or before == "_" or (ord(before) > 127 and not before.isspace())
        made.append(letter if inside else _one(letter, letter.title()))
        before = letter
    return "".join(made)


@define
class _Run:
    """One expansion."""

    text: str
    target: Target
    functions: dict[str, _Known]
    _fields: dict[str, str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._fields = {
            "ID": self.target.id,
            "FQDN": self.target.fqdn,
            "PrimaryIPv4": self.target.ipv4,
            "PrimaryIPv6": self.target.ipv6,
        }

    def printed(self, pipeline: Pipeline) -> str:
        value = self._pipeline(pipeline)
        if isinstance(value, Target):
            raise self._bad(pipeline, "the target itself is no text: use .ID, .FQDN, .PrimaryIPv4 or .PrimaryIPv6")
        if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
            return str(int(value))
        return str(value)

    def _pipeline(self, pipeline: Pipeline) -> Value:
        first, *others = pipeline.commands
        value = self._command(first, ())
        for command in others:
            value = self._command(command, (value,))
        return value

    def _command(self, command: Command, final: tuple[Value, ...]) -> Value:
        first, *others = command.words
        if isinstance(first, Function):
            return self._call(first, command, [*(self._value(word) for word in others), *final])
        if others or final:
            if isinstance(first, Field) and first.names:
                raise self._bad(first, f"{first.names[-1]} is not a method but has arguments")
            raise self._bad(first, f"can't give argument to non-function {first.said}")
        return self._value(first)

    def _value(self, word: Operand | Pipeline) -> Value:
        if isinstance(word, Literal):
            return word.value
        if isinstance(word, Pipeline):
            return self._pipeline(word)
        if isinstance(word, Field):
            return self._field(word)
        return self._call(word, word, [])

    def _field(self, word: Field) -> Value:
        value: Value = self.target if word.of is None else self._pipeline(word.of)
        for name in word.names:
            if not isinstance(value, Target):
                raise self._bad(word, f"can't evaluate field {shortened(name)} in type {_type(value)}")
            if name not in self._fields:
                raise self._bad(word, f"can't evaluate field {shortened(name)} in type *target.Target")
            value = self._fields[name]
        return value

    def _call(self, function: Function, whole: Command | Function, given: list[Value]) -> Value:
        if len(given) != 1:
            raise self._bad(function, f"wrong number of args for {function.name}: want 1 got {len(given)}")
        (argument,) = given
        if not isinstance(argument, str):
            raise self._bad(whole, f"wrong type for value; expected string; got {_type(argument)}")
        try:
            return self.functions[function.name].call(argument)
        except ValueError as error:
            raise self._bad(whole, f"error calling {function.name}: {shortened(str(error))}") from error

    def _bad(self, node: Operand | Pipeline | Command, why: str) -> BadTemplate:
        line, byte = place(self.text, node.at)
        return BadTemplate(f'template: :{line}:{byte}: executing "" at <{node.said}>: {why}')


def _type(value: Value) -> str:
    """Return what Go calls the type of a value."""
    if isinstance(value, Target):
        return "*target.Target"
    return {str: "string", int: "int", float: "float64"}[type(value)]
