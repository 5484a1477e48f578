"""The XML-RPC kit: what Python's own client writes is read, what is answered that client reads; the rest is refused."""

import resource
import tracemalloc
import xmlrpc.client
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_app.errors import Denied, NoSuchJob, TackroomError
from wsgi_app.protocols.rpc import (
    ByteStream,
    Fault,
    Server,
    TextStream,
    fault_bytes,
    method,
    read_call,
    value_blocks,
)

#: letters that XML 1.0 has; of line ends, what parsers keep
_TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff") | st.just("\n"))
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**31), 2**31 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXTS
    | st.binary()
    | st.datetimes(datetime(1000, 1, 1), datetime(9999, 1, 1)).map(lambda time: time.replace(microsecond=0))
)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4), max_leaves=12
)


def _asked(body: bytes) -> Fault:
    with pytest.raises(Fault) as raised:
        read_call(body)
    return raised.value


def _answered(value: Any) -> Any:
    found = xmlrpc.client.loads(b"".join(value_blocks(value)), use_builtin_types=True)
    return found[0][0]


@given(st.lists(_VALUES, max_size=4), st.from_regex(r"[a-z_.]{1,30}", fullmatch=True))
def test_reads_calls(params: list[Any], name: str) -> None:
    """A call that Python's client writes is read as it was meant."""
    call = read_call(xmlrpc.client.dumps(tuple(params), name, allow_none=True).encode())
    assert (call.method, list(call.params)) == (name, params)


@given(_VALUES)
def test_answers_are_read(value: Any) -> None:
    """What is answered Python's client reads as it was, and it is all ASCII."""
    assert _answered(value) == value
    assert b"".join(value_blocks(value)).isascii()


@given(st.text(), st.integers(-(2**31), 2**31 - 1))
def test_any_text_makes_a_readable_fault(text: str, code: int) -> None:
    """A fault is well-formed whatever its words are: what XML cannot hold is replaced, all else is there."""
    with pytest.raises(xmlrpc.client.Fault) as raised:
        xmlrpc.client.loads(fault_bytes(Fault(code, text)))
    assert raised.value.faultCode == code
    expected = "".join(letter if letter in "\t\n\r" or _in_xml(letter) else "\ufffd" for letter in text)
    assert raised.value.faultString == expected


def _in_xml(letter: str) -> bool:
    number = ord(letter)
    return 0x20 <= number <= 0xD7FF or 0xE000 <= number <= 0xFFFD or number > 0xFFFF


@given(st.binary(max_size=300))
def test_bytes_that_are_no_call_are_refused(body: bytes) -> None:
    """Whatever comes, nothing but a fault comes of it."""
    assert _asked(body).code == -32600


@given(st.lists(st.binary(max_size=40_000), max_size=5), st.lists(_TEXTS, max_size=5))
def test_streams_are_one_value(pieces: list[bytes], texts: list[str]) -> None:
    """What is answered piece by piece is read as one value, wherever the pieces end."""
    streams = [ByteStream(iter(pieces)), TextStream(iter(texts))]
    assert _answered(streams) == [b"".join(pieces), "".join(texts)]


def _call(inner: str) -> bytes:
    return f"<methodCall><methodName>m</methodName><params>{inner}</params></methodCall>".encode()


def _value(inner: str) -> bytes:
    return _call(f"<param><value>{inner}</value></param>")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not XML"),
        (b"<methodCall>", "not XML"),
        (b"<methodCall/>", "a methodCall has a methodName"),
        (b"<methodResponse/>", "methodResponse is not expected here"),
        (_value("<int>2147483648</int>"), "no whole number of 32 bits"),
        (_value("<i4>-2147483649</i4>"), "no whole number of 32 bits"),
        (_value("<int>1.5</int>"), "no whole number"),
        (_value("<int></int>"), "no whole number"),
        (_value("<int>" + "9" * 100_000 + "</int>"), "no whole number"),
        (_value("<boolean>true</boolean>"), "a boolean is 0 or 1"),
        (_value("<double>nan</double>"), "no number"),
        (_value("<double>1e999</double>"), "no number"),
        (_value("<dateTime.iso8601>yesterday</dateTime.iso8601>"), "no time"),
        (_value("<base64>!!</base64>"), "not base64"),
        (_value("<nil>x</nil>"), "nil is empty"),
        (_value("<bytes>x</bytes>"), "bytes is not expected in value"),
        (_value("<int>1</int><int>2</int>"), "value has 2 elements, not one"),
        (_value("x<int>1</int>"), "text is not expected in value"),
        (_value("<struct><member><name>a</name></member></struct>"), "a member has a name and a value"),
        (_value("<struct>" + 2 * "<member><name>a</name><value>1</value></member>" + "</struct>"), "a name twice"),
        (_value("<array><data/><data/></array>"), "array has 2 elements"),
        (_call("<param/>"), "param has 0 elements"),
        (b'<?xml version="1.0" encoding="EBCDIC-US"?>' + _value("x"), "encoding EBCDIC-US is not known"),
        (b"<!DOCTYPE methodCall SYSTEM 'file:///etc/passwd'>" + _value("x"), "DOCTYPE"),
        (b"<!DOCTYPE m [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>" + _value("&x;"), "DOCTYPE"),
        (_value("&x;"), "not XML"),
        (_value("<array><data><value>") * 1, "not XML"),
        (_value("<array><data><value>" * 25 + "x" + "</value></data></array>" * 25), "values in one another"),
        (_call("<param><value/></param>" * 20_001), "more than 20000 values"),
    ],
)
def test_refuses(body: bytes, words: str) -> None:
    """Item 11: what is no call, or more than a call has, is refused; the sentence says what, and where."""
    fault = _asked(body)
    assert fault.code == -32600
    assert words in fault.message
    assert "line " in fault.message


def _bomb() -> bytes:
    entities = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
    return f'<!DOCTYPE b [<!ENTITY e0 "ha">{entities}]>'.encode() + _value("&e9;")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(_bomb(), id="entities"),
        pytest.param(b"<a>" * 1_000_000, id="depth"),
        pytest.param(_call("<param><value/></param>" * 400_000), id="values"),
        pytest.param(_value("<array><data><value>" * 300_000), id="arrays"),
        pytest.param(b"<" + b"a" * 10_000_000, id="one name"),
        pytest.param(_call("<param><value><nil/></value></param>" * 19_999 + "<" + " " * 9_000_000), id="blanks"),
    ],
)
def test_refuses_without_memory(body: bytes) -> None:
    """Item 11: entity bombs and documents without end are refused without memory growth."""
    tracemalloc.start()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        assert _asked(body).code == -32600
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 30 << 20
    # what expat takes is not Python's to trace; KiB
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60 << 10


def test_a_large_text_is_read_once() -> None:
    """A text of 10 MiB is read whole, and takes no more than a few times its bytes."""
    text = "a&amp;b\n" * (10 << 17)
    body = _value(f"<string>{text}</string>")
    tracemalloc.start()
    try:
        (found,) = read_call(body).params
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == text.replace("&amp;", "&")
    assert peak < 5 * len(body)


def test_an_answer_of_any_length_goes_out_in_blocks() -> None:
    """A value of 256 MiB goes out while it is made: nothing but a block is held."""

    def pieces() -> Iterator[bytes]:
        for _ in range(256):
            yield b"x" * (1 << 20)

    tracemalloc.start()
    try:
        length = sum(len(block) for block in value_blocks([True, ByteStream(pieces())]))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert length > 256 << 20
    assert peak < 8 << 20


def _server(**functions: Callable[..., Any]) -> Server:
    def fault_of(error: TackroomError) -> Fault:
        return Fault(404 if isinstance(error, NoSuchJob) else 403, error.message)

    return Server({f"t.{name}": method(function) for name, function in functions.items()}, fault_of, {"x": 1})


def _ask(server: Server, name: str, *params: Any) -> Any:
    body = xmlrpc.client.dumps(params, name, allow_none=True).encode()
    answer = b"".join(server.answer("somebody", body))
    return xmlrpc.client.loads(answer, use_builtin_types=True)[0][0]


def _refused(server: Server, name: str, *params: Any) -> tuple[int, str]:
    with pytest.raises(xmlrpc.client.Fault) as raised:
        _ask(server, name, *params)
    return raised.value.faultCode, raised.value.faultString


def _join(who: str, number: int | str, times: int = 1, flag: bool | None = None, more: list[Any] | None = None) -> str:
    """Return it all as a text."""
    return f"{who} {number!r} {times!r} {flag!r} {more!r}"


def _ratio(who: str, number: float) -> float:
    """Return a part of one."""
    return 1 / number


def _missing(who: str) -> None:
    """Say that it is not there."""
    raise NoSuchJob


def _denied(who: str) -> None:
    """Say no."""
    raise Denied


def _odd(who: str) -> int:
    """Return more than XML-RPC can say."""
    return 2**31


def _unhappy(who: str) -> dict[str, Any]:
    """Fail with a secret in the words."""
    raise KeyError("the password is hunter2")


@pytest.fixture(scope="module")
def server() -> Server:
    """A server with a few methods."""
    return _server(join=_join, ratio=_ratio, missing=_missing, denied=_denied, odd=_odd, unhappy=_unhappy)


def test_calls(server: Server) -> None:
    """Parameters come as they were sent, those left out as the function has them; nil where it may be."""
    assert _ask(server, "t.join", 5) == "somebody 5 1 None None"
    assert _ask(server, "t.join", "P.1", 2, True, [None, {"a": b"b"}]) == "somebody 'P.1' 2 True [None, {'a': b'b'}]"
    assert _ask(server, "t.join", "P.1", 2, 1) == "somebody 'P.1' 2 True None"
    assert _ask(server, "t.ratio", 4) == 0.25


@pytest.mark.parametrize(
    ("name", "params", "code", "words"),
    [
        ("t.nothing", (), -32601, "No such method: 't.nothing'"),
        ("_join", (), -32601, "No such method: '_join'"),
        ("t.join", (), -32602, "Invalid parameters: 1 to 4 are expected, 0 were given"),
        ("t.join", (1, 2, True, [], 5), -32602, "Invalid parameters: 1 to 4 are expected, 5 were given"),
        ("t.ratio", (), -32602, "Invalid parameters: 1 are expected, 0 were given"),
        ("t.join", (1.5,), -32602, "Invalid parameters: number is int or string, not double"),
        ("t.join", (True,), -32602, "Invalid parameters: number is int or string, not boolean"),
        ("t.join", (1, None), -32602, "Invalid parameters: times is int, not nil"),
        ("t.join", (1, 1, 2), -32602, "Invalid parameters: flag is boolean or nil, not int"),
        ("t.missing", (), 404, "There is no such job."),
        ("t.denied", (), 403, "These credentials do not allow that."),
        ("system.methodHelp", (7,), -32602, "Invalid parameters: method_name is string, not int"),
    ],
)
def test_refusals(server: Server, name: str, params: tuple[Any, ...], code: int, words: str) -> None:
    """Item 7: what is not there, or is asked wrongly, or is refused, is a fault."""
    assert _refused(server, name, *params) == (code, words)


@pytest.mark.parametrize(("name", "params"), [("t.unhappy", ()), ("t.ratio", (0,)), ("t.odd", ())])
def test_what_goes_wrong_inside(
    server: Server, caplog: pytest.LogCaptureFixture, name: str, params: tuple[Any, ...]
) -> None:
    """Item 7: an exception in a method is Fault -32603 without a word of it; the log has it all."""
    code, words = _refused(server, name, *params)
    assert code == -32603
    assert words == "Internal Server Error (contact server administrator for details)"
    assert caplog.records[-1].exc_info is not None


def test_multicall(server: Server) -> None:
    """Item 9: a multicall answers each call in its place, faults too, and none within another."""
    calls = [
        {"methodName": "t.join", "params": [1]},
        {"methodName": "t.missing", "params": []},
        {"methodName": "t.unhappy", "params": []},
        {"methodName": "system.multicall", "params": [[]]},
        {"methodName": "t.join"},
        "t.join",
        {"methodName": 5, "params": []},
        {"methodName": "t.ratio", "params": [2]},
    ]
    answers = _ask(server, "system.multicall", calls)
    codes = [answer["faultCode"] if isinstance(answer, dict) else answer for answer in answers]
    assert codes == [["somebody 1 1 None None"], 404, -32603, -32602, -32602, -32602, -32602, [0.5]]
    many = [{"methodName": "t.missing", "params": []}] * 1001
    assert _refused(server, "system.multicall", many)[0] == -32602


def test_a_multicall_is_answered_while_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answers are not held together in memory; when they take too long the calls that are left are not made."""
    made: list[int] = []

    def long(who: str) -> str:
        """Return some megabytes of one."""
        made.append(1)
        return "x" * (4 << 20)

    server = _server(long=long)
    calls = [{"methodName": "t.long", "params": []}] * 100
    body = xmlrpc.client.dumps((calls,), "system.multicall").encode()
    tracemalloc.start()
    try:
        length = sum(map(len, server.answer("somebody", body)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(made), length > 400 << 20, peak < 64 << 20) == (100, True, True)
    monkeypatch.setattr("wsgi_app.protocols.rpc.server.MULTICALL_SECONDS", -1.0)
    answers = _ask(server, "system.multicall", calls)
    assert [answer["faultCode"] for answer in answers] == [503] * 100
    assert len(made) == 100


def test_introspection(server: Server) -> None:
    """Item 8: the list is sorted and is the table; each has help and signatures, which fit."""
    names = _ask(server, "system.listMethods")
    assert names == sorted(names) == list(server.methods)
    assert "t.join" in names
    assert all(_ask(server, "system.methodHelp", name) for name in names)
    assert _ask(server, "system.methodSignature", "t.join") == [
        ["string", "int"],
        ["string", "string"],
        ["string", "int", "int"],
        ["string", "string", "int"],
        ["string", "int", "int", "boolean"],
        ["string", "string", "int", "boolean"],
        ["string", "int", "int", "boolean", "array"],
        ["string", "string", "int", "boolean", "array"],
    ]
    assert _ask(server, "system.methodSignature", "t.denied") == [["nil"]]
    assert _ask(server, "system.methodSignature", "t.nothing") == ""
    assert _ask(server, "system.methodHelp", "t.nothing") == ""
    assert _ask(server, "system.getCapabilities") == {"x": 1}
