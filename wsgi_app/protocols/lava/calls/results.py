"""results.*: what was said of a job, as LAVA's YAML and CSV. The same cases as everywhere: suites.py."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from wsgi_app.core.cases import Sheet
from wsgi_app.core.gateway import Gateway
from wsgi_app.protocols.lava import references, suites, wire
from wsgi_app.protocols.lava.endpoint import Client
from wsgi_app.protocols.lava.reports import csvrows, yamlrows
from wsgi_app.protocols.lava.suites import Case
from wsgi_app.protocols.rpc import TextStream
from wsgi_app.protocols.rpc.methods import Functions

_Write = Callable[[Iterable[Case]], Iterator[str]]


class Results:
    """Results of jobs: all, of a suite, of a case."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def methods(self) -> Functions:
        """Return what can be called."""
        return {
            "results.get_testjob_results_yaml": self.job_yaml,
            "results.get_testjob_results_csv": self.job_csv,
            "results.get_testsuite_results_yaml": self.suite_yaml,
            "results.get_testsuite_results_csv": self.suite_csv,
            "results.get_testsuite_results_count": self.suite_count,
            "results.get_testcase_results_yaml": self.case_yaml,
            "results.get_testcase_results_csv": self.case_csv,
            "results.get_testjob_suites_list_yaml": self.suites_yaml,
            "results.get_testjob_suites_list_csv": self.suites_csv,
            "results.get_testjob_metadata": self.metadata,
        }

    def job_yaml(self, client: Client, job_id: int | str) -> TextStream:
        """Return all results of a job as YAML."""
        return TextStream(yamlrows.write(suites.cases(self._sheet(client, job_id))))

    def job_csv(self, client: Client, job_id: int | str) -> TextStream:
        """Return all results of a job as CSV."""
        return TextStream(csvrows.write(suites.cases(self._sheet(client, job_id))))

    def suite_yaml(
        self, client: Client, job_id: int | str, suite_name: str, limit: int | None = None, offset: int | None = None
    ) -> TextStream:
        """Return results of a suite of a job as YAML: `limit` of them, from number `offset` on."""
        return self._suite(client, job_id, suite_name, limit, offset, yamlrows.write)

    def suite_csv(
        self, client: Client, job_id: int | str, suite_name: str, limit: int | None = None, offset: int | None = None
    ) -> TextStream:
        """Return results of a suite of a job as CSV: `limit` of them, from number `offset` on."""
        return self._suite(client, job_id, suite_name, limit, offset, csvrows.write)

    def suite_count(self, client: Client, job_id: int | str, suite_name: str) -> int:
        """Return how many results a suite of a job has."""
        return suites.count(self._sheet(client, job_id), suite_name)

    def case_yaml(self, client: Client, job_id: int | str, suite_name: str, case_name: str) -> TextStream:
        """Return the results of a case of a suite as YAML; there are none of a case that is not there."""
        return TextStream(yamlrows.write(suites.cases(self._sheet(client, job_id), suite_name, case_name)))

    def case_csv(self, client: Client, job_id: int | str, suite_name: str, case_name: str) -> TextStream:
        """Return the results of a case of a suite as CSV; there are none of a case that is not there."""
        return TextStream(csvrows.write(suites.cases(self._sheet(client, job_id), suite_name, case_name)))

    def suites_yaml(self, client: Client, job_id: int | str) -> TextStream:
        """Return the suites of a job as YAML."""
        return TextStream(yamlrows.write_suites(suites.suites(self._sheet(client, job_id))))

    def suites_csv(self, client: Client, job_id: int | str) -> TextStream:
        """Return the suites of a job as CSV."""
        return TextStream(csvrows.write_suites(suites.suites(self._sheet(client, job_id))))

    def metadata(self, client: Client, job_id: int | str) -> list[Any]:
        """Return what the submitter noted about a job: a list of structs of one key each; values are texts."""
        return list(wire.noted(self._gateway.selections.find(client.caller, references.parse(job_id))))

    def _suite(
        self, client: Client, job_id: int | str, name: str, limit: int | None, offset: int | None, write: _Write
    ) -> TextStream:
        most = None if limit is None else max(0, limit)
        found = suites.cases(self._sheet(client, job_id), name, offset=max(0, offset or 0), limit=most)
        return TextStream(write(found))

    def _sheet(self, client: Client, job_id: int | str) -> Sheet:
        return self._gateway.cases.read(client.caller, references.parse(job_id))
