"""Content-Range headers, right and wrong, and what a PUT with one is to do: the reference for both planes."""

import re

from hypothesis import strategies as st

#: the largest offset that a file has, and so a number that httpd reads
LARGEST = 2**63 - 1

_VALID = re.compile(rb"bytes ([0-9]+)-([0-9]+)/(?:([0-9]+)|\*)", re.IGNORECASE)

numbers = st.one_of(
    st.integers(0, 40).map(str),
    st.integers(0, 40).map(lambda number: f"{number:08}"),
    st.sampled_from(
        ["4294967295", "4294967296", "99999999999", str(LARGEST), str(LARGEST + 1), str(2**64), "9" * 40, "9" * 400]
    ),
    st.sampled_from(["", "-1", "+1", " 1", "1 ", "0x1", "1e1", "1.0", "1_0", "\u0661", "\u00b2", "*", "\t1", "NaN"]),
)
units = st.sampled_from(["bytes ", "BYTES ", "bYtEs ", "bytes", "bytes  ", "bytes\t", "bytes=", "byte ", "items ", ""])
totals = st.one_of(st.just("*"), numbers)
built = st.builds(
    lambda unit, first, dash, last, slash, total, tail: f"{unit}{first}{dash}{last}{slash}{total}{tail}",
    st.one_of(st.just("bytes "), units),
    numbers,
    st.sampled_from(["-", "-", "-", "--", " - ", "\u2013", ":", ""]),
    numbers,
    st.sampled_from(["/", "/", "/", "//", " / ", "\\", "", "%2F"]),
    totals,
    st.sampled_from(["", "", "", " ", ";", ",", ", bytes 0-1/2", "junk", "/*", "-"]),
)
#: what a client means well by: small and right, in all spellings
meant = st.builds(
    lambda unit, first, length, total: (
        f"{unit}{first}-{first + length - 1}/" + ("*" if total is None else str(first + length + total))
    ),
    st.sampled_from(["bytes ", "Bytes ", "BYTES "]),
    st.integers(0, 40),
    st.integers(1, 20),
    st.one_of(st.none(), st.integers(0, 5)),
)
#: a header's value as bytes: no line ends, which would be headers of their own
values = st.one_of(
    meant,
    meant,
    built,
    built,
    st.text(st.characters(blacklist_characters="\r\n\0", max_codepoint=0x10FFFF), max_size=30),
).map(lambda text: text.encode("utf-8", "surrogatepass"))


def expected(value: bytes, length: int, largest: int) -> tuple[int, int | None]:
    """Return the status class of a PUT with that header (0: it is taken), and the offset at which its body belongs."""
    found = _VALID.fullmatch(value.strip(b" \t"))
    if found is None:
        return 400, None
    # a larger number is none: httpd cannot read it
    first, last = int(found[1]), int(found[2])
    total = None if found[3] is None else int(found[3])
    if last >= largest:
        return 416, None
    if last < first or (total is not None and not last < total <= LARGEST):
        return 400, None
    return (0, first) if length == last - first + 1 else (400, first)
