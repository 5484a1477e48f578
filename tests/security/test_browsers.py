"""Browsers: what was uploaded runs nowhere, and no page of another site has one change anything."""

import base64
import html
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from cast import JSON, Cast, Running, job_of
from chromium import Site, site, visit
from lab import Lab
from raw import Raw, ask

#: a browser that hangs is started again
pytestmark = pytest.mark.timeout(300)

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MUTE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
ENDINGS = "html htm xhtml svg xml xsl js mjs css pdf swf mht json php shtml html.en html.gz svgz hta wasm txt log"
NAMES = ["page", "index.html", *(f"page.{ending}" for ending in ENDINGS.split(" "))]


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Site]:
    """A site of somebody else's: as to browsers, our port is another site's."""
    with site() as made:
        yield made


@pytest.fixture(scope="module")
def mine(cast: Cast) -> Running:
    """A recipe with logs of all names, whose harness is not to be trusted."""
    return cast.running()


def require_mute(answer: Raw) -> None:
    """Require of an answer that a browser does nothing with it but show it."""
    names = [name.lower() for name, _ in answer.pairs]
    assert {name: answer.headers.get(name) for name in MUTE} == MUTE
    assert answer.headers["Cache-Control"] in ("no-store", "private, no-cache")
    assert len(set(names)) == len(names), names
    assert not [
        name for name in names if name.startswith("access-control-") or name in ("set-cookie", "link", "refresh")
    ]


def test_every_answer_is_mute(lab: Lab, cast: Cast, mine: Running) -> None:
    """Whatever is answered, and by whom: nothing runs, no type is guessed, no other site frames, reads or keeps it."""
    log = mine.url + "logs/private.log"
    tag = ask(lab, "GET", log).headers["ETag"]
    answers = [
        ask(lab, "GET", log),
        ask(lab, "HEAD", log),
        ask(lab, "GET", log, {"Range": "bytes=0-1"}),
        ask(lab, "GET", log, {"Range": "bytes=999-"}),
        ask(lab, "GET", log, {"If-None-Match": tag}),
        ask(lab, "GET", log, {"If-Match": '"other"'}),
        *(ask(lab, "GET", mine.url + path) for path in ("", "logs/", "logs/none", "log-index", "results", "watchdog")),
        *(
            ask(lab, "GET", path)
            for path in ("/", "/jobs/", "/events", "/metrics", "/livez", "/readyz", "/nowhere", "/openapi.yaml")
        ),
        *(ask(lab, "GET", path) for path in ("/a%2fb", "/a%00", "/%zz", "/recipes/", "/jobs/x")),
        *(ask(lab, method, log) for method in ("PUT", "POST", "DELETE", "PROPFIND", "TRACE", "OPTIONS", "JUNK")),
        ask(lab, "PUT", log, {"Authorization": "Bearer nonsense"}, b"x"),
        # mod_dav_fs has pages of its own for these
        ask(lab, "PUT", log, {**mine.bearer, "Content-Range": "bytes 5-2/*"}, b"x"),
        *(ask(lab, "PUT", log, {**mine.bearer, "If-Match": '"other"'}, b"x") for _ in range(lab.front == "apache")),
        ask(lab, "POST", "/jobs/", {"Content-Length": str(11 << 20)}),
        ask(lab, "POST", "/jobs/", JSON, b"{}"),
        ask(lab, "POST", "/jobs/", {**JSON, **cast.admin}, job_of(mine.system)),
        ask(lab, "POST", f"/recipes/{mine.recipe}/key", cast.admin, b""),
        ask(lab, "GET", "/events", {"Accept": "text/event-stream", "Last-Event-ID": "x"}),
    ]
    assert {200, 206, 201, 304, 400, 401, 403, 404, 405, 412, 413, 416} == {answer.status for answer in answers}
    for answer in answers:
        require_mute(answer)


def test_uploads_have_no_type_of_their_own(lab: Lab, cast: Cast) -> None:
    """Any name, any content, private or not: text, or something to be saved."""
    for visibility in ("public", "private"):
        mine = cast.running(visibility=visibility)
        for name in NAMES:
            url = f"{mine.url}logs/{name}"
            sent = {**mine.bearer, "Content-Type": "text/html", "Content-Encoding": "identity", "Content-Language": "x"}
            assert ask(lab, "PUT", url, sent, b"<html><script>1</script>").status == 201
            # the admin is nobody to httpd: the application answers what is private
            for headers in (mine.bearer, cast.admin):
                for extra in ({}, {"Range": "bytes=0-5"}, {"Accept": "text/html", "Accept-Encoding": "gzip"}):
                    answer = ask(lab, "GET", url, {**headers, **extra})
                    require_mute(answer)
                    binary = name.endswith(".gz")
                    kind = "application/octet-stream" if binary else "text/plain; charset=utf-8"
                    assert answer.headers["Content-Type"] == kind, name
                    assert answer.headers.get("Content-Disposition") == ("attachment" if binary else None), name
                    assert "Content-Encoding" not in answer.headers
                    assert "Content-Location" not in answer.headers


def test_no_answer_repeats_markup(lab: Lab, cast: Cast, mine: Running) -> None:
    """What a request has in its path, method, headers or body comes back escaped, or not at all."""
    mark = "<script>alert(1)</script>"
    coded = "%3Cscript%3Ealert(1)%3C%2Fscript%3E"
    for path in (
        mark,
        coded,
        mine.url + mark,
        f"{mine.url}logs/{coded}",
        f"/jobs/{mark}",
        f"/jobs/?state={coded}",
        "/?" + mark,
    ):
        target = path if path.startswith("/") else "/" + path
        for method in ("GET", "PUT", "POST", "<script>alert(1)</script>"):
            answer = ask(lab, method, target, {"Accept": mark, "X": mark, "Content-Range": mark, "Host": mark})
            assert not (mark.encode() in answer.body and "json" not in answer.headers.get("Content-Type", "")), (
                method,
                path,
            )
            if "html" in answer.headers.get("Content-Type", ""):
                assert b"<script" not in answer.body
    name = "%3Cimg%20src=x%20onerror=alert(1)%3E%22'%26.log"
    assert ask(lab, "PUT", f"{mine.url}logs/{name}", mine.bearer, b"x").status == 201
    listing = ask(lab, "GET", mine.url + "logs/")
    assert b"<img" not in listing.body
    assert html.escape("<img src=x").encode() in listing.body
    feed = ask(lab, "GET", mine.url + "logs/", {"Accept": "application/atom+xml"})
    assert b"<img" not in feed.body


def evil(elsewhere: Site, name: str) -> bytes:
    """Return a document that calls the other site, however a browser reads it: as HTML, SVG, XML, script or style."""
    call = f"{elsewhere.url}/ran/{name}"
    script = f"fetch('{call}',{{mode:'no-cors'}});new Image().src='{call}';"
    if name.endswith((".js", ".mjs")):
        return script.encode()
    if name.endswith(".css"):
        return f"body {{ background: url('{call}') }}".encode()
    if name.endswith((".svg", ".xml", ".xhtml", ".svgz")):
        inner = f'<script>{script}</script><image href="{call}"/>'
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{script}">{inner}</svg>'
        return f'<?xml version="1.0"?><?xml-stylesheet type="text/css" href="{call}"?>{svg}'.encode()
    page = f"<img src='{call}'><script>{script}</script><iframe src='{call}'></iframe>"
    return f"<!DOCTYPE html><html>{page}</html>".encode()


def test_nothing_uploaded_runs(lab: Lab, cast: Cast, elsewhere: Site) -> None:
    """In Chromium, opened as a page, framed, or used as script, style or picture: none of it calls anybody."""
    mine = cast.running(address="127.0.0.1", visibility="private")
    urls = []
    for name in NAMES:
        url = f"{mine.url}logs/{name}"
        assert ask(lab, "PUT", url, mine.bearer, evil(elsewhere, f"{lab.front}-{name}")).status == 201
        urls.append(lab.url + url)
    opened = [
        url for url in urls if url.endswith(("html", "svg", "xml", "xhtml", ".js", "page", ".mht", ".gz", ".pdf"))
    ]
    same = lab.url + f"{mine.url}logs/page.js"
    elsewhere.pages["/control"] = evil(elsewhere, f"{lab.front}-control.html").decode()
    elsewhere.pages["/start"] = (
        f"<script>for (const url of {json.dumps([*opened, '/control'])}) window.open(url);</script>"
        + "".join(f"<iframe src='{url}'></iframe><object data='{url}'></object><embed src='{url}'>" for url in urls)
        + "".join(f"<script src='{url}'></script><link rel=stylesheet href='{url}'><img src='{url}'>" for url in urls)
        + f"<script type=module src='{same}'></script>done"
    )
    assert "done" in visit(elsewhere.url + "/start")
    ran = {line for line in elsewhere.asked if f"/ran/{lab.front}-" in line}
    # the same document as a page of the other site's own shows that it would have called
    assert ran == {f"GET /ran/{lab.front}-control.html"}


#: what a browser says of a request that a page of another site has it make
FOREIGN: tuple[Mapping[str, str], ...] = (
    {"Origin": "http://evil.example"},
    {"Origin": "https://127.0.0.1:1"},
    {"Origin": "http://127.0.0.1"},
    {"Origin": "http://127.0.0.1.evil.example"},
    {"Origin": "null"},
    {"Origin": "file://"},
    {"Origin": "chrome-extension://abc"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "CROSS-SITE", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
)


def forged(mine: Running) -> Iterator[tuple[str, str, Mapping[str, str], bytes | None]]:
    """Yield the calls that a form, a picture or a script without preflight can make, and some that need one."""
    boundary = b'--b\r\nContent-Disposition: form-data; name="status"\r\n\r\nAborted\r\n--b--\r\n'
    multipart = {"Content-Type": "multipart/form-data; boundary=b"}
    yield "POST", mine.url + "status", FORM, b"status=Aborted"
    yield "POST", mine.url + "status", multipart, boundary
    yield "POST", f"{mine.url}tasks/{mine.task}/status", FORM, b"status=Aborted"
    yield "POST", f"{mine.url}tasks/{mine.task}/results/", FORM, b"result=Fail"
    yield "POST", mine.url + "watchdog", FORM, b"seconds=1"
    yield "POST", mine.url + "logs/private.log", {"Content-Type": "text/plain"}, b'{"size": 1}'
    yield "POST", "/jobs/", {"Content-Type": "text/plain"}, job_of(mine.system)
    yield "POST", "/jobs/", JSON, job_of(mine.system)
    yield "POST", f"/jobs/{mine.job}/cancel", FORM, b""
    yield "POST", f"/recipes/{mine.recipe}/key?rotate=1", FORM, b""
    yield "POST", f"/systems/{mine.system}/key", FORM, b""
    yield "POST", f"/systems/{mine.system}/claim", FORM, b""
    yield "PUT", mine.url + "logs/private.log", {}, b"forged"
    yield "PUT", mine.url + "logs/private.log", {"Content-Range": "bytes 0-5/*"}, b"forged"
    yield "PUT", mine.url + "logs/forged.log", {}, b"forged"
    yield "PUT", mine.url + "sync/forged", {}, b""
    yield "PATCH", f"/systems/{mine.system}", JSON, b'{"health": "bad"}'
    yield "DELETE", f"/systems/{mine.system}", {}, None
    for callback in ("install_start", "install_done", "postinstall_done", "install_fail"):
        yield "POST", f"/{callback}/{mine.recipe}", {}, b""
        yield "PATCH", f"/{callback}/{mine.recipe}", {}, b""


def state(lab: Lab, mine: Running) -> Any:
    """Return what a forged call could have changed."""
    recipe = lab.call("GET", mine.url, headers={"Accept": "application/json"}).json
    left = recipe.pop("watchdog")
    logs = lab.data / "logs" / "recipes" / str(mine.recipe)
    return (
        recipe,
        left > 100,
        lab.call("GET", f"/recipes/{mine.recipe}/results").json,
        lab.call("GET", f"/recipes/{mine.recipe}/sync/").json,
        lab.call("GET", f"/systems/{mine.system}").json["health"],
        lab.call("GET", "/jobs/?limit=1").json,
        lab.call("GET", "/events?topic=message&limit=1000").json,
        {str(path): path.read_bytes() for path in logs.rglob("*") if path.is_file()},
    )


@pytest.mark.parametrize("foreign", FOREIGN, ids=lambda value: "-".join(value.values()))
def test_no_other_site_changes_anything(lab: Lab, cast: Cast, foreign: Mapping[str, str]) -> None:
    """By whatever a browser adds by itself, credentials that it remembers or its address: 403 on both planes."""
    mine = cast.running(address="127.0.0.1")
    before = state(lab, mine)
    token = base64.b64encode(f"admin:{lab.token}".encode()).decode()
    everybody: list[dict[str, str]] = [{}, mine.basic, {"Authorization": f"Basic {token}"}]
    # who has the right to is no part of the rule: each way with the address alone, one of each kind with the rest
    for credentials in everybody if foreign in (FOREIGN[0], FOREIGN[-1]) else everybody[:1]:
        for method, path, headers, body in forged(mine):
            answer = ask(lab, method, path, {**headers, **credentials, **foreign}, body)
            assert answer.status == 403, (method, path, answer.status)
    assert state(lab, mine) == before


def test_our_own_pages_and_clients_change_things(lab: Lab, cast: Cast) -> None:
    """What comes from the URL that is asked, or from no browser at all, is not refused for that; nor is reading."""
    mine = cast.running(address="127.0.0.1")
    host = f"127.0.0.1:{lab.port}"
    for own in (
        {},
        {"Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"},
        {"Origin": f"HTTP://{host}"},
        {"Origin": "https://lab.example", "Host": "Lab.Example"},
        {"Sec-Fetch-Site": "none"},
        {"User-Agent": "Mozilla/5.0", "Referer": "http://elsewhere.example/"},
    ):
        assert ask(lab, "POST", f"{mine.url}tasks/{mine.task}/results/", {**FORM, **own}, b"result=Pass").status == 201
        assert ask(lab, "PUT", mine.url + "logs/private.log", {**mine.bearer, **own}, b"x").status == 204
        assert ask(lab, "POST", f"/install_start/{mine.recipe}", own, b"").status == 200
    for foreign in FOREIGN:
        assert ask(lab, "GET", mine.url + "logs/private.log", foreign).status == 200
        assert ask(lab, "GET", "/jobs/", foreign).status == 200


def test_installers_urls_are_not_for_browsers(lab: Lab, cast: Cast) -> None:
    """They change things by GET, which a picture can make; a browser says a language, and no installer does."""
    mine = cast.running(address="127.0.0.1")
    before = state(lab, mine)
    for callback in ("install_start", "install_done", "postinstall_done", "install_fail"):
        for language in ("de", "", "*"):
            for path in (
                f"/{callback}/{mine.recipe}",
                f"//{callback}//{mine.recipe}",
                f"/%{ord(callback[0]):02x}{callback[1:]}/{mine.recipe}",
            ):
                for method in ("GET", "HEAD", "POST"):
                    sent = {"Accept-Language": language, **mine.basic}
                    assert ask(lab, method, path, sent, b"" if method == "POST" else None).status == 403
    assert state(lab, mine) == before
    assert ask(lab, "GET", f"/install_start/{mine.recipe}").status == 200


def test_no_other_site_reads(lab: Lab, cast: Cast, mine: Running) -> None:
    """No answer lets a page of another site read it: not by a preflight, not with credentials, not for null."""
    for origin in ("http://evil.example", "null", lab.url, "*"):
        for path in (
            "/jobs/",
            "/",
            mine.url,
            mine.url + "logs/private.log",
            "/events",
            "/nowhere",
            f"/install_start/{mine.recipe}",
        ):
            asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}
            for method, headers in (("OPTIONS", asked), ("GET", {}), ("POST", FORM)):
                sent = {"Origin": origin, **headers, **(cast.admin if method == "GET" else {})}
                answer = ask(lab, method, path, sent, b"" if method == "POST" else None)
                assert not [name for name, _ in answer.pairs if name.lower().startswith("access-control-")], path
                if method == "OPTIONS" and "install" not in path:
                    assert answer.status in (403, 404, 405), path


# what is a change, and whose, the application says on either front, as the tests above show
@pytest.mark.parametrize("lab", ["apache"], indirect=True)
def test_a_browser_on_a_test_system(lab: Lab, cast: Cast, elsewhere: Site) -> None:
    """Chromium on a machine whose address may write a recipe, on a page that has it try: nothing comes of it."""
    mine = cast.running(address="127.0.0.1")
    before = state(lab, mine)
    calls = [
        (path, kind["Content-Type"], body) for method, path, kind, body in forged(mine) if method == "POST" and kind
    ]
    kinds = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
    forms = "".join(
        f"<form method=post enctype='{kind}' action='{base}' target=_blank>"
        "<input name=status value=Aborted><input name=result value=Fail><input name=seconds value=1></form>"
        for kind in kinds
        for base in [elsewhere.url + "/sent", *(lab.url + path for path, _, _ in calls[::4])]
    )
    wanted = [[lab.url + path, kind, (body or b"").decode()] for path, kind, body in calls]
    pictures = [f"{lab.url}/{name}/{mine.recipe}" for name in ("install_start", "install_done", "install_fail")]
    elsewhere.pages["/attack"] = (
        f"<meta name=referrer content=no-referrer>{forms}<script>"
        f"for (const url of {json.dumps(pictures)}) {{ new Image().src = url; window.open(url); }}"
        f"for (const [url, type, body] of {json.dumps(wanted)}) {{"
        "fetch(url, {method: 'POST', mode: 'no-cors', credentials: 'include', headers: {'Content-Type': type}, body});"
        "fetch(url, {method: 'POST', headers: {'Content-Type': 'application/json'}, body});"
        "navigator.sendBeacon(url, new Blob([body], {type}));}"
        f"fetch('{lab.url}{mine.url}logs/private.log', {{method: 'PUT', body: 'forged'}});"
        "for (const form of document.forms) form.submit();</script>done"
    )
    elsewhere.asked.clear()
    assert "done" in visit(elsewhere.url + "/attack")
    # the browser did send what it was to send
    assert "POST /sent" in elsewhere.asked
    assert state(lab, mine) == before
    assert ask(lab, "POST", f"{mine.url}tasks/{mine.task}/results/", FORM, b"result=Fail").status == 201
