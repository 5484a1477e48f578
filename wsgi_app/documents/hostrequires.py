"""What a recipe's `hostRequires` asks for. Source: harness-beaker.md 1.6 and Beaker's job documents; `tag` is ours.

Nothing in it is passed over: a recipe must not run where it was not wanted.
"""

from wsgi_app.documents.xmltree import Element, shown
from wsgi_app.errors import BadDocument
from wsgi_app.model import Requires

#: what an element says of the system, by whether it stands in Beaker's newer `system` element
_PLAIN = {"hostname": "hostname", "system_type": "type", "type": "type", "tag": "tag"}
_IN_SYSTEM = {"name": "hostname", "type": "type"}

_UNDERSTOOD = (
    "and, hostname, system_type, tag, type, and system with name and type; each with op '=' and a value; "
    "and the attribute force"
)


def read(element: Element) -> tuple[str | None, Requires]:
    """Return the system that is asked for by name, and type and tags. Raises `BadDocument` for all else, by name."""
    asked: dict[str, str] = {}
    tags: list[str] = []
    if "force" in element.attributes:
        asked["hostname"] = element.required("force")
    _refuse_others(element, ("force",))
    left = [(child, False) for child in reversed(element.children)]
    while left:
        wish, in_system = left.pop()
        if wish.tag == "and" or (wish.tag == "system" and not in_system):
            _refuse_others(wish, ())
            left.extend((child, in_system or wish.tag == "system") for child in reversed(wish.children))
            continue
        about = (_IN_SYSTEM if in_system else _PLAIN).get(wish.tag)
        if about is None:
            raise _not_understood(wish)
        value = _value(wish)
        if about == "tag":
            tags.append(value)
        elif asked.setdefault(about, value) != value:
            raise wish.wrong(f"{shown(value)!r} beside {shown(asked[about])!r}: a system has one {about}")
    return asked.get("hostname"), Requires(asked.get("type"), tuple(tags))


def _value(wish: Element) -> str:
    _refuse_others(wish, ("op", "value"))
    if wish.children:
        raise _not_understood(wish.children[0])
    op = wish.attributes.get("op", "=")
    if op not in ("=", "=="):
        raise wish.wrong(f"op {shown(op)!r} is not understood here; understood are '=' and '=='", attribute="op")
    return wish.required("value")


def _refuse_others(element: Element, understood: tuple[str, ...]) -> None:
    for name in element.attributes:
        if name not in understood:
            raise element.wrong(f"the attribute {shown(name)} is not understood here", attribute=name)
    if element.text and not element.text.isspace():
        raise element.wrong("text is not understood here")


def _not_understood(wish: Element) -> BadDocument:
    tag = shown(wish.tag)
    return BadDocument(
        f"{wish.place}: hostRequires: {tag} is not understood here; understood are {_UNDERSTOOD}", field=tag
    )
