"""Headers in which a client says that it is somebody else, or that a proxy stands before it."""

import pytest
from cast import Cast, Running
from lab import Lab
from raw import ask

FAR = "192.0.2.78"
FORM = ("Content-Type", "application/x-www-form-urlencoded")


@pytest.fixture(scope="module")
def far(cast: Cast) -> Running:
    """A private recipe whose system has another address than we."""
    return cast.running(visibility="private", address=FAR)


def forgeries() -> list[list[tuple[str, str]]]:
    """Return the headers of each attack."""
    ours = "X-Tackroom-Client"
    names = [ours, ours.lower(), ours.upper(), ours.replace("-", "_"), "X-Tackroom_Client", "X_Tackroom-Client"]
    names += ["X-Forwarded-For", "X_Forwarded_For", "X-Real-IP", "X-Real_Ip", "Client-IP", "True-Client-IP", "Via"]
    names += ["X-Client-IP", "CF-Connecting-IP", "X-Cluster-Client-IP", "Remote-Addr", "REMOTE_ADDR", "X-Remote-Addr"]
    alone = [[(name, FAR)] for name in names]
    other = [[(ours, value)] for value in (f"{FAR}, 127.0.0.1", f"127.0.0.1, {FAR}", f"::ffff:{FAR}", f" {FAR} ", "")]
    twice = [[(first, FAR), (second, FAR)] for first in names[:6] for second in names[:6]]
    # what Connection names is not passed on, also what httpd has set: then the client is nobody
    hop = [[("Connection", f"close, {name}"), (other, FAR)] for name in (ours, ours.lower()) for other in names[:6]]
    hop += [[("Connection", "close"), ("Connection", ours), (ours, FAR)], [("Proxy-Connection", ours), (ours, FAR)]]
    forwarded = [[("Forwarded", f"for={FAR}")], [("Forwarded", f'for="{FAR}";by=127.0.0.1')]]
    trailer = [[("Trailer", ours), ("TE", "trailers"), (ours, FAR)]]
    return [*alone, *other, *twice, *hop, *forwarded, *trailer]


def test_forged_addresses(lab: Lab, far: Running) -> None:
    """Nobody has another address than the one that they call from: on neither plane, nor at the application."""
    for headers in forgeries():
        statuses = [
            ask(lab, "PUT", far.url + "logs/private.log", headers, b"x").status,
            ask(lab, "PUT", far.url + "logs/new.log", headers, b"x").status,
            ask(lab, "GET", far.url + "logs/private.log", headers).status,
            ask(lab, "GET", far.url, headers).status,
            ask(lab, "POST", far.url + "watchdog", [FORM, *headers], b"seconds=1000").status,
        ]
        assert set(statuses) == {401}, headers


def test_no_header_moves_a_request(lab: Lab, far: Running) -> None:
    """Nor does a header name another path, script, method or scheme than the request has."""
    ours = far.url + "logs/private.log"
    names = (
        "SCRIPT_NAME",
        "Script-Name",
        "PATH_INFO",
        "Path-Info",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Forwarded-Prefix",
    )
    for name in (*names, "X-Script-Name", "X-Forwarded-Path", "RAW_URI", "Request-Uri", "Content-Location"):
        for value in ("/livez", f"/recipes/{far.recipe}", "/", "//", "http://elsewhere/livez"):
            assert ask(lab, "GET", ours, {name: value}).status == 401, name
            assert ask(lab, "GET", "/livez", {name: value}).body == b"alive\n", name


def test_the_host_is_trusted_for_nothing(lab: Lab, cast: Cast) -> None:
    """Whatever Host and its friends say, no answer repeats it, and links are relative."""
    mine = cast.running()
    evil = "evil.example"
    hosts = ["evil.example", "evil.example:80", "evil.example:65536", "user@evil.example"]
    sent = [[("Host", host)] for host in hosts]
    sent += [[("X-Forwarded-Host", evil)], [("X-Forwarded-Server", evil)], [("Forwarded", f"host={evil};proto=https")]]
    sent += [[("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", evil), ("X-Forwarded-Port", "1")]]
    for headers in sent:
        for path in ("/", "/jobs/?limit=1", mine.url, mine.url + "logs/", "/recipes", "/nowhere", f"/jobs/{mine.job}/"):
            answer = ask(lab, "GET", path, headers)
            assert evil.encode() not in answer.body, path
            assert not any(evil in value for _, value in answer.pairs), path
            assert not 300 <= answer.status < 400, path
        made = ask(
            lab, "POST", f"{mine.url}tasks/{mine.task}/results/", [FORM, *headers, *mine.bearer.items()], b"result=Pass"
        )
        if made.status != 400:
            assert made.headers["Location"].isdigit()
    for target in (
        "http://evil.example/jobs/?limit=1",
        "HTTP://evil.example:1/",
        f"http://evil.example{mine.url}logs/",
    ):
        answer = ask(lab, "GET", target)
        assert answer.status == 200
        assert evil.encode() not in answer.body
