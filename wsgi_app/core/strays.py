"""What lies on disk of recipes that the database does not know: it was restored, and knows less than the disk.

Their ids will be given out again. Who gets one must get neither the keys nor the logs of who had it before.
"""

import logging
import secrets
from pathlib import Path

from wsgi_app.core.change import Ground
from wsgi_app.store import recipes

log = logging.getLogger(__name__)


class Strays:
    """Gates and logs without a recipe."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def set_aside(self) -> None:
        """Remove such gates, and move such logs to `DATA/logs/strays`; before anybody can call."""
        with self._ground.change() as change:
            known = recipes.all_ids(change.tx)
            for recipe in self._ground.gate.recipes() - known:
                self._ground.gate.clear(recipe)
            for directory in list(self._ground.config.logs.iterdir()):
                if directory.name.isdecimal() and int(directory.name) not in known:
                    self._move(directory)

    def _move(self, directory: Path) -> None:
        strays = self._ground.config.strays
        try:
            strays.mkdir(exist_ok=True)
            directory.rename(strays / f"{directory.name}-{secrets.token_hex(4)}")
        except OSError as error:
            # better a lab that starts than one that does not
            log.warning("the logs of the unknown recipe %s cannot be set aside: %s", directory.name, error)
