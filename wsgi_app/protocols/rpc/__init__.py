"""XML-RPC for any protocol: bounded reading, streamed writing, a table of methods. Source: http://xmlrpc.com/spec.md."""

from wsgi_app.protocols.rpc.faults import Fault
from wsgi_app.protocols.rpc.methods import Method, method
from wsgi_app.protocols.rpc.reading import MethodCall, read_call
from wsgi_app.protocols.rpc.server import Server
from wsgi_app.protocols.rpc.writing import ArrayStream, ByteStream, Struct, TextStream, Value, fault_bytes, value_blocks

__all__ = [
    "ArrayStream",
    "ByteStream",
    "Fault",
    "Method",
    "MethodCall",
    "Server",
    "Struct",
    "TextStream",
    "Value",
    "fault_bytes",
    "method",
    "read_call",
    "value_blocks",
]
