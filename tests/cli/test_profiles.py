"""Which Tackroom the command talks to, and what token it sends there."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from lab import free_port, tackroom


class Peer(ThreadingHTTPServer):
    """Something that answers, and keeps what credentials it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.url = f"http://127.0.0.1:{self.server_port}/"
        self.seen: list[str | None] = []


class _Answer(BaseHTTPRequestHandler):
    server: Peer

    def do_GET(self) -> None:
        self.server.seen.append(self.headers["Authorization"])
        body = json.dumps({"jobs": [], "next": None}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


@pytest.fixture(scope="module")
def peers() -> Iterator[dict[str, Peer]]:
    """Three that could be meant."""
    made = {name: Peer() for name in ("lab", "other", "local")}
    for peer in made.values():
        threading.Thread(target=peer.serve_forever, daemon=True).start()
    yield made
    for peer in made.values():
        peer.shutdown()
        peer.server_close()


class Home:
    """Somebody's directory: profiles, and a Tackroom of this machine."""

    def __init__(self, place: Path, peers: dict[str, Peer]) -> None:
        self.peers = peers
        self.config = place / "config" / "tackroom.toml"
        self.config.parent.mkdir()
        self.data = place / "data"
        (self.data / "run").mkdir(parents=True)
        (self.data / "run" / "url").write_text(peers["local"].url + "\n")
        (self.data / "admin.token").write_text("of-local\n")
        (place / "config" / "other.token").write_text("of-other\n")
        (place / "config" / "other.token").chmod(0o600)
        self.write(
            f'default = "lab"\n[profiles.lab]\nurl = "{peers["lab"].url}"\ntoken = "of-lab"\n'
            f'[profiles.other]\nurl = "{peers["other"].url.upper().replace("HTTP", "http")}"\n'
            f'token_file = "other.token"\n[profiles.bare]\nurl = "{peers["other"].url}"\n'
        )

    def write(self, text: str, mode: int = 0o600) -> None:
        """Write the profiles."""
        self.config.write_text(text)
        self.config.chmod(mode)

    def run(self, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        """Run a command that only asks."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TACKROOM_")}
        place = {"XDG_CONFIG_HOME": str(self.config.parent), "TACKROOM_DATA": str(self.data)}
        return subprocess.run(
            [*tackroom(), *words, "job", "list"],
            env={**clean, **place, **environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def asked(self, *words: str, **environ: str) -> tuple[str, str | None]:
        """Return who was asked, and with which token."""
        for peer in self.peers.values():
            peer.seen.clear()
        done = self.run(*words, **environ)
        assert (done.returncode, done.stderr) == (0, ""), done
        ((name, token),) = [(name, token) for name, peer in self.peers.items() for token in peer.seen]
        return name, token.removeprefix("Bearer ") if token else None


@pytest.fixture
def home(tmp_path: Path, peers: dict[str, Peer]) -> Home:
    """A home with profiles."""
    return Home(tmp_path, peers)


def test_who_is_asked(home: Home) -> None:
    """Options before the environment, the environment before the file, the file before this machine."""
    url = {name: peer.url for name, peer in home.peers.items()}
    assert home.asked() == ("lab", "of-lab")
    assert home.asked("--profile", "other") == ("other", "of-other")
    assert home.asked("--profile", "bare", TACKROOM_URL=url["lab"]) == ("other", None)
    assert home.asked("--url", url["lab"].rstrip("/"), TACKROOM_URL=url["other"]) == ("lab", "of-lab")
    assert home.asked(TACKROOM_PROFILE="other") == ("other", "of-other")
    assert home.asked(TACKROOM_URL=url["local"], TACKROOM_PROFILE="other") == ("local", "of-local")
    home.config.unlink()
    assert home.asked() == ("local", "of-local")


def test_no_token_goes_where_it_was_not_meant_to(home: Home) -> None:
    """Neither a profile's, nor this machine's, nor TACKROOM_TOKEN when TACKROOM_URL says where it belongs."""
    url = {name: peer.url for name, peer in home.peers.items()}
    assert home.asked("--url", url["other"]) == ("other", None)
    assert home.asked(TACKROOM_URL=url["other"]) == ("other", None)
    assert home.asked("--url", url["lab"], TACKROOM_URL=url["other"], TACKROOM_TOKEN="mine") == ("lab", "of-lab")
    assert home.asked("--url", url["local"], TACKROOM_URL=url["other"], TACKROOM_TOKEN="m") == ("local", "of-local")
    assert home.asked("--profile", "bare", TACKROOM_URL=url["lab"], TACKROOM_TOKEN="mine") == ("other", None)


def test_tokens_of_the_environment(home: Home) -> None:
    """TACKROOM_TOKEN wins over the file's; over that of a profile that was asked for by --profile it does not."""
    assert home.asked(TACKROOM_TOKEN="mine") == ("lab", "mine")
    assert home.asked(TACKROOM_PROFILE="other", TACKROOM_TOKEN="mine") == ("other", "mine")
    assert home.asked("--profile", "other", TACKROOM_TOKEN="mine") == ("other", "of-other")
    assert home.asked("--profile", "bare", TACKROOM_TOKEN="mine") == ("other", "mine")


def test_a_file_that_others_read_is_warned_of(home: Home) -> None:
    """It goes on, and says what to do."""
    home.config.chmod(0o644)
    done = home.run()
    said = f"warning: others may read the token in {home.config}: chmod 600 {home.config}\n"
    assert (done.returncode, done.stderr) == (0, said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("default = 3\n", "default names one of the profiles: there is none"),
        ("x = 3\n", "x is not known (there is: default, profiles)"),
        ("[profiles.a]\n", "profiles.a.url is missing"),
        ('[profiles.a]\nurl = ""\n', "profiles.a.url is a text"),
        ('[profiles.a]\nurl = "http://x/"\npasswd = "x"\n', "profiles.a.passwd is not known (there is: url, token,"),
        ('[profiles.a]\nurl = "http://x/"\ntoken = "x"\ntoken_file = "y"\n', "keep one"),
        ("profiles = 3\n", "profiles has a table for each lab"),
        ("[profiles\n", "is not TOML: "),
        (
            'default = "a"\n[profiles.a]\nurl = "http://x/"\ntoken_file = "missing"\n',
            "the token of profile a cannot be",
        ),
        ('default = "a"\n[profiles.a]\nurl = "x:80"\n', "a Tackroom's URL reads http://HOST:PORT/, not 'x:80'"),
    ],
)
def test_a_wrong_file_is_named(home: Home, text: str, said: str) -> None:
    """One sentence with the file or key that is wrong, and no call."""
    home.write(text)
    done = home.run()
    assert done.returncode in (1, 2), done
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_words(home: Home) -> None:
    """A profile that is not there says which are; an URL that is none, or both options at once, is wrong use."""
    done = home.run("--profile", "nowhere")
    assert done.returncode == 1
    assert "there is no profile 'nowhere' in" in done.stderr and "(there is: lab, other, bare)" in done.stderr
    assert home.run("--profile", "lab", "--url", "http://x/").returncode == 2
    assert home.run("--url", "localhost:8080").returncode == 2


def test_nobody_answers(home: Home) -> None:
    """Exit status 3, and what to do."""
    done = home.run("--url", f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 3
    assert "start one with 'tackroom serve'" in done.stderr
    assert done.stderr.count("\n") == 1
