"""The URLs of the REST API, and older ones that clients still call; each with and without a slash at its end."""

from werkzeug.routing import BaseConverter

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.protocols.lava.jobdata import JobData
from wsgi_app.protocols.lava.logs import Logs
from wsgi_app.protocols.lava.older import Older
from wsgi_app.protocols.lava.rest import refusals
from wsgi_app.protocols.lava.rest.devices import Devices
from wsgi_app.protocols.lava.rest.devicetypes import DeviceTypes
from wsgi_app.protocols.lava.rest.documents import Documents
from wsgi_app.protocols.lava.rest.jobs import Jobs
from wsgi_app.protocols.lava.rest.submissions import Submissions
from wsgi_app.protocols.lava.rest.suites import Suites
from wsgi_app.protocols.lava.rest.system import System
from wsgi_app.protocols.lava.rest.tags import Tags
from wsgi_app.protocols.lava.rest.waiting import Waiting
from wsgi_app.protocols.lava.rest.workers import Workers
from wsgi_app.protocols.web import Face, Handler, Route, WSGIApplication

ROOT = "/api/v0.2/"


class _Job(BaseConverter):
    """An id of a job, whatever its letters; not what stands in its place and is none."""

    regex = "(?!(?:validate|batch_cancel)/?$)[^/]+"


def make_app(gateway: Gateway, config: Config) -> WSGIApplication:
    """Return the WSGI application of the REST API and of the older URLs."""
    routes = [*_jobs(gateway, config), *_lab(gateway, config)]
    return Face(
        [
            Route("/api/", ["GET"], System(gateway, config).root),
            *(Route(ROOT + path, methods, handler) for path, methods, handler in routes),
            *_older(gateway, config),
        ],
        refusals.refuse,
        {"lava": _Job},
    )


def _jobs(gateway: Gateway, config: Config) -> list[tuple[str, list[str], Handler]]:
    documents = Documents(gateway)
    jobs = Jobs(gateway, config)
    logs = Logs(gateway)
    submissions = Submissions(gateway, config)
    suites = Suites(gateway, config)
    return [
        ("jobs/", ["GET"], jobs.page),
        ("jobs/", ["POST"], submissions.submit),
        ("jobs/validate/", ["POST"], submissions.validate),
        ("jobs/batch_cancel/", ["POST"], submissions.cancel_many),
        ("jobs/<lava:job>/", ["GET"], jobs.get),
        ("jobs/<lava:job>/definition/", ["GET"], jobs.definition),
        ("jobs/<lava:job>/metadata/", ["GET"], jobs.metadata),
        ("jobs/<lava:job>/wait/", ["GET"], Waiting(gateway).get),
        ("jobs/<lava:job>/cancel/", ["GET", "POST"], submissions.cancel),
        ("jobs/<lava:job>/resubmit/", ["POST"], submissions.resubmit),
        ("jobs/<lava:job>/logs/", ["GET"], logs.yaml),
        ("jobs/<lava:job>/junit/", ["GET"], documents.junit),
        ("jobs/<lava:job>/tap13/", ["GET"], documents.tap13),
        ("jobs/<lava:job>/csv/", ["GET"], documents.csv),
        ("jobs/<lava:job>/yaml/", ["GET"], documents.yaml),
        ("jobs/<lava:job>/jsonl/", ["GET"], documents.jsonl),
        ("jobs/<lava:job>/tests/", ["GET"], suites.all_cases),
        ("jobs/<lava:job>/suites/", ["GET"], suites.page),
        ("jobs/<lava:job>/suites/<id:suite>/", ["GET"], suites.get),
        ("jobs/<lava:job>/suites/<id:suite>/csv/", ["GET"], documents.suite_csv),
        ("jobs/<lava:job>/suites/<id:suite>/yaml/", ["GET"], documents.suite_yaml),
        ("jobs/<lava:job>/suites/<id:suite>/tests/", ["GET"], suites.cases),
        ("jobs/<lava:job>/suites/<id:suite>/tests/<id:test>/", ["GET"], suites.case),
    ]


def _lab(gateway: Gateway, config: Config) -> list[tuple[str, list[str], Handler]]:
    devices = Devices(gateway, config)
    types = DeviceTypes(gateway, config)
    system = System(gateway, config)
    tags = Tags(gateway, config)
    workers = Workers(gateway, config)
    return [
        ("", ["GET"], system.root),
        ("devices/", ["GET"], devices.page),
        ("devices/<name>/", ["GET"], devices.get),
        ("devices/<name>/set_health/", ["POST"], devices.set_health),
        ("devicetypes/", ["GET"], types.page),
        ("devicetypes/<name>/", ["GET"], types.get),
        ("workers/", ["GET"], workers.page),
        ("workers/<name>/", ["GET"], workers.get),
        ("workers/<name>/set_health/", ["POST"], workers.set_health),
        ("aliases/", ["GET"], tags.aliases),
        ("tags/", ["GET"], tags.page),
        ("tags/<name>/", ["GET"], tags.get),
        ("system/version/", ["GET"], system.version),
        ("system/whoami/", ["GET"], system.whoami),
        ("system/master_config/", ["GET"], system.master_config),
        ("token/", ["POST"], system.token),
    ]


def _older(gateway: Gateway, config: Config) -> list[Route]:
    older = Older(gateway, config)
    logs = Logs(gateway)
    results, job = "/results/", "/scheduler/job/<job>/"
    return [
        Route(place, ["GET"], older.known(handler))
        for place, handler in (
            (f"{results}testcase/<id:test>/yaml", older.case_yaml),
            (f"{results}testcase/<id:test>", older.case_page),
            (f"{results}<job>/", older.results_page),
            (f"{results}<job>/csv", older.csv),
            (f"{results}<job>/yaml", older.yaml),
            (f"{results}<job>/yaml_summary", older.summary),
            (f"{results}<job>/metadata", older.metadata),
            (f"{results}<job>/<suite_name>/", older.suite_page),
            (f"{results}<job>/<suite_name>/csv", older.suite_csv),
            (f"{results}<job>/<suite_name>/stream/csv", older.suite_csv),
            (f"{results}<job>/<suite_name>/yaml", older.suite_yaml),
            (f"{results}<job>/<suite_name>/+testcase-count", older.suite_count),
            (f"{results}<job>/<suite_name>/<case>/", older.named_case_page),
            (job, older.job_page),
            (f"{job}definition", older.definition),
            (f"{job}definition/plain", older.definition_file),
            (f"{job}configuration", older.configuration),
            (f"{job}job_data", JobData(gateway, config).get),
            (f"{job}log_file/plain", older.log),
            (f"{job}log_file/raw", logs.plain),
            (f"{job}log_pipeline_incremental", logs.incremental),
        )
    ]
