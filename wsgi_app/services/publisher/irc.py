"""Lines on IRC: a connection for each, made, used and ended."""

import re
import socket
import ssl
import time
from collections.abc import Collection
from contextlib import suppress

from attrs import define, field

from wsgi_app.config import Config
from wsgi_app.core.gateway import Gateway
from wsgi_app.documents.reports.shown import printable
from wsgi_app.errors import TackroomError
from wsgi_app.notification import Delivery
from wsgi_app.protocols.lava.notices import irc as texts
from wsgi_app.services.publisher.sending import Begin, NotNow, Refused, Unsure
from wsgi_app.services.publisher.target import Rules, split_server

PLAIN_PORT, SECURE_PORT = 6667, 6697
#: seconds for all of it
SECONDS = 30.0
#: bytes of what is said: a line has 512 with what stands before it on its way
LONGEST_SAID = 400
#: bytes that a server may say
_MOST_HEARD = 256 << 10
_TRIES = 4
_WELCOME, _TAKEN_NAME = "001", ("433", "436", "437")
_JOINED = "366"
_NUMBER = re.compile(r"[45][0-9]{2}")


class Lines:
    """Sends lines."""

    def __init__(self, gateway: Gateway, config: Config) -> None:
        self._gateway = gateway
        self._config = config
        self._rules = Rules(config)
        self._trust = ssl.create_default_context()

    def host(self, delivery: Delivery) -> str:
        """Return the server."""
        return f"irc {delivery.target.rpartition('@')[2]}"

    def send(self, delivery: Delivery, begin: Begin) -> int | None:
        """Say it. Raises `Unsent`."""
        handle, _, server = delivery.target.rpartition("@")
        host, port = split_server(server, PLAIN_PORT)
        said = line(self._sentence(delivery))
        try:
            with self._connection(host, port) as connection:
                talk = _Talk(connection, self._config.irc_nick)
                talk.come_in()
                if handle[:1] in "#&":
                    talk.send(f"JOIN {handle}")
                    talk.hear({_JOINED})
                begin()
                talk.say(handle, said)
        except OSError as error:
            raise NotNow(f"{host}: {_words(error)}") from None
        return None

    def _sentence(self, delivery: Delivery) -> str:
        if delivery.recipe is None:
            return f"this is a test: delivery {delivery.id} of {self._config.public_url}"
        try:
            dossier = self._gateway.dossiers.of(delivery.recipe)
        except TackroomError as error:
            raise Refused(f"there is nothing to be told: {error.message}") from None
        return texts.sentence(dossier, delivery.transition, self._config.public_url)

    def _connection(self, host: str, port: int) -> socket.socket:
        connection = self._rules.connect(host, port)
        if port != SECURE_PORT:
            return connection
        try:
            return self._trust.wrap_socket(connection, server_hostname=host)
        except BaseException:
            connection.close()
            raise


def line(sentence: str) -> str:
    """Return what can be said in one line: nothing in it ends that, or is a command of a client."""
    said = printable(" ".join(sentence.split())).replace("\0", "")
    return said.encode("utf-8", "replace")[:LONGEST_SAID].decode("utf-8", "ignore")


@define
class _Talk:
    """What goes to and fro on a connection."""

    connection: socket.socket
    nick: str
    _end: float = field(factory=lambda: time.monotonic() + SECONDS)
    _heard: int = 0
    _rest: bytes = b""

    def come_in(self) -> None:
        """Introduce ourselves, by another name where ours is taken."""
        self.send(f"NICK {self.nick}")
        self.send(f"USER {self.nick} 0 * :Tackroom")
        for number in range(_TRIES):
            if self.hear({_WELCOME, *_TAKEN_NAME}) == _WELCOME:
                return
            self.nick = f"{self.nick.rstrip('0123456789')[:28]}{number + 1}"
            self.send(f"NICK {self.nick}")
        raise NotNow("all our names are taken there")

    def say(self, handle: str, said: str) -> None:
        """Say it, and wait for a sign that it was heard. Raises `Unsure`: there was none."""
        try:
            self.send(f"PRIVMSG {handle} :{said}")
            self.send("PING :tackroom")
            self.hear({"PONG"})
        except OSError as error:
            raise Unsure(f"it gave no answer ({_words(error)}): whether it was said is not known") from None
        with suppress(OSError):
            self.send("QUIT")

    def send(self, words: str) -> None:
        """Send one line."""
        self.connection.settimeout(self._left())
        self.connection.sendall(f"{words}\r\n".encode())

    def hear(self, wanted: Collection[str]) -> str:
        """Return the first of these that the server says. Raises `NotNow`: it says no; OSError."""
        while True:
            words = self._line().split(" ")
            command = words[1] if words[0].startswith(":") and len(words) > 1 else words[0]
            if command == "PING":
                self.send(f"PONG {words[-1]}")
            elif command in wanted:
                return command
            elif command == "ERROR" or (_NUMBER.fullmatch(command) and command not in ("422", "451")):
                # the message of the day is missing: that is no error of ours
                raise NotNow(f"it says {printable(' '.join(words[1:]))[:200]}")

    def _line(self) -> str:
        while b"\n" not in self._rest:
            self.connection.settimeout(self._left())
            block = self.connection.recv(4096)
            self._heard += len(block)
            if not block or self._heard > _MOST_HEARD:
                raise OSError("the connection was closed" if not block else "it says too much")
            self._rest += block
        found, _, self._rest = self._rest.partition(b"\n")
        return found.decode("utf-8", "replace").strip("\r\n ")

    def _left(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _words(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    return error.strerror or str(error) or type(error).__name__
