"""Calls answered from a table of methods; the table tells about itself. Sources: http://xmlrpc.com/spec.md,
http://xmlrpc-c.sourceforge.net/introspection.html, http://mirrors.talideon.com/articles/multicall.html.
"""

import itertools
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from wsgi_app.core import disk
from wsgi_app.errors import TackroomError
from wsgi_app.protocols.rpc.faults import INTERNAL, INVALID_PARAMETERS, NO_SUCH_METHOD, TOO_LONG, Fault
from wsgi_app.protocols.rpc.methods import Method, method
from wsgi_app.protocols.rpc.reading import read_call
from wsgi_app.protocols.rpc.writing import ArrayStream, fault_bytes, fault_struct, value_blocks

#: calls of one multicall
MOST_CALLS = 1000
#: seconds from its begin on in which these are made; clients wait for twenty
MULTICALL_SECONDS = 20.0
#: characters of a method's name that are repeated
_SHOWN = 100
_MULTICALL = "system.multicall"

_log = logging.getLogger(__name__)


class Server:
    """Answers the calls of one table; `fault_of` says how a typed error is told, `capabilities` what else it can."""

    def __init__(
        self,
        table: Mapping[str, Method],
        fault_of: Callable[[TackroomError], Fault],
        capabilities: Mapping[str, Any],
    ) -> None:
        own: dict[str, Callable[..., Any]] = {
            "system.listMethods": self._list_methods,
            "system.methodHelp": self._method_help,
            "system.methodSignature": self._method_signature,
            "system.getCapabilities": self._capabilities,
            _MULTICALL: self._multicall,
        }
        self._table = {**table, **{name: method(function) for name, function in own.items()}}
        self._fault_of = fault_of
        self._known = dict(capabilities)

    @property
    def methods(self) -> Mapping[str, Method]:
        """The table, those of its own included, in order of names."""
        return dict(sorted(self._table.items()))

    def answer(self, context: Any, body: bytes) -> Iterable[bytes]:
        """Return the answer to a call's XML: blocks of XML, a list if that is all. `context` is who calls."""
        try:
            call = read_call(body)
            blocks = value_blocks(self.call(context, call.method, call.params))
            # what does not fit into XML-RPC shows before anything has gone out, and a short answer has a length
            head = self._safely(lambda: list(itertools.islice(blocks, 2)))
        except Fault as fault:
            return [fault_bytes(fault)]
        return head if len(head) == 1 else itertools.chain(head, blocks)

    def call(self, context: Any, name: str, params: Iterable[Any]) -> Any:
        """Return what a method answers. Raises `Fault`, and nothing else."""
        found = self._table.get(name)
        if found is None:
            raise Fault(NO_SUCH_METHOD, f"No such method: '{name[:_SHOWN]}'")
        return self._safely(lambda: found.call(context, list(params)))

    def _safely(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except Fault:
            raise
        except TackroomError as error:
            raise self._fault_of(error) from error
        except Exception as error:
            if isinstance(error, OSError) and error.errno in disk.TROUBLE:
                raise self._fault_of(disk.typed(error, "the disk")) from error
            # a client may try a 500 again and again, and would not tell it from a proxy's; it is not told what it was
            _log.exception("a call failed")
            raise Fault(INTERNAL, "Internal Server Error (contact server administrator for details)") from error

    def _list_methods(self, context: Any) -> list[str]:
        """Return the names of all methods, in order."""
        return sorted(self._table)

    def _method_help(self, context: Any, method_name: str) -> str:
        """Return what a method does, "" when there is no such method."""
        found = self._table.get(method_name)
        return "" if found is None else found.help

    def _method_signature(self, context: Any, method_name: str) -> list[list[str]] | str:
        """Return each way to call a method, its answer's type first; "" when there is no such method."""
        found = self._table.get(method_name)
        return "" if found is None else found.signatures

    def _capabilities(self, context: Any) -> dict[str, Any]:
        """Return the specifications that this server follows."""
        return self._known

    def _multicall(self, context: Any, calls: list[Any]) -> ArrayStream:
        """Make several calls, each a struct of methodName and params; an answer is an array of one, or a fault.

        They are made one after another while the answer goes out. After 20 seconds the rest are not made.
        """
        if len(calls) > MOST_CALLS:
            raise Fault(INVALID_PARAMETERS, f"Invalid parameters: a multicall has at most {MOST_CALLS} calls")
        until = time.monotonic() + MULTICALL_SECONDS
        return ArrayStream(self._one_of_many(context, call, until) for call in calls)

    def _one_of_many(self, context: Any, call: Any, until: float) -> Any:
        try:
            if time.monotonic() > until:
                raise Fault(TOO_LONG, "This was not done: the calls before it took too long")
            name, params = _parts(call)
            return [self.call(context, name, params)]
        except Fault as fault:
            return fault_struct(fault)


def _parts(call: Any) -> tuple[str, list[Any]]:
    """Return name and parameters of one of several calls. Raises `Fault`."""
    if not isinstance(call, dict) or set(call) != {"methodName", "params"}:
        raise Fault(INVALID_PARAMETERS, "Invalid parameters: a call is a struct of methodName and params")
    name, params = call["methodName"], call["params"]
    if not isinstance(name, str) or not isinstance(params, list):
        raise Fault(INVALID_PARAMETERS, "Invalid parameters: methodName is a string, params an array")
    if name == _MULTICALL:
        raise Fault(INVALID_PARAMETERS, "Invalid parameters: a multicall has no multicall in it")
    return name, params
