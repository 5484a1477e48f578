"""The table of the error codes."""

import importlib
import pkgutil
from collections.abc import Iterator

import wsgi_app
from tackroom_reference.markdown import code, paragraphs, table
from wsgi_app.errors import TackroomError
from wsgi_app.protocols.harness.wire import STATUS as HARNESS
from wsgi_app.protocols.native.wire import STATUS as NATIVE
from wsgi_app.protocols.web import status_of


def errors(where: str) -> str:
    """Return the codes that callers meet (`calls`), or those of the processes behind (`processes`)."""
    chosen = [kind for kind in kinds() if (kind.__module__ == "wsgi_app.errors") == (where == "calls")]
    return table(("code", "status", "meaning"), ((code(kind.code), _status(kind), meaning(kind)) for kind in chosen))


def kinds() -> list[type[TackroomError]]:
    """Return every error that has a code, in the order in which they are defined."""
    for module in pkgutil.walk_packages(wsgi_app.__path__, "wsgi_app."):
        if not module.name.endswith("__main__") and ".migrations" not in module.name:
            importlib.import_module(module.name)
    return sorted(_below(TackroomError), key=lambda kind: status_of(kind(), NATIVE))


def _below(kind: type[TackroomError]) -> Iterator[type[TackroomError]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _below(subclass)


def meaning(kind: type[TackroomError]) -> str:
    """Return what a docstring says below its first paragraph, which is the message; else that."""
    said = paragraphs(kind)
    return " ".join(said[1:] or said).removesuffix(".") + "."


def _status(kind: type[TackroomError]) -> str:
    native, harness = status_of(kind(), NATIVE), status_of(kind(), HARNESS)
    return str(native) if native == harness else f"{harness} (harness), {native} (native)"
