"""A server for lines on IRC: it lets everybody in, and notes what is said."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from attrs import define, field
from waiting import until


@define
class IrcServer:
    """What was said to whom, oldest first."""

    port: int
    #: names of others
    taken: set[str] = field(factory=set)
    #: who can be spoken to
    present: set[str] = field(factory=set)
    said: list[tuple[str, str, str]] = field(factory=list)
    #: every line that came
    lines: list[str] = field(factory=list)
    #: it hangs up when something is said
    rude: bool = False

    def wait(self, number: int = 1) -> list[tuple[str, str, str]]:
        """Return who said what to whom, when so much was said."""
        until(lambda: len(self.said) >= number, f"{number} lines")
        return self.said


class _Session(socketserver.StreamRequestHandler):
    nick = ""
    room: IrcServer

    def handle(self) -> None:
        with suppress(OSError):
            for line in self.rfile:
                words = line.decode().rstrip("\r\n")
                self.room.lines.append(words)
                verb, _, rest = words.partition(" ")
                getattr(self, f"_{verb.lower()}", self._nothing)(rest)
                if verb == "QUIT" or (verb == "PRIVMSG" and self.room.rude):
                    return

    def _nick(self, rest: str) -> None:
        if rest in self.room.taken:
            self._say(f":irc.test 433 * {rest} :Nickname is already in use")
            return
        self.nick = rest
        self._say("PING :are you there")

    def _pong(self, _: str) -> None:
        self._say(f":irc.test 001 {self.nick} :Welcome")
        self._say(f":irc.test 422 {self.nick} :MOTD File is missing")

    def _join(self, rest: str) -> None:
        self._say(f":irc.test 366 {self.nick} {rest} :End of NAMES list")

    def _privmsg(self, rest: str) -> None:
        target, _, text = rest.partition(" :")
        self.room.said.append((self.nick, target, text))
        if target not in self.room.present:
            self._say(f":irc.test 401 {self.nick} {target} :No such nick")

    def _ping(self, rest: str) -> None:
        self._say(f":irc.test PONG irc.test {rest}")

    def _nothing(self, _: str) -> None:
        pass

    def _say(self, words: str) -> None:
        if not self.room.rude or not self.room.said:
            self.wfile.write(f"{words}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def chatting(*present: str) -> Iterator[IrcServer]:
    """A server on 127.0.0.1 where these are."""

    class Session(_Session):
        pass

    listener = _Server(("127.0.0.1", 0), Session)
    server = Session.room = IrcServer(int(listener.server_address[1]), present=set(present))
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()
