"""Test definitions that are fetched: from a git repository, an archive, or a file of their own.

They are fetched when the job is submitted, and what was found then is what runs: the files go along with each task.
"""

from collections.abc import Callable
from typing import Any, Protocol

from attrs import evolve

from wsgi_app.core import git
from wsgi_app.core.excerpt import short
from wsgi_app.core.sources import CannotRead
from wsgi_app.documents import yamltext
from wsgi_app.documents.lavajob.archive import BadArchive, Files, read_tar
from wsgi_app.documents.lavajob.definition import Definition, read_definition
from wsgi_app.documents.lavajob.fields import Fields, Path
from wsgi_app.documents.lavajob.limits import LIMITS
from wsgi_app.errors import BadLavaJob

#: seconds for one document or archive, and for one repository
_URL_SECONDS = 5.0
_GIT_SECONDS = 12.0
#: how it is fetched: nothing comes of it that anybody could see
_MANNERS = ("shallow", "history", "compression")


class Places(Protocol):
    """Where definitions may come from, as `wsgi_app.core.sources.Sources` knows it."""

    def fetch(self, uri: str, *, seconds: float) -> bytes:
        """Return a document; it may take that long. Raises `CannotRead`."""

    def repository(self, uri: str) -> str:
        """Return what git may be told of a repository's URI: a URL, or an absolute path. Raises `CannotRead`."""


def fetch_definition(entry: Any, sources: Places, path: Path) -> Definition:
    """Fetch and read the definition of an entry with `from: git` or `from: url`. Raises `BadLavaJob`."""
    fields = Fields(entry, path)
    source = fields.needed_text("from")
    repository = fields.needed_text("repository")
    for name in _MANNERS:
        fields.any(name)
    if fields.any("recursive"):
        raise BadLavaJob("submodules are not fetched", path=fields.at("recursive"))
    fetch: dict[str, Callable[[Fields, str, Places], Definition]] = {"git": _from_git, "url": _from_url}
    if source not in fetch:
        raise BadLavaJob(f"a definition is not fetched from {short(source)!r}", path=fields.at("from"))
    try:
        found = fetch[source](fields, repository, sources)
    except (CannotRead, BadArchive) as error:
        raise BadLavaJob(str(error), path=fields.at("repository")) from None
    unknown = tuple(f"{name} has no effect" for name in fields.rest())
    return evolve(found, repository=repository, warnings=(*found.warnings, *unknown))


def _from_git(fields: Fields, repository: str, sources: Places) -> Definition:
    file, branch, revision = fields.needed_text("path"), fields.text("branch"), fields.text("revision")
    tree = git.fetch_tree(sources.repository(repository), revision or branch or "", seconds=_GIT_SECONDS)
    files = read_tar(tree.tar)
    if files is None:
        raise CannotRead(f"{short(repository)} has no files")
    return evolve(_of_files(fields, files, file), commit=tree.commit)


def _from_url(fields: Fields, repository: str, sources: Places) -> Definition:
    file = fields.text("path")
    body = sources.fetch(repository, seconds=_URL_SECONDS)
    files = read_tar(body)
    if files is None:
        return _read(fields, body, repository)
    if file is None:
        raise BadLavaJob("it is missing: which file of the archive is the definition?", path=fields.at("path"))
    return _of_files(fields, files, file)


def _of_files(fields: Fields, files: Files, file: str) -> Definition:
    body = files.read(file)
    if body is None:
        raise BadLavaJob(f"there is no file {short(file)}", path=fields.at("path"))
    return evolve(_read(fields, body, file), archive=files.packed())


def _read(fields: Fields, body: bytes, name: str) -> Definition:
    try:
        value = yamltext.parse(body, LIMITS, yamltext.PYYAML_WORDS)
    except yamltext.BadYAML as error:
        raise BadLavaJob(f"{short(name)}: {error}", path=fields.at("path")) from None
    return read_definition(value, fields.at("path"))
