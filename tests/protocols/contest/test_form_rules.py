"""Forms against Go's rules, written down once more, byte by byte and by other means: jobs-contest.md 1.1 and 1.2."""

import io

from hypothesis import given
from hypothesis import strategies as st

from wsgi_app.protocols.contest.form import FIELDS, read_form

_HEX = b"0123456789abcdefABCDEF"

#: pieces that bodies are made of: what the reader treats specially, and anything
PIECES = st.one_of(
    st.sampled_from(
        [b"%", b"&", b"=", b";", b"+", b"%41", b"%3d", b"%3", b"\r", b"\n", b"%\n", b"\r\n", b"==", b"%25"]
    ),
    st.sampled_from([name.encode() for name in FIELDS]),
    st.binary(max_size=3),
)
BODIES = st.lists(PIECES, max_size=14).map(b"".join)


def unescaped(text: bytes) -> bytes | None:
    """Return what url.QueryUnescape does; None for its error."""
    found = bytearray()
    at = 0
    while at < len(text):
        if text[at] == ord("%"):
            digits = text[at + 1 : at + 3]
            if len(digits) < 2 or any(digit not in _HEX for digit in digits):
                return None
            found.append(int(digits, 16))
            at += 3
        else:
            found.append(ord(" ") if text[at] == ord("+") else text[at])
            at += 1
    return bytes(found)


def expected(body: bytes) -> dict[str, bytes]:
    """Return the first value of each of our fields, as url.ParseQuery and Values.Get have it."""
    values: dict[bytes, list[bytes]] = {}
    for pair in body.split(b"&"):
        if b";" in pair or not pair:
            continue
        name, value, *_ = [*pair.split(b"=", 1), b""]
        key, plain = unescaped(name), unescaped(value)
        if key is not None and plain is not None:
            values.setdefault(key, []).append(plain)
    return {name: values[name.encode()][0] for name in FIELDS if name.encode() in values}


def read(body: bytes, content_type: str) -> dict[str, bytes]:
    """Read a body as the listener does."""
    length = str(len(body))
    return read_form(
        {
            "REQUEST_METHOD": "POST",
            "wsgi.input": io.BytesIO(body),
            "CONTENT_LENGTH": length,
            "CONTENT_TYPE": content_type,
        }
    )


@given(body=BODIES)
def test_06_any_form(body: bytes) -> None:
    """Whatever a body is made of, its fields are those that Go finds in it."""
    assert read(body, "application/x-www-form-urlencoded") == expected(body)


@given(
    fields=st.lists(st.tuples(st.sampled_from(FIELDS), st.binary(max_size=20)), max_size=5),
    cut=st.integers(min_value=0, max_value=400),
)
def test_06_any_parts(fields: list[tuple[str, bytes]], cut: int) -> None:
    """A multipart body has the values that were put into it, the first of each name; cut short it has none."""
    separator = b"--" + b"-boundary-that-is-in-no-value-"
    parts = [
        separator + b'\r\nContent-Disposition: form-data; name="' + name.encode() + b'"\r\n\r\n' + value + b"\r\n"
        for name, value in fields
    ]
    body = b"".join(parts) + separator + b"--\r\n"
    content_type = f"multipart/form-data; boundary={separator[2:].decode()}"
    wanted: dict[str, bytes] = {}
    for name, value in fields:
        wanted.setdefault(name, value)
    assert read(body, content_type) == wanted
    # the last line end is not needed
    if cut < len(body) - 2:
        assert read(body[:cut], content_type) == {}


@given(body=st.binary(max_size=60), content_type=st.text(max_size=40))
def test_06_any_type(body: bytes, content_type: str) -> None:
    """No body of any type is more than a form, and none of them breaks the reader."""
    for kind in (content_type, f"multipart/form-data; boundary={content_type}"):
        assert set(read(body, kind)) <= set(FIELDS)
