"""restraint's own bytes below a path prefix, as a token in the URL would be: harness-beaker.md 2.4."""

import pytest

from tests.restraint.bench import Site
from tests.restraint.outcome import require_outcome
from tests.restraint.transcript import replay

SETTINGS = {"TACKROOM_PREFIX": "/t/TOKEN/", "TACKROOM_WORKERS": "1"}


@pytest.mark.parametrize("base", ["/t/TOKEN", "/t/TOKEN/"], ids=["no slash", "slash"])
def test_prefix(httpd_site: Site, base: str) -> None:
    """All works below a prefix, be there one slash before `recipes` or two: Location is relative."""
    require_outcome(replay(httpd_site.submit(), base, key=True))


def test_nothing_outside(httpd_site: Site) -> None:
    """Outside the prefix there is nothing."""
    given = httpd_site.submit()
    assert httpd_site.lab.call("GET", f"/recipes/{given.id}/").status in (403, 404)
