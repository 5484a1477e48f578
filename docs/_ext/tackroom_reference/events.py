"""The table of the events' topics."""

from tackroom_reference.markdown import code, table
from wsgi_app.core.topics import TOPICS


def events() -> str:
    """Return every topic: when there is such an event, and what it tells."""
    return table(
        ("topic", "when", "data"),
        (
            (code(name), topic.when, ", ".join(_field(field, said) for field, said in topic.data.items()))
            for name, topic in TOPICS.items()
        ),
    )


def _field(name: str, said: str) -> str:
    return f"{code(name)} ({said})" if said else code(name)
