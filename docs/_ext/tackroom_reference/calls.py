"""The tables of the XML-RPC methods, from the table that answers the calls."""

from collections.abc import Mapping
from functools import cache
from typing import cast

from tackroom_reference.markdown import code, paragraphs, table
from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.protocols.lava import wire
from wsgi_app.protocols.lava.calls import table as methods_of
from wsgi_app.protocols.rpc import Method, Server


def calls(*nouns: str) -> str:
    """Return the methods of these nouns (what stands before a name's last dot, or the whole name when it has none)."""
    return table(
        ("method", "arguments", "answer", ""),
        (
            (code(name), _arguments(method), method.signatures[0][0], " ".join(paragraphs(method.function)))
            for name, method in methods().items()
            if (name.rpartition(".")[0] or name) in nouns
        ),
    )


@cache
def methods() -> Mapping[str, Method]:
    """Return all methods by their names."""
    # they are looked at, not called: there is nothing behind them
    nobody = cast(Gateway, None)
    return Server(methods_of(nobody, Config(), ""), wire.fault_of, {}).methods


def _arguments(method: Method) -> str:
    """Return the arguments in their order, with their types; those that may be left out in brackets."""
    told = []
    for place, parameter in enumerate(method.parameters, 1):
        kinds = dict.fromkeys(signature[place] for signature in method.signatures if len(signature) > place)
        one = f"{code(parameter.name)} {' or '.join(kinds)}"
        told.append(f"[{one}]" if parameter.optional else one)
    return ", ".join(told)
