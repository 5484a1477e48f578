"""A lab with two systems that run our harness, and the stock clients that read it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from contestlab import Site
from lab import running_lab
from lavacli import VERSIONS, Lavacli


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A lab with T1 and T2 of type `bench`, both asking for work; what is lost is given up soon."""
    with running_lab("apache", TACKROOM_GRACE_SECONDS="1") as lab:
        made = Site(lab, tmp_path_factory.mktemp("systems"))
        for system in ("T1", "T2"):
            lab.post("/systems/", {"name": system, "type": "bench", "tags": ["kvm"]})
            made.start_harness(system)
        yield made
        made.end()


@pytest.fixture(scope="module", params=VERSIONS)
def lavacli(request: pytest.FixtureRequest, site: Site, tmp_path_factory: pytest.TempPathFactory) -> Lavacli:
    """Each of the stock clients, as user admin."""
    return Lavacli.of(request.param, site.lab, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def newest(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Lavacli:
    """The newest of the stock clients, as user admin."""
    return Lavacli.of(VERSIONS[0], site.lab, tmp_path_factory.mktemp("home"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a submitter keeps job files."""
    return tmp_path
