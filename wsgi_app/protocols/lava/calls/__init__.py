"""All methods of the XML-RPC endpoint: one module for each of LAVA's nouns."""

from collections.abc import Mapping

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.protocols.lava.calls.devices import Devices
from wsgi_app.protocols.lava.calls.devicetypes import DeviceTypes
from wsgi_app.protocols.lava.calls.jobs import Jobs
from wsgi_app.protocols.lava.calls.legacy import Legacy
from wsgi_app.protocols.lava.calls.results import Results
from wsgi_app.protocols.lava.calls.system import System
from wsgi_app.protocols.lava.calls.tags import Aliases, Tags
from wsgi_app.protocols.lava.calls.workers import Workers
from wsgi_app.protocols.lava.submission import Submission
from wsgi_app.protocols.rpc import Method, method


def table(gateway: Gateway, config: Config, version: str) -> Mapping[str, Method]:
    """Return the methods by their names; `version` is LAVA's to clients."""
    submission = Submission(gateway, config)
    jobs = Jobs(gateway, submission)
    nouns = (
        System(gateway, config, version),
        jobs,
        Results(gateway),
        Devices(gateway, config),
        DeviceTypes(gateway),
        Workers(gateway, config),
        Tags(gateway),
        Aliases(),
        Legacy(gateway, jobs),
    )
    return {name: method(function) for noun in nouns for name, function in noun.methods().items()}
