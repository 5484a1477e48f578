"""A job as it is submitted, whatever document it came in: design.md section 5. Plain values."""

from typing import Any

from attrs import field, frozen

from wsgi_app.campaign import Campaign
from wsgi_app.model import Requires
from wsgi_app.notification import Notify
from wsgi_app.states import Visibility


@frozen
class NewTask:
    """A task as submitted. At most one of `command` (argument vector), `script` (shell text) and `fetch` (URL)."""

    name: str
    role: str | None = None
    params: dict[str, str] = field(factory=dict)
    command: tuple[str, ...] | None = None
    script: str | None = None
    fetch: str | None = None
    #: what it runs is made when its turn comes
    later: bool = False
    #: what its log tells is wanted while it runs
    live: bool = False


@frozen
class NewRecipe:
    """A recipe as submitted: for one `system`, or for any that `requires` fits."""

    tasks: tuple[NewTask, ...]
    system: str | None = None
    requires: Requires = Requires()
    role: str | None = None
    max_seconds: int | None = None
    stop_on_fail: bool = False
    #: where in the document it stands, for whoever has to say what is wrong with it; "" when that has no lines
    place: str = field(default="", eq=False, repr=False)


@frozen
class NewRecipeSet:
    """Recipes that start together; sets of a later stage wait until the earlier stage is settled."""

    recipes: tuple[NewRecipe, ...]
    stage: int = 0


@frozen
class Document:
    """A job as somebody wrote it: its media type and its text."""

    kind: str
    text: str = field(repr=False)


@frozen
class NewJob:
    """A job as submitted. Priority is 0 to 100, higher first. Its sets, or the campaign that will make them."""

    recipe_sets: tuple[NewRecipeSet, ...]
    name: str = ""
    visibility: Visibility | None = None
    priority: int = 50
    #: what of the document has no effect, one sentence each
    warnings: tuple[str, ...] = ()
    campaign: Campaign | None = None
    #: what its submitter notes about it: JSON values
    metadata: dict[str, Any] = field(factory=dict)
    #: texts that no log of it is to show
    secrets: tuple[str, ...] = field(default=(), repr=False)
    #: what it was read from
    document: Document | None = None
    #: who is told of its recipes
    notify: Notify | None = None
    #: it is taken only when there are systems that could run it all, if one day
    fitting: bool = False
