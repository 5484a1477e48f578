"""Where calls come in: URLs, credentials, what is no call, and the table of methods."""

import base64
import re
import xmlrpc.client
from collections.abc import Iterator
from typing import Any

import pytest
from lavarpc import LavaRPC

from wsgi_app.errors import TackroomError
from wsgi_app.protocols.lava import wire

VERSION = xmlrpc.client.dumps((), "system.version").encode()


def test_version(shared: LavaRPC) -> None:
    """Item 1: the version is answered to anybody, and begins as clients need it."""
    assert re.match(r"20\d\d\.\d\d\+tackroom\.", shared.call("system.version", user=None))
    assert shared.call("system.api_version", user=None) == 2
    assert shared.call("close", user=None) is None


@pytest.mark.parametrize("url", ["/RPC2", "/RPC2/"])
def test_urls(shared: LavaRPC, url: str) -> None:
    """Item 2: both URLs take calls; a GET, and a POST of nothing, lead to the page of methods."""
    assert shared.post(VERSION, url=url).status_int == 200
    for answer in (shared.web.get(url), shared.post(b"", url=url)):
        assert answer.status_int == 302
        assert answer.headers["Location"] == "/api/help/"
    page = shared.web.get("/api/help/")
    assert all(f"<code>{name}</code>" in page.text for name in shared.call("system.listMethods"))
    assert shared.web.put(url, b"x", status="*").status_int == 405


def test_whoami(shared: LavaRPC) -> None:
    """Credentials name a user; none, nobody."""
    assert shared.call("system.whoami") == "admin"
    assert shared.call("system.whoami", user=None) is None
    assert shared.call("system.whoami", user=shared.user("jane")) == "jane"


def test_wrong_credentials(shared: LavaRPC) -> None:
    """Item 5: wrong credentials are Fault 401 over HTTP 200, whatever is called, without a word of the token."""
    secret = shared.tokens["admin"]
    for user, token in (
        ("admin", "no" + secret),
        ("jill", secret),
        ("", secret),
        ("admin", ""),
        ("admin", "x:" + secret),
    ):
        given = base64.b64encode(f"{user}:{token}".encode()).decode()
        answer = shared.post(VERSION, {"Authorization": f"Basic {given}"})
        assert answer.status_int == 200
        with pytest.raises(xmlrpc.client.Fault) as raised:
            xmlrpc.client.loads(answer.body)
        assert raised.value.faultCode == 401
        assert secret not in answer.text


@pytest.mark.parametrize(
    "value",
    [
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"admin").decode(),
        "Basic /w==",
        "Bearer x",
        "nonsense",
        "Basic YTpi YTpi",
    ],
)
def test_malformed_credentials(shared: LavaRPC, value: str) -> None:
    """Item 6: credentials that are none are refused as text with status 400, and the server goes on."""
    answer = shared.post(VERSION, {"Authorization": value})
    assert answer.status_int == 400
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert shared.call("system.whoami") == "admin"


def test_what_is_no_call(shared: LavaRPC) -> None:
    """Items 7, 11: an unknown method is Fault -32601; what is no call, an entity bomb, -32600; too much is 413."""
    assert shared.refused("system.nothing") == (-32601, "No such method: 'system.nothing'")
    assert shared.refused("_user")[0] == -32601
    bomb = b'<!DOCTYPE b [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + VERSION.replace(b"system", b"&b;")
    for body in (b"hello", b"\x1f\x8b", bomb):
        with pytest.raises(xmlrpc.client.Fault) as raised:
            xmlrpc.client.loads(shared.post(body).body)
        assert raised.value.faultCode == -32600
    assert shared.post(b"x" * ((10 << 20) + 1)).status_int == 413
    assert shared.post(VERSION, {"Content-Encoding": "gzip"}).status_int == 415


def test_the_table_of_methods(shared: LavaRPC) -> None:
    """Item 8: the list is sorted, each method has help and signatures, and none begins with an underscore."""
    names = shared.call("system.listMethods", user=None)
    assert names == sorted(names)
    asked = [
        {"methodName": f"system.method{what}", "params": [name]} for name in names for what in ("Help", "Signature")
    ]
    answers = shared.call("system.multicall", asked)
    assert all(isinstance(answer, list) and answer[0] for answer in answers)
    assert not [name for name in names if any(part.startswith("_") for part in name.split("."))]


TIERS = {
    "system": "version api_version whoami listMethods methodHelp methodSignature multicall getCapabilities "
    "master_config user_can_view_jobs user_can_view_devices",
    "scheduler.jobs": "submit show list queue logs logs_count cancel resubmit definition validate configuration",
    "results": "get_testjob_results_yaml get_testsuite_results_yaml get_testcase_results_yaml get_testjob_results_csv "
    "get_testsuite_results_csv get_testcase_results_csv get_testjob_suites_list_yaml get_testjob_suites_list_csv "
    "get_testsuite_results_count get_testjob_metadata",
    "scheduler.devices": "list show update get_dictionary tags.list tags.add tags.delete",
    "scheduler.workers": "list show update",
    "scheduler.device_types": "list show devices aliases.list",
    "scheduler.tags": "list show",
    "scheduler.aliases": "list show",
    "scheduler": "submit_job cancel_job resubmit_job validate_yaml job_details job_state job_health job_output "
    "all_jobs all_devices all_device_types pending_jobs_by_device_type get_recent_jobs_for_device "
    "get_recent_jobs_for_device_type get_device_status get_publisher_event_socket",
}


def test_tiers(shared: LavaRPC) -> None:
    """All methods of tiers 1 and 2 are there, and no others."""
    wanted = {f"{noun}.{name}" for noun, names in TIERS.items() for name in names.split()}
    assert set(shared.call("system.listMethods")) == wanted | {"close"}


def test_multicall(shared: LavaRPC) -> None:
    """Item 9: a multicall of three, one of which fails, has three answers in order."""
    calls: list[Any] = [
        {"methodName": name, "params": []} for name in ("system.whoami", "system.nothing", "system.api_version")
    ]
    assert shared.call("system.multicall", calls) == [
        ["admin"],
        {"faultCode": -32601, "faultString": "No such method: 'system.nothing'"},
        [2],
    ]


def _below(kind: type[TackroomError]) -> Iterator[type[TackroomError]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)


def test_all_errors_have_faults() -> None:
    """Each typed error is told by a fault that LAVA has."""
    codes = {wire.fault_of(kind()).code for kind in _below(TackroomError)}
    assert codes == {400, 401, 403, 404, 409, 503}


def test_views_of_others(shared: LavaRPC) -> None:
    """Whether a user may see a job or a device is told to whoever may see it; else it is no."""
    shared.add("seen")
    hidden = shared.web.post_json(
        "/jobs/",
        {"visibility": "private", "recipe_sets": [{"recipes": [{"system": "seen", "tasks": [{"name": "t"}]}]}]},
        headers=shared.headers(),
    ).json["recipe_sets"][0]["recipes"][0]["id"]
    asked = [hidden, str(hidden), 999999, "garbage", None]
    jane = shared.user("jane")
    assert shared.call("system.user_can_view_jobs", "admin", asked) == {
        str(hidden): True,
        "999999": False,
        "garbage": False,
    }
    assert shared.call("system.user_can_view_jobs", jane, [hidden]) == {str(hidden): False}
    assert shared.call("system.user_can_view_jobs", "admin", [hidden], user=jane) == {str(hidden): False}
    code, words = shared.refused("system.user_can_view_jobs", "admin", [hidden] * 1001)
    assert (code, "1000" in words) == (400, True)
    assert shared.call("system.user_can_view_devices", jane, ["seen", "nope"]) == {"seen": True, "nope": False}
    assert shared.call("system.master_config", user=None)["EVENT_NOTIFICATION"] is True
