"""The table of the log formats."""

import importlib
import pkgutil

from tackroom_reference.markdown import code, paragraphs, table
from wsgi_app.indexer import formats as package
from wsgi_app.indexer.formats.format import ByteFormat, Format


def formats() -> str:
    """Return the formats in the order in which they are tried, each with the first sentence of its module."""
    return table(("format", "what it is"), ((code(name), said) for name, said in described().items()))


def described() -> dict[str, str]:
    """Return what each format's module says first, by the format's name, in the order in which they are tried."""
    homes = _homes()
    return {form.name: homes[form.name] for form in package.FORMATS if form.name is not None}


def _homes() -> dict[str, str]:
    """Return the first paragraph of the module that defines each format."""
    found = {}
    for entry in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(entry.name)
        own = getattr(module, "FORMAT", None)
        if isinstance(own, Format | ByteFormat) and own.name is not None:
            found[own.name] = (paragraphs(module) or [""])[0]
    return found
