"""The harness API's URLs."""

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.protocols.harness import wire
from wsgi_app.protocols.harness.control import Control
from wsgi_app.protocols.harness.installs import Installs
from wsgi_app.protocols.harness.logs import Logs
from wsgi_app.protocols.web import Face, Route, WSGIApplication

RECIPE = "/recipes/<id:recipe>/"
TASK = RECIPE + "tasks/<id:task>/"
RESULT = TASK + "results/<id:result>/"
OWNERS = (RECIPE, TASK, RESULT)
#: an installer calls with what it has at hand (harness-beaker.md 1.3)
ANY_VERB = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def make_app(gateway: Gateway, config: Config) -> WSGIApplication:
    """Return the WSGI application of the harness API."""
    control = Control(gateway, gateway.clock)
    installs = Installs(gateway)
    logs = Logs(gateway)
    return Face(
        [
            Route(RECIPE, ["GET"], control.get_recipe),
            Route(RECIPE + "watchdog", ["GET"], control.get_watchdog),
            Route(RECIPE + "watchdog", ["POST"], control.set_watchdog),
            Route(RECIPE + "status", ["POST"], control.set_recipe_status),
            Route("/install_start/<id:recipe>", ANY_VERB, installs.begin),
            Route("/install_done/<id:recipe>", ANY_VERB, installs.finish),
            Route("/install_done/<id:recipe>/<name>", ANY_VERB, installs.finish),
            Route("/postinstall_done/<id:recipe>", ANY_VERB, installs.finish_post),
            Route("/install_fail/<id:recipe>", ANY_VERB, installs.fail),
            Route(TASK, ["PATCH"], control.patch_task),
            Route(TASK + "status", ["POST"], control.set_task_status),
            Route(TASK + "results/", ["POST"], control.report_result),
            Route(TASK + "archive/<secret>/task.tar.gz", ["GET"], control.get_archive),
            *(Route(owner + "logs/", ["GET"], logs.listing) for owner in OWNERS),
            *(Route(owner + "logs/<rest:name>", ["GET"], logs.get) for owner in OWNERS),
            *(Route(owner + "logs/<rest:name>", ["PUT"], logs.put) for owner in OWNERS),
            *(Route(owner + "logs/<rest:name>", ["POST"], logs.declare) for owner in OWNERS),
        ],
        wire.refuse,
    )
