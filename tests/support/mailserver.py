"""A server that takes mail, as tests want it to: with STARTTLS, TLS, AUTH, and answers that are not what one hopes."""

import base64
import email
import email.policy
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from typing import Any, cast

from attrs import define, field, frozen
from waiting import until


@frozen
class Mail:
    """One mail that was taken."""

    sender: str
    receivers: tuple[str, ...]
    content: bytes
    #: it came over TLS
    secure: bool
    user: str | None

    @property
    def message(self) -> EmailMessage:
        """The mail, parsed."""
        return email.message_from_bytes(self.content, policy=email.policy.default)

    @property
    def text(self) -> str:
        """What it says."""
        return str(self.message.get_content())


@define
class MailServer:
    """What it has taken, oldest first, and how it behaves."""

    port: int
    #: for STARTTLS, which is offered then
    context: ssl.SSLContext | None = None
    #: it speaks TLS from the begin
    secure: bool = False
    users: dict[str, str] = field(factory=dict)
    got: list[Mail] = field(factory=list)
    #: by the first word of a command (`.` for the end of a mail), what is answered instead, once each
    answers: dict[str, list[str]] = field(factory=dict)
    #: everything that was said to it in the open
    heard: list[str] = field(factory=list)

    def wait(self, number: int = 1) -> list[Mail]:
        """Return what came, when so many have."""
        until(lambda: len(self.got) >= number, f"{number} mails")
        return self.got

    def of(self, receiver: str) -> list[Mail]:
        """Return the mails to somebody."""
        return [one for one in self.got if receiver in one.receivers]


@contextmanager
def taking_mail(
    context: ssl.SSLContext | None = None, *, secure: bool = False, users: dict[str, str] | None = None
) -> Iterator[MailServer]:
    """A server on 127.0.0.1."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            # who called may be gone, or speak no TLS
            session = _Session(cast(socket.socket, self.request), server)
            with suppress(OSError, EOFError):
                session.run()
            session.close()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    listener = Server(("127.0.0.1", 0), Handler)
    server = MailServer(int(listener.server_address[1]), context, secure, users or {})
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


class _Session:
    def __init__(self, connection: socket.socket, server: MailServer) -> None:
        self._connection = connection
        self._server = server
        self._secure = False
        self._file = connection.makefile("rb")
        self._user: str | None = None
        self._sender = ""
        self._receivers: list[str] = []

    def run(self) -> None:
        """Talk until one of both ends it."""
        if self._server.secure:
            self._wrap()
        self._say("220 mail.test ready")
        while line := self._file.readline():
            words = line.decode("latin-1").strip()
            if not self._secure:
                self._server.heard.append(words)
            verb = words.split(" ", 1)[0].upper()
            if instead := self._instead(verb):
                self._say(instead)
                if instead.startswith("421"):
                    return
                continue
            if not getattr(self, f"_{verb.lower()}", self._unknown)(words):
                return
        raise EOFError

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._connection.close()

    def _instead(self, verb: str) -> str | None:
        waiting = self._server.answers.get(verb)
        return waiting.pop(0) if waiting else None

    def _ehlo(self, _: str) -> bool:
        offers = ["mail.test", "8BITMIME"]
        if self._server.context is not None and not self._secure:
            offers.append("STARTTLS")
        if self._server.users and (self._secure or self._server.context is None):
            offers.append("AUTH PLAIN")
        for place, offer in enumerate(offers):
            self._say(f"250{' ' if place == len(offers) - 1 else '-'}{offer}")
        return True

    def _starttls(self, _: str) -> bool:
        self._say("220 go on")
        self._wrap()
        return True

    def _auth(self, words: str) -> bool:
        _, _, initial = words.partition(" PLAIN ")
        _, user, password = base64.b64decode(initial).decode().split("\0")
        if self._server.users.get(user) != password:
            self._say("535 no")
            return True
        self._user = user
        self._say("235 welcome")
        return True

    def _mail(self, words: str) -> bool:
        if self._server.users and self._user is None:
            self._say("530 who are you")
            return True
        self._sender, self._receivers = words.partition("<")[2].partition(">")[0], []
        self._say("250 ok")
        return True

    def _rcpt(self, words: str) -> bool:
        self._receivers.append(words.partition("<")[2].partition(">")[0])
        self._say("250 ok")
        return True

    def _data(self, _: str) -> bool:
        self._say("354 go on")
        lines = []
        while (line := self._file.readline()) != b".\r\n":
            if not line:
                raise EOFError
            lines.append(line[1:] if line.startswith(b".") else line)
        instead = self._instead(".")
        if instead == "":
            # it hangs up without a word
            self._take(lines)
            return False
        if instead is None:
            self._take(lines)
        self._say(instead or "250 taken")
        return True

    def _take(self, lines: list[bytes]) -> None:
        mail = Mail(self._sender, tuple(self._receivers), b"".join(lines), self._secure, self._user)
        self._server.got.append(mail)

    def _quit(self, _: str) -> bool:
        self._say("221 bye")
        return False

    def _unknown(self, words: str) -> bool:
        self._say(f"500 what is {words[:10]!r}")
        return True

    def _say(self, words: str) -> None:
        self._connection.sendall(f"{words}\r\n".encode())

    def _wrap(self) -> None:
        context: Any = self._server.context
        self._file.close()
        self._connection = context.wrap_socket(self._connection, server_side=True)
        self._file = self._connection.makefile("rb")
        self._secure = True
