"""How httpd is found and started."""

from pathlib import Path

import pytest

from wsgi_app.config import Config
from wsgi_app.services import httpd


def test_a_path_that_rules_cannot_take_is_refused(tmp_path: Path) -> None:
    """A data directory becomes part of rewrite rules, so it may not hold what means something there."""
    for name in ("a b", "50%", "$1", 'q"', "new\nline", "back\\slash"):
        problem = httpd.check(Config(data=tmp_path / name))
        assert problem is not None
        assert problem.startswith("TR_DATA: ")


def test_settings_reach_httpd() -> None:
    """Every limit that httpd keeps is the configured one."""
    config = Config(data=Path("/srv/t"), prefix="/lab/", max_body=5, max_log=1000, put_max_seconds=90)
    defines = httpd.defines(config, "[::]:8000", "tackroom")
    assert defines["TR_DATA"] == "/srv/t"
    assert defines["TR_RUN"] == "/srv/t/run"
    assert defines["TR_SOCKET"] == "/srv/t/run/web.sock"
    assert defines["TR_LISTEN"] == "[::]:8000"
    assert defines["TR_PREFIX"] == "/lab/"
    assert defines["TR_MAX_BODY"] == "5"
    assert defines["TR_MAX_END"] == "999"
    assert (defines["TR_PUT_FIRST_SECONDS"], defines["TR_PUT_MAX_SECONDS"]) == ("20", "90")
    assert defines["TR_USER"] == "tackroom"


@pytest.mark.parametrize(("seconds", "first"), [(1, 1), (2, 1), (20, 19), (21, 20), (300, 20)])
def test_the_first_allowance_is_below_the_limit(seconds: int, first: int) -> None:
    """httpd takes no limit that is not larger than what a body gets to begin with."""
    defines = httpd.defines(Config(put_max_seconds=seconds), "8000")
    assert int(defines["TR_PUT_FIRST_SECONDS"]) == first < int(defines["TR_PUT_MAX_SECONDS"])


def test_waiting_calls_never_use_up_httpd() -> None:
    """However many calls the application holds, a thousand threads are left for uploads."""
    for workers, threads in ((2, 300), (8, 300), (1, 1)):
        defines = httpd.defines(Config(workers=workers, threads=threads), "8000")
        calls = int(defines["TR_PROCESSES"]) * int(defines["TR_THREADS"])
        assert calls == int(defines["TR_CALLS"]) >= max(workers * threads + 1000, 2048)
        assert int(defines["TR_SLOTS"]) > int(defines["TR_PROCESSES"])


def test_without_httpd_there_is_no_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Who has no httpd is told so."""
    monkeypatch.setattr(httpd, "_MODULES", (str(tmp_path),))
    assert httpd.find() is None
    assert httpd.check(Config(data=Path("/srv/t"))) == "httpd with mod_dav_fs is not installed"
    with pytest.raises(FileNotFoundError):
        httpd.command(Config(data=Path("/srv/t")))
