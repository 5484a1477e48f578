"""The native API's URLs."""

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.protocols.native import wire
from wsgi_app.protocols.native.deliveries import Deliveries
from wsgi_app.protocols.native.events import Events
from wsgi_app.protocols.native.jobs import Jobs
from wsgi_app.protocols.native.lab import Lab
from wsgi_app.protocols.native.openapi import OpenAPI
from wsgi_app.protocols.native.queue import Queue
from wsgi_app.protocols.native.sync import Sync
from wsgi_app.protocols.native.systems import Systems
from wsgi_app.protocols.native.tokens import Tokens
from wsgi_app.protocols.native.workers import Workers
from wsgi_app.protocols.web import Face, Route, WSGIApplication


def make_app(gateway: Gateway, config: Config) -> WSGIApplication:
    """Return the WSGI application of the native API."""
    deliveries = Deliveries(gateway, config)
    events = Events(gateway)
    jobs = Jobs(gateway, config, gateway.clock)
    lab = Lab(gateway)
    openapi = OpenAPI(config)
    queue = Queue(gateway)
    sync = Sync(gateway)
    systems = Systems(gateway, config, gateway.clock)
    tokens = Tokens(gateway)
    workers = Workers(gateway, config, gateway.clock)
    return Face(
        [
            Route("/jobs/", ["POST"], jobs.submit),
            Route("/jobs/", ["GET"], jobs.page),
            Route("/jobs/validate", ["POST"], jobs.validate),
            Route("/jobs/<id:job>", ["GET"], jobs.get),
            Route("/jobs/<id:job>/summary", ["GET"], jobs.summary),
            Route("/jobs/<id:job>/wait", ["GET"], jobs.wait),
            Route("/jobs/<id:job>/cancel", ["POST"], jobs.cancel),
            Route("/jobs/<id:job>/retry", ["POST"], jobs.retry),
            Route("/jobs/<id:job>/results", ["GET"], jobs.results),
            Route("/lab", ["GET"], lab.get),
            Route("/lab", ["PATCH"], lab.change),
            Route("/queue", ["GET"], queue.page),
            Route("/recipes/<id:recipe>/results", ["GET"], jobs.recipe_results),
            Route("/recipes/<id:recipe>/log-index", ["GET"], jobs.log_index),
            Route("/recipes/<id:recipe>/key", ["POST"], jobs.issue_key),
            Route("/recipes/<id:recipe>/sync/", ["GET"], sync.overview),
            Route("/recipes/<id:recipe>/sync/<state>", ["PUT"], sync.arrive),
            Route("/recipes/<id:recipe>/sync/<state>", ["GET"], sync.wait),
            Route("/systems/", ["POST"], systems.add),
            Route("/systems/", ["GET"], systems.page),
            Route("/systems/<name>", ["GET"], systems.get),
            Route("/systems/<name>", ["PATCH"], systems.change),
            Route("/systems/<name>", ["DELETE"], systems.remove),
            Route("/systems/<name>/key", ["POST"], systems.issue_key),
            Route("/systems/<name>/claim", ["POST"], systems.claim),
            Route("/workers/", ["POST"], workers.add),
            Route("/workers/", ["GET"], workers.page),
            Route("/workers/login", ["POST"], workers.admit),
            Route("/workers/roll-call", ["POST"], workers.roll_call),
            Route("/workers/<name>", ["GET"], workers.get),
            Route("/workers/<name>", ["PATCH"], workers.change),
            Route("/workers/<name>", ["DELETE"], workers.remove),
            Route("/workers/<name>/password", ["POST"], workers.issue_password),
            Route("/workers/<name>/shutdown", ["POST"], workers.shut_down),
            Route("/deliveries/", ["GET"], deliveries.page),
            Route("/deliveries/test", ["POST"], deliveries.test),
            Route("/deliveries/<id:delivery>", ["GET"], deliveries.get),
            Route("/deliveries/<id:delivery>/redeliver", ["POST"], deliveries.redeliver),
            Route("/users/<user>/address", ["GET"], deliveries.get_address),
            Route("/users/<user>/address", ["PUT"], deliveries.put_address),
            Route("/users/<user>/address", ["DELETE"], deliveries.remove_address),
            Route("/events", ["GET"], events.get),
            Route("/openapi.yaml", ["GET"], openapi.get),
            Route("/tokens/", ["GET"], tokens.page),
            Route("/tokens/", ["POST"], tokens.create),
            Route("/tokens/<id:token>", ["DELETE"], tokens.revoke),
        ],
        wire.refuse,
    )
