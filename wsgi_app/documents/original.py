"""Jobs as somebody wrote them, kept for whoever asks what was submitted."""

import codecs

from wsgi_app.submitted import Document


def document_of(kind: str, body: bytes) -> Document:
    """Return a body of that media type as it is kept; it is one that was read, in UTF-8 unless it is XML."""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Document(kind, body.decode("utf-16", "replace"))
    try:
        return Document(kind, body.decode())
    except UnicodeDecodeError:
        # what expat reads besides, and what descriptors may hold: ConTest's reader replaces it
        return Document(kind, body.decode("latin-1") if kind.endswith("xml") else body.decode("utf-8", "replace"))
