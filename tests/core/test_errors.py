"""Every typed error has its own code, and every protocol a status for it."""

from collections.abc import Iterator

import pytest

from wsgi_app import errors
from wsgi_app.errors import TackroomError
from wsgi_app.protocols.harness import wire as harness
from wsgi_app.protocols.native import wire as native
from wsgi_app.protocols.web import status_of


def subclasses(kind: type[TackroomError]) -> Iterator[type[TackroomError]]:
    """Yield every class below a kind."""
    for found in kind.__subclasses__():
        yield found
        yield from subclasses(found)


KINDS = sorted(set(subclasses(TackroomError)), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", KINDS)
def test_own_code_and_message(kind: type[TackroomError]) -> None:
    """A class has a code of its own, and the first paragraph of its docstring for a message."""
    assert "code" in vars(kind)
    assert [other for other in KINDS if other.code == kind.code] == [kind]
    said, _, more = (kind.__doc__ or "").partition("\n\n")
    assert kind().message == said.strip() != ""
    assert "\n" not in said.strip(), "a message is one line"
    assert more == "" or more.strip()
    assert kind("said", field="f").message == "said"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("table", [harness.STATUS, native.STATUS], ids=["harness", "native"])
def test_total_table(kind: type[TackroomError], table: dict[type[TackroomError], int]) -> None:
    """Both tables are total: 4xx for what stays refused, 5xx for what may work later."""
    status = status_of(kind(), table)
    passing = issubclass(kind, errors.Unavailable | errors.DiskFull)
    assert 500 <= status < 600 if passing else 400 <= status < 500


@pytest.mark.parametrize("kind", KINDS)
def test_refusals(kind: type[TackroomError]) -> None:
    """Each protocol can say every refusal, and challenges only where credentials are missing."""
    for refuse in (harness.refuse, native.refuse):
        answer = refuse(kind("said so"))
        assert "said so" in answer.get_data(as_text=True)
        assert ("WWW-Authenticate" in answer.headers) is issubclass(kind, errors.Unauthenticated)


def test_other_errors_pass_through() -> None:
    """What is no refusal is a mistake of ours, and is not hidden."""
    for refuse in (harness.refuse, native.refuse):
        with pytest.raises(ZeroDivisionError):
            refuse(ZeroDivisionError())
