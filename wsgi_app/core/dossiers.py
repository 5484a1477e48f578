"""What somebody outside is told of a recipe. Tackroom itself asks for that: its job's owner wants it told."""

from attrs import frozen

from wsgi_app.core.access import ITSELF, Access
from wsgi_app.core.change import Ground
from wsgi_app.core.masking import MASK, Mask
from wsgi_app.core.selection import Listed, Reference, submitted_in
from wsgi_app.store import jobs, notifications

#: shorter tokens are words that a document has elsewhere, too
_SHORTEST_TOKEN = 8
#: brackets would be a list in YAML: who reads a definition parses it
_MASKED = MASK.strip("[]")


@frozen
class Dossier:
    """A recipe with its tasks, and what its job was submitted as."""

    listed: Listed
    #: without the job's secrets, and without the tokens of its callbacks: each receiver would learn those of the others
    definition: str
    #: the mail address of the job's owner
    email: str | None


class Dossiers:
    """Dossiers of recipes. None may be told to anybody but those whom their jobs name."""

    def __init__(self, ground: Ground, access: Access) -> None:
        self._ground = ground
        self._access = access

    def of(self, recipe: int) -> Dossier:
        """Return the dossier of a recipe. Raises `NoSuchRecipe`."""
        with self._ground.read() as tx:
            found = submitted_in(tx, self._access, ITSELF, Reference("recipe", recipe))
            job = found.selection.job
            notify = notifications.load_notify(tx, job.id)
            tokens = () if notify is None else (one.token or "" for one in notify.callbacks)
            hidden = [token for token in tokens if len(token) >= _SHORTEST_TOKEN]
            mask = Mask((*jobs.load_secrets(tx, job.id), *hidden))
            address = notifications.load_address(tx, job.owner)
        definition = mask.text(found.document.text).replace(MASK, _MASKED)
        return Dossier(found.selection.parts[0], definition, None if address is None else address.email)
