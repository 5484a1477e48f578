"""A job's results in the formats that `tackroom results` prints: one module each."""

from wsgi_app.cli.reports import csv, junit, table, tap
from wsgi_app.cli.reports.outcome import Outcome

__all__ = ["Outcome", "csv", "junit", "table", "tap"]
