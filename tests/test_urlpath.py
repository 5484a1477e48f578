"""One reading of URL paths: by cases, and for whatever comes."""

import posixpath
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wsgi_app.protocols.urlpath import BadPath, canonical

TARGETS = st.one_of(
    st.text(st.sampled_from("/.%2eEfF5a?#:\\\x00é "), max_size=40),
    st.text(max_size=40),
    st.lists(st.sampled_from(["..", ".", "", "a", "%2e%2e", "%2E", ".%2e", "%25", "%C3%A9"]), max_size=8).map("/".join),
)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/", b"/"),
        ("", b"/"),
        ("*", b"/*"),
        ("//recipes/5/", b"/recipes/5/"),
        ("/t//a///b", b"/t/a/b"),
        ("/a/./b/.", b"/a/b/"),
        ("/a/b/../c", b"/a/c"),
        ("/a/b/..", b"/a/"),
        ("/a?b=/../c", b"/a"),
        ("/a#b", b"/a"),
        ("/a/b/.%2E/%2e%2e/c", b"/c"),
        ("/a/%2e/b", b"/a/b"),
        ("/a%20b%C3%A9", b"/a b\xc3\xa9"),
        ("/a%2Db", b"/a-b"),
        ("/%252e%252e/", b"/%2e%2e/"),
        ("http://host:8000/a", b"/a"),
        ("HTTPS://u:p@[::1]:1?x", b"/"),
    ],
)
def test_cases(target: str, path: bytes) -> None:
    """Slashes merge, dots resolve, escapes are decoded once, host and query are left out."""
    assert canonical(target) == path


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/..", 400),
        ("/a/../../b", 400),
        ("/%2e%2e/a", 400),
        ("/%", 400),
        ("/%4", 400),
        ("/%zz", 400),
        ("/a%2fb", 404),
        ("/a%2Fb", 404),
        ("/%00", 404),
        ("/..%2f..", 404),
    ],
)
def test_refused(target: str, status: int) -> None:
    """What httpd refuses by itself is refused with its status."""
    with pytest.raises(BadPath) as refused:
        canonical(target)
    assert refused.value.status == status


@given(TARGETS)
@example("/a/%2e%2e/%2e%2e/b")
@example("/%2e")
def test_never_leaves_the_root(target: str) -> None:
    """The path begins with one slash, has no empty or dot segment inside, and reads as itself the second time."""
    try:
        path = canonical(target)
    except BadPath as refused:
        assert refused.status in (400, 404)
        return
    assert path.startswith(b"/")
    assert b"//" not in path
    assert not {b".", b".."} & set(path.split(b"/"))
    assert posixpath.normpath(path).rstrip(b"/") == path.rstrip(b"/")
    assert canonical(quote(path)) == path
