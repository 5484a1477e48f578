"""Job XML of any bytes: a job that can be stored, or `BadDocument` with line and column; nothing else comes out."""

import json
import re
from pathlib import Path

import attrs
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from wsgi_app.documents import jobxml
from wsgi_app.errors import BadDocument
from wsgi_app.submitted import NewJob

EXAMPLES = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))

DOCUMENTS = sorted((Path(__file__).parent.parent / "documents" / "jobs").glob("*.xml"))
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "iso-8859-1")
PLACE = re.compile("line ([0-9]+), column ([0-9]+): ")
WORDS = (
    *("<", ">", "/>", "</", "&", ";", '"', "'", "=", "<!--", "-->", "<![CDATA[", "]]>", "<?", "?>"),
    *("\0", "\n", "\ufffe"),
    *("<!DOCTYPE job>", "<!DOCTYPE job [<!ENTITY a '&a;'>]>", "&a;", "&lt;", "&#0;", "&#x10FFFF;", "\U0001f600", "é"),
    *("<job>", "</job>", "<recipe>", "<task/>", "<hostRequires>", "<or/>", "<params>", "<arg/>", "<script>", "xmlns"),
    *('<?xml version="1.0" encoding="', 'standalone="no"', 'max_seconds="', 'name="', "text", " "),
)


def read(body: bytes) -> NewJob | None:
    """The job, with all that must hold of it; None for a refusal, which says where."""
    try:
        job = jobxml.parse_job(body)
    except BadDocument as error:
        place = PLACE.match(error.message)
        assert place, error.message
        line, column = (int(number) for number in place.groups())
        assert 1 <= line <= 1 + body.count(b"\n") + body.count(b"\r")
        assert 1 <= column <= len(body) + 1
        assert len(error.message) < 1000
        error.message.encode()
        return None
    json.dumps(attrs.asdict(job), ensure_ascii=False).encode()
    assert job.recipe_sets
    assert all(group.recipes and all(recipe.tasks for recipe in group.recipes) for group in job.recipe_sets)
    assert all(PLACE.match(warning) or re.fullmatch("and [0-9]+ more", warning) for warning in job.warnings)
    return job


@EXAMPLES
@given(st.binary(max_size=300))
@example(b"")
@example(b"\xff\xfe")
@example(b"\xff\xfe<\x00")
@example(b"\xef\xbb\xbf")
@example(b"\x00<\xd8\x00")
@example("<a>\ud800</a>".encode("utf-16-le", "surrogatepass"))
@example("\ufeff<a>\udc00</a>".encode("utf-16-le", "surrogatepass"))
@example(b'<?xml version="1.0" encoding="\xff"?><job/>')
@example(b'<?xml version="2.0"?><job/>')
@example(b'<?xml version="1.0" encoding="UTF-16LE"?><job/>')
def test_any_bytes(body: bytes) -> None:
    """Bytes are no job, and that is said with a place."""
    assert read(body) is None


@EXAMPLES
@given(st.lists(st.sampled_from(WORDS), max_size=30), st.sampled_from(ENCODINGS))
def test_any_markup(words: list[str], encoding: str) -> None:
    """Pieces of XML in any order."""
    read("".join(words).encode(encoding, "replace"))


@EXAMPLES
@given(
    st.sampled_from(DOCUMENTS),
    st.sampled_from(ENCODINGS),
    st.lists(
        st.tuples(st.integers(0, 2500), st.integers(0, 40), st.sampled_from(WORDS) | st.text(max_size=3)), max_size=4
    ),
)
def test_mutated_documents(path: Path, encoding: str, cuts: list[tuple[int, int, str]]) -> None:
    """Documents in which pieces are replaced by others; unchanged they are read, in any encoding."""
    text = path.read_text()
    if encoding != "utf-8":
        name = {"utf-8-sig": "utf-8"}.get(encoding, encoding).partition("-le")[0].partition("-be")[0]
        text = f'<?xml version="1.0" encoding="{name}"?>' + re.sub(r"^<\?.*?\?>\s*", "", text)
    for start, length, piece in cuts:
        text = text[:start] + piece + text[start + length :]
    job = read(text.encode(encoding, "replace"))
    assert cuts or job is not None


@EXAMPLES
@given(
    st.sampled_from(DOCUMENTS),
    st.lists(st.tuples(st.integers(0, 2500), st.integers(0, 255)), min_size=1, max_size=5),
    st.integers(0, 2500),
)
def test_damaged_documents(path: Path, damages: list[tuple[int, int]], end: int) -> None:
    """Documents with wrong bytes in them, also cut off."""
    body = bytearray(path.read_bytes())
    for place, byte in damages:
        body[place % len(body)] = byte
    read(bytes(body))
    read(bytes(body[:end]))
