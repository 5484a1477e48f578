"""Keys: guessed, rotated, revoked, finished, sent twice or oddly; and addresses that move."""

import base64
import http.client
import json
from collections.abc import Iterator
from contextlib import closing

import pytest
from cast import JSON, Cast, Running, basic
from lab import Lab
from raw import ask
from waiting import until

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
#: nobody calls from there
FAR = "192.0.2.77"
#: below the data directory
PLACES = (
    "gate/{0}/open",
    "gate/{0}/closed",
    "tackroom.db",
    "admin.token",
    "run/access.log",
    "run/web.sock",
    "serve.lock",
)


def refused(lab: Lab, running: Running, headers: dict[str, str] | list[tuple[str, str]]) -> set[int]:
    """Return what both planes and the application say to somebody who would write."""
    pairs = list(headers.items()) if isinstance(headers, dict) else headers
    return {
        ask(lab, "PUT", running.url + "logs/private.log", pairs, b"x").status,
        ask(lab, "PUT", running.url + "logs/private.log", [*pairs, ("Content-Range", "bytes 0-0/*")], b"x").status,
        ask(lab, "PUT", running.url + "logs/new.log", pairs, b"x").status,
        ask(lab, "POST", running.url + "logs/private.log", [*pairs, *JSON.items()], b'{"size":1}').status,
        ask(lab, "POST", running.url + "watchdog", [*pairs, *FORM.items()], b"seconds=1000").status,
    }


@pytest.fixture(scope="module")
def mine(cast: Cast) -> Running:
    """A recipe that everybody tries to write."""
    return cast.running(visibility="private")


def guesses(mine: Running) -> Iterator[str]:
    """Yield Authorization values that are nearly right."""
    key = mine.key
    other = "A" if key[-1] != "A" else "B"
    for near in (key[:-1], key[:-1] + other, key + "=", key + "A", key.swapcase(), key[::-1], key[1:], f'"{key}"', ""):
        yield f"Bearer {near}"
        yield basic(str(mine.recipe), near)
    yield from (f"Bearer  {key}", f"bearer {key}", f"Bearer\t{key}", f"BEARER {key}", f"Bearer={key}", key)
    yield from (basic("", key), basic("0" + str(mine.recipe), key), basic(str(mine.task), key), basic("admin", key))
    yield from (basic(f"{mine.recipe}:", key), basic(str(mine.recipe), key) + "=", f"Digest {key}", f"Token {key}")
    yield "Basic " + base64.b64encode(f"{mine.recipe}{key}".encode()).decode()
    yield from (
        "Basic",
        "Bearer",
        "Basic ====",
        "Basic \u20ac",
        "Bearer \u20ac",
        "Negotiate YII=",
        "*",
        "../open",
        "%00",
    )


def test_guessed_keys(lab: Lab, mine: Running) -> None:
    """A key that is nearly right is wrong, and so is the right one in another form than the two that there are."""
    for guess in guesses(mine):
        assert refused(lab, mine, {"Authorization": guess}) == {403}, guess


def test_repeated_credentials(lab: Lab, mine: Running) -> None:
    """Two Authorization headers are none of the two: not even the right one twice."""
    right, wrong = mine.bearer["Authorization"], "Bearer nonsense"
    for values in ((right, wrong), (wrong, right), (right, right), (right, mine.basic["Authorization"]), (right, "")):
        pairs = [("Authorization", value) for value in values]
        assert refused(lab, mine, pairs) == {403}, values
    assert refused(lab, mine, [("Proxy-Authorization", right)]) == {401}
    assert refused(lab, mine, [("Cookie", f"Authorization={right}")]) == {401}
    assert ask(lab, "PUT", f"{mine.url}logs/private.log?key={mine.key}", {}, b"x").status == 401


@pytest.mark.parametrize("form", ["Bearer {0}", "Token {0}", "bearer {0}", "TOKEN   {0}", "Basic"])
def test_forms_of_a_token(lab: Lab, cast: Cast, form: str) -> None:
    """A user's token comes in three forms, with any user's name in Basic; nothing near them is one."""
    secret = cast.token("bob", "read")["Authorization"].removeprefix("Bearer ")
    value = basic("whoever", secret) if form == "Basic" else form.format(secret)
    assert ask(lab, "GET", "/tokens/", {"Authorization": value}).status == 200
    for wrong in (value[:-2], value + "x", value + ", " + value, "x" + value, value.replace(" ", "")):
        assert ask(lab, "GET", "/tokens/", {"Authorization": wrong}).status == 401, wrong


def test_rotated_while_a_log_comes(lab: Lab, cast: Cast) -> None:
    """On a connection that stays open, the next chunk with the old key is refused, and the new key goes on."""
    mine = cast.running()
    path = mine.url + "logs/growing.log"
    with closing(http.client.HTTPConnection("127.0.0.1", lab.port, timeout=30)) as connection:

        def chunk(number: int, key: str) -> int:
            span = {"Content-Range": f"bytes {number}-{number}/*"}
            connection.request("PUT", path, b"%d" % number, {"Authorization": f"Bearer {key}", **span})
            response = connection.getresponse()
            response.read()
            return response.status

        assert [chunk(number, mine.key) for number in range(3)] == [201, 204, 204]
        fresh = lab.post(f"/recipes/{mine.recipe}/key?rotate=1", {})["key"]
        assert chunk(3, mine.key) == 403
        assert refused(lab, mine, mine.basic) == {403}
        assert chunk(3, fresh) == 204
    assert ask(lab, "GET", path).body == b"0123"


def test_a_revoked_token_on_an_open_connection(lab: Lab, cast: Cast) -> None:
    """The next call is refused, in whichever process it ends up; an event stream ends at its next word."""
    token = cast.token("bob", "read", "submit")
    number = max(one["id"] for one in lab.call("GET", "/tokens/?limit=1000").json["tokens"])
    with closing(http.client.HTTPConnection("127.0.0.1", lab.port, timeout=30)) as connection:

        def listed() -> int:
            connection.request("GET", "/tokens/", headers=token)
            response = connection.getresponse()
            response.read()
            return response.status

        stream = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=30)
        stream.request("GET", "/events", headers={**token, "Accept": "text/event-stream"})
        following = stream.getresponse()
        assert following.status == 200
        assert listed() == 200
        assert lab.call("DELETE", f"/tokens/{number}").status == 204
        assert {listed() for _ in range(8)} == {401}
        private = cast.running(cast.token("bob", "submit"), visibility="private")
        told = following.read()
        stream.close()
    assert f'"id":{private.job}'.encode() not in told


def test_the_key_of_a_finished_recipe(lab: Lab, cast: Cast) -> None:
    """It reads, and changes nothing any more."""
    mine = cast.running(visibility="private")
    cast.ask("POST", f"{mine.url}status", b"status=Aborted", {**FORM, **mine.bearer})
    assert ask(lab, "GET", mine.url + "logs/private.log", mine.bearer).status == 200
    for headers in (mine.bearer, mine.basic):
        for name in ("private.log", "new.log"):
            assert ask(lab, "PUT", f"{mine.url}logs/{name}", headers, b"x").status == 409
        for path in (f"tasks/{mine.task}/status", f"tasks/{mine.task}/results/", "watchdog"):
            form = b"status=Running&result=Pass&seconds=1000"
            assert ask(lab, "POST", mine.url + path, {**FORM, **headers}, form).status == 409, path
        assert ask(lab, "POST", f"/recipes/{mine.recipe}/key", headers, b"").status == 401


def test_an_address_that_moved(lab: Lab, cast: Cast) -> None:
    """A system's address writes its recipe's logs, as long as it is its address, and reads what is private."""
    mine = cast.running(visibility="private", address="127.0.0.1")
    assert refused(lab, mine, {}) == {204, 201, 200}
    assert ask(lab, "GET", mine.url + "logs/private.log").status == 200
    change = json.dumps({"address": FAR}).encode()
    assert lab.call("PATCH", f"/systems/{mine.system}", change, JSON).status == 200
    assert refused(lab, mine, {}) == {401}
    assert ask(lab, "GET", mine.url + "logs/private.log").status == 401


def test_an_address_ends_with_its_recipe(lab: Lab, cast: Cast) -> None:
    """Who has the address later reads nothing of a private recipe that is settled."""
    mine = cast.running(visibility="private", address="127.0.0.1")
    cast.ask("POST", f"{mine.url}status", b"status=Aborted", {**FORM, **mine.bearer})
    lab.settled(mine.job)
    until(lambda: ask(lab, "GET", mine.url + "logs/private.log").status == 401, "the address to be forgotten", 5)


def test_the_gate_is_no_part_of_any_url(lab: Lab, mine: Running) -> None:
    """Nobody reads or writes gate files, the database, the token's file, sockets: there is no URL for them."""
    ways = ("", "../", "../../", "../../../", "../../../../", "..%2f..%2f", "%2e%2e/%2e%2e/%2e%2e/%2e%2e/")
    for base in ("/", mine.url, mine.url + "logs/../", "/recipes/", "/recipes/0/", "/recipes/gate/", "/logs/"):
        for path in (base + way + place.format(mine.recipe) for way in ways for place in PLACES):
            for method in ("GET", "PUT"):
                answer = ask(lab, method, path, mine.bearer, b"x" if method == "PUT" else None)
                assert answer.status in (400, 403, 404, 405), path
    assert not (lab.data / "gate" / str(mine.recipe) / "open").exists()
