"""Where chunks of logs are put: one of our front doors, or somebody else's."""

from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field
from bare import LOGS, bare_httpd
from lab import Lab, running_lab
from load import Load, wrk
from sampling import Pids, Sampler, of_lab

#: Connections, each with a log of its own: more than the processors can serve at once, so that these never wait for
#: work, and few enough that a request does not wait long for its turn.
CONNECTIONS = 8
#: a log stays so small that all of it is in memory: no disk is asked
LOG_SIZE = 8 << 20
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@define
class Sink:
    """Takes chunks for logs that exist; `prefix` is their URL without their number."""

    prefix: str
    pids: Pids
    authorization: str = ""
    #: of lua/
    script: str = "put"
    used: Sampler = field(init=False)
    #: bytes that it took
    taken: int = field(default=0, init=False)
    last: Load | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        """Nothing was used yet."""
        self.forget()

    def forget(self) -> None:
        """Count from here."""
        self.used, self.taken = Sampler(self.pids), 0

    def put(self, chunk: int, seconds: float) -> float:
        """Put chunks of so many bytes; return how many a second. Fails when one is refused."""
        words = [str(chunk), str(LOG_SIZE // chunk), self.authorization]
        with self.used:
            load = wrk(self.prefix, self.script, CONNECTIONS, seconds, *words, threads=CONNECTIONS)
        assert not load.refused, (self.prefix, load)
        self.taken += load.requests * chunk
        self.last = load
        return load.rate

    def cost(self, *names: str) -> float:
        """Return the seconds of a processor that the named processes, or all, used for each GiB."""
        return self.used.cpu(*names) / self.taken * (1 << 30)


@contextmanager
def our_sink(front: str) -> Iterator[Sink]:
    """A Tackroom of its own, with logs that are there already."""
    with running_lab(front) as lab:
        yield sink_of(lab)


def sink_of(lab: Lab) -> Sink:
    """Return a sink in a lab: the logs of a recipe that runs."""
    recipe = lab.job({"name": "talks"}, system="talker")["recipe_sets"][0]["recipes"][0]
    key = lab.claim("talker")["key"]
    task = f"/recipes/{recipe['id']}/tasks/{recipe['tasks'][0]['id']}"
    assert lab.call("POST", f"{task}/status", b"status=Running", FORM, key).status == 204
    for number in range(CONNECTIONS):
        assert lab.call("PUT", f"{task}/logs/{number}", b"\n", {"Content-Range": "bytes 0-0/*"}, key).status == 201
    return Sink(f"{lab.url}{task}/logs/", of_lab(lab), f"Bearer {key}")


@contextmanager
def bare_sink() -> Iterator[Sink]:
    """Bare mod_dav_fs."""
    with bare_httpd(CONNECTIONS) as server:
        yield Sink(f"{server.url}/{LOGS}/", server.pids)
